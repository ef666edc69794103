/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* explain: what the server would answer to a key, and which Require decides. */

#include <apr_strings.h>

#include "explain.h"

#define UNKNOWN "unknown"

const char *const explain_names[] = {
    "<VirtualHost", "ApiKey",
    "Require", "<Require", "AuthType", "AuthMerging", "Satisfy", "Order",
    "Deny", "<Limit", NULL
};

/* What was found out. */
typedef struct finding_t {
    apikey_reason_e reason;
    const char *result;         /* the reason's code, or UNKNOWN, or "open" */
    const char *message;
    int only_logs;
} finding_t;

/* A key that is known by its id has not been read: whether the server would
 * find it. NULL: yes. */
static const char *not_found(const cli_t *cli, const apikey_managed_t *key)
{
    const cli_conf_t *conf = &cli->conf;
    unsigned int format = apikey_format_from_name(key->record.format);

    if (format && !(conf->formats & format)) {
        return "ApiKeyFormat does not accept its format";
    }
    if (conf->prefix && format != APIKEY_FORMAT_OPAQUE
        && strcmp(conf->prefix, key->prefix) != 0) {
        return "ApiKeyPrefix does not accept its prefix";
    }
    if (*key->record.secret_id ? !cli_in_ring(cli->ring, key->record.secret_id)
                               : !(conf->digests & APIKEY_DIGEST_SHA256)) {
        return *key->record.secret_id
               ? "the secret that signed it is not in ApiKeySecretFile"
               : "it is stored as SHA-256, which ApiKeyDigest does not accept";
    }
    return NULL;
}

/* The key, by its id or as it is presented. */
static cli_exit_e find_key(explain_t *explain, finding_t *finding)
{
    cli_t *cli = explain->cli;
    apikey_record_t *record;
    apikey_managed_t *key;
    const char *error = NULL;
    apr_status_t status;
    cli_exit_e code;

    if (strcmp(cli->words[0], "-") == 0) {
        code = cli_find_presented(cli, &record);
        explain->record = record;
        return code;
    }
    status = apikey_manage_show(cli->store, cli->words[0], &key, cli->pool,
                                &error);
    if (status != APR_SUCCESS) {
        return cli_fail(cli, status, error);
    }
    explain->record = &key->record;
    finding->message = not_found(cli, key);
    finding->reason = finding->message ? APIKEY_INVALID : APIKEY_GRANTED;
    return CLI_DONE;
}

static const char *server_word(explain_t *explain, const char *name,
                               const char *otherwise)
{
    const conf_node_t *node = explain->tree ? explain_of_server(explain, name)
                                            : NULL;

    return node ? conf_arg(node, 0) : otherwise;
}

/* What the key's row says, in the server's order. */
static void judge_key(explain_t *explain, finding_t *finding)
{
    const apikey_record_t *record = explain->record;
    const char *fault = record ? apikey_record_fault(record, explain->pool)
                               : NULL;

    if (!record || finding->reason != APIKEY_GRANTED) {
        finding->reason = APIKEY_INVALID;
    }
    else if (fault) {
        finding->reason = APIKEY_UNAVAILABLE;
        finding->message = fault;
    }
    else {
        finding->reason = apikey_verdict(
            record, server_word(explain, "ApiKeyKeyspace",
                                explain->cli->conf.keyspace),
            explain->cli->actor.now);
        if (finding->reason == APIKEY_INVALID) {
            finding->message = "it is of another keyspace";
        }
    }
}

/* ApiKeyTenant: a word, or the server's name. */
static void judge_tenant(explain_t *explain, finding_t *finding)
{
    const char *wanted = server_word(explain, "ApiKeyTenant", NULL);

    if (wanted && strcmp(wanted, "%{SERVER_NAME}") == 0) {
        wanted = server_word(explain, "ServerName", "");
    }
    if (!wanted) {
        return;
    }
    if (strstr(wanted, "%{")) {
        conf_unknown(explain->tree, "what ApiKeyTenant %s comes to", wanted);
        explain->doubtful = 1;
    }
    else if (strcmp(wanted, explain->record->tenant) != 0) {
        finding->reason = APIKEY_TENANT;
        finding->message = "ApiKeyTenant is of another tenant";
    }
}

