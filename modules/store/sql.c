/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/mutex.h"
#include "../core/text.h"
#include "schema.h"
#include "sql.h"

/* What to do about it, behind the database's own words; or "". */
static const char *advise(apikey_store_t *store, const char *message,
                          apr_pool_t *pool)
{
    const apikey_advice_t *known = store->dialect->advice;

    for (; known && known->words; known++) {
        if (strstr(message, known->words)) {
            return apr_pstrcat(pool, "; ", known->advice, NULL);
        }
    }
    return "";
}

/* Says in the database's own words what went wrong, and what kind it is. */
static apr_status_t fail(apikey_store_t *store, int code, apr_pool_t *pool,
                         const char **error)
{
    const char *message = apikey_one_line(apr_dbd_error(store->driver,
                                                        store->handle, code),
                                          pool);

    store->duplicate = store->dialect->is_duplicate
                       && store->dialect->is_duplicate(code, message);
    store->deadlock = store->dialect->is_deadlock
                      && store->dialect->is_deadlock(code, message);
    store->read_only = apikey_dialect_says(store->dialect->read_only, message);
    store->outdated = apikey_dialect_says(store->dialect->outdated, message);
    if (store->dialect->is_locked(code, message)) {
        *error = "another process holds a lock on the database, and five "
                 "seconds were not enough; end what holds it (an open "
                 "transaction in a shell, a backup) and try again";
        return APIKEY_ELOCKED;
    }
    if (!message || !*message) {
        message = "nothing";
    }
    *error = apr_pstrcat(pool, "the database says: ", message,
                         advise(store, message, pool), NULL);
    return APIKEY_EDATABASE;
}

/* An own connection that is dead is closed, to be opened again by whoever asks
 * next.  PostgreSQL's is made anew while it is looked at, and knows nothing of
 * our settings then.  0: nothing is left of it. */
static int revive(apikey_store_t *store)
{
    apr_pool_t *sub;
    const char *error;
    apr_status_t status;

    apr_pool_create(&sub, store->pool);
    status = apr_dbd_check_conn(store->driver, sub, store->handle);
    if (store->params) {
        if (status == APR_SUCCESS || APR_STATUS_IS_ENOTIMPL(status)) {
            status = apikey_sql_settings(store, store->dialect->on_open, sub,
                                         &error);
        }
        if (status != APR_SUCCESS) {
            apikey_store_disconnect(store);
        }
    }
    apr_pool_destroy(sub);
    return store->handle != NULL;
}

/*
 * Forgets the prepared statements: what they were made for may be gone (a
 * changed table, another server process).  SQLite frees one only when the
 * connection closes, so statements that never worked are renewed at most
 * once a second, unless a table has changed.  A connection that has died is
 * made anew.
 */
static int renew(apikey_store_t *store, apikey_prepared_t *set)
{
    apr_time_t now = apikey_clock();

    if (!revive(store) || !set->pool) {
        return 1;
    }
    if (!set->proven && !store->outdated
        && now - set->at < apr_time_from_sec(1)) {
        return 0;
    }
    apikey_sql_forget(set);
    return 1;
}

/* How often a failed statement is repeated: once, in case its connection had
 * died; more often where a table has changed, since an upgrade changes several
 * tables, one after another. */
static int most_tries(const apikey_store_t *store)
{
    return store->outdated ? 10 : 1;
}

/* With no label: on PostgreSQL a label survives the connection it was made
 * on, and the statement does not.  An import's rows have a new one each time:
 * without it the server parses the long statement every time. */
static int prepare(apikey_store_t *store, apikey_prepared_t *set, int which)
{
    const char *label = NULL;
    int code;

    if (!set->pool) {
        apr_pool_create(&set->pool, store->pool);
        set->at = apikey_clock();
    }
    if (store->dialect->labels && which == APIKEY_SQL_KEYS_IMPORT) {
        label = apr_psprintf(set->pool, "apikey_%d", ++store->labels);
    }
    code = apr_dbd_prepare(store->driver, set->pool, store->handle,
                           set->own ? set->own
                                    : apikey_statement(which, store->dialect,
                                                       set->pool),
                           label, &set->list[which]);
    if (code != 0) {
        set->list[which] = NULL;
    }
    return code;
}

