/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <unistd.h>

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "../core/scope.h"
#include "../core/result.h"
#include "cli.h"

#define INPUT_SIZE (sizeof(((cli_presented_t *)NULL)->text))

/* A line of standard input, or what is typed unseen. */
static apr_status_t read_line(cli_t *cli, char *line, apr_size_t *len)
{
    apr_file_t *in;
    apr_size_t got;
    apr_status_t status;

    *len = 0;
    if (isatty(STDIN_FILENO)) {
        got = INPUT_SIZE;
        status = apr_password_get("API key: ", line, &got);
        *len = status == APR_SUCCESS ? strlen(line) : 0;
        return status;
    }
    status = apr_file_open_stdin(&in, cli->pool);
    while (status == APR_SUCCESS && *len < INPUT_SIZE - 1
           && !memchr(line, '\n', *len)) {
        got = INPUT_SIZE - 1 - *len;
        status = apr_file_read(in, line + *len, &got);
        *len += status == APR_SUCCESS ? got : 0;
    }
    if (memchr(line, '\n', *len)) {
        *len = (char *)memchr(line, '\n', *len) - line;
        *len -= *len > 0 && line[*len - 1] == '\r';
    }
    return APR_STATUS_IS_EOF(status) ? APR_SUCCESS : status;
}

apikey_policy_t cli_policy(const cli_t *cli)
{
    const apikey_policy_t policy = {
        cli->conf.formats, cli->conf.digests.digests, cli->conf.prefixes,
        cli->secrets, cli->conf.digests.parts
    };

    return policy;
}

/* The record of a presented key.  APR_NOTFOUND: there is none, or the key is
 * refused unseen. */
static apr_status_t find_record(cli_t *cli, const cli_presented_t *given,
                                const apikey_policy_t *policy,
                                apikey_record_t **record, const char **error)
{
    apikey_candidates_t candidates;
    apr_status_t status = apikey_key_candidates(&candidates, policy,
                                                given->text, given->len);
    int i;

    if (status != APR_SUCCESS) {
        *error = "OpenSSL failed, the key could not be checked";
        return status;
    }
    status = APR_NOTFOUND;
    for (i = 0; i < candidates.count && status == APR_NOTFOUND; i++) {
        status = apikey_store_lookup(cli->store, candidates.at[i].hex, record,
                                     NULL, cli->pool, error);
    }
    return status;
}

/* The server's order: what the record says, then tenant, then scope. */
static apikey_result_e judge(cli_t *cli, const apikey_record_t *record)
{
    apikey_result_e result = apikey_record_result(record, cli->conf.keyspace,
                                                  cli->actor.now);
    const char *tenant = cli->value[CLI_TENANT];

    if (result != APIKEY_GRANTED) {
        return result;
    }
    if (tenant && strcmp(tenant, record->tenant) != 0) {
        return APIKEY_TENANT;
    }
    if (cli->list[CLI_SCOPE]->nelts
        && !apikey_scope_covers(record->scopes,
                                APR_ARRAY_IDX(cli->list[CLI_SCOPE], 0,
                                              const char *))) {
        return APIKEY_SCOPE;
    }
    return APIKEY_GRANTED;
}

static const char *networks_of(const apikey_record_t *record, apr_pool_t *pool)
{
    return apikey_networks_format(record->networks, record->network_count,
                                  pool);
}

static cli_exit_e answer(cli_t *cli, apikey_result_e result,
                         const apikey_record_t *record)
{
    const char *code = result == APIKEY_GRANTED ? "granted"
                                                : apikey_result(result)->code;
    cli_json_t json = { cli->pool, 0 };

    if (cli->json) {
        cli_json_open(&json, NULL, '{');
        cli_json_text(&json, "result", code);
        if (record) {
            cli_json_text(&json, "id", record->id);
            cli_json_text(&json, "tenant", record->tenant);
            cli_json_text(&json, "name", record->name);
            cli_json_words(&json, "scopes", record->scopes);
            cli_json_text(&json, "env", record->env);
            cli_json_text(&json, "keyspace", record->keyspace);
            cli_json_time(&json, "expires", record->expires);
            cli_json_words(&json, "networks", networks_of(record, cli->pool));
            /* What an application is told, as the server names it. */
            cli_json_pairs(&json, "meta", record->meta);
        }
        cli_json_close(&json, '}');
        cli_out("\n");
    }
    else {
        cli_out("%s\n", code);
        if (record) {
            cli_field("id", record->id, cli->pool);
        }
    }
    if (result == APIKEY_GRANTED) {
        if (record->network_count) {
            cli_say(cli->pool, "granted from %s; from any other address the "
                    "server says network", networks_of(record, cli->pool));
        }
        return CLI_DONE;
    }
    cli_say(cli->pool, "%s", apikey_result(result)->message);
    return CLI_REFUSED;
}

cli_exit_e cli_read_presented(cli_t *cli, cli_presented_t *given)
{
    memset(given, 0, sizeof(*given));
    if (read_line(cli, given->text, &given->len) == APR_SUCCESS) {
        return CLI_DONE;
    }
    return cli_fail(cli, APIKEY_EREFUSED, "no key could be read from "
                    "standard input");
}

cli_exit_e cli_find_presented(cli_t *cli, const cli_presented_t *given,
                              const apikey_policy_t *policy,
                              apikey_record_t **record)
{
    const char *error = NULL;
    apr_status_t status;

    *record = NULL;
    status = find_record(cli, given, policy, record, &error);
    if (status == APR_SUCCESS || status == APR_NOTFOUND) {
        return CLI_DONE;
    }
    return cli_fail(cli, status, error);
}

apikey_record_t *cli_look_up(cli_t *cli, const cli_presented_t *given)
{
    const apikey_policy_t any = cli_policy_any(cli);
    apikey_record_t *record = NULL;
    const char *error = NULL;

    return find_record(cli, given, &any, &record, &error) == APR_SUCCESS
           ? record : NULL;
}

cli_exit_e cli_cmd_verify(cli_t *cli)
{
    apikey_record_t *record;
    apikey_policy_t policy;
    cli_presented_t given;
    const char *fault;
    cli_exit_e code;

    if (cli->list[CLI_SCOPE]->nelts > 1) {
        return cli_usage(cli, "verify takes one --scope");
    }
    code = cli_open(cli, 1);
    if (code != CLI_DONE) {
        return code;
    }
    policy = cli_policy(cli);
    code = cli_read_presented(cli, &given);
    if (code == CLI_DONE) {
        code = cli_find_presented(cli, &given, &policy, &record);
    }
    apikey_wipe(&given, sizeof(given));
    if (code == CLI_DATABASE && !cli->json) {
        cli_out("%s\n", apikey_result(APIKEY_UNAVAILABLE)->code);
    }
    if (code != CLI_DONE) {
        return code;
    }
    if (!record) {
        return answer(cli, APIKEY_INVALID, NULL);
    }
    fault = apikey_record_fault(record, cli->pool);
    if (fault) {
        cli_say(cli->pool, "the key %s can never be granted: %s; correct its "
                "row in the database", record->id, fault);
        return answer(cli, APIKEY_UNAVAILABLE, record);
    }
    return answer(cli, judge(cli, record), record);
}
