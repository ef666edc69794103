/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file pool_check.h
 * @brief Whether mod_dbd's connections are enough for httpd's threads.
 */
#ifndef APIKEY_POOL_CHECK_H
#define APIKEY_POOL_CHECK_H

#include "../config/config.h"

/**
 * check_config, behind apikey_check_config() and the MPM's own: a warning
 * where a server's DBDMax is less than what a process asks over at once; at
 * level info, how many connections a database must allow.  Always OK.
 */
int apikey_check_pools(apr_pool_t *pconf, apr_pool_t *plog,
                       apr_pool_t *ptemp, server_rec *s);

#endif
