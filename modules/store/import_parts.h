/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file import_parts.h
 * @brief What the files behind import.h share; for them only.
 */
#ifndef APIKEY_IMPORT_PARTS_H
#define APIKEY_IMPORT_PARTS_H

#include "../core/digest.h"
#include "manage.h"
#include "sql.h"

typedef struct apikey_import_lock_t apikey_import_lock_t;

/**
 * Locks a file beside the database's (its name and "-import"); a process that
 * is killed holds no lock any more.  APIKEY_ELOCKED: another import has it.
 * A database without a file needs no lock.
 */
apr_status_t apikey_import_lock(apikey_store_t *store,
                                apikey_import_lock_t **lock,
                                apr_pool_t *pool, const char **error);

/** Runs commands in their order; a list ends with NULL, and may be it. */
apr_status_t apikey_import_run(apikey_store_t *store,
                               const char *const *commands, apr_pool_t *pool,
                               const char **error);

/** How long the database is left alone between two steps: longer than one that
 * waits for the lock sleeps between two looks (the driver sleeps 100 ms). */
#define APIKEY_IMPORT_PAUSE apr_time_from_msec(120)

/** Rows that are read before they are stored, at most: with so many in the
 * order of their digests, the table is changed from its beginning to its end,
 * and a page of it is read and written for several of them. */
#define APIKEY_IMPORT_ROWS (2500 * APIKEY_IMPORTED_AT_ONCE)

#define APIKEY_IMPORT_COLUMNS 24        /**< of APIKEY_SQL_KEY_IMPORT */

typedef struct apikey_import_row_t {
    const char *args[APIKEY_IMPORT_COLUMNS];
    apr_int64_t place;
} apikey_import_row_t;

/** Rows that were read; the caller's, and all 0 at first. */
typedef struct apikey_import_rows_t {
    apr_pool_t *pool;           /**< what their texts live in */
    apikey_import_row_t *list;  /**< in the order of the file */
    apikey_import_row_t **sorted;       /**< in that of their digests */
    int count;
    int stored;                 /**< so many, the first of sorted, have been */
    apikey_import_row_t *taken; /**< the first of the file whose digest or id
                                 * is known to be there already; NULL: none */
} apikey_import_rows_t;

void apikey_import_rows_make(apikey_import_rows_t *rows, apr_pool_t *pool);

/** Forgets all of them. */
void apikey_import_rows_clear(apikey_import_rows_t *rows);

/** Adds one, copied; they are APIKEY_IMPORT_ROWS at most. */
void apikey_import_rows_add(apikey_import_rows_t *rows,
                            const apikey_managed_t *key, apr_int64_t place);

/** When all have been added: sorts them, and finds the first that has a digest
 * or an id of one before it. */
void apikey_import_rows_sort(apikey_import_rows_t *rows);

/**
 * Stores the next @a most of them; ends at one that is taken, without an
 * error.
 * @param at out: the row that the database refused; NULL: not known
 */
apr_status_t apikey_import_rows_store(apikey_store_t *store,
                                      apikey_import_rows_t *rows, int most,
                                      const apikey_import_row_t **at,
                                      apr_pool_t *pool, const char **error);

/** Refuses rows of which one is taken, and finds the first of the file among
 * those that have not been stored. */
apr_status_t apikey_import_rows_find(apikey_store_t *store,
                                     apikey_import_rows_t *rows,
                                     apr_pool_t *pool, const char **error);

/** The first step of an import: it is noted that one has begun. */
apr_status_t apikey_import_begin(apikey_store_t *store, apr_pool_t *pool,
                                 const char **error);

/** Removes, step by step, what an import has left that did not come to its
 * end. */
apr_status_t apikey_import_clean(apikey_store_t *store, apr_pool_t *pool,
                                 const char **error);

/** Removes the file. */
void apikey_import_unlock(apikey_import_lock_t *lock);

/** Refuses a key that nobody could use, show or find. */
apr_status_t apikey_import_look(const apikey_managed_t *key, apr_pool_t *pool,
                                const char **error);

/** The id of the key that has a digest or an id; "" where none has. */
apr_status_t apikey_import_other(apikey_store_t *store, const char *digest,
                                 const char *id, const char **other,
                                 apr_pool_t *pool, const char **error);

/** Refuses the key with that id since there is another; "": on an earlier
 * line. */
apr_status_t apikey_import_taken(const char *other, const char *id,
                                 apr_pool_t *pool, const char **error);

#endif