/* Whether an error is none: no row was there to be changed. */
static int is_nothing(apikey_store_t *store, int code)
{
    return store->dialect->is_nothing
           && store->dialect->is_nothing(code, apr_dbd_error(store->driver,
                                                             store->handle,
                                                             code));
}

/* Selects where results is not NULL. */
static int execute(apikey_store_t *store, apikey_prepared_t *set, int which,
                   const char **args, apr_pool_t *pool,
                   apr_dbd_results_t **results)
{
    int code = 0, rows = 0;

    if (!set->list[which]) {
        code = prepare(store, set, which);
    }
    if (code != 0) {
        return code;
    }
    if (!results) {
        code = apr_dbd_pquery(store->driver, pool, store->handle, &rows,
                              set->list[which], 0, args);
        store->affected = code == 0 ? rows : 0;
        return code != 0 && is_nothing(store, code) ? 0 : code;
    }
    *results = NULL;
    return apr_dbd_pselect(store->driver, pool, store->handle, results,
                           set->list[which], store->dialect->random,
                           0, args);
}

/* A select outside of the list, never prepared. */
static apr_status_t select_plain(apikey_rows_t *rows, apikey_store_t *store,
                                 const char *sql, apr_pool_t *pool,
                                 const char **error)
{
    int code, tries = 0;
    apr_status_t status = apikey_store_connect(store, pool, error);

    if (status != APR_SUCCESS) {
        return status;
    }
    memset(rows, 0, sizeof(*rows));
    rows->store = store;
    apr_pool_create(&rows->pool, pool);
    do {
        rows->results = NULL;
        code = apr_dbd_select(store->driver, rows->pool, store->handle,
                              &rows->results, sql, store->dialect->random);
        status = code == 0 ? APR_SUCCESS : fail(store, code, pool, error);
    } while (code != 0 && !store->in_transaction
             && tries++ < most_tries(store));
    if (code != 0) {
        apr_pool_destroy(rows->pool);
        return status;
    }
    /* A command has no rows to be read: to try is an error for ODBC. */
    if (rows->results && apr_dbd_num_cols(store->driver, rows->results) == 0) {
        rows->results = NULL;
    }
    return APR_SUCCESS;
}

/* Names who holds the lock, where the database tells; else the error stays
 * what it is.  Not within a transaction that has failed: nothing can be asked
 * there. */
static void name_blocker(apikey_store_t *store, apr_pool_t *pool,
                         const char **error)
{
    const char *const *sql = store->dialect->blockers;
    const char *other;
    const char *who = "";
    apikey_rows_t rows;

    for (; sql && *sql && !*who && !store->in_transaction; sql++) {
        if (select_plain(&rows, store, *sql, pool, &other) == APR_SUCCESS) {
            if (apikey_rows_next(&rows)) {
                who = apikey_rows_copy(&rows, pool);
            }
            apikey_rows_end(&rows, pool, &other);
        }
    }
    if (*who) {
        *error = apr_psprintf(pool, "a lock on the database was not to be had "
                              "within five seconds; it is held by %s; end "
                              "that transaction and try again", who);
    }
}

/* As execute(), for at most 200 ms more where the error passes by itself. */
static int execute_soon(apikey_store_t *store, apikey_prepared_t *set,
                        int which, const char **args, apr_pool_t *pool,
                        apr_dbd_results_t **results)
{
    int code, waits;

    for (waits = 0;; waits++) {
        code = execute(store, set, which, args, pool, results);
        if (code == 0 || waits == 10 || !store->dialect->is_passing
            || !store->dialect->is_passing(code)) {
            return code;
        }
        apr_sleep(apr_time_from_msec(20));
    }
}

/* An error of a database without our tables is better said as that.  A file
 * that fails may have been opened in a way that does not suit it any more
 * (read-only), which the connection does not find out by itself. */
