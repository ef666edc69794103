/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file query_check.h
 * @brief SQLite databases, ApiKeyQuery and ApiKeyChangesQuery, tried out
 *        before httpd starts.
 */
#ifndef APIKEY_QUERY_CHECK_H
#define APIKEY_QUERY_CHECK_H

#include "../config/config.h"

/**
 * check_config, behind apikey_check_config(), for `httpd -t` runs it, too,
 * with the rights of httpd's user.  What stops httpd: a SQLite file that is
 * not there, not named by its whole path, without our tables, or not writable
 * (none is ever made); a query that the database refuses.  A database that is
 * away, or does not answer within some seconds, is a warning; the first
 * look-up of each connection tries the query then.
 */
int apikey_check_queries(apr_pool_t *pconf, apr_pool_t *plog,
                         apr_pool_t *ptemp, server_rec *s);

#endif
