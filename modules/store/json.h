/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file json.h
 * @brief Text as JSON.
 *
 * APR 1 has escapes for URLs, shells and HTML (apr_escape.h), none for JSON:
 * that came with APR 2.
 */
#ifndef APIKEY_JSON_H
#define APIKEY_JSON_H

#include <apr_pools.h>

/** A JSON string with its quotes, in @a pool.  Bytes that are no UTF-8 become
 * U+FFFD, so that any text of a database gives valid JSON.  Invisible
 * characters (apikey_is_hidden()) are escaped. */
char *apikey_json_string(const char *text, apr_pool_t *pool);

#endif
