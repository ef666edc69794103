/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file prune.h
 * @brief What ApiKeyRetention does not keep of apikey_change goes, also where
 *        nobody calls htapikey: keys may be managed by other programs.
 */
#ifndef APIKEY_DB_PRUNE_H
#define APIKEY_DB_PRUNE_H

#include <httpd.h>

/**
 * post_config, after apikey_connections_init(): has each database with our
 * tables (ApiKeyQuery stands for another one's) looked at when httpd has
 * started and once an hour, by one child process at a time, on the database
 * threads.  Where something old is there it goes in small steps, one each 100
 * ms.  Where that fails it is said once.
 */
int apikey_prune_init(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                      server_rec *s);

#endif
