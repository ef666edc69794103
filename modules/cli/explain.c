/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * explain: what a key itself is good for, and why not.  What a place of a
 * server wants is told by the server: its configuration is not imitated here.
 */

#include <stdarg.h>

#include <apr_strings.h>

#include "../core/time_text.h"
#include "../core/result.h"
#include "cli.h"

/* What was found out. */
typedef struct finding_t {
    cli_t *cli;
    apikey_format_e format;     /* as it was presented, or of its row */
    const char *signer;         /* id of the secret whose check characters are
                                 * right; NULL: none, or not presented */
    const apikey_key_row_t *key;        /* NULL: the database has none */
    int unseen;                 /* the server does not get as far as to it */
    apikey_result_e result;             /* the first that the server meets */
    apr_array_header_t *why;            /* const char *: each reason why not */
} finding_t;

static void refuse(finding_t *finding, apikey_result_e result,
                   const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void refuse(finding_t *finding, apikey_result_e result,
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

static void refuse_format(finding_t *finding, const char *format)
{
    refuse(finding, APIKEY_INVALID, "ApiKeyFormat does not accept its format, "
           "%s", format);
}

static void refuse_prefix(finding_t *finding)
{
    refuse(finding, APIKEY_INVALID, "ApiKeyPrefix is %s, and its prefix is "
           "another", finding->cli->conf.prefix_words);
}

/* What the key that is presented looks like, whatever CONF accepts. */
static void look_at(finding_t *finding, const cli_presented_t *given,
                    const apikey_policy_t *all)
{
    int by = apikey_key_checked_by(all->secrets, given->text, given->len);

    finding->format = apikey_key_shape(all, given->text, given->len);
    finding->signer = by < 0 ? NULL : apikey_secrets_id(all->secrets, by);
}

/* Why it is refused before any database is asked. */
static void judge_text(finding_t *finding, const cli_presented_t *given)
{
    apikey_policy_t policy = cli_policy(finding->cli);
    unsigned int accepted = policy.formats;

    if (!finding->format) {
        refuse(finding, APIKEY_INVALID, "it is no key: it %s",
               apikey_key_fault(&policy, given->text, given->len));
        return;
    }
    policy.formats = cli_policy_any(finding->cli).formats;
    if (!apikey_key_shape(&policy, given->text, given->len)) {
        refuse_prefix(finding);
    }
    policy.prefixes = NULL;
    policy.formats = accepted;
    if (!apikey_key_shape(&policy, given->text, given->len)) {
        refuse_format(finding, apikey_format_name(finding->format));
    }
    if (finding->format == APIKEY_FORMAT_BASE62 && !finding->signer
        && !(accepted & APIKEY_FORMAT_OPAQUE)) {
        refuse(finding, APIKEY_INVALID, "its check characters are right under "
               "no secret of ApiKeySecretFile: it is mistyped, or made with "
               "another secret");
    }
}

static void judge_secret(finding_t *finding)
{
    const cli_t *cli = finding->cli;
    const apikey_key_row_t *key = finding->key;
    const char *secret = key->record.secret_id;
    const char *fault;

    if (*secret && !cli_has_secret(cli->secrets, secret)) {
        refuse(finding, APIKEY_INVALID, "the secret \"%s\", which signed it, "
               "is not in ApiKeySecretFile", secret);
        return;
    }
    fault = apikey_digest_kinds_unsought(
        &cli->conf.digests, cli->conf.formats,
        apikey_format_from_name(key->record.format), *secret != '\0',
        strlen(key->digest));
    if (fault) {
        refuse(finding, APIKEY_INVALID, "%s", fault);
    }
}

/* Looks for the key as the server does, then for one that it would refuse
 * unseen. */
static cli_exit_e ask(finding_t *finding, const cli_presented_t *given,
                      apikey_record_t **record)
{
    cli_t *cli = finding->cli;
    const apikey_policy_t served = cli_policy(cli);
    const apikey_policy_t all = cli_policy_any(cli);
    cli_exit_e code = cli_find_presented(cli, given, &served, record);

    look_at(finding, given, &all);
    if (code == CLI_DONE && !*record) {
        judge_text(finding, given);
        finding->unseen = 1;
        code = cli_find_presented(cli, given, &all, record);
    }
    return code;
}

static cli_exit_e find_presented(finding_t *finding)
{
    cli_t *cli = finding->cli;
    apikey_record_t *record = NULL;
    apikey_key_row_t *key = NULL;
    const char *error = NULL;
    cli_presented_t given;
    cli_exit_e code = cli_read_presented(cli, &given);

    if (code == CLI_DONE) {
        code = ask(finding, &given, &record);
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
        refuse(finding, APIKEY_INVALID, "the database has no such key");
    }
    else if (code == CLI_DONE && finding->unseen) {
        judge_secret(finding);
        if (!finding->why->nelts) {
            refuse_format(finding, apikey_format_name(finding->format));
        }
    }
    return code;
}

/* The key by its id: its row says what shape it has. */
static cli_exit_e find_by_id(finding_t *finding)
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
        refuse_format(finding, key->record.format);
    }
    if (!apikey_prefix_accepted(conf->prefixes, finding->format, key->prefix)) {
        refuse_prefix(finding);
    }
    judge_secret(finding);
    return CLI_DONE;
}