static apr_status_t explain(apikey_store_t *store, apr_pool_t *pool,
                            const char **error)
{
    const char *other = NULL;

    if (apikey_sql_check_schema(store, pool, &other) == APIKEY_ESCHEMA) {
        *error = other;
        return APIKEY_ESCHEMA;
    }
    if (store->file && !store->in_transaction) {
        apikey_store_disconnect(store);
    }
    return APIKEY_EDATABASE;
}

static apr_status_t run(apikey_store_t *store, apikey_prepared_t *set,
                        int which, const char **args, apr_pool_t *pool,
                        apr_pool_t *error_pool, apr_dbd_results_t **results,
                        const char **error)
{
    apr_status_t status;
    int code, tries;

    if (!store->in_transaction) {
        apikey_store_notice(store, pool);
    }
    for (tries = 0;; tries++) {
        status = apikey_store_connect(store, error_pool, error);
        if (status != APR_SUCCESS) {
            return status;
        }
        code = execute_soon(store, set, which, args, pool, results);
        if (code == 0) {
            set->proven = 1;
            return APR_SUCCESS;
        }
        status = fail(store, code, error_pool, error);
        if (status == APIKEY_ELOCKED) {
            name_blocker(store, error_pool, error);
        }
        if (status == APIKEY_ELOCKED || store->in_transaction) {
            return status;
        }
        if (tries < most_tries(store) && renew(store, set)) {
            continue;
        }
        if (!set->own) {
            return explain(store, error_pool, error);
        }
        /* Where the tables have changed beside a statement that fails for
         * another reason, SQLite may not find out on this connection. */
        if (!store->file || tries > 1) {
            return status;
        }
        apikey_store_disconnect(store);
        tries = 1;
    }
}

static apr_status_t select_set(apikey_rows_t *rows, apikey_store_t *store,
                               apikey_prepared_t *set, int which,
                               const char **args, apr_pool_t *pool,
                               const char **error)
{
    apr_status_t status;

    memset(rows, 0, sizeof(*rows));
    rows->store = store;
    apr_pool_create(&rows->pool, pool);
    status = run(store, set, which, args, rows->pool, pool, &rows->results,
                 error);
    if (status != APR_SUCCESS) {
        apr_pool_destroy(rows->pool);
    }
    return status;
}

apr_status_t apikey_sql_select(apikey_rows_t *rows, apikey_store_t *store,
                               apikey_sql_e which, const char **args,
                               apr_pool_t *pool, const char **error)
{
    return select_set(rows, store, &store->listed, which, args, pool, error);
}

apikey_prepared_t *apikey_sql_own(apikey_store_t *store, const char *sql)
{
    apikey_prepared_t *set;

    if (!store->own) {
        store->own = apr_hash_make(store->pool);
    }
    set = apr_hash_get(store->own, sql, APR_HASH_KEY_STRING);
    if (!set) {
        set = apr_pcalloc(store->pool, sizeof(*set));
        set->own = apr_pstrdup(store->pool, sql);
        apr_hash_set(store->own, set->own, APR_HASH_KEY_STRING, set);
    }
    return set;
}

apr_status_t apikey_sql_select_own(apikey_rows_t *rows,
                                   apikey_store_t *store, const char *sql,
                                   const char **args, apr_pool_t *pool,
                                   const char **error)
{
    return select_set(rows, store, apikey_sql_own(store, sql), 0, args, pool,
                      error);
}

apr_status_t apikey_sql_query(apikey_store_t *store, apikey_sql_e which,
                              const char **args, apr_pool_t *pool,
                              const char **error)
{
    return run(store, &store->listed, which, args, pool, pool, NULL, error);
}

apr_status_t apikey_sql_run(apikey_store_t *store, const char *sql,
                            apr_pool_t *pool, const char **error)
{
    int rows;
    int code = apr_dbd_query(store->driver, store->handle, &rows, sql);

    return code == 0 || is_nothing(store, code) ? APR_SUCCESS
                                                : fail(store, code, pool,
                                                       error);
}

