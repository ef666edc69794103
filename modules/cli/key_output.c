/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * Keys as commands find and show them: state, times, the JSON object, and the
 * sentence after a change.
 */

#include <apr_strings.h>

#include "../core/meta.h"
#include "../core/result.h"
#include "cli.h"

cli_exit_e cli_get_key(cli_t *cli, const char *id, apikey_key_row_t **key)
{
    const char *error = NULL;
    apr_status_t status = apikey_keys_show(cli->store, id,
                                           cli->actor.keyspace, key,
                                           cli->pool, &error);

    return cli_done(cli, status, error);
}

const char *cli_state(cli_t *cli, const apikey_key_row_t *key)
{
    return apikey_key_row_state(key, cli->actor.now, cli->pool);
}

const char *cli_key_time(const apikey_key_row_t *key, const char *column,
                         apr_int64_t epoch, const char *none,
                         apr_pool_t *pool)
{
    const char *raw = apikey_key_row_raw(key, column);

    return raw ? raw : cli_time(epoch, none, pool);
}

const char *cli_key_fault(const apikey_key_row_t *key, apr_pool_t *pool)
{
    const char *fault = apikey_record_fault(&key->record, pool);

    return fault ? fault : key->odd;
}

/* RFC 3339 or null; what the column holds where that is no time. */
static void json_key_time(cli_json_t *json, const apikey_key_row_t *key,
                          const char *column, apr_int64_t epoch)
{
    const char *raw = apikey_key_row_raw(key, column);

    if (raw) {
        cli_json_text(json, column, raw);
    }
    else {
        cli_json_time(json, column, epoch);
    }
}

void cli_json_networks(cli_json_t *json, const char *name, const char *text)
{
    char *words = apr_pstrdup(json->pool, text);
    char *c;

    for (c = words; *c; c++) {
        *c = strchr(",\t\r\n", *c) ? ' ' : *c;
    }
    cli_json_words(json, name, words);
}

void cli_json_pairs(cli_json_t *json, const char *name,
                    const apr_table_t *pairs)
{
    const apr_array_header_t *list = pairs ? apr_table_elts(pairs) : NULL;
    int i;

    cli_json_open(json, name, '{');
    for (i = 0; list && i < list->nelts; i++) {
        const apr_table_entry_t *pair = &APR_ARRAY_IDX(list, i,
                                                       apr_table_entry_t);

        cli_json_text(json, pair->key, pair->val);
    }
    cli_json_close(json, '}');
}

void cli_json_meta(cli_json_t *json, const char *name, const char *text)
{
    apr_table_t *meta;

    if (apikey_meta_parse(&meta, text, json->pool)) {
        cli_json_text(json, name, text);
    }
    else {
        cli_json_pairs(json, name, meta);
    }
}

void cli_key_json(cli_t *cli, cli_json_t *json, const apikey_key_row_t *key)
{
    const apikey_record_t *record = &key->record;
    const char *fault = cli_key_fault(key, cli->pool);

    cli_json_text(json, "id", record->id);
    cli_json_text(json, "tenant", record->tenant);
    cli_json_text(json, "name", record->name);
    cli_json_text(json, "hint", record->hint);
    cli_json_words(json, "scopes", record->scopes);
    cli_json_text(json, "env", record->env);
    cli_json_text(json, "keyspace", record->keyspace);
    cli_json_text(json, "format", record->format);
    cli_json_text(json, "prefix", key->prefix);
    cli_json_text(json, "secret", record->secret_id);
    cli_json_text(json, "created_by", record->creator);
    json_key_time(json, key, "created", record->created);
    json_key_time(json, key, "expires", record->expires);
    json_key_time(json, key, "last_used", record->last_used);
    cli_json_number(json, "uses", record->use_count);
    json_key_time(json, key, "revoked", record->revoked);
    cli_json_text(json, "reason", key->reason);
    json_key_time(json, key, "disabled", record->disabled);
    json_key_time(json, key, "suspended", record->suspended);
    json_key_time(json, key, "exposed", key->exposed);
    cli_json_text(json, "root", key->root);
    cli_json_text(json, "rotated_from", key->rotated_from);
    cli_json_text(json, "owner", key->owner);
    cli_json_networks(json, "networks", key->networks);
    cli_json_meta(json, "meta", key->meta);
    cli_json_text(json, "state", cli_state(cli, key));
    if (fault) {
        cli_json_text(json, "fault", fault);
    }
}

void cli_report_key(cli_t *cli, cli_json_t *json, const apikey_key_row_t *key,
                    const char *done)
{
    apr_pool_t *pool = cli->pool;
    const char *state = cli_state(cli, key);

    if (cli->json) {
        cli_json_open(json, NULL, '{');
        cli_key_json(cli, json, key);
        cli_json_flag(json, "changed", done != NULL);
        cli_json_close(json, '}');
        return;
    }
    cli_out("The key %s (%s, %s) ", cli_clean(key->record.id, pool),
            cli_clean(key->record.tenant, pool),
            cli_clean(key->record.name, pool));
    if (!done) {
        cli_out("is %s, as before; nothing was changed.\n", state);
    }
    else if (strcmp(done, state) == 0) {
        cli_out("has been %s.\n", done);
    }
    else {
        cli_out("has been %s, and is %s.\n", done, state);
    }
}
