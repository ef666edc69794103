/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file import_private.h
 * @brief What the files behind import.h share; for them only.
 */
#ifndef APIKEY_IMPORT_PRIVATE_H
#define APIKEY_IMPORT_PRIVATE_H

#include "../core/digest.h"
#include "keys.h"
#include "transaction.h"

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
apr_status_t apikey_import_look(const apikey_key_row_t *key, apr_pool_t *pool,
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