/* Its first number, 0 where there is no row. */
static apr_status_t select_number(apikey_store_t *store, const char *sql,
                                  apr_int64_t *number, apr_pool_t *pool,
                                  const char **error)
{
    apikey_rows_t rows;
    apr_status_t status = select_plain(&rows, store, sql, pool, error);

    *number = 0;
    if (status != APR_SUCCESS) {
        return status;
    }
    if (apikey_rows_next(&rows)) {
        *number = apikey_rows_number(&rows);
    }
    return apikey_rows_end(&rows, pool, error);
}

apr_status_t apikey_sql_settings(apikey_store_t *store,
                                 const char *const *list, apr_pool_t *pool,
                                 const char **error)
{
    apikey_rows_t rows;
    apr_status_t status = APR_SUCCESS;

    for (; *list && status == APR_SUCCESS; list++) {
        status = select_plain(&rows, store, *list, pool, error);
        if (status == APR_SUCCESS) {
            status = apikey_rows_end(&rows, pool, error);
        }
    }
    return status;
}

apr_status_t apikey_sql_version(apikey_store_t *store, apr_int64_t *version,
                                apr_pool_t *pool, const char **error)
{
    apr_status_t status = select_number(store, store->dialect->probe,
                                        version, pool, error);

    if (status == APR_SUCCESS && *version > 0) {
        status = select_number(store, "SELECT schema_version"
                               " FROM apikey_identity", version, pool, error);
    }
    return status;
}

apr_status_t apikey_sql_check_schema(apikey_store_t *store, apr_pool_t *pool,
                                     const char **error)
{
    apr_int64_t version;
    apr_status_t status = apikey_sql_version(store, &version, pool, error);

    if (status != APR_SUCCESS) {
        return status;
    }
    if (version == APIKEY_SCHEMA_VERSION) {
        return APR_SUCCESS;
    }
    if (version == 0) {
        *error = "the database has none of mod_apikey's tables; run "
                 "`htapikey init` to make them";
    }
    else if (version < APIKEY_SCHEMA_VERSION) {
        *error = apr_psprintf(pool, "the database's tables are of version %"
                              APR_INT64_T_FMT ", this program wants %d; run "
                              "`htapikey init` to upgrade them", version,
                              APIKEY_SCHEMA_VERSION);
    }
    else {
        *error = apr_psprintf(pool, "the database's tables are of version %"
                              APR_INT64_T_FMT ", this program knows %d; "
                              "install the newer mod_apikey", version,
                              APIKEY_SCHEMA_VERSION);
    }
    return APIKEY_ESCHEMA;
}

static apr_status_t begin(apikey_store_t *store, apr_pool_t *pool,
                          apr_pool_t *error_pool, const char **error)
{
    apr_dbd_transaction_t *transaction = NULL;
    apr_status_t status = apikey_store_connect(store, error_pool, error);
    int code, rows;

    if (status != APR_SUCCESS) {
        return status;
    }
    code = store->dialect->begin
           ? apr_dbd_query(store->driver, store->handle, &rows,
                           store->dialect->begin)
           : apr_dbd_transaction_start(store->driver, pool, store->handle,
                                       &transaction);
    if (code == 0) {
        store->transaction = transaction;
        store->in_transaction = 1;
        return APR_SUCCESS;
    }
    status = fail(store, code, error_pool, error);
    if (transaction) {
        /* The driver thinks that one has begun: let it forget. */
        apr_dbd_transaction_mode_set(store->driver, transaction,
                                     APR_DBD_TRANSACTION_ROLLBACK);
        apr_dbd_transaction_end(store->driver, pool, transaction);
    }
    return status;
}

