/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file prefix.h
 * @brief Prefixes: what the keys of a server begin with.
 *
 * A prefix is written as a word in ApiKeyPrefix.  A word that ends in a letter
 * or digit is followed by the separator '_' in a key ("ak": ak_...); another
 * has its separator already ("glpat-", "SG.").  The prefix is the word with its
 * separator.
 */
#ifndef APIKEY_PREFIX_H
#define APIKEY_PREFIX_H

#include <apr_pools.h>

#define APIKEY_PREFIX_MAX 32        /**< characters of a word */
#define APIKEY_PREFIXES_MAX 16      /**< prefixes of a server */
#define APIKEY_PREFIX_DEFAULT "ak"
#define APIKEY_PREFIX_DISTINCT 6    /**< characters of a word from which on
                                     * secret scanners can search for it */

/** A word with its separator.  Lists of them end with a NULL text. */
typedef struct apikey_prefix_t {
    const char *text;
    apr_size_t len;
} apikey_prefix_t;

/**
 * NULL if @a word may be an ApiKeyPrefix: 1 to APIKEY_PREFIX_MAX characters of
 * [0-9A-Za-z_-], the first a letter or digit; the last may also be a '.'.  Else
 * what is wrong, a static sentence fragment.
 */
const char *apikey_prefix_fault(const char *word);

/** The prefix of a word without a fault; its text is @a word or in @a pool. */
apikey_prefix_t apikey_prefix_from_word(const char *word, apr_pool_t *pool);

/** Whether @a len bytes of @a text are a prefix, of this server or another. */
int apikey_is_prefix(const char *text, apr_size_t len);

/** How many of the @a len characters of a prefix are its word: all, or all but
 * a '_' after a letter or digit. */
apr_size_t apikey_prefix_word_len(const char *prefix, apr_size_t len);

/**
 * The prefixes of the words of ApiKeyPrefix, in their order, in @a pool.
 * @param fault out: NULL, or what is wrong, in @a pool
 * @return NULL where something is wrong
 */
const apikey_prefix_t *apikey_prefixes_parse(int argc, const char *const *argv,
                                             apr_pool_t *pool,
                                             const char **fault);

/** Whether one of the prefixes is that of @a word; the word may be given with
 * its separator. */
int apikey_prefixes_have(const apikey_prefix_t *prefixes, const char *word);

/** The first of the prefixes that @a len bytes of @a text begin with, and that
 * more bytes follow; NULL: none. */
const apikey_prefix_t *apikey_prefixes_find(const apikey_prefix_t *prefixes,
                                            const char *text, apr_size_t len);

#endif
