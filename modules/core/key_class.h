/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file key_class.h
 * @brief Whether a credential is this server's, and what may be logged of it.
 *
 * A credential is ours if it has the shape of a key that the server accepts, or
 * if a word in it has right check characters.  It is a near miss if it has the
 * prefix of our keys, or our shape with wrong check characters.  All others
 * are foreign: they belong to another application.  A digest is computed only
 * for words of a base62 key's form, and one that was right is remembered
 * (apikey_secrets_have_seen()).  Reads hostile text; any thread may call.
 */
#ifndef APIKEY_KEY_CLASS_H
#define APIKEY_KEY_CLASS_H

#include "key.h"

typedef enum {
    APIKEY_FOREIGN,
    APIKEY_NEAR_MISS,
    APIKEY_OURS
} apikey_class_e;

/** A header's value, as far as it has been classified. */
typedef struct apikey_classified_t {
    const apikey_policy_t *policy;
    apr_pool_t *pool;           /**< for the hint; the request's */
    int tries;                  /**< words that may still cost a digest */
    apikey_class_e class;       /**< the highest that was found */
    const char *hint;           /**< what may be written in its place: prefix,
                                 * "..." and its last characters, or "***" for
                                 * a near miss; NULL: foreign */
} apikey_classified_t;

/** Begins a value: foreign until something else is found. */
void apikey_classify_init(apikey_classified_t *classified,
                          const apikey_policy_t *policy, apr_pool_t *pool);

/** Classifies a whole credential, without its scheme.  With the prefix of our
 * keys at its beginning it is a near miss at least. */
void apikey_classify_token(apikey_classified_t *classified, const char *token);

/**
 * Classifies the words of a header's value, wherever they stand in it: two keys
 * in a list, a key after another scheme's name, between quotes or brackets, or
 * in either half of a Basic credential, which is decoded as leniently as
 * applications do.  A word with the prefix of our keys and APIKEY_WORD_MIN
 * characters is a near miss.  The time is linear in the length of the value,
 * and digests of at most eight words.
 */
void apikey_classify_value(apikey_classified_t *classified, const char *value);

/** The length of the scheme that @a value begins with; 0 if it has none, or if
 * that may be a part of a key. */
apr_size_t apikey_classify_scheme(const apikey_policy_t *policy,
                                  const char *value);

#endif
