/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file import_private.h
 * @brief Checks and locks of an import, for import.c, import_check.c and
 *        import_lock.c.
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
