/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file sql.h
 * @brief Running statements; for the files of this folder only.
 *
 * What is read here is read whole, in sequence, each column once and in
 * order, and its result is gone before anything else is asked: every driver
 * of APR DBD can do that, and some can do nothing else.
 */
#ifndef APIKEY_SQL_H
#define APIKEY_SQL_H

#include <apr_buckets.h>
#include <apr_file_info.h>
#include <apr_hash.h>

#include "statements.h"
#include "store.h"

/** Statements of a connection that are prepared, and forgotten, together. */
typedef struct apikey_prepared_t {
    const char *own;            /**< the text of the only one, which is the
                                 * first; NULL: those of statements.h */
    apr_pool_t *pool;           /**< what they live in; NULL: there is none */
    apr_time_t at;              /**< apikey_clock() when the first was made */
    int proven;                 /**< one of them has worked */
    int checked;                /**< own: so have its columns (query.c) */
    apr_dbd_prepared_t *list[APIKEY_SQL_COUNT];
} apikey_prepared_t;

struct apikey_store_t {
    const apr_dbd_driver_t *driver;
    const apikey_dialect_t *dialect;
    apr_dbd_t *handle;
    apr_pool_t *pool;
    const char *params;         /**< of a connection of our own; else NULL */
    apr_pool_t *connection_pool;        /**< what handle lives in, if ours */
    apikey_prepared_t listed;           /**< those of statements.h */
    apr_hash_t *own;            /**< apikey_prepared_t by text; may be NULL */
    int duplicate;              /**< the last error was a key there already */
    int deadlock;               /**< it was one, and the other went on */
    int read_only;              /**< nothing can be written there */
    int outdated;               /**< a table has changed meanwhile */
    apr_bucket_brigade *brigade;        /**< for the length of a column */
    int affected;               /**< rows that the last query changed */
    int before;                 /**< the tables were of the version before
                                 * ours when a key was last looked up */
    int unsure;                 /**< whether the last transaction that failed
                                 * was committed, nobody can tell */
    int in_transaction;
    const char *file;                   /**< of our own connection; or NULL */
    apr_ino_t inode;                    /**< what file was when it was opened */
    apr_dev_t device;
    apr_off_t size;
    apr_time_t changed;         /**< 0: as we opened it, it was being written */
    int written;                /**< by this connection; of our own */
    int labels;                 /**< how many there have been */
    int steady;                 /**< the file changes because we write it: it
                                 * is not opened again for that */
    apr_dbd_transaction_t *transaction; /**< apr_dbd's, if that is used */
};

/**
 * Makes sure that there is a connection and that its database is known: one
 * of our own is opened where it is not open.
 */
apr_status_t apikey_store_connect(apikey_store_t *store, apr_pool_t *pool,
                                  const char **error);

/** Forgets what was prepared; it is prepared again when it is next used. */
void apikey_sql_forget(apikey_prepared_t *set);

/** Leaves nothing of what a connection of our own has written beside the
 * file. */
void apikey_store_tidy(apikey_store_t *store);

/** Closes a connection of our own; its statements go with it. */
void apikey_store_disconnect(apikey_store_t *store);

/** Closes a connection of our own to a file that is not the one of its name
 * any more, or not the same: the next use opens that. */
void apikey_store_notice(apikey_store_t *store, apr_pool_t *pool);

/** A result while it is read; the caller's, on the stack. */
typedef struct apikey_rows_t {
    apikey_store_t *store;
    apr_pool_t *pool;
    apr_dbd_results_t *results;
    apr_dbd_row_t *row;
    int column;                 /**< the next to be read */
    const char *text;           /**< the one read last, as it was handed out */
    const char *bytes;          /**< its bytes where one of them is a NUL */
    apr_size_t len;             /**< how many */
    const char *fault;          /**< what could not be read, in pool */
    int unusable;               /**< it was read, but is not what it should */
    const char *bad_column;     /**< the first of this row that is not; NULL:
                                     none */
    const char *bad_what;       /**< what is wrong with it */
} apikey_rows_t;

/**
 * Selects; on success apikey_rows_end() must follow.
 * @param args as many as the statement has parameters, none of them NULL
 */
apr_status_t apikey_sql_select(apikey_rows_t *rows, apikey_store_t *store,
                               apikey_sql_e which, const char **args,
                               apr_pool_t *pool, const char **error);

/** The statements for a text that is not in the list: of each
 * connection and each text its own, so that no two can be confused. */
apikey_prepared_t *apikey_sql_own(apikey_store_t *store, const char *sql);

/** Selects by such a one; as apikey_sql_select().  An error says nothing of
 * our tables, which need not be there. */
apr_status_t apikey_sql_select_own(apikey_rows_t *rows,
                                   apikey_store_t *store, const char *sql,
                                   const char **args, apr_pool_t *pool,
                                   const char **error);

/** Fills in what texts say of networks and of what applications are told; what
 * cannot be understood becomes the record's fault, unless it has one. */
void apikey_record_fill(apikey_record_t *record, const char *networks,
                        const char *meta, const char *tenant_meta,
                        apr_pool_t *pool);

