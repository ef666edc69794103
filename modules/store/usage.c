/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <stdlib.h>

#include <apr_strings.h>

#include "audit.h"
#include "transaction.h"
#include "usage.h"

/* Tries of a batch.  A row that another process inserts at the same time is
 * found by the next try, so each try gets at least one row further. */
#define TRIES 8

/* Statements of one transaction of uses on a file, and exposures of one
 * transaction on any database, each of which is two round trips more. */
#define STATEMENTS 10
#define EXPOSED_AT_ONCE 8

#define HOUR 3600               /* seconds between entries in the audit */

typedef struct uses_t {
    const apikey_use_t *uses;
    int count;
    apr_hash_t *keys;           /* ids of those that exist */
} uses_t;

/* How many keys the statement has whose first one is at from. */
static int keys_in_statement(const uses_t *part, int from)
{
    int left = part->count - from;

    return left < APIKEY_USED_AT_ONCE ? left : APIKEY_USED_AT_ONCE;
}

static apr_status_t find_existing_keys(apikey_store_t *store, uses_t *part,
                                       int from, apr_pool_t *pool,
                                       const char **error)
{
    const char *args[APIKEY_USED_AT_ONCE];
    apikey_rows_t rows;
    int i, count = keys_in_statement(part, from);

    for (i = 0; i < APIKEY_USED_AT_ONCE; i++) {
        args[i] = i < count ? part->uses[from + i].id : "";
    }
    apikey_statement_select(&rows, store, APIKEY_SQL_USAGE_KEYS, args, pool,
                            error);
    while (apikey_rows_next(&rows)) {
        const char *id = apikey_rows_copy(&rows, pool);

        apr_hash_set(part->keys, id, APR_HASH_KEY_STRING, id);
    }
    return apikey_rows_end(&rows, pool, error);
}

/* Finds which keys exist: one that was deleted since gets no row. */
static apr_status_t find_all_keys(apikey_store_t *store, void *baton,
                                  apr_pool_t *pool, const char **error)
{
    uses_t *part = baton;
    apr_status_t status = APR_SUCCESS;
    int from;

    part->keys = apr_hash_make(pool);
    for (from = 0; from < part->count && status == APR_SUCCESS;
         from += APIKEY_USED_AT_ONCE) {
        status = find_existing_keys(store, part, from, pool, error);
    }
    return status;
}

static apr_status_t write_some_uses(apikey_store_t *store, const uses_t *part,
                                    int from, apr_pool_t *pool,
                                    const char **error)
{
    const char *args[3 * APIKEY_USED_AT_ONCE];
    int i, k = 0, count = keys_in_statement(part, from);

    for (i = from; i < from + count; i++) {
        const apikey_use_t *use = &part->uses[i];

        if (apr_hash_get(part->keys, use->id, APR_HASH_KEY_STRING)) {
            args[k++] = use->id;
            args[k++] = apikey_number_arg(pool, use->count);
            args[k++] = apikey_number_arg(pool, use->last);
        }
    }
    if (!k) {
        return APR_SUCCESS;
    }
    while (k < 3 * APIKEY_USED_AT_ONCE) {
        args[k++] = "";
        args[k++] = "0";
        args[k++] = "0";
    }
    return apikey_statement_query(store, APIKEY_SQL_USAGE_WRITE, args, pool,
                                  error);
}

static apr_status_t write_all_uses(apikey_store_t *store, void *baton,
                                   apr_pool_t *pool, const char **error)
{
    const uses_t *part = baton;
    apr_status_t status = APR_SUCCESS;
    int from;

    for (from = 0; from < part->count && status == APR_SUCCESS;
         from += APIKEY_USED_AT_ONCE) {
        status = write_some_uses(store, part, from, pool, error);
    }
    return status;
}

/* Runs a transaction, and again if another process was first (a duplicate key
 * or a deadlock).  look reads what the transaction needs, before it begins:
 * MariaDB refuses to change a row that was changed since the transaction read
 * it. */
static apr_status_t transact_with_retries(apikey_store_t *store,
                                          apikey_work_t look,
                                          apikey_work_t work, void *baton,
                                          apr_pool_t *pool, const char **error)
{
    apr_status_t status;
    int tries = 0;

    do {
        if (tries) {
            /* Another moment for each process. */
            apr_sleep(apr_time_now() % apr_time_from_msec(4 * tries));
        }
        store->duplicate = store->deadlock = store->unsure = 0;
        store->read_only = 0;
        status = look ? look(store, baton, pool, error) : APR_SUCCESS;
        if (status == APR_SUCCESS) {
            status = apikey_transact(store, work, baton, pool, error);
        }
    } while (status == APIKEY_EDATABASE && ++tries < TRIES && !store->unsure
             && (store->duplicate || store->deadlock));
    if (status == APR_SUCCESS) {
        /* The connection stays open, so closing it truncates no log. */
        apikey_store_checkpoint(store);
    }
    return status == APR_SUCCESS ? status
           : store->unsure ? APIKEY_EUNSURE
           : store->read_only ? APIKEY_EREADONLY : status;
}

int apikey_store_usage_max(const apikey_store_t *store)
{
    return store->dialect->traits.no_server ? STATEMENTS * APIKEY_USED_AT_ONCE
                                     : APIKEY_USED_AT_ONCE;
}

apr_status_t apikey_store_usage(apikey_store_t *store,
                                const apikey_use_t *uses, int count,
                                apr_pool_t *pool, const char **error)
{
    uses_t part = { uses, count, NULL };

    return count ? transact_with_retries(store, find_all_keys, write_all_uses,
                                         &part, pool, error)
                 : APR_SUCCESS;
}

