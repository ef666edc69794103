/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file query_check.h
 * @brief Checks SQLite databases, ApiKeyQuery and ApiKeyChangesQuery before
 *        httpd starts.
 */
#ifndef APIKEY_QUERY_CHECK_H
#define APIKEY_QUERY_CHECK_H

#include "../config/config.h"

/**
 * check_config, after apikey_check_config(), so that `httpd -t` runs it too;
 * with the rights of httpd's user.  httpd does not start if a SQLite file is
 * missing (none is ever made), not named by its whole path, without our tables
 * or not writable, or if a database refuses a query.  If a database is down, or
 * does not answer within three seconds, that is a warning: the query is checked
 * with the first look-up of each connection.
 */
int apikey_check_queries(apr_pool_t *pconf, apr_pool_t *plog,
                         apr_pool_t *ptemp, server_rec *s);

#endif
