/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/meta.h"
#include "../core/result.h"
#include "../core/text.h"
#include "keys_private.h"
#include "lookup.h"

const char *apikey_meta_text_fault(const char *read_text_column,
                                   apr_pool_t *pool)
{
    apr_table_t *meta;

    return strlen(read_text_column) > APIKEY_META_MAX
           ? "is longer than 4000 bytes"
           : apikey_meta_parse(&meta, read_text_column, pool);
}

const char *apikey_key_row_raw(const apikey_key_row_t *key,
                               const char *column)
{
    return key->raw ? apr_table_get(key->raw, column) : NULL;
}

const char *apikey_key_row_state(const apikey_key_row_t *key,
                                 apr_int64_t now, apr_pool_t *pool)
{
    const apikey_record_t *record = &key->record;
    apikey_result_e result = apikey_record_result(record, NULL, now);

    if (apikey_record_fault(record, pool)
        && (!record->revoked || apikey_key_row_raw(key, "revoked"))) {
        return "faulty";
    }
    return result == APIKEY_GRANTED ? "active" : apikey_result(result)->code;
}

/* A row while it is read. */
typedef struct key_reading_t {
    apikey_rows_t *rows;
    apikey_key_row_t *key;
    apr_pool_t *pool;
} key_reading_t;

/* If the column read last is bad: keeps its text in key->raw, and what is wrong
 * in *fault, unless that has the first one already. */
static int record_bad_column(key_reading_t *from, const char *column,
                             const char **fault)
{
    const char *bad = apikey_rows_fault(from->rows, from->pool);
    apikey_key_row_t *key = from->key;

    if (bad) {
        if (!key->raw) {
            key->raw = apr_table_make(from->pool, 2);
        }
        apr_table_add(key->raw, column, from->rows->text);
        if (!*fault) {
            *fault = bad;
        }
    }
    return bad != NULL;
}

/* A column that httpd decides by: bad, it is the record's fault, and the key is
 * refused. */
static const char *read_text_column(key_reading_t *from, const char *column)
{
    const char *value = apikey_rows_copy(from->rows, from->pool);

    record_bad_column(from, column, &from->key->record.fault);
    return value;
}

static apr_int64_t read_number_column(key_reading_t *from, const char *column)
{
    apr_int64_t value = apikey_rows_number(from->rows);

    record_bad_column(from, column, &from->key->record.fault);
    return value;
}

/* Any other column: bad, it is only shown as such; a number is 0 then. */
static const char *read_other_text(key_reading_t *from, const char *column)
{
    const char *value = apikey_rows_copy(from->rows, from->pool);

    record_bad_column(from, column, &from->key->odd);
    return value;
}

static apr_int64_t read_other_number(key_reading_t *from, const char *column)
{
    apr_int64_t value = apikey_rows_number(from->rows);

    return record_bad_column(from, column, &from->key->odd) ? 0 : value;
}

static void set_default(const char **read_text_column)
{
    if (!*read_text_column) {
        *read_text_column = "";
    }
}

void apikey_key_row_details(apikey_key_row_t *key, apr_pool_t *pool)
{
    set_default(&key->owner);
    set_default(&key->networks);
    set_default(&key->meta);
    set_default(&key->tenant_meta);
    apikey_record_fill(&key->record, key->networks, key->meta,
                       key->tenant_meta, pool);
}

