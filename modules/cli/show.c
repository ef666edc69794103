/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * show: all that the database has of a key.
 */

#include <apr_hash.h>
#include <apr_strings.h>

#include "../core/result.h"
#include "commands.h"

static apr_status_t add_description(void *baton, const char *name,
                                    const char *description)
{
    apr_hash_t *descriptions = baton;
    apr_pool_t *pool = apr_hash_pool_get(descriptions);

    apr_hash_set(descriptions, apr_pstrdup(pool, name), APR_HASH_KEY_STRING,
                 apr_pstrdup(pool, description));
    return APR_SUCCESS;
}

/* A line per scope, with what the catalogue says of it. */
static void show_scopes(cli_t *cli, const char *scopes,
                        apr_hash_t *descriptions)
{
    char *rest = apr_pstrdup(cli->pool, scopes);
    char *state = NULL;
    char *scope = apr_strtok(rest, " ", &state);
    const char *label = "scopes";

    if (!scope) {
        cli_field(label, "-", cli->pool);
    }
    for (; scope; scope = apr_strtok(NULL, " ", &state)) {
        const char *text = apr_hash_get(descriptions, scope,
                                        APR_HASH_KEY_STRING);

        cli_field(label, text && *text
                  ? apr_pstrcat(cli->pool, scope, "  ", text, NULL) : scope,
                  cli->pool);
        label = "";
    }
}

static const char *with_reason(cli_t *cli, const char *when,
                               const char *reason)
{
    return apr_pstrcat(cli->pool, when,
                       *reason ? ": " : "", reason, NULL);
}

static void show_fields(cli_t *cli, const apikey_key_row_t *key,
                        apr_hash_t *descriptions)
{
    const apikey_record_t *record = &key->record;
    const char *fault = cli_key_fault(key, cli->pool);
    apr_pool_t *pool = cli->pool;

#define TIME(column, none) \
    cli_key_time(key, #column, record->column, none, pool)
    cli_field("id", record->id, pool);
    cli_field("tenant", record->tenant, pool);
    cli_field("name", record->name, pool);
    cli_field("state", cli_state(cli, key), pool);
    if (fault) {
        cli_field("fault", apr_pstrcat(pool, fault, apikey_record_fault(record,
                                       pool) ? "; never granted"
                                       : "; no server asks for it", NULL),
                  pool);
    }
    cli_field("hint", record->hint, pool);
    cli_field("format", record->format, pool);
    cli_field("env", record->env, pool);
    cli_field("owner", *key->owner ? key->owner : "-", pool);
    cli_field("networks", *key->networks ? key->networks : "-", pool);
    cli_field("meta", *key->meta ? key->meta : "-", pool);
    cli_field("keyspace", record->keyspace, pool);
    show_scopes(cli, record->scopes, descriptions);
    cli_field("secret", *record->secret_id ? record->secret_id : "-", pool);
    cli_field("created", apr_pstrcat(pool, TIME(created, "-"), " by ",
                                     record->creator, NULL), pool);
    cli_field("expires", TIME(expires, "never"), pool);
    cli_field("replaces", *key->rotated_from ? key->rotated_from : "-",
              pool);
    cli_field("root", key->root, pool);
    cli_field("last used", TIME(last_used, "-"), pool);
    cli_field("use count", apr_psprintf(pool, "%" APR_INT64_T_FMT,
                                        record->use_count), pool);
    cli_field("revoked", with_reason(cli, TIME(revoked, "-"), key->reason),
              pool);
    cli_field("disabled", TIME(disabled, "-"), pool);
    cli_field("suspended", with_reason(cli, TIME(suspended, "-"),
                                       key->tenant_reason), pool);
    cli_field("exposed", cli_key_time(key, "exposed", key->exposed, "-", pool),
              pool);
#undef TIME
}

cli_exit_e cli_cmd_show(cli_t *cli)
{
    apr_hash_t *descriptions = apr_hash_make(cli->pool);
    cli_json_t json = { .pool = cli->pool };
    apikey_key_row_t *key;
    const char *error = NULL;
    apr_status_t status;
    cli_exit_e code = cli_get_key(cli, cli->words[0], &key);

    if (code != CLI_DONE) {
        return code;
    }
    status = apikey_scope_list(cli->store, add_description, descriptions,
                               cli->pool, &error);
    if (status != APR_SUCCESS) {
        return cli_fail(cli, status, error);
    }
    if (!cli->json) {
        show_fields(cli, key, descriptions);
        return CLI_DONE;
    }
    cli_json_open(&json, NULL, '{');
    cli_key_json(cli, &json, key);
    cli_json_text(&json, "tenant_reason", key->tenant_reason);
    cli_json_close(&json, '}');
    return CLI_DONE;
}