/* Whether there is an area of ours at all. */
static int is_area(explain_t *explain, finding_t *finding)
{
    const conf_node_t *type = explain_of_sections(explain, "AuthType");

    if (type && strcasecmp(conf_arg(type, 0), "ApiKey") == 0) {
        return 1;
    }
    finding->result = explain->doubtful ? UNKNOWN : "open";
    finding->message = explain->doubtful
                       ? "as far as is known here, no key is asked for there"
                       : "no key is asked for there: it is no area of "
                         "AuthType ApiKey";
    return 0;
}

/* Sections that are not known matter where no <Location> has the last word. */
static void note_file(explain_t *explain)
{
    int i, settled = 0;

    if (!explain->file_unknown) {
        return;
    }
    conf_unknown(explain->tree, "%s may lead to any file: <Directory> and "
                 "<Files> sections are left out", explain->file_unknown);
    for (i = 0; i < explain->sections->nelts; i++) {
        const conf_node_t *each = explain_section(explain, i);

        settled |= conf_has(each, EXPLAIN_GUARDS);
    }
    explain->doubtful |= !settled
                         || !explain_of_sections(explain, "AuthType");
}

static void judge_place(explain_t *explain, finding_t *finding)
{
    const conf_node_t *user = explain_of_sections(explain, "ApiKeyUser");
    const char *as = user ? conf_arg(user, 0)
                          : server_word(explain, "ApiKeyUser", "tenant");

    note_file(explain);
    finding->only_logs = strcasecmp(server_word(explain, "ApiKeyEnforce",
                                                "On"), "Log") == 0;
    if (!is_area(explain, finding) || finding->reason != APIKEY_GRANTED) {
        return;
    }
    judge_tenant(explain, finding);
    if (finding->reason == APIKEY_GRANTED) {
        explain->user = strcasecmp(as, "id") == 0 ? explain->record->id
                                                  : explain->record->tenant;
        finding->reason = explain_require(explain);
        if (explain->doubtful) {
            finding->result = UNKNOWN;
            finding->message = "it hangs on what is not known here";
        }
    }
}

static const char *const words[] = { "met", "not met", "neutral", UNKNOWN };

static void write_lines(explain_t *explain)
{
    const conf_tree_t *tree = explain->tree;
    apr_pool_t *pool = explain->pool;
    int i;

    cli_field("server", *explain->server->where ? explain->server->where
                                                : "the main server", pool);
    for (i = 0; i < explain->sections->nelts; i++) {
        const conf_node_t *node = explain_section(explain, i);

        cli_field(i ? "" : "sections",
                  apr_pstrcat(pool, node->name, " ", node->args, ">  ",
                              node->where, NULL), pool);
    }
    for (i = 0; i < explain->lines->nelts; i++) {
        const explain_line_t *line = &APR_ARRAY_IDX(explain->lines, i,
                                                    explain_line_t);

        cli_field(i ? "" : "require",
                  apr_psprintf(pool, "%-7s  Require %s  %s%s",
                               words[line->met], line->node->args,
                               line->node->where,
                               line->decides ? "  <- decides" : ""), pool);
    }
    for (i = 0; i < tree->unknown->nelts; i++) {
        cli_field(i ? "" : "not known",
                  APR_ARRAY_IDX(tree->unknown, i, const char *), pool);
    }
}