/* What its row says, in the server's order. */
static void judge_row(finding_t *finding)
{
    const cli_t *cli = finding->cli;
    const apikey_key_row_t *key = finding->key;
    const apikey_record_t *record = &key->record;
    const char *fault = apikey_record_fault(record, cli->pool);
    apr_pool_t *pool = cli->pool;

    if (fault) {
        refuse(finding, APIKEY_UNAVAILABLE, "its row cannot be used: %s",
               fault);
    }
    if (strcmp(record->keyspace, cli->actor.keyspace) != 0) {
        refuse(finding, APIKEY_INVALID, "it is of the keyspace \"%s\", not of "
               "\"%s\"", record->keyspace, cli->actor.keyspace);
    }
    if (record->revoked) {
        refuse(finding, APIKEY_REVOKED, "it was revoked %s%s%s",
               cli_time(record->revoked, "", pool), *key->reason ? ": " : "",
               key->reason);
    }
    if (record->disabled) {
        refuse(finding, APIKEY_DISABLED, "it was disabled %s",
               cli_time(record->disabled, "", pool));
    }
    if (record->expires != APIKEY_NEVER
        && record->expires <= cli->actor.now) {
        refuse(finding, APIKEY_EXPIRED, "it expired %s",
               cli_time(record->expires, "", pool));
    }
    if (record->suspended) {
        refuse(finding, APIKEY_SUSPENDED, "its tenant was suspended %s%s%s",
               cli_time(record->suspended, "", pool),
               *key->tenant_reason ? ": " : "", key->tenant_reason);
    }
}

/* What one scope of a key covers. */
static const char *covers(const char *scope, apr_pool_t *pool)
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

/* What an application is told besides, by the names of its variables. */
static void write_meta(const apikey_record_t *record, apr_pool_t *pool)
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

static void write_key(const finding_t *finding)
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
    write_meta(record, pool);
    if (!scope) {
        cli_field(label, "none: it opens what asks for no scope", pool);
    }
    for (; scope; scope = apr_strtok(NULL, " ", &state)) {
        cli_field(label, covers(scope, pool), pool);
        label = "";
    }
}

static void write_text(const finding_t *finding, const char *result,
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
        write_key(finding);
    }
    cli_field("server", "what a place wants besides, httpd tells: LogLevel "
              "apikey:debug logs each decision and the Require that made it",
              pool);
}

static void write_json(const finding_t *finding, const char *result,
                       int status)
{
    cli_json_t json = { finding->cli->pool, 0 };
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
    cli_out("\n");
}

cli_exit_e cli_cmd_explain(cli_t *cli)
{
    finding_t finding = { .cli = cli, .result = APIKEY_GRANTED };
    const apikey_result_t *result;
    int good;
    cli_exit_e code = cli_open(cli, 1);

    finding.why = apr_array_make(cli->pool, 4, sizeof(const char *));
    if (code == CLI_DONE) {
        code = strcmp(cli->words[0], "-") == 0 ? find_presented(&finding)
                                               : find_by_id(&finding);
    }
    if (code != CLI_DONE) {
        return code;
    }
    if (finding.key) {
        judge_row(&finding);
    }
    result = apikey_result(finding.result);
    good = finding.result == APIKEY_GRANTED;
    (cli->json ? write_json : write_text)(&finding,
                                          good ? "good" : result->code,
                                          good ? 0 : result->status);
    return good ? CLI_DONE : CLI_REFUSED;
}