/* ---- Exposed keys ---- */

typedef struct exposure_batch_t {
    const apikey_exposure_t *all;
    int count;
    apr_array_header_t *found;  /* exposed_t, by id: the order in which
                                 * all processes lock rows */
} exposure_batch_t;

/* An exposure of a key that is in this database. */
typedef struct exposed_t {
    const apikey_exposure_t *exposure;
    const char *id;
    const char *tenant;
    int has_row;                /* in apikey_usage */
    apr_int64_t before;         /* when it was last exposed; 0: never */
} exposed_t;

static int compare_exposed_ids(const void *a, const void *b)
{
    return strcmp(((const exposed_t *)a)->id, ((const exposed_t *)b)->id);
}

/* found->id stays NULL where no key has the digest. */
static apr_status_t find_exposed_key(apikey_store_t *store, exposed_t *found,
                                     const char *digest, apr_pool_t *pool,
                                     const char **error)
{
    apikey_rows_t rows;

    apikey_statement_select(&rows, store, APIKEY_SQL_EXPOSED_FIND, &digest,
                            pool, error);
    while (apikey_rows_next(&rows)) {
        found->id = apikey_rows_copy(&rows, pool);
        found->tenant = apikey_rows_copy(&rows, pool);
        found->has_row = *apikey_rows_text(&rows) != '\0';
        /* A text that is no number must not fail the batch. */
        found->before = apr_atoi64(apikey_rows_text(&rows));
        apikey_rows_fault(&rows, pool);
    }
    return apikey_rows_end(&rows, pool, error);
}

static apr_status_t find_exposed_keys(apikey_store_t *store, void *baton,
                                      apr_pool_t *pool, const char **error)
{
    exposure_batch_t *batch = baton;
    apr_status_t status = APR_SUCCESS;
    int i, k;

    batch->found = apr_array_make(pool, 4, sizeof(exposed_t));
    for (i = 0; i < batch->count; i++) {
        const apikey_candidates_t *digests = &batch->all[i].digests;
        exposed_t found = { &batch->all[i], NULL, NULL, 0, 0 };

        for (k = 0; k < digests->count && !found.id; k++) {
            status = find_exposed_key(store, &found, digests->at[k].hex, pool,
                                      error);
            if (status != APR_SUCCESS) {
                return status;
            }
        }
        if (found.id) {
            APR_ARRAY_PUSH(batch->found, exposed_t) = found;
        }
    }
    qsort(batch->found->elts, (apr_size_t)batch->found->nelts,
          sizeof(exposed_t), compare_exposed_ids);
    return status;
}

/* "in a query string and in a path" */
static const char *places_text(unsigned int places, apr_pool_t *pool)
{
    static const struct { apikey_place_e place; const char *name; } names[] = {
        { APIKEY_IN_QUERY, "in a query string" },
        { APIKEY_IN_REFERER, "in a Referer" },
        { APIKEY_IN_PATH, "in a path" },
        { APIKEY_IN_LINE, "in a request line" }
    };
    const char *all = "";
    apr_size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (places & names[i].place) {
            all = apr_pstrcat(pool, all, *all ? " and " : "", names[i].name,
                              NULL);
        }
    }
    return all;
}

static apr_status_t write_exposed_key(apikey_store_t *store,
                                      const exposed_t *found, apr_pool_t *pool,
                                      const char **error)
{
    const apikey_exposure_t *exposure = found->exposure;
    const char *when = apikey_number_arg(pool, exposure->when);
    const char *args[] = { when, found->id };
    apikey_audit_t entry = { 0 };
    apr_status_t status;

    if (exposure->when <= found->before) {
        return APR_SUCCESS;
    }
    status = apikey_statement_query(store,
                                    found->has_row ? APIKEY_SQL_EXPOSED_SET
                                                   : APIKEY_SQL_EXPOSED_INSERT,
                                    args, pool, error);
    if (status != APR_SUCCESS || exposure->when - found->before < HOUR) {
        return status;
    }
    entry.happened = exposure->when;
    entry.who = "mod_apikey";
    entry.action = "exposed";
    entry.id = found->id;
    entry.tenant = found->tenant;
    entry.reason = places_text(exposure->places, pool);
    return apikey_audit_write(store, &entry, pool, error);
}

static apr_status_t write_exposed_keys(apikey_store_t *store, void *baton,
                                       apr_pool_t *pool, const char **error)
{
    const exposure_batch_t *batch = baton;
    apr_status_t status = APR_SUCCESS;
    int i;

    for (i = 0; i < batch->found->nelts && status == APR_SUCCESS; i++) {
        status = write_exposed_key(store, &APR_ARRAY_IDX(batch->found, i,
                                                         exposed_t),
                                   pool, error);
    }
    return status;
}

apr_status_t apikey_store_exposed(apikey_store_t *store,
                                  const apikey_exposure_t *exposures,
                                  int count, apr_pool_t *pool,
                                  const char **error)
{
    apr_status_t status = APR_SUCCESS;
    int from;

    for (from = 0; from < count && status == APR_SUCCESS;
         from += EXPOSED_AT_ONCE) {
        exposure_batch_t some = { exposures + from, count - from, NULL };

        if (some.count > EXPOSED_AT_ONCE) {
            some.count = EXPOSED_AT_ONCE;
        }
        status = transact_with_retries(store, find_exposed_keys,
                                       write_exposed_keys, &some, pool, error);
    }
    return status;
}
