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

/** Whether all of @a some are in @a kinds. */
int apikey_digest_kinds_have(const apikey_digest_kinds_t *kinds,
                             const apikey_digest_kinds_t *some);

/**
 * Why a server with these kinds never looks up a stored digest, a static
 * sentence; NULL: it does.  The counterpart of apikey_key_candidates() for a
 * row; does not check whether the key's form and prefix are accepted.
 * @param formats   that the server accepts, apikey_format_e flags
 * @param format    of the key
 * @param by_secret the digest is by one of the server's secrets
 * @param len       hex characters of the digest
 */
const char *apikey_digest_kinds_unsought(const apikey_digest_kinds_t *kinds,
                                         unsigned int formats,
                                         apikey_format_e format, int by_secret,
                                         apr_size_t len);

#endif
