/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file prefix.h
 * @brief Prefixes: what tells the keys of a server from others.
 *
 * A prefix that ends in a letter or digit is followed by '_' in a key ("ak":
 * ak_...), another stands as it is ("glpat-", "SG.").  What stands before the
 * rest of a key in this way is the prefix's lead.
 */
#ifndef APIKEY_PREFIX_H
#define APIKEY_PREFIX_H

#include <apr_pools.h>

#define APIKEY_PREFIX_MAX 32        /**< characters of a prefix */
#define APIKEY_PREFIXES_MAX 16      /**< prefixes of a server */
#define APIKEY_PREFIX_DEFAULT "ak"
#define APIKEY_PREFIX_DISTINCT \
    6 /**< characters by which those who look for
                                     * leaked keys tell them from other text */

/** A lead.  Lists of them end with a NULL text. */
typedef struct apikey_prefix_t {
    const char *text;
    apr_size_t len;
} apikey_prefix_t;

/**
 * NULL if @a prefix may stand before keys: 1 to APIKEY_PREFIX_MAX characters of
 * [0-9A-Za-z_-], the first a letter or digit, the last a '.', too; else what is
 * wrong, a static sentence fragment.
 */
const char *apikey_prefix_fault(const char *prefix);

/** The lead of a prefix without a fault. */
apikey_prefix_t apikey_prefix_from_word(const char *prefix, apr_pool_t *pool);

/** Whether @a len bytes of @a text are the lead of some prefix. */
int apikey_is_prefix(const char *text, apr_size_t len);

/** How many of the @a len characters of a lead are its prefix. */
apr_size_t apikey_prefix_word_len(const char *lead, apr_size_t len);

/**
 * The prefixes of the words of ApiKeyPrefix, in their order.
 * @param fault out: NULL, or what is wrong, in @a pool
 * @return NULL where something is
 */
const apikey_prefix_t *apikey_prefixes_parse(int argc, const char *const *argv,
                                             apr_pool_t *pool,
                                             const char **fault);

/** Whether keys of this prefix begin with one of the prefixes. */
int apikey_prefixes_have(const apikey_prefix_t *prefixes, const char *prefix);

/** The first lead that @a len bytes of @a text begin with, and go on; NULL:
 * none. */
const apikey_prefix_t *apikey_prefixes_find(const apikey_prefix_t *prefixes,
                                            const char *text, apr_size_t len);

#endif
