/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <stdlib.h>

#include <apr_strings.h>

#include "sql.h"
#include "usage.h"

/* A row that another process inserts at the same time is found at the next
 * try; each try gets at least one row further. */
#define TRIES 8

typedef struct batch_t {
    const apikey_use_t *uses;
    int count;
} batch_t;

static int by_id(const void *a, const void *b)
{
    return strcmp(((const apikey_use_t *)a)->id,
                  ((const apikey_use_t *)b)->id);
}

static apr_status_t key_is_there(apikey_store_t *store, const char *id,
                                 int *there, apr_pool_t *pool,
                                 const char **error)
{
    const char *args[] = { id };
    apikey_rows_t rows;
    apr_status_t status = apikey_sql_select(&rows, store,
                                            APIKEY_SQL_USAGE_KEY, args, pool,
                                            error);

    *there = 0;
    if (status != APR_SUCCESS) {
        return status;
    }
    while (apikey_rows_next(&rows)) {
        *there = 1;
    }
    return apikey_rows_end(&rows, pool, error);
}

/* The count changes in any case, so that MariaDB, too, says of a row that is
 * there that it was changed. */
static apr_status_t write_one(apikey_store_t *store, const apikey_use_t *use,
                              apr_pool_t *pool, const char **error)
{
    const char *count = apikey_sql_number(pool, use->count);
    const char *last = apikey_sql_number(pool, use->last);
    const char *add[] = { count, last, last, use->id };
    const char *insert[] = { count, last, use->id };
    apr_status_t status = apikey_sql_query(store, APIKEY_SQL_USAGE_ADD, add,
                                           pool, error);
    int there;

    if (status != APR_SUCCESS || store->affected > 0) {
        return status;
    }
    status = key_is_there(store, use->id, &there, pool, error);
    if (status == APR_SUCCESS && there) {
        status = apikey_sql_query(store, APIKEY_SQL_USAGE_INSERT, insert,
                                  pool, error);
    }
    return status;
}

static apr_status_t write_all(apikey_store_t *store, void *baton,
                              apr_pool_t *pool, const char **error)
{
    const batch_t *batch = baton;
    apr_status_t status = APR_SUCCESS;
    apr_pool_t *sub;
    int i;

    apr_pool_create(&sub, pool);
    for (i = 0; i < batch->count && status == APR_SUCCESS; i++) {
        apr_pool_clear(sub);
        status = write_one(store, &batch->uses[i], sub, error);
    }
    if (status != APR_SUCCESS) {
        *error = apr_pstrdup(pool, *error);
    }
    apr_pool_destroy(sub);
    return status;
}

apr_status_t apikey_store_usage(apikey_store_t *store, apikey_use_t *uses,
                                int count, apr_pool_t *pool,
                                const char **error)
{
    batch_t batch = { uses, count };
    apr_status_t status;
    int tries = 0;

    qsort(uses, (apr_size_t)count, sizeof(*uses), by_id);
    do {
        store->duplicate = store->deadlock = store->unsure = 0;
        status = apikey_sql_transact(store, write_all, &batch, pool, error);
    } while (status == APIKEY_EDATABASE && ++tries < TRIES && !store->unsure
             && (store->duplicate || store->deadlock));
    if (status == APR_SUCCESS) {
        /* The connection stays open for long. */
        apikey_store_tidy(store);
    }
    return status != APR_SUCCESS && store->unsure ? APIKEY_EUNSURE : status;
}
