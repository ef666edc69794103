/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/scope.h"
#include "../core/result.h"
#include "cli.h"

/* The catalogue's word on a scope of the key that is being shown. */
typedef struct described_t {
    apr_table_t *descriptions;
} described_t;

static apr_status_t remember(void *baton, const char *name,
                             const char *description)
{
    described_t *described = baton;

    /* Not apr_table_set(), which knows no case. */
    apr_table_addn(described->descriptions,
                   apr_pstrdup(apr_table_elts(described->descriptions)->pool,
                               name),
                   apr_pstrdup(apr_table_elts(described->descriptions)->pool,
                               description));
    return APR_SUCCESS;
}

static const char *describe(const apr_table_t *descriptions,
                            const char *scope)
{
    const apr_array_header_t *list = apr_table_elts(descriptions);
    int i;

    for (i = 0; i < list->nelts; i++) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(list, i,
                                                        apr_table_entry_t);

        if (strcmp(entry->key, scope) == 0) {
            return entry->val;
        }
    }
    return "";
}

static void show_scopes(cli_t *cli, const char *scopes,
                        const apr_table_t *descriptions)
{
    char *rest = apr_pstrdup(cli->pool, scopes);
    char *state = NULL;
    char *scope = apr_strtok(rest, " ", &state);
    const char *label = "scopes";

    if (!scope) {
        cli_field(label, "-", cli->pool);
    }
    for (; scope; scope = apr_strtok(NULL, " ", &state)) {
        const char *text = describe(descriptions, scope);

        cli_field(label, apr_pstrcat(cli->pool, scope, *text ? "  " : "",
                                     text, NULL), cli->pool);
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
                        const apr_table_t *descriptions)
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
    described_t described = { apr_table_make(cli->pool, 8) };
    cli_json_t json = { cli->pool, 0 };
    apikey_key_row_t *key;
    const char *error = NULL;
    apr_status_t status;
    cli_exit_e code = cli_open(cli, 0);

    if (code != CLI_DONE) {
        return code;
    }
    status = apikey_keys_show(cli->store, cli->words[0],
                              cli->actor.keyspace, &key, cli->pool, &error);
    if (status == APR_SUCCESS) {
        status = apikey_scope_list(cli->store, remember, &described,
                                   cli->pool, &error);
    }
    if (status != APR_SUCCESS) {
        return cli_fail(cli, status, error);
    }
    if (!cli->json) {
        show_fields(cli, key, described.descriptions);
        return CLI_DONE;
    }
    cli_json_open(&json, NULL, '{');
    cli_key_json(cli, &json, key);
    cli_json_text(&json, "tenant_reason", key->tenant_reason);
    cli_json_close(&json, '}');
    cli_out("\n");
    return CLI_DONE;
}
