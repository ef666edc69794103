/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/mutex.h"
#include "prune.h"
#include "schema.h"
#include "transaction.h"

#define DAY APR_INT64_C(86400)
/* After a slower step the next one has half the rows. */
#define SLOW apr_time_from_msec(50)
#define ROWS_LEAST 16

/* Statements of a table: select old rows, record in apikey_identity up to where
 * they are removed, remove them. */
typedef struct table_t {
    apikey_sql_e old, mark, prune;
} table_t;

static const table_t tables[] = {
    { APIKEY_SQL_CHANGES_OLD, APIKEY_SQL_IDENTITY_PRUNED,
      APIKEY_SQL_CHANGES_PRUNE },
    { APIKEY_SQL_AUDIT_OLD, APIKEY_SQL_IDENTITY_KEPT, APIKEY_SQL_AUDIT_PRUNE }
};
#define AUDIT 1

typedef struct step_t {
    const table_t *table;
    apr_int64_t since;          /* rows after this number */
    apr_int64_t last;           /* to this one; 0: none is old */
    apr_int64_t before;
    apr_int64_t mark;
} step_t;

/* Selects the next rows that are old enough, for both ends of the range to be
 * removed.  With one end, PostgreSQL without statistics would read the whole
 * table for each step, with all rows that are deleted and not vacuumed. */
static apr_status_t find_old_rows(apikey_store_t *store,
                                  apikey_prune_t *prune, step_t *step,
                                  apr_pool_t *pool, const char **error)
{
    const char *since = apikey_number_arg(pool, step->since);
    apr_int64_t latest = 0;
    apikey_rows_t rows;
    apr_status_t status;
    int count;

    apikey_statement_select(&rows, store, step->table->old, &since, pool,
                            error);
    if (rows.status != APR_SUCCESS) {
        return apikey_rows_end(&rows, pool, error);
    }
    for (count = 0; apikey_rows_next(&rows); count++) {
        apr_int64_t number = apikey_rows_number(&rows);
        apr_int64_t when = apikey_rows_number(&rows);

        if (!apikey_rows_fault(&rows, pool) && when < step->before
            && (count < prune->rows || !step->last)) {
            step->last = number;
            latest = when > latest ? when : latest;
        }
    }
    step->mark = prune->table == AUDIT ? latest + 1 : step->last;
    status = apikey_rows_end(&rows, pool, error);
    prune->able = status == APR_SUCCESS;
    return status;
}

/* Records the mark, then deletes.  The mark must be first: the audit's trigger
 * permits to delete only rows older than it, and its row lock lets one process
 * prune at a time.  Changes may be out of order by time where clocks differ; a
 * poller that has missed one finds that out by the column pruned. */
static apr_status_t prune_in_transaction(apikey_store_t *store, void *baton,
                                         apr_pool_t *pool, const char **error)
{
    const step_t *step = baton;
    const char *mark = apikey_number_arg(pool, step->mark);
    const char *marks[] = { mark, mark };
    const char *args[] = { apikey_number_arg(pool, step->since),
                           apikey_number_arg(pool, step->last),
                           apikey_number_arg(pool, step->before) };
    apr_status_t status =
        apikey_statement_query(store, step->table->mark, marks, pool, error);

    return status == APR_SUCCESS && step->last
           ? apikey_statement_query(store, step->table->prune, args, pool,
                                    error)
           : status;
}

/* One step: at most one transaction, then a pause of the same length, because
 * SQLite has one writer, and others only try now and then. */
static apr_status_t prune_step(apikey_store_t *store, apikey_prune_t *prune,
                               apr_pool_t *pool, const char **error)
{
    step_t step = { &tables[prune->table], prune->since, 0, prune->before, 0 };
    apr_status_t status = find_old_rows(store, prune, &step, pool, error);
    apr_time_t began = apikey_clock();
    apr_interval_time_t took;

    if (status == APR_SUCCESS && !step.last) {
        step.mark = prune->before;
        if (prune->table == AUDIT) {
            status = apikey_transact(store, prune_in_transaction, &step, pool,
                                     error);
        }
        prune->done = status == APR_SUCCESS
                      && (prune->table == AUDIT || !prune->audit);
        prune->table++;
        prune->since = 0;
    }
    else if (status == APR_SUCCESS) {
        status =
            apikey_transact(store, prune_in_transaction, &step, pool, error);
        prune->since = step.last;
        took = apikey_clock() - began;
        prune->rows = took > SLOW ? prune->rows / 2
                    : took < SLOW / 2 ? prune->rows * 2 : prune->rows;
        prune->rows = prune->rows < ROWS_LEAST ? ROWS_LEAST
                    : prune->rows > APIKEY_PRUNED_AT_ONCE
                      ? APIKEY_PRUNED_AT_ONCE : prune->rows;
        apr_sleep(took < 2 * SLOW ? took : 2 * SLOW);
    }
    return status;
}

/* The audit is pruned at most once per day of its entries. */
static apr_status_t begin_prune(apikey_store_t *store, apikey_prune_t *prune,
                                apr_pool_t *pool, const char **error)
{
    apikey_identity_t identity = { 0 };
    apr_status_t status = apikey_schema_identity(store, &identity, pool,
                                                 error);

    if (status == APR_SUCCESS) {
        prune->begun = prune->able = 1;
        prune->rows = APIKEY_PRUNED_AT_ONCE;
        prune->done = prune->before <= 0
                      || (prune->audit
                          && prune->before - identity.kept_since < DAY);
    }
    return status;
}

apr_status_t apikey_store_prune(apikey_store_t *store, apikey_prune_t *prune,
                                apr_pool_t *pool, const char **error)
{
    apr_time_t end = apikey_clock() + prune->budget;
    apr_status_t status = APR_SUCCESS;
    apr_pool_t *sub;

    prune->able = 0;
    if (!prune->begun) {
        status = begin_prune(store, prune, pool, error);
    }
    apr_pool_create(&sub, pool);
    while (status == APR_SUCCESS && !prune->done) {
        apr_pool_clear(sub);
        status = prune_step(store, prune, sub, error);
        if (apikey_clock() >= end) {
            break;
        }
    }
    if (status != APR_SUCCESS) {
        *error = apr_pstrdup(pool, *error);
    }
    apr_pool_destroy(sub);
    return status;
}