static void json_lines(explain_t *explain, cli_json_t *json)
{
    int i;

    cli_json_text(json, "server", explain->server->where);
    cli_json_open(json, "sections", '[');
    for (i = 0; i < explain->sections->nelts; i++) {
        const conf_node_t *node = explain_section(explain, i);

        cli_json_open(json, NULL, '{');
        cli_json_text(json, "section", apr_pstrcat(json->pool, node->name, " ",
                                                   node->args, ">", NULL));
        cli_json_text(json, "where", node->where);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
    cli_json_open(json, "require", '[');
    for (i = 0; i < explain->lines->nelts; i++) {
        const explain_line_t *line = &APR_ARRAY_IDX(explain->lines, i,
                                                    explain_line_t);

        cli_json_open(json, NULL, '{');
        cli_json_text(json, "require", line->node->args);
        cli_json_text(json, "where", line->node->where);
        cli_json_text(json, "met", words[line->met]);
        cli_json_number(json, "decides", line->decides);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
    cli_json_open(json, "not_known", '[');
    for (i = 0; i < explain->tree->unknown->nelts; i++) {
        cli_json_text(json, NULL, APR_ARRAY_IDX(explain->tree->unknown, i,
                                                const char *));
    }
    cli_json_close(json, ']');
}

static void write_json(explain_t *explain, const finding_t *finding,
                       int status)
{
    cli_json_t json = { explain->pool, 0 };
    const apikey_record_t *record = explain->record;

    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "result", finding->result);
    if (status) {
        cli_json_number(&json, "status", status);
    }
    cli_json_text(&json, "message", finding->message);
    cli_json_text(&json, "enforce", finding->only_logs ? "log" : "on");
    if (record) {
        cli_json_text(&json, "id", record->id);
        cli_json_text(&json, "tenant", record->tenant);
        cli_json_words(&json, "scopes", record->scopes);
        cli_json_text(&json, "env", record->env);
        cli_json_text(&json, "keyspace", record->keyspace);
    }
    if (explain->tree) {
        json_lines(explain, &json);
    }
    cli_json_close(&json, '}');
    cli_out("\n");
}

static cli_exit_e answer(explain_t *explain, finding_t *finding)
{
    const apikey_reason_t *reason = apikey_reason(finding->reason);
    apr_pool_t *pool = explain->pool;
    int status = finding->result || finding->reason == APIKEY_GRANTED
                 ? 0 : reason->status;

    if (!finding->result) {
        finding->result = reason->code;
    }
    if (!finding->message) {
        finding->message = reason->message ? reason->message : "";
    }
    if (explain->cli->json) {
        write_json(explain, finding, status);
    }
    else {
        cli_field("result", status ? apr_psprintf(pool, "%s (%d)",
                                                  finding->result, status)
                                   : finding->result, pool);
        cli_field("", finding->message, pool);
        if (finding->only_logs) {
            cli_field("", "ApiKeyEnforce Log: keys refuse nobody", pool);
        }
        if (explain->record) {
            cli_field("key", apr_pstrcat(pool, explain->record->id,
                                         " of tenant ",
                                         explain->record->tenant, NULL),
                      pool);
        }
        if (explain->tree) {
            write_lines(explain);
        }
    }
    return strcmp(finding->result, "granted") == 0 ? CLI_DONE : CLI_REFUSED;
}

cli_exit_e cli_cmd_explain(cli_t *cli)
{
    explain_t explain = { 0 };
    finding_t finding = { APIKEY_GRANTED, NULL, NULL, 0 };
    const char *error = NULL, *url = cli->value[CLI_URL];
    const char *path = cli->value[CLI_HTTPD];
    cli_exit_e code;

    explain.cli = cli;
    explain.pool = cli->pool;
    explain.method = cli->value[CLI_METHOD] ? cli->value[CLI_METHOD] : "GET";
    explain.lines = apr_array_make(cli->pool, 8, sizeof(explain_line_t));
    if (path && !url) {
        return cli_usage(cli, "--httpd wants --url, too: which place of that "
                         "configuration?");
    }
    if (url && !path) {
        cli_say(cli->pool, "what guards %s stands in httpd's configuration: "
                "without --httpd, this is what the key alone is good for",
                url);
    }
    code = cli_open(cli, 1);
    if (code == CLI_DONE && path
        && conf_tree_read(&explain.tree, path, explain_names, cli->pool,
                          &error)
           != APR_SUCCESS) {
        code = cli_fail(cli, APR_EINVAL, error);
    }
    if (code == CLI_DONE && path) {
        code = explain_place(&explain, url);
    }
    if (code == CLI_DONE) {
        code = find_key(&explain, &finding);
    }
    if (code != CLI_DONE) {
        return code;
    }
    judge_key(&explain, &finding);
    if (path) {
        judge_place(&explain, &finding);
    }
    return answer(&explain, &finding);
}
