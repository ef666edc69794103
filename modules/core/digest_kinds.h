/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file digest_kinds.h
 * @brief The kinds of digests that keys are stored under, as ApiKeyDigest and
 *        `htapikey import --digest` name them: KIND or KIND:after=C.
 */
#ifndef APIKEY_DIGEST_KINDS_H
#define APIKEY_DIGEST_KINDS_H

#include "key.h"

typedef struct apikey_digest_kinds_t {
    unsigned int digests;           /**< apikey_digest_e flags */
    apikey_part_t parts[APIKEY_PARTS_MAX + 1];  /**< end with kind 0 */
} apikey_digest_kinds_t;

/**
 * Adds the kind that @a word names; one that is there already may be named
 * again.
 * @return NULL, or what is wrong with the word, a sentence fragment that
 *         follows its name
 */
const char *apikey_digest_kinds_add(apikey_digest_kinds_t *kinds,
                                    const char *word, apr_pool_t *pool);

/** Whether @a kinds has all of @a some. */
int apikey_digest_kinds_have(const apikey_digest_kinds_t *kinds,
                             const apikey_digest_kinds_t *some);

/** Whether keys may be stored under a digest that no secret has a part in. */
int apikey_digest_kinds_plain(const apikey_digest_kinds_t *kinds);

#endif