/* In the order of KEY_COLUMNS in sql_text.c. */
void apikey_key_row_read(apikey_rows_t *rows, void *item, apr_pool_t *pool)
{
    apikey_key_row_t *key = item;
    apikey_record_t *record = &key->record;
    key_reading_t from = { rows, key, pool };

    memset(key, 0, sizeof(*key));
    record->digest = "";
    record->id = read_text_column(&from, "id");
    record->keyspace = read_text_column(&from, "keyspace");
    record->tenant = read_text_column(&from, "tenant");
    record->name = read_text_column(&from, "name");
    record->env = read_text_column(&from, "env");
    record->scopes = read_text_column(&from, "scopes");
    record->secret_id = read_other_text(&from, "secret");
    record->format = read_other_text(&from, "format");
    key->prefix = read_other_text(&from, "prefix");
    record->hint = read_other_text(&from, "hint");
    record->creator = read_other_text(&from, "creator");
    record->created = read_other_number(&from, "created");
    record->expires = read_number_column(&from, "expires");
    record->revoked = read_number_column(&from, "revoked");
    record->disabled = read_number_column(&from, "disabled");
    key->lifetime = read_other_number(&from, "lifetime");
    key->bits = (int)read_other_number(&from, "bits");
    key->reason = read_other_text(&from, "reason");
    key->root = read_other_text(&from, "root");
    key->rotated_from = read_other_text(&from, "rotated_from");
    if (!*key->root) {
        key->root = record->id;
    }
    key->owner = read_other_text(&from, "owner");
    key->networks = read_text_column(&from, "networks");
    key->meta = read_text_column(&from, "meta");
    key->tenant_meta = read_text_column(&from, "tenant_meta");
    record->suspended = read_number_column(&from, "suspended");
    key->tenant_reason = read_other_text(&from, "tenant_reason");
    record->last_used = read_other_number(&from, "last_used");
    record->use_count = read_other_number(&from, "use_count");
    key->exposed = read_other_number(&from, "exposed");
    key->digest = read_other_text(&from, "digest");
    apikey_key_row_details(key, pool);
}

/* Whether a key is of another keyspace than the one asked for.  One whose
 * keyspace is invalid counts as found: no server accepts it, and --keyspace
 * could not name it. */
static int is_elsewhere(const apikey_key_row_t *key, const char *keyspace)
{
    return keyspace && strcmp(key->record.keyspace, keyspace) != 0
           && !apikey_key_row_raw(key, "keyspace")
           && !apikey_text_fault(key->record.keyspace);
}

apr_status_t apikey_key_row_lock(apikey_store_t *store, const char *id,
                                 apr_pool_t *pool, const char **error)
{
    const char *args[] = { id };
    apikey_rows_t rows;

    if (!store->in_transaction || !store->dialect->lock_row) {
        return APR_SUCCESS;
    }
    apikey_statement_select(&rows, store, APIKEY_SQL_KEY_LOCK, args, pool,
                            error);
    return apikey_rows_end(&rows, pool, error);
}

apr_status_t apikey_keys_show(apikey_store_t *store, const char *id,
                                 const char *keyspace, apikey_key_row_t **key,
                                 apr_pool_t *pool, const char **error)
{
    const char *args[] = { id };
    apikey_rows_t rows;
    apikey_key_row_t *found = apr_palloc(pool, sizeof(*found));
    apr_status_t status = apikey_key_row_lock(store, id, pool, error);

    *key = NULL;
    if (status != APR_SUCCESS) {
        return status;
    }
    apikey_statement_select(&rows, store, APIKEY_SQL_KEY_SHOW, args, pool,
                            error);
    while (!*key && apikey_rows_next(&rows)) {
        apikey_key_row_read(&rows, found, pool);
        /* By its collation a database may find "k1" for "K1 ". */
        if (strcmp(found->record.id, id) == 0) {
            *key = found;
        }
    }
    status = apikey_rows_end(&rows, pool, error);
    if (status == APR_SUCCESS && !*key) {
        /* A text of this length may be a key, which must not be logged. */
        int shown = strlen(id) < APIKEY_WORD_MIN ? APIKEY_WORD_MIN : 4;

        *error = apr_psprintf(pool, "there is no key with the id \"%.*s%s\"",
                              shown, id, shown == 4 ? "..." : "");
        status = APR_NOTFOUND;
    }
    if (status == APR_SUCCESS && is_elsewhere(*key, keyspace)) {
        status = apikey_reject(pool, error, "there is no key with the id "
                               "\"%s\" in the keyspace \"%s\"; it is of the "
                               "keyspace \"%s\": say --keyspace %s", id,
                               keyspace, (*key)->record.keyspace,
                               (*key)->record.keyspace);
        *key = NULL;
    }
    return status;
}
