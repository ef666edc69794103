/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/text.h"
#include "../core/verdict.h"
#include "manage_parts.h"

const char *apikey_managed_raw(const apikey_managed_t *key,
                               const char *column)
{
    return key->raw ? apr_table_get(key->raw, column) : NULL;
}

const char *apikey_managed_state(const apikey_managed_t *key,
                                 apr_int64_t now, apr_pool_t *pool)
{
    const apikey_record_t *record = &key->record;
    apikey_reason_e reason = apikey_verdict(record, NULL, now);

    if (apikey_record_fault(record, pool)
        && (!record->revoked || apikey_managed_raw(key, "revoked"))) {
        return "faulty";
    }
    return reason == APIKEY_GRANTED ? "active" : apikey_reason(reason)->code;
}

/* A row while it is read. */
typedef struct reading_t {
    apikey_rows_t *rows;
    apikey_managed_t *key;
    apr_pool_t *pool;
} reading_t;

/* Keeps what is bad about the column read last; where of the two it goes says
 * whether a verdict asks for that column. */
static int keep_bad(reading_t *from, const char *column, const char **fault)
{
    const char *bad = apikey_rows_fault(from->rows, from->pool);
    apikey_managed_t *key = from->key;

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

/* What a verdict asks for. */
static const char *text(reading_t *from, const char *column)
{
    const char *value = apikey_rows_copy(from->rows, from->pool);

    keep_bad(from, column, &from->key->record.fault);
    return value;
}

static apr_int64_t number(reading_t *from, const char *column)
{
    apr_int64_t value = apikey_rows_number(from->rows);

    keep_bad(from, column, &from->key->record.fault);
    return value;
}

/* What it does not; 0 where it cannot be read. */
static const char *other_text(reading_t *from, const char *column)
{
    const char *value = apikey_rows_copy(from->rows, from->pool);

    keep_bad(from, column, &from->key->odd);
    return value;
}

static apr_int64_t other_number(reading_t *from, const char *column)
{
    apr_int64_t value = apikey_rows_number(from->rows);

    return keep_bad(from, column, &from->key->odd) ? 0 : value;
}

/* In the order of KEY_COLUMNS in statements.c. */
static void read_key(apikey_rows_t *rows, void *item, apr_pool_t *pool)
{
    apikey_managed_t *key = item;
    apikey_record_t *record = &key->record;
    reading_t from = { rows, key, pool };

    memset(key, 0, sizeof(*key));
    record->digest = "";
    record->id = text(&from, "id");
    record->keyspace = text(&from, "keyspace");
    record->tenant = text(&from, "tenant");
    record->name = text(&from, "name");
    record->env = text(&from, "env");
    record->scopes = text(&from, "scopes");
    record->secret_id = other_text(&from, "secret");
    record->format = other_text(&from, "format");
    key->prefix = other_text(&from, "prefix");
    record->hint = other_text(&from, "hint");
    record->creator = other_text(&from, "creator");
    record->created = other_number(&from, "created");
    record->expires = number(&from, "expires");
    record->revoked = number(&from, "revoked");
    record->disabled = number(&from, "disabled");
    key->lifetime = other_number(&from, "lifetime");
    key->bits = (int)other_number(&from, "bits");
    key->reason = other_text(&from, "reason");
    key->root = other_text(&from, "root");
    key->rotated_from = other_text(&from, "rotated_from");
    if (!*key->root) {
        key->root = record->id;
    }
    key->owner = other_text(&from, "owner");
    key->networks = text(&from, "networks");
    key->meta = text(&from, "meta");
    key->tenant_meta = text(&from, "tenant_meta");
    record->suspended = number(&from, "suspended");
    key->tenant_reason = other_text(&from, "tenant_reason");
    record->last_used = other_number(&from, "last_used");
    record->use_count = other_number(&from, "use_count");
    key->exposed = other_number(&from, "exposed");
    apikey_managed_details(key, pool);
}

/* A keyspace that is none is no server's: its key opens nothing, and it can be
 * named by no option. */
static int is_elsewhere(const apikey_managed_t *key, const char *keyspace)
{
    return keyspace && strcmp(key->record.keyspace, keyspace) != 0
           && !apikey_managed_raw(key, "keyspace")
           && !apikey_text_fault(key->record.keyspace);
}

/* The first statement of its transaction: what is read after it is what the
 * one before has committed. */
static apr_status_t hold_key(apikey_store_t *store, const char *id,
                             apr_pool_t *pool, const char **error)
{
    const char *args[] = { id };
    apikey_rows_t rows;
    apr_status_t status = apikey_sql_select(&rows, store, APIKEY_SQL_KEY_HOLD,
                                            args, pool, error);

    return status == APR_SUCCESS ? apikey_rows_end(&rows, pool, error)
                                 : status;
}

apr_status_t apikey_managed_find(apikey_store_t *store, const char *id,
                                 const char *keyspace, apikey_managed_t **key,
                                 apr_pool_t *pool, const char **error)
{
    const char *args[] = { id };
    apikey_rows_t rows;
    apikey_managed_t *found = apr_palloc(pool, sizeof(*found));
    apr_status_t status = store->in_transaction && store->dialect->hold
                          ? hold_key(store, id, pool, error) : APR_SUCCESS;

    *key = NULL;
    if (status == APR_SUCCESS) {
        status = apikey_sql_select(&rows, store, APIKEY_SQL_KEY_SHOW, args,
                                   pool, error);
    }
    if (status != APR_SUCCESS) {
        return status;
    }
    while (!*key && apikey_rows_next(&rows)) {
        read_key(&rows, found, pool);
        /* Some databases find "k1" by "K1 ". */
        if (strcmp(found->record.id, id) == 0) {
            *key = found;
        }
    }
    status = apikey_rows_end(&rows, pool, error);
    if (status == APR_SUCCESS && !*key) {
        *error = apr_psprintf(pool, "there is no key with the id \"%s\"", id);
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

apr_status_t apikey_manage_show(apikey_store_t *store, const char *id,
                                const char *keyspace, apikey_managed_t **key,
                                apr_pool_t *pool, const char **error)
{
    return apikey_managed_find(store, id, keyspace, key, pool, error);
}

typedef struct listener_t {
    apikey_managed_fn each;
    void *baton;
    const char *keyspace;       /* only that; NULL: all */
} listener_t;

static apr_status_t give_key(void *baton, const void *item)
{
    listener_t *to = baton;
    const apikey_managed_t *key = item;

    return to->keyspace && strcmp(to->keyspace, key->record.keyspace) != 0
           ? APR_SUCCESS : to->each(to->baton, key);
}

/* args: created, id, created. */
static int behind_key(const void *item, const char **args, apr_pool_t *pool)
{
    const apikey_managed_t *key = item;
    const char *raw = apikey_managed_raw(key, "created");
    int other = apikey_page_arg(&args[1], key->record.id, pool);

    args[0] = args[2] = raw ? apr_pstrdup(pool, raw)
                            : apikey_sql_number(pool, key->record.created);
    return other;
}

/* The same behind the tenant. */
static int behind_tenant_key(const void *item, const char **args,
                             apr_pool_t *pool)
{
    return behind_key(item, args + 1, pool);
}

apr_status_t apikey_manage_list(apikey_store_t *store, const char *tenant,
                                const char *keyspace, apikey_managed_fn each,
                                void *baton, apr_pool_t *pool,
                                const char **error)
{
    const char *first = apikey_sql_number(pool, APR_INT64_MIN);
    const char *args[] = { tenant, first, "", first };
    listener_t to = { each, baton, keyspace && *keyspace ? keyspace : NULL };
    apikey_pages_t all = { APIKEY_SQL_KEY_LIST, args + 1,
                           sizeof(apikey_managed_t), read_key, behind_key,
                           give_key, &to };
    apikey_pages_t some = { APIKEY_SQL_KEY_LIST_TENANT, args,
                            sizeof(apikey_managed_t), read_key,
                            behind_tenant_key, give_key, &to };

    return apikey_sql_pages(store, tenant && *tenant ? &some : &all, pool,
                            error);
}
