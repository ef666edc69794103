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

/**
 * Reads one character of UTF-8.
 * @param code the character, or -1: these bytes are none
 * @return how many bytes were read; at least 1 unless at the end
 */
apr_size_t apikey_utf8_read(const char *text, int *code);

/** A JSON string with its quotes.  Bytes that are no UTF-8 become U+FFFD:
 * people type into databases, and JSON must stay JSON. */
char *apikey_json_string(const char *text, apr_pool_t *pool);

#endif