/* The driver's error, 0 for none. */
static int finish(apikey_store_t *store, int commit, apr_pool_t *pool)
{
    apr_dbd_transaction_t *transaction = store->transaction;
    int rows;

    store->transaction = NULL;
    store->in_transaction = 0;
    if (!transaction) {
        return apr_dbd_query(store->driver, store->handle, &rows,
                             commit ? "COMMIT" : "ROLLBACK");
    }
    apr_dbd_transaction_mode_set(store->driver, transaction,
                                 commit ? APR_DBD_TRANSACTION_COMMIT
                                        : APR_DBD_TRANSACTION_ROLLBACK);
    return apr_dbd_transaction_end(store->driver, pool, transaction);
}

/* Commits where status is success, else rolls back; explicitly, because the
 * drivers commit what is forgotten. */
static apr_status_t end(apikey_store_t *store, apr_status_t status,
                        apr_pool_t *pool, apr_pool_t *error_pool,
                        const char **error)
{
    int rows;
    int commit = status == APR_SUCCESS;
    int code = finish(store, commit, pool);

    if (code != 0 && commit) {
        status = fail(store, code, error_pool, error);
        /* A commit that failed may leave the transaction open.  A server that
         * can still roll back has answered, and its answer was no. */
        code = apr_dbd_query(store->driver, store->handle, &rows, "ROLLBACK");
        store->unsure = code != 0 && !store->dialect->no_server;
    }
    return status;
}

apr_status_t apikey_sql_transact_plain(apikey_store_t *store,
                                       apikey_work_t work, void *baton,
                                       apr_pool_t *pool, const char **error)
{
    apr_status_t status;
    apr_pool_t *sub;
    int tries, committing;

    for (tries = 0;; tries++) {
        apr_pool_create(&sub, pool);
        committing = 0;
        store->unsure = store->outdated = store->read_only = 0;
        status = begin(store, sub, pool, error);
        if (status == APR_SUCCESS) {
            status = work(store, baton, pool, error);
            committing = status == APR_SUCCESS;
            status = end(store, status, sub, pool, error);
            store->written |= committing;
        }
        apr_pool_destroy(sub);
        if (status == APIKEY_ELOCKED) {
            name_blocker(store, pool, error);
        }
        /* Whether a failed commit was done after all, nobody can tell. */
        if (status != APIKEY_EDATABASE || committing
            || tries >= most_tries(store) || !renew(store, &store->listed)) {
            return status;
        }
    }
}

apr_status_t apikey_sql_transact(apikey_store_t *store, apikey_work_t work,
                                 void *baton, apr_pool_t *pool,
                                 const char **error)
{
    int tries;

    for (tries = 0;; tries++) {
        apr_status_t status = apikey_sql_transact_plain(store, work, baton,
                                                        pool, error);
        int read_only = store->read_only && store->file;

        if (status != APIKEY_EDATABASE) {
            return status;
        }
        /* This closes the connection to a file. */
        status = explain(store, pool, error);
        if (status != APIKEY_EDATABASE || !read_only || tries == 10) {
            return status;
        }
        /* When root is the first to open a SQLite database, the -shm file is
         * root's until SQLite has changed its owner.  A connection of another
         * user that is opened before that stays read-only; the next one may
         * not be. */
        apr_sleep(apr_time_from_msec(20));
    }
}

apr_status_t apikey_sql_select_plain(apikey_rows_t *rows,
                                     apikey_store_t *store, const char *sql,
                                     apr_pool_t *pool, const char **error)
{
    return select_plain(rows, store, sql, pool, error);
}

apr_status_t apikey_sql_prepare_all(apikey_store_t *store, apr_pool_t *pool,
                                    const char **error)
{
    apr_status_t status = apikey_store_connect(store, pool, error);
    int which, code = 0;

    for (which = 0; which < APIKEY_SQL_COUNT && status == APR_SUCCESS;
         which++) {
        code = store->listed.list[which]
               ? 0 : prepare(store, &store->listed, which);
        if (code != 0) {
            status = fail(store, code, pool, error);
            *error = apr_psprintf(pool, "\"%s\" cannot be prepared: %s",
                                  apikey_statement(which, store->dialect,
                                                   pool), *error);
        }
    }
    return status;
}
