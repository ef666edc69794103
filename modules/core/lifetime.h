/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file lifetime.h
 * @brief ApiKeyLifetime, how long a key may live, and ApiKeyRetention, how long
 *        what became of it is kept.
 */
#ifndef APIKEY_LIFETIME_H
#define APIKEY_LIFETIME_H

#include <apr_pools.h>

typedef struct apikey_lifetime_t {
    apr_int64_t usual;      /**< the default: seconds; 0: never ends */
    apr_int64_t min;        /**< seconds; 0: none */
    apr_int64_t max;        /**< seconds; 0: none */
} apikey_lifetime_t;

/** The default where ApiKeyLifetime is not written. */
#define APIKEY_LIFETIME_USUAL (90 * APR_INT64_C(86400))

/**
 * Reads "DEFAULT [min=D] [max=D]".
 * @return NULL, or a sentence fragment that says what is wrong
 */
const char *apikey_lifetime_parse(apikey_lifetime_t *lifetime, int argc,
                                  const char *const *argv);

/**
 * NULL if a key may live from @a since to @a expires (APIKEY_NEVER: without an
 * end), all epoch seconds; else a sentence, static or in @a pool.
 */
const char *apikey_lifetime_fault(const apikey_lifetime_t *lifetime,
                                  apr_int64_t since, apr_int64_t expires,
                                  apr_int64_t now, apr_pool_t *pool);

/** The default where ApiKeyRetention is not written, in seconds. */
#define APIKEY_RETENTION_USUAL (90 * APR_INT64_C(86400))

/**
 * Reads "DAYS": 1 to 36500.
 * @param seconds set on success
 * @return NULL, or a sentence fragment that says what is wrong
 */
const char *apikey_retention_parse(apr_int64_t *seconds, const char *text);

#endif
