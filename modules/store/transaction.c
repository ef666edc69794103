/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "transaction.h"

static apr_status_t begin_transaction(apikey_store_t *store, apr_pool_t *pool,
                          apr_pool_t *error_pool, const char **error)
{
    apr_dbd_transaction_t *transaction = NULL;
    apr_status_t status = apikey_store_connect(store, error_pool, error);
    int code, rows;

    if (status != APR_SUCCESS) {
        return status;
    }
    code = store->dialect->traits.begin
           ? apr_dbd_query(store->driver, store->handle, &rows,
                           store->dialect->traits.begin)
           : apr_dbd_transaction_start(store->driver, pool, store->handle,
                                       &transaction);
    if (code == 0) {
        store->transaction = transaction;
        store->in_transaction = 1;
        return APR_SUCCESS;
    }
    status = apikey_store_error(store, code, error_pool, error);
    if (transaction) {
        /* The driver takes it for begun: end it. */
        apr_dbd_transaction_mode_set(store->driver, transaction,
                                     APR_DBD_TRANSACTION_ROLLBACK);
        apr_dbd_transaction_end(store->driver, pool, transaction);
    }
    return status;
}

/* Commits or rolls back; returns the driver's error, 0 for none. */
static int end_transaction(apikey_store_t *store, int commit, apr_pool_t *pool)
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

/* Commits if status is APR_SUCCESS, otherwise rolls back.  The rollback must be
 * explicit: the drivers commit a transaction that is left open. */
static apr_status_t commit_or_roll_back(apikey_store_t *store,
                                        apr_status_t status, apr_pool_t *pool,
                                        apr_pool_t *error_pool,
                                        const char **error)
{
    int rows;
    int commit = status == APR_SUCCESS;
    int code = end_transaction(store, commit, pool);

    if (code != 0 && commit) {
        status = apikey_store_error(store, code, error_pool, error);
        /* A failed COMMIT may leave the transaction open.  If the server can
         * roll back it has refused to commit; otherwise the connection was
         * lost, and it may have committed. */
        code = apr_dbd_query(store->driver, store->handle, &rows, "ROLLBACK");
        store->unsure = code != 0 && !store->dialect->traits.no_server;
    }
    return status;
}

apr_status_t apikey_transact_plain(apikey_store_t *store,
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
        status = begin_transaction(store, sub, pool, error);
        if (status == APR_SUCCESS) {
            status = work(store, baton, pool, error);
            committing = status == APR_SUCCESS;
            status = commit_or_roll_back(store, status, sub, pool, error);
            store->written |= committing;
        }
        apr_pool_destroy(sub);
        if (status == APIKEY_ELOCKED) {
            apikey_statement_name_blocker(store, pool, error);
        }
        /* A failed COMMIT may have been done: the work is not repeated. */
        if (status != APIKEY_EDATABASE || committing
            || tries >= apikey_store_max_retries(store)
            || !apikey_statement_renew(store, &store->listed)) {
            return status;
        }
    }
}

apr_status_t apikey_transact(apikey_store_t *store, apikey_work_t work,
                             void *baton, apr_pool_t *pool,
                             const char **error)
{
    int tries;

    for (tries = 0;; tries++) {
        apr_status_t status = apikey_transact_plain(store, work, baton,
                                                    pool, error);
        int read_only = store->read_only && store->file;

        if (status != APIKEY_EDATABASE) {
            return status;
        }
        /* Closes the connection to a file. */
        status = apikey_statement_explain(store, pool, error);
        if (status != APIKEY_EDATABASE || !read_only || tries == 10) {
            return status;
        }
        /* When root is the first to open a SQLite database, the -shm file is
         * root's until SQLite has changed its owner.  A connection that another
         * user opens in between stays read-only, so it is opened again. */
        apr_sleep(apr_time_from_msec(20));
    }
}
