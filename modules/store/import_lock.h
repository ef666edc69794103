/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file import_lock.h
 * @brief One import in steps at a time, and what one has left; for import.c
 *        only.
 */
#ifndef APIKEY_IMPORT_LOCK_H
#define APIKEY_IMPORT_LOCK_H

#include "../core/digest.h"
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

/** The first step of an import: it is noted that one has begun. */
apr_status_t apikey_import_begin(apikey_store_t *store, apr_pool_t *pool,
                                 const char **error);

/** Removes, step by step, what an import has left that did not come to its
 * end. */
apr_status_t apikey_import_clean(apikey_store_t *store, apr_pool_t *pool,
                                 const char **error);

/** Removes the file. */
void apikey_import_unlock(apikey_import_lock_t *lock);

#endif
