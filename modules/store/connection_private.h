/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file connection_private.h
 * @brief What a store holds, and what the files that run statements on it
 *        need of its connection.
 *
 * A connection is either the store's own (apikey_store_open()), which is
 * closed and opened again as needed, or adopted (apikey_store_adopt()), which
 * stays as it is.  "Own" below is the first.
 */
#ifndef APIKEY_CONNECTION_PRIVATE_H
#define APIKEY_CONNECTION_PRIVATE_H

#include <apr_buckets.h>
#include <apr_file_info.h>
#include <apr_hash.h>

#include "connection.h"
#include "result_rows.h"
#include "sql_text.h"

/** Statements of a connection that are prepared one by one, when they are
 * first used, and forgotten together. */
typedef struct apikey_prepared_t {
    const char *custom;         /**< the text of the only one, list[0]; NULL:
                                 * those of sql_text.h */
    apr_pool_t *pool;           /**< they live here; NULL: none is prepared */
    apr_time_t at;              /**< apikey_clock() when the first was made */
    int proven;                 /**< one of them has worked */
    int checked;                /**< custom: its columns were looked at
                                 * (custom_query.c) */
    apr_dbd_prepared_t *list[APIKEY_SQL_COUNT];
} apikey_prepared_t;

struct apikey_store_t {
    const apr_dbd_driver_t *driver;
    const apikey_dialect_t *dialect;
    apr_dbd_t *handle;          /**< NULL: own, and not open now */
    apr_pool_t *pool;
    const char *params;         /**< own: what it is opened with; else NULL */
    apr_pool_t *connection_pool;        /**< own: handle lives here */
    apikey_prepared_t listed;           /**< statements of sql_text.h */
    apr_hash_t *custom;         /**< apikey_prepared_t by text; may be NULL */
    apr_bucket_brigade *brigade;        /**< reads the length of a column */
    int before;                 /**< when a key was last looked up, the tables
                                 * were of the version before this one's */
    int labels;                 /**< how many statements have had one */

    /* What the last error was; apikey_store_error() sets them. */
    int duplicate;              /**< a primary or unique key exists already */
    int deadlock;               /**< a deadlock that the other one survived */
    int read_only;              /**< nothing can be written there */
    int outdated;               /**< a table has changed since the statement
                                 * was prepared */

    /* Transactions. */
    int in_transaction;
    int unsure;                 /**< the last one failed in COMMIT, and the
                                 * server may have committed it */
    apr_dbd_transaction_t *transaction; /**< apr_dbd's, if that is used */

    /* The database's file, of an own connection. */
    const char *file;           /**< NULL: it is no file */
    apr_ino_t inode;            /**< inode to changed: of the file when it was
                                 * opened */
    apr_dev_t device;
    apr_off_t size;
    apr_time_t changed;         /**< 0: it was written at that moment */
    int written;                /**< by this connection, since it was opened */
    int keep_open;              /**< this connection writes the file (import):
                                 * a change of it does not close the
                                 * connection */
};

/**
 * Makes sure that the connection is open, that its dialect is known, and that
 * it is set up; opens an own one where it is closed.
 */
apr_status_t apikey_store_connect(apikey_store_t *store, apr_pool_t *pool,
                                  const char **error);

/** Closes an own connection, with all that was prepared on it. */
void apikey_store_disconnect(apikey_store_t *store);

/** Closes an own connection whose file was replaced, moved or overwritten
 * since it was opened; the next use opens the one that has the name now. */
void apikey_store_check_file(apikey_store_t *store, apr_pool_t *pool);

/** After writing to a SQLite file: truncates its write-ahead log.  A -wal file
 * that is left over would be applied to a file copied over this one. */
void apikey_store_checkpoint(apikey_store_t *store);

/**
 * After an error: an own connection that has died is closed; one that the
 * driver has just made anew (PostgreSQL's does) is set up again.
 * @return 0: the connection is closed
 */
int apikey_store_revive(apikey_store_t *store);

/** Forgets what is prepared; it is prepared again when it is next used. */
void apikey_prepared_forget(apikey_prepared_t *set);

/** How often a failed statement is repeated: once, in case its connection had
 * died; 10 times where a table has changed, since an upgrade changes several
 * tables, one after another. */
int apikey_store_max_retries(const apikey_store_t *store);

/** Selects on a connection that is open, without preparing; apikey_rows_end()
 * must follow, and returns the status.  Repeated after an error as
 * apikey_store_max_retries() says, except in a transaction. */
void apikey_store_select(apikey_rows_t *rows, apikey_store_t *store,
                         const char *sql, apr_pool_t *pool,
                         const char **error);

/** Runs selects one after another and ignores their rows; the first that fails
 * ends it.
 * @param list ends with NULL */
apr_status_t apikey_store_run_selects(apikey_store_t *store,
                                      const char *const *list,
                                      apr_pool_t *pool, const char **error);

/** Sets @a error to the database's own words for a driver's error, with advice
 * where the dialect has some, and the members of @a store that say what kind of
 * error it is.
 * @return APIKEY_ELOCKED or APIKEY_EDATABASE */
apr_status_t apikey_store_error(apikey_store_t *store, int code,
                                apr_pool_t *pool, const char **error);

/** Whether a driver's error only says that no row matched an UPDATE or
 * DELETE. */
int apikey_store_is_no_row(apikey_store_t *store, int code);

#endif
