/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/mutex.h"
#include "schema.h"
#include "statement.h"

/* A statement has no label: on PostgreSQL apr_dbd would keep the label when the
 * connection is made anew, and the statement would be gone.  Only the long
 * statement of an import has one, a new one each time, because the server
 * parses a statement without a label at each execution. */
static int prepare_statement(apikey_store_t *store, apikey_prepared_t *set,
                             int which)
{
    const char *label = NULL;
    int code;

    if (!set->pool) {
        apr_pool_create(&set->pool, store->pool);
        set->at = apikey_clock();
    }
    if (store->dialect->traits.labels && which == APIKEY_SQL_KEYS_IMPORT) {
        label = apr_psprintf(set->pool, "apikey_%d", ++store->labels);
    }
    code = apr_dbd_prepare(store->driver, set->pool, store->handle,
                           set->custom ? set->custom
                                    : apikey_sql_text(which, store->dialect,
                                                      set->pool),
                           label, &set->list[which]);
    if (code != 0) {
        set->list[which] = NULL;
    }
    return code;
}

/* Prepares a statement if that is needed, and runs it: a select where results
 * is not NULL.  Returns the driver's error, 0 for none. */
static int execute_once(apikey_store_t *store, apikey_prepared_t *set,
                        int which, const char **args, apr_pool_t *pool,
                        apr_dbd_results_t **results)
{
    int code = 0, rows;

    if (!set->list[which]) {
        code = prepare_statement(store, set, which);
    }
    if (code != 0) {
        return code;
    }
    if (!results) {
        code = apr_dbd_pquery(store->driver, pool, store->handle, &rows,
                              set->list[which], 0, args);
        return code != 0 && apikey_store_is_no_row(store, code) ? 0 : code;
    }
    *results = NULL;
    return apr_dbd_pselect(store->driver, pool, store->handle, results,
                           set->list[which], store->dialect->traits.random,
                           0, args);
}

/* As execute_once(), repeated for at most 200 ms while the error is one that
 * passes by itself. */
static int execute_patiently(apikey_store_t *store, apikey_prepared_t *set,
                             int which, const char **args, apr_pool_t *pool,
                             apr_dbd_results_t **results)
{
    int code, waits;

    for (waits = 0;; waits++) {
        code = execute_once(store, set, which, args, pool, results);
        if (code == 0 || waits == 10
            || !apikey_dialect_is(store->dialect, APIKEY_ERROR_PASSING, code,
                                  NULL)) {
            return code;
        }
        apr_sleep(apr_time_from_msec(20));
    }
}

void apikey_statement_select_plain(apikey_rows_t *rows, apikey_store_t *store,
                                   const char *sql, apr_pool_t *pool,
                                   const char **error)
{
    apr_status_t status = apikey_store_connect(store, pool, error);

    if (status == APR_SUCCESS) {
        apikey_store_select(rows, store, sql, pool, error);
    }
    else {
        apikey_rows_begin(rows, store, pool);
        rows->status = status;
    }
}

void apikey_statement_name_blocker(apikey_store_t *store, apr_pool_t *pool,
                                   const char **error)
{
    const char *const *sql = store->dialect->blockers;
    const char *other;
    const char *who = "";
    apikey_rows_t rows;

    for (; sql && *sql && !*who && !store->in_transaction; sql++) {
        apikey_statement_select_plain(&rows, store, *sql, pool, &other);
        if (apikey_rows_next(&rows)) {
            who = apikey_rows_copy(&rows, pool);
        }
        apikey_rows_end(&rows, pool, &other);
    }
    if (*who) {
        *error = apr_psprintf(pool, "a lock on the database could not be taken "
                              "within five seconds; it is held by %s; end "
                              "that transaction and try again", who);
    }
}

apr_status_t apikey_statement_explain(apikey_store_t *store, apr_pool_t *pool,
                                      const char **error)
{
    const char *other = NULL;

    if (apikey_schema_check(store, pool, &other) == APIKEY_ESCHEMA) {
        *error = other;
        return APIKEY_ESCHEMA;
    }
    if (store->file && !store->in_transaction) {
        apikey_store_disconnect(store);
    }
    return APIKEY_EDATABASE;
}

/* The statements were prepared for what may be gone: a table that has changed
 * since, a server process that has ended.  SQLite frees a statement only when
 * the connection closes, so statements that never worked are renewed at most
 * once per second, unless a table has changed. */
int apikey_statement_renew(apikey_store_t *store, apikey_prepared_t *set)
{
    apr_time_t now = apikey_clock();

    if (!apikey_store_revive(store) || !set->pool) {
        return 1;
    }
    if (!set->proven && !store->outdated
        && now - set->at < apr_time_from_sec(1)) {
        return 0;
    }
    apikey_prepared_forget(set);
    return 1;
}

