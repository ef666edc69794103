/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file pool_check.h
 * @brief Checks at start-up that mod_dbd has enough connections.
 */
#ifndef APIKEY_POOL_CHECK_H
#define APIKEY_POOL_CHECK_H

#include "../config/config.h"

/**
 * check_config, after apikey_check_config() and the MPM's own: warns if a
 * server's DBDMax is less than the connections that a process uses at once, and
 * logs at level info how many connections a database must allow.  Always OK.
 */
int apikey_check_pools(apr_pool_t *pconf, apr_pool_t *plog,
                       apr_pool_t *ptemp, server_rec *s);

#endif
