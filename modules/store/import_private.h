/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file import_private.h
 * @brief Checks, locks and rows of an import, for import.c, import_check.c,
 *        import_lock.c and import_rows.c.
 */
#ifndef APIKEY_IMPORT_PRIVATE_H
#define APIKEY_IMPORT_PRIVATE_H

#include "../core/digest.h"
#include "keys.h"
#include "transaction.h"

typedef struct apikey_import_lock_t apikey_import_lock_t;

/**
 * Locks a file beside the database's, its name and "-import"; the lock ends
 * with the process.  APIKEY_ELOCKED: another import has it.  Does nothing for a
 * database that is no file.
 */
apr_status_t apikey_import_lock(apikey_store_t *store,
                                apikey_import_lock_t **lock,
                                apr_pool_t *pool, const char **error);

/** Runs commands one after another.
 * @param commands ends with NULL; may be NULL */
apr_status_t apikey_import_run(apikey_store_t *store,
                               const char *const *commands, apr_pool_t *pool,
                               const char **error);

/** The pause between two steps, longer than the 100 ms after which the driver
 * of another writer tries again. */
#define APIKEY_IMPORT_PAUSE apr_time_from_msec(120)

/** How many rows are read before they are stored.  They are stored in the order
 * of their digests, so that a page of the table is read and written once for
 * several of them. */
#define APIKEY_IMPORT_ROWS (2500 * APIKEY_IMPORTED_AT_ONCE)

#define APIKEY_IMPORT_COLUMNS 24        /**< of APIKEY_SQL_KEY_IMPORT */

typedef struct apikey_import_row_t {
    const char *args[APIKEY_IMPORT_COLUMNS];
    apr_int64_t place;
} apikey_import_row_t;

/** Rows that were read; the caller's, all zero at first. */
typedef struct apikey_import_rows_t {
    apr_pool_t *pool;           /**< what their texts live in */
    apikey_import_row_t *list;  /**< in the order of the file */
    apikey_import_row_t **sorted;       /**< in that of their digests */
    int count;
    int stored; /**< how many, the first of sorted, are stored */
    apikey_import_row_t *taken; /**< the first of the file whose digest or id
                                 * exists already; NULL: none is known */
} apikey_import_rows_t;

/** Allocates the lists in @a pool. */
void apikey_import_rows_init(apikey_import_rows_t *rows, apr_pool_t *pool);

/** Removes all rows. */
void apikey_import_rows_clear(apikey_import_rows_t *rows);

/** Adds a copy of a row; at most APIKEY_IMPORT_ROWS. */
void apikey_import_rows_add(apikey_import_rows_t *rows,
                            const apikey_key_row_t *key, apr_int64_t place);

/** Sorts the rows, after all were added, and finds the first that has a digest
 * or an id of a row before it. */
void apikey_import_rows_sort(apikey_import_rows_t *rows);

/**
 * Stores the next @a most rows; stops without an error before a row that
 * exists already.
 * @param at out: the row that the database refused; NULL: not known
 */
apr_status_t apikey_import_rows_store(apikey_store_t *store,
                                      apikey_import_rows_t *rows, int most,
                                      const apikey_import_row_t **at,
                                      apr_pool_t *pool, const char **error);

/** Finds the first row of the file that exists already, among those that have
 * not been stored; always an error. */
apr_status_t apikey_import_rows_find(apikey_store_t *store,
                                     apikey_import_rows_t *rows,
                                     apr_pool_t *pool, const char **error);

/** The first step of an import: records that one has begun. */
apr_status_t apikey_import_begin(apikey_store_t *store, apr_pool_t *pool,
                                 const char **error);

/** Removes, step by step, the keys of an import that did not end. */
apr_status_t apikey_import_clean(apikey_store_t *store, apr_pool_t *pool,
                                 const char **error);

/** Removes the lock and its file. */
void apikey_import_unlock(apikey_import_lock_t *lock);

/** Refuses a key whose values are invalid. */
apr_status_t apikey_import_look(const apikey_key_row_t *key, apr_pool_t *pool,
                                const char **error);

/** Finds the id of the key that has a digest or an id; "": none has. */
apr_status_t apikey_import_other(apikey_store_t *store, const char *digest,
                                 const char *id, const char **other,
                                 apr_pool_t *pool, const char **error);

/** Refuses a key because another one has its digest or id.
 * @param other the id of that; "": it is on an earlier line */
apr_status_t apikey_import_taken(const char *other, const char *id,
                                 apr_pool_t *pool, const char **error);

#endif
