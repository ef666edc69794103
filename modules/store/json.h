/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file json.h
 * @brief Text as JSON, and as what a terminal may be shown.
 *
 * APR 1 has escapes for URLs, shells and HTML (apr_escape.h), none for JSON:
 * that came with APR 2.
 */
#ifndef APIKEY_JSON_H
#define APIKEY_JSON_H

#include <apr_pools.h>

/** A JSON string with its quotes.  Bytes that are no UTF-8 become U+FFFD:
 * people type into databases, and JSON must stay JSON.  What is not seen
 * (apikey_is_hidden()) is escaped. */
char *apikey_json_string(const char *text, apr_pool_t *pool);

#endif
