/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file connection.h
 * @brief A connection to the database that the keys are in, through APR DBD.
 *
 * A store is one connection and what was prepared on it.  One thread uses it
 * at a time; threads that share connections take them from a pool of those.
 * Nothing in this folder needs httpd: htapikey links it, too.
 */
#ifndef APIKEY_CONNECTION_H
#define APIKEY_CONNECTION_H

#include <apr_dbd.h>
#include <apr_pools.h>

#include "errors.h"

typedef struct apikey_store_t apikey_store_t;

/** How many connections a child process of httpd uses at once, at most. */
#define APIKEY_STORES 8

/**
 * Opens a connection; the cleanup of @a pool closes it.  After an error it is
 * opened again when it is next used.  apr_dbd_init() must have run.
 * @param driver,params as DBDriver and DBDParams have them
 * @return APR_SUCCESS, APIKEY_EDATABASE, or APIKEY_ESCHEMA where the database
 *         is a file that does not exist
 */
apr_status_t apikey_store_open(apikey_store_t **store, const char *driver,
                               const char *params, apr_pool_t *pool,
                               const char **error);

/**
 * Uses a connection that the caller has opened and will close (mod_dbd's).
 * @param driver_name the name of DBDriver; NULL: ask apr_dbd_name()
 * @param pool as long-lived as the connection: prepared statements live there
 */
apr_status_t apikey_store_adopt(apikey_store_t **store,
                                const char *driver_name,
                                const apr_dbd_driver_t *driver,
                                apr_dbd_t *handle, apr_pool_t *pool,
                                const char **error);

#endif
