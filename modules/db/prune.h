/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file prune.h
 * @brief Removes rows of apikey_change that are older than ApiKeyRetention.
 *        htapikey does so too, but keys may be managed by other programs.
 */
#ifndef APIKEY_DB_PRUNE_H
#define APIKEY_DB_PRUNE_H

#include <httpd.h>

/**
 * post_config, after apikey_connections_init(): has each database with our
 * tables (no ApiKeyQuery) pruned after the start and then every hour, by one
 * child process at a time, on a database thread: in steps of 50 ms, one every
 * 100 ms.  A failure is logged once.
 */
int apikey_prune_init(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                      server_rec *s);

#endif