static apr_status_t run_prepared(apikey_store_t *store, apikey_prepared_t *set,
                        int which, const char **args, apr_pool_t *pool,
                        apr_pool_t *error_pool, apr_dbd_results_t **results,
                        const char **error)
{
    apr_status_t status;
    int code, tries;

    if (!store->in_transaction) {
        apikey_store_check_file(store, pool);
    }
    for (tries = 0;; tries++) {
        status = apikey_store_connect(store, error_pool, error);
        if (status != APR_SUCCESS) {
            return status;
        }
        code = execute_patiently(store, set, which, args, pool, results);
        if (code == 0) {
            set->proven = 1;
            return APR_SUCCESS;
        }
        status = apikey_store_error(store, code, error_pool, error);
        if (status == APIKEY_ELOCKED) {
            apikey_statement_name_blocker(store, error_pool, error);
        }
        if (status == APIKEY_ELOCKED || store->in_transaction) {
            return status;
        }
        if (tries < apikey_store_max_retries(store)
            && apikey_statement_renew(store, set)) {
            continue;
        }
        if (!set->custom) {
            return apikey_statement_explain(store, error_pool, error);
        }
        /* The administrator's query on a file: once more on a new connection,
         * because one that has a failed statement may not notice on SQLite that
         * the tables have changed. */
        if (!store->file || tries > 1) {
            return status;
        }
        apikey_store_disconnect(store);
        tries = 1;
    }
}

static void select_prepared(apikey_rows_t *rows, apikey_store_t *store,
                            apikey_prepared_t *set, int which,
                            const char **args, apr_pool_t *pool,
                            const char **error)
{
    apikey_rows_begin(rows, store, pool);
    rows->status = run_prepared(store, set, which, args, rows->pool, pool,
                                &rows->results, error);
    if (rows->status != APR_SUCCESS) {
        rows->results = NULL;
    }
}

void apikey_statement_select(apikey_rows_t *rows, apikey_store_t *store,
                             apikey_sql_e which, const char **args,
                             apr_pool_t *pool, const char **error)
{
    select_prepared(rows, store, &store->listed, which, args, pool, error);
}

apikey_prepared_t *apikey_statement_custom(apikey_store_t *store,
                                           const char *sql)
{
    apikey_prepared_t *set;

    if (!store->custom) {
        store->custom = apr_hash_make(store->pool);
    }
    set = apr_hash_get(store->custom, sql, APR_HASH_KEY_STRING);
    if (!set) {
        set = apr_pcalloc(store->pool, sizeof(*set));
        set->custom = apr_pstrdup(store->pool, sql);
        apr_hash_set(store->custom, set->custom, APR_HASH_KEY_STRING, set);
    }
    return set;
}

void apikey_statement_select_custom(apikey_rows_t *rows, apikey_store_t *store,
                                    const char *sql, const char **args,
                                    apr_pool_t *pool, const char **error)
{
    select_prepared(rows, store, apikey_statement_custom(store, sql), 0, args,
                    pool, error);
}

apr_status_t apikey_statement_query(apikey_store_t *store, apikey_sql_e which,
                                    const char **args, apr_pool_t *pool,
                                    const char **error)
{
    return run_prepared(store, &store->listed, which, args, pool, pool, NULL,
                        error);
}

apr_status_t apikey_statement_run(apikey_store_t *store, const char *sql,
                                  apr_pool_t *pool, const char **error)
{
    int rows;
    int code = apr_dbd_query(store->driver, store->handle, &rows, sql);

    return code == 0 || apikey_store_is_no_row(store, code)
             ? APR_SUCCESS
             : apikey_store_error(store, code, pool, error);
}

apr_status_t apikey_statement_run_selects(apikey_store_t *store,
                                          const char *const *list,
                                          apr_pool_t *pool, const char **error)
{
    apr_status_t status = apikey_store_connect(store, pool, error);

    return status == APR_SUCCESS
           ? apikey_store_run_selects(store, list, pool, error) : status;
}

apr_status_t apikey_statement_prepare_all(apikey_store_t *store,
                                          apr_pool_t *pool, const char **error)
{
    apr_status_t status = apikey_store_connect(store, pool, error);
    int which, code = 0;

    for (which = 0; which < APIKEY_SQL_COUNT && status == APR_SUCCESS;
         which++) {
        code = store->listed.list[which]
               ? 0 : prepare_statement(store, &store->listed, which);
        if (code != 0) {
            status = apikey_store_error(store, code, pool, error);
            *error = apr_psprintf(pool, "\"%s\" cannot be prepared: %s",
                                  apikey_sql_text(which, store->dialect,
                                                  pool), *error);
        }
    }
    return status;
}
