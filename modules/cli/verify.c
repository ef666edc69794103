/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * verify: what the server would answer to the key on standard input.
 */

#include "../core/scope.h"
#include "../core/result.h"
#include "commands.h"

/* In the server's order: what the record says, then tenant, then scope. */
static apikey_result_e verify_record(cli_t *cli, const apikey_record_t *record)
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

static const char *network_list(const apikey_record_t *record, apr_pool_t *pool)
{
    return apikey_networks_format(record->networks, record->network_count,
                                  pool);
}

/* Writes the result, and of a key that was found its id, or with --json what
 * would be exported to the application. */
static cli_exit_e report_result(cli_t *cli, apikey_result_e result,
                                const apikey_record_t *record)
{
    const char *code = result == APIKEY_GRANTED ? "granted"
                                                : apikey_result(result)->code;
    cli_json_t json = { .pool = cli->pool };

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
            cli_json_words(&json, "networks", network_list(record, cli->pool));
            cli_json_pairs(&json, "meta", record->meta);
        }
        cli_json_close(&json, '}');
    }
    else {
        cli_out("%s\n", code);
        if (record) {
            cli_field("id", record->id, cli->pool);
        }
    }
    if (result != APIKEY_GRANTED) {
        cli_say(cli->pool, "%s", apikey_result(result)->message);
        return CLI_REFUSED;
    }
    if (record->network_count) {
        cli_say(cli->pool, "granted from %s; from any other address the "
                "server says network", network_list(record, cli->pool));
    }
    return CLI_DONE;
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
        return report_result(cli, APIKEY_INVALID, NULL);
    }
    fault = apikey_record_fault(record, cli->pool);
    if (fault) {
        cli_say(cli->pool, "the key %s can never be granted: %s; correct its "
                "row in the database", record->id, fault);
        return report_result(cli, APIKEY_UNAVAILABLE, record);
    }
    return report_result(cli, verify_record(cli, record), record);
}
