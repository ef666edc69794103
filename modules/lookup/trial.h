/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file trial.h
 * @brief ApiKeyQuery and ApiKeyChangesQuery, tried out before httpd starts.
 */
#ifndef APIKEY_TRIAL_H
#define APIKEY_TRIAL_H

#include "../config/config.h"

/**
 * check_config, behind apikey_check_config(), for `httpd -t` runs it, too: a
 * query that the database refuses stops httpd.  A database that is away, or
 * does not answer within some seconds, is a warning; the first look-up of
 * each connection tries the query then.
 */
int apikey_try_queries(apr_pool_t *pconf, apr_pool_t *plog,
                       apr_pool_t *ptemp, server_rec *s);

#endif