/** Goes to the next row; 0: there is none. */
int apikey_rows_next(apikey_rows_t *rows);

/** The row's next column, "" for NULL; lives until apikey_rows_end().  One
 * with a NUL in it is bad; its NULs are handed out as "\x00", four characters,
 * so that it is never taken for what stands before the first. */
const char *apikey_rows_text(apikey_rows_t *rows);

/** The same, copied. */
const char *apikey_rows_copy(apikey_rows_t *rows, apr_pool_t *pool);

/** The row's next column as a number, 0 for NULL.  What is no number is bad,
 * and 1: neither "not" nor "never". */
apr_int64_t apikey_rows_number(apikey_rows_t *rows);

/** Notes that the column read last is bad, where none of its row was before.
 * @param what static, goes on behind the column's name */
void apikey_rows_bad(apikey_rows_t *rows, const char *what);

/**
 * What is bad about the row, as a sentence fragment in @a pool ("its expires is
 * not a whole number"), or NULL; asked for once a row, when it has been read.
 * Where it is not asked for, the first bad row is the error of
 * apikey_rows_end(), APIKEY_EANSWER: nothing is handed on by mistake.
 */
const char *apikey_rows_fault(apikey_rows_t *rows, apr_pool_t *pool);

/** Reads what is left, frees the result, and says whether all was well. */
apr_status_t apikey_rows_end(apikey_rows_t *rows, apr_pool_t *pool,
                             const char **error);

/** Runs a statement that changes something. */
apr_status_t apikey_sql_query(apikey_store_t *store, apikey_sql_e which,
                              const char **args, apr_pool_t *pool,
                              const char **error);

/** The same for SQL that is not in the list (DDL); never prepared. */
apr_status_t apikey_sql_run(apikey_store_t *store, const char *sql,
                            apr_pool_t *pool, const char **error);

/** Selects by SQL that is not in the list; as apikey_sql_select(). */
apr_status_t apikey_sql_select_plain(apikey_rows_t *rows,
                                     apikey_store_t *store, const char *sql,
                                     apr_pool_t *pool, const char **error);

/** Prepares all of the list; an error names the statement. */
apr_status_t apikey_sql_prepare_all(apikey_store_t *store, apr_pool_t *pool,
                                    const char **error);

/** Runs selects whose rows nobody wants; @a list ends with NULL. */
apr_status_t apikey_sql_settings(apikey_store_t *store,
                                 const char *const *list, apr_pool_t *pool,
                                 const char **error);

/** A number as a parameter. */
#define apikey_sql_number(pool, n) \
    apr_psprintf((pool), "%" APR_INT64_T_FMT, (apr_int64_t)(n))

/** What a transaction does.  Anything but APR_SUCCESS rolls it back.  It may
 * be called twice: the second time on fresh statements, after an error. */
typedef apr_status_t (*apikey_work_t)(apikey_store_t *store, void *baton,
                                      apr_pool_t *pool, const char **error);

/** Runs @a work in one transaction, which is over when this returns. */
apr_status_t apikey_sql_transact_plain(apikey_store_t *store,
                                       apikey_work_t work, void *baton,
                                       apr_pool_t *pool, const char **error);

/** The same; an error of a database without our tables is APIKEY_ESCHEMA. */
apr_status_t apikey_sql_transact(apikey_store_t *store, apikey_work_t work,
                                 void *baton, apr_pool_t *pool,
                                 const char **error);

/** A list that is read and handed on page by page. */
typedef struct apikey_pages_t {
    apikey_sql_e which;         /**< its statement, ordered and limited */
    const char *sql;            /**< another instead; NULL: which */
    const char **args;          /**< of the first page, changed by next */
    int fixed;                  /**< so many of them are not, the first */
    apr_size_t size;            /**< of an item */
    void (*read)(apikey_rows_t *rows, void *item, apr_pool_t *pool);
    /** Sets those that are not fixed to what comes behind item; 0: they were
     * so before, and the list would never end.  apikey_page_arg() does one of
     * them. */
    int (*next)(const void *item, const char **args, apr_pool_t *pool);
    apr_status_t (*give)(void *baton, const void *item);
    void *baton;
} apikey_pages_t;

/** Sets an argument, copied into @a pool; whether it was another one. */
int apikey_page_arg(const char **arg, const char *value, apr_pool_t *pool);

/**
 * Reads a page whole, frees its result, hands its items to give(), goes on.
 * An item lives during the call alone.  What give() answers but APR_SUCCESS
 * ends the list and is handed on.
 */
apr_status_t apikey_sql_pages(apikey_store_t *store,
                              const apikey_pages_t *pages, apr_pool_t *pool,
                              const char **error);

/**
 * Whether the tables are those of this program.  APIKEY_ESCHEMA with a
 * sentence if not; APIKEY_EDATABASE where even that cannot be found out.
 */
apr_status_t apikey_sql_check_schema(apikey_store_t *store, apr_pool_t *pool,
                                     const char **error);

/** The schema's version in the database; 0: it has none of our tables. */
apr_status_t apikey_sql_version(apikey_store_t *store, apr_int64_t *version,
                                apr_pool_t *pool, const char **error);

#endif
