/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "manage_parts.h"

/* In the order of KEY_COLUMNS in statements.c. */
static void read_key(apikey_rows_t *rows, void *item, apr_pool_t *pool)
{
    apikey_managed_t *key = item;
    apikey_record_t *record = &key->record;

    memset(key, 0, sizeof(*key));
    record->digest = "";
    record->id = apikey_rows_copy(rows, pool);
    record->keyspace = apikey_rows_copy(rows, pool);
    record->tenant = apikey_rows_copy(rows, pool);
    record->name = apikey_rows_copy(rows, pool);
    record->env = apikey_rows_copy(rows, pool);
    record->scopes = apikey_rows_copy(rows, pool);
    record->secret_id = apikey_rows_copy(rows, pool);
    record->format = apikey_rows_copy(rows, pool);
    key->prefix = apikey_rows_copy(rows, pool);
    record->hint = apikey_rows_copy(rows, pool);
    record->creator = apikey_rows_copy(rows, pool);
    record->created = apikey_rows_number(rows);
    record->expires = apikey_rows_number(rows);
    record->revoked = apikey_rows_number(rows);
    record->disabled = apikey_rows_number(rows);
    key->lifetime = apikey_rows_number(rows);
    key->reason = apikey_rows_copy(rows, pool);
    record->suspended = apikey_rows_number(rows);
    key->tenant_reason = apikey_rows_copy(rows, pool);
    record->last_used = apikey_rows_number(rows);
    record->use_count = apikey_rows_number(rows);
    key->exposed = apikey_rows_number(rows);
}

apr_status_t apikey_managed_find(apikey_store_t *store, const char *id,
                                 const char *keyspace, apikey_managed_t **key,
                                 apr_pool_t *pool, const char **error)
{
    const char *args[] = { id };
    apikey_rows_t rows;
    apikey_managed_t *found = apr_palloc(pool, sizeof(*found));
    apr_status_t status = apikey_sql_select(&rows, store,
                                            store->in_transaction
                                            ? APIKEY_SQL_KEY_HOLD
                                            : APIKEY_SQL_KEY_SHOW,
                                            args, pool, error);

    *key = NULL;
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
    if (status == APR_SUCCESS && keyspace
        && strcmp((*key)->record.keyspace, keyspace) != 0) {
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
static void behind_key(const void *item, const char **args, apr_pool_t *pool)
{
    const apikey_managed_t *key = item;

    args[0] = args[2] = apikey_sql_number(pool, key->record.created);
    args[1] = apr_pstrdup(pool, key->record.id);
}

/* The same behind the tenant. */
static void behind_tenant_key(const void *item, const char **args,
                              apr_pool_t *pool)
{
    behind_key(item, args + 1, pool);
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
