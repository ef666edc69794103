/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * explain: whether a key is accepted and what it may do, or all reasons why it
 * is refused.  These come from CONF and the key's row.  What a location
 * requires only httpd can say: its configuration is not evaluated here.
 */

#include <stdarg.h>

#include <apr_strings.h>

#include "../core/time_text.h"
#include "../core/result.h"
#include "commands.h"

typedef struct finding_t {
    cli_t *cli;
    apikey_format_e format;     /* of the presented key, or of its row */
    const char *signer;         /* id of the secret by which the check
                                 * characters are right; NULL: none, or the key
                                 * was not presented */
    const apikey_key_row_t *key;        /* NULL: the database has none */
    int unseen;                 /* the server refuses it before it asks the
                                 * database */
    apikey_result_e result;             /* of the first reason */
    apr_array_header_t *why;            /* const char *: all reasons, in the
                                         * server's order */
} finding_t;

static void add_reason(finding_t *finding, apikey_result_e result,
                       const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add_reason(finding_t *finding, apikey_result_e result,
                       const char *format, ...)
{
    va_list args;

    va_start(args, format);
    APR_ARRAY_PUSH(finding->why, const char *) =
        apr_pvsprintf(finding->cli->pool, format, args);
    va_end(args);
    if (finding->result == APIKEY_GRANTED) {
        finding->result = result;
    }
}

static void add_format_reason(finding_t *finding, const char *format)
{
    add_reason(finding, APIKEY_INVALID, "ApiKeyFormat does not accept its "
               "format, %s", format);
}

static void add_prefix_reason(finding_t *finding)
{
    add_reason(finding, APIKEY_INVALID, "ApiKeyPrefix is %s, and its prefix is "
               "another", finding->cli->conf.prefix_words);
}

/* Sets format and signer of a presented key, also of one that CONF does not
 * accept. */
static void classify_presented(finding_t *finding, const cli_presented_t *given,
                               const apikey_policy_t *all)
{
    int by = apikey_key_checked_by(all->secrets, given->text, given->len);

    finding->format = apikey_key_shape(all, given->text, given->len);
    finding->signer = by < 0 ? NULL : apikey_secrets_id(all->secrets, by);
}

/* Adds the reasons why the server refuses a key before it asks the database. */
static void explain_text(finding_t *finding, const cli_presented_t *given)
{
    apikey_policy_t policy = cli_policy(finding->cli);
    unsigned int accepted = policy.formats;

    if (!finding->format) {
        add_reason(finding, APIKEY_INVALID, "it is no key: it %s",
                   apikey_key_fault(&policy, given->text, given->len));
        return;
    }
    policy.formats = cli_policy_any(finding->cli).formats;
    if (!apikey_key_shape(&policy, given->text, given->len)) {
        add_prefix_reason(finding);
    }
    policy.prefixes = NULL;
    policy.formats = accepted;
    if (!apikey_key_shape(&policy, given->text, given->len)) {
        add_format_reason(finding, apikey_format_name(finding->format));
    }
    if (finding->format == APIKEY_FORMAT_BASE62 && !finding->signer
        && !(accepted & APIKEY_FORMAT_OPAQUE)) {
        add_reason(finding, APIKEY_INVALID, "its check characters are right "
                   "under no secret of ApiKeySecretFile: it is mistyped, or "
                   "made with another secret");
    }
}

/* Adds the reason why the server does not look for the digest of a key. */
static void explain_secret(finding_t *finding)
{
    const cli_t *cli = finding->cli;
    const apikey_key_row_t *key = finding->key;
    const char *secret = key->record.secret_id;
    const char *fault;

    if (*secret && !cli_has_secret(cli->secrets, secret)) {
        add_reason(finding, APIKEY_INVALID, "the secret \"%s\", which signed "
                   "it, is not in ApiKeySecretFile", secret);
        return;
    }
    fault = apikey_digest_kinds_unsought(
        &cli->conf.digests, cli->conf.formats,
        apikey_format_from_name(key->record.format), *secret != '\0',
        strlen(key->digest));
    if (fault) {
        add_reason(finding, APIKEY_INVALID, "%s", fault);
    }
}

/* Looks a key up as the server does; one that this does not find, again with a
 * policy that accepts all keys. */
static cli_exit_e lookup_as_server(finding_t *finding,
                                   const cli_presented_t *given,
                                   apikey_record_t **record)
{
    cli_t *cli = finding->cli;
    const apikey_policy_t served = cli_policy(cli);
    const apikey_policy_t all = cli_policy_any(cli);
    cli_exit_e code = cli_find_presented(cli, given, &served, record);

    classify_presented(finding, given, &all);
    if (code == CLI_DONE && !*record) {
        explain_text(finding, given);
        finding->unseen = 1;
        code = cli_find_presented(cli, given, &all, record);
    }
    return code;
}

static cli_exit_e explain_presented(finding_t *finding)
{
    cli_t *cli = finding->cli;
    apikey_record_t *record = NULL;
    apikey_key_row_t *key = NULL;
    const char *error = NULL;
    cli_presented_t given;
    cli_exit_e code = cli_read_presented(cli, &given);

    if (code == CLI_DONE) {
        code = lookup_as_server(finding, &given, &record);
    }
    apikey_wipe(&given, sizeof(given));
    if (code == CLI_DATABASE && !cli->json) {
        cli_out("%s\n", apikey_result(APIKEY_UNAVAILABLE)->code);
    }
    if (code == CLI_DONE && record) {
        code = cli_done(cli, apikey_keys_show(cli->store, record->id, NULL,
                                              &key, cli->pool, &error),
                        error);
    }
    finding->key = key;
    if (code == CLI_DONE && !key) {
        add_reason(finding, APIKEY_INVALID, "the database has no such key");
    }
    else if (code == CLI_DONE && finding->unseen) {
        explain_secret(finding);
        if (!finding->why->nelts) {
            add_format_reason(finding, apikey_format_name(finding->format));
        }
    }
    return code;
}

/* Explains a key by its id; its row has its format and prefix. */
static cli_exit_e explain_by_id(finding_t *finding)
{
    cli_t *cli = finding->cli;
    const cli_conf_t *conf = &cli->conf;
    apikey_key_row_t *key = NULL;
    const char *error = NULL;
    apr_status_t status = apikey_keys_show(cli->store, cli->words[0], NULL,
                                           &key, cli->pool, &error);

    if (status != APR_SUCCESS) {
        return cli_fail(cli, status, error);
    }
    finding->key = key;
    finding->format = apikey_format_from_name(key->record.format);
    if (!apikey_format_accepted(conf->formats, finding->format)) {
        add_format_reason(finding, key->record.format);
    }
    if (!apikey_prefix_accepted(conf->prefixes, finding->format, key->prefix)) {
        add_prefix_reason(finding);
    }
    explain_secret(finding);
    return CLI_DONE;
}

/* Adds the reasons from a key's row, in the server's order. */
static void explain_row(finding_t *finding)
{
    const cli_t *cli = finding->cli;
    const apikey_key_row_t *key = finding->key;
    const apikey_record_t *record = &key->record;
    const char *fault = apikey_record_fault(record, cli->pool);
    apr_pool_t *pool = cli->pool;

    if (fault) {
        add_reason(finding, APIKEY_UNAVAILABLE, "its row cannot be used: %s",
                   fault);
    }
    if (strcmp(record->keyspace, cli->actor.keyspace) != 0) {
        add_reason(finding, APIKEY_INVALID, "it is of the keyspace \"%s\", "
                   "not of \"%s\"", record->keyspace, cli->actor.keyspace);
    }
    if (record->revoked) {
        add_reason(finding, APIKEY_REVOKED, "it was revoked %s%s%s",
                   cli_time(record->revoked, "", pool),
                   *key->reason ? ": " : "", key->reason);
    }
    if (record->disabled) {
        add_reason(finding, APIKEY_DISABLED, "it was disabled %s",
                   cli_time(record->disabled, "", pool));
    }
    if (record->expires != APIKEY_NEVER
        && record->expires <= cli->actor.now) {
        add_reason(finding, APIKEY_EXPIRED, "it expired %s",
                   cli_time(record->expires, "", pool));
    }
    if (record->suspended) {
        add_reason(finding, APIKEY_SUSPENDED, "its tenant was suspended %s%s%s",
                   cli_time(record->suspended, "", pool),
                   *key->tenant_reason ? ": " : "", key->tenant_reason);
    }
}

/* A scope, and of a wildcard what it covers. */
static const char *describe_scope(const char *scope, apr_pool_t *pool)
{
    apr_size_t len = strlen(scope);

    if (strcmp(scope, "*") == 0) {
        return "*  every scope";
    }
    return len > 2 && strcmp(scope + len - 2, ":*") == 0
           ? apr_psprintf(pool, "%s  every scope that begins with %.*s", scope,
                          (int)len - 1, scope)
           : scope;
}

/* Writes the variables APIKEY_META_* that an application gets. */
static void write_exported_meta(const apikey_record_t *record, apr_pool_t *pool)
{
    const apr_array_header_t *pairs =
        record->meta ? apr_table_elts(record->meta) : NULL;
    int i;

    for (i = 0; pairs && i < pairs->nelts; i++) {
        const apr_table_entry_t *pair = &APR_ARRAY_IDX(pairs, i,
                                                       apr_table_entry_t);

        cli_field(i ? "" : "meta", apr_pstrcat(pool, "APIKEY_META_", pair->key,
                                               "=", pair->val, NULL), pool);
    }
}

static void write_key_fields(const finding_t *finding)
{
    const apikey_record_t *record = &finding->key->record;
    apr_pool_t *pool = finding->cli->pool;
    char *rest = apr_pstrdup(pool, record->scopes);
    char *state = NULL;
    const char *scope = apr_strtok(rest, " ", &state);
    const char *label = "scopes";

    cli_field("key", record->id, pool);
    cli_field("tenant", record->tenant, pool);
    cli_field("keyspace", record->keyspace, pool);
    cli_field("env", record->env, pool);
    cli_field("expires", cli_time(record->expires, "never", pool), pool);
    cli_field("networks", record->network_count
              ? apr_pstrcat(pool, apikey_networks_format(record->networks,
                                                         record->network_count,
                                                         pool),
                            "; from elsewhere it is refused: network (403)",
                            NULL)
              : "any", pool);
    write_exported_meta(record, pool);
    if (!scope) {
        cli_field(label, "none: it opens what asks for no scope", pool);
    }
    for (; scope; scope = apr_strtok(NULL, " ", &state)) {
        cli_field(label, describe_scope(scope, pool), pool);
        label = "";
    }
}

static void write_explanation(const finding_t *finding, const char *result,
                              int status)
{
    apr_pool_t *pool = finding->cli->pool;
    int i;

    cli_field("result", status ? apr_psprintf(pool, "%s (%d)", result, status)
                               : result, pool);
    for (i = 0; i < finding->why->nelts; i++) {
        cli_field(i ? "" : "why not", APR_ARRAY_IDX(finding->why, i,
                                                    const char *), pool);
    }
    if (finding->format) {
        cli_field("format", apikey_format_name(finding->format), pool);
    }
    if (finding->signer || finding->key) {
        cli_field("signed by", finding->signer ? finding->signer
                  : *finding->key->record.secret_id
                  ? finding->key->record.secret_id
                  : "no secret (SHA-256)", pool);
    }
    if (finding->key) {
        write_key_fields(finding);
    }
    cli_field("server", "what a place requires besides is in httpd's log: "
              "LogLevel apikey:debug logs each decision and the Require that "
              "made it",
              pool);
}

static void json_explanation(const finding_t *finding, const char *result,
                             int status)
{
    cli_json_t json = { .pool = finding->cli->pool };
    int i;

    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "result", result);
    if (status) {
        cli_json_number(&json, "status", status);
    }
    cli_json_open(&json, "why_not", '[');
    for (i = 0; i < finding->why->nelts; i++) {
        cli_json_text(&json, NULL, APR_ARRAY_IDX(finding->why, i,
                                                 const char *));
    }
    cli_json_close(&json, ']');
    if (finding->signer) {
        cli_json_text(&json, "signed_by", finding->signer);
    }
    if (finding->key) {
        cli_key_json(finding->cli, &json, finding->key);
    }
    else if (finding->format) {
        cli_json_text(&json, "format", apikey_format_name(finding->format));
    }
    cli_json_close(&json, '}');
}

cli_exit_e cli_cmd_explain(cli_t *cli)
{
    finding_t finding = { .cli = cli, .result = APIKEY_GRANTED };
    const apikey_result_t *result;
    int good;
    cli_exit_e code;

    finding.why = apr_array_make(cli->pool, 4, sizeof(const char *));
    code = strcmp(cli->words[0], "-") == 0 ? explain_presented(&finding)
                                           : explain_by_id(&finding);
    if (code != CLI_DONE) {
        return code;
    }
    if (finding.key) {
        explain_row(&finding);
    }
    result = apikey_result(finding.result);
    good = finding.result == APIKEY_GRANTED;
    (cli->json ? json_explanation : write_explanation)(
        &finding, good ? "good" : result->code, good ? 0 : result->status);
    return good ? CLI_DONE : CLI_REFUSED;
}
