/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file key.h
 * @brief What a key looks like, how one is made, and which digests it may be
 *        stored under.
 *
 *   base62  PREFIX_ + 43 random base62 + 6 check characters
 *   hex64   PREFIX_ + 64 lower-case hex characters
 *   opaque  anything printable without blanks and commas (imported keys): a
 *           comma is how httpd joins a header that came twice
 *
 * PREFIX_ is a prefix with its separator (prefix.h), which need not be '_'.
 * The check characters are the first 32 bits (big-endian) of the HMAC-SHA256
 * of all characters before them, in base62, padded to six with '0'.
 * Nothing here logs or keeps a key.  Any thread may call.
 */
#ifndef APIKEY_KEY_H
#define APIKEY_KEY_H

#include <apr_pools.h>

#include "digest.h"
#include "prefix.h"
#include "secrets.h"

#define APIKEY_KEY_MAX 2048         /**< bytes of the longest credential that
                                     * may be a key */
#define APIKEY_RANDOM_LEN 43        /**< 43 base62 characters > 256 bits */
#define APIKEY_CHECK_LEN 6
#define APIKEY_ID_LEN 12            /**< base62 characters of a key id */
#define APIKEY_HINT_TAIL 4          /**< last characters shown in a hint */
#define APIKEY_WORD_MIN 16          /**< characters of the shortest opaque key,
                                     * prefix included: import refuses shorter
                                     * ones */

/** Shapes; flags, so that a server can accept several. */
typedef enum {
    APIKEY_FORMAT_NONE = 0,
    APIKEY_FORMAT_BASE62 = 1,
    APIKEY_FORMAT_HEX64 = 2,
    APIKEY_FORMAT_OPAQUE = 4
} apikey_format_e;

/** How a key may be digested; flags. */
typedef enum {
    APIKEY_DIGEST_HMAC = 1, /**< HMAC-SHA256 by one of the server's secrets */
    APIKEY_DIGEST_SHA256 = 2,   /**< plain SHA-256: imported keys only */
    APIKEY_DIGEST_SHA512 = 4 /**< plain SHA-512: imported keys only */
} apikey_digest_e;

/** A digest of a part of the key: of what follows the last @a after in it, of
 * the whole key where it has none. */
typedef struct apikey_part_t {
    apikey_digest_e kind;           /**< 0 ends a list */
    char after;
} apikey_part_t;

#define APIKEY_PARTS_MAX 4          /**< parts that a server may digest */

/** What a server accepts; filled from its configuration at start-up. */
typedef struct apikey_policy_t {
    unsigned int formats;           /**< apikey_format_e flags, not 0 */
    unsigned int digests;           /**< apikey_digest_e flags, not 0 */
    const apikey_prefix_t *prefixes;    /**< ApiKeyPrefix; NULL: any */
    const apikey_secrets_t *secrets;
    const apikey_part_t *parts;     /**< in addition to digests; end with kind
                                     * 0; NULL: none */
} apikey_policy_t;

/** A digest that a presented key may be stored under. */
typedef struct apikey_candidate_t {
    char hex[APIKEY_DIGEST_LONG_HEX + 1];
    const char *secret_id;          /**< lives as the secrets; NULL for SHA-256
                                     * and SHA-512 */
} apikey_candidate_t;

typedef struct apikey_candidates_t {
    int count;
    apikey_candidate_t at[2 * APIKEY_SECRETS_MAX + 2 + APIKEY_PARTS_MAX];
} apikey_candidates_t;

/** Where an exposed key stood; flags. */
typedef enum {
    APIKEY_IN_QUERY = 1,
    APIKEY_IN_REFERER = 2,
    APIKEY_IN_PATH = 4,
    APIKEY_IN_LINE = 8              /**< elsewhere in a request line: its
                                     * method, the user or host of its URI */
} apikey_place_e;

/** The places of which every request with a key in them is refused. */
#define APIKEY_EXPOSED_FOR_ALL (APIKEY_IN_QUERY | APIKEY_IN_LINE)

/** What divides the values of a text; each contains the one before. */
typedef enum {
    APIKEY_DIVIDE_QUERY = 1,        /**< "=&;?#", a blank, NUL */
    APIKEY_DIVIDE_URL = 2           /**< and "/:@" */
} apikey_divide_e;

/** A key that was seen where it is not secret: in a URL or a Referer. */
typedef struct apikey_exposure_t {
    apikey_candidates_t digests;    /**< what it may be stored under; at least
                                     * one */
    unsigned int places;            /**< apikey_place_e flags */
    apr_int64_t when;               /**< epoch seconds */
} apikey_exposure_t;

/** A new key.  The caller wipes @a key when it has been shown. */
typedef struct apikey_fresh_t {
    char *key;                      /**< the secret string */
    char *hint;                     /**< prefix and last characters */
    char id[APIKEY_ID_LEN + 1];
    char digest[APIKEY_DIGEST_HEX + 1];
    const char *secret_id;          /**< lives as the secrets */
} apikey_fresh_t;

/** APIKEY_FORMAT_NONE if @a name is none of base62, hex64, opaque. */
apikey_format_e apikey_format_from_name(const char *name);
const char *apikey_format_name(apikey_format_e format);

/** Whether a server with these formats looks for a key that was stored as one
 * of @a format: a hex64 key is an opaque one where hex64 is not accepted. */
int apikey_format_accepted(unsigned int formats, apikey_format_e format);

/** Whether a server with these prefixes (NULL: any) may accept a key whose row
 * says that it has that prefix; "" says nothing. */
int apikey_prefix_accepted(const apikey_prefix_t *prefixes,
                           apikey_format_e format, const char *prefix);

/**
 * The shape of a credential under @a policy: prefix and form alone, no
 * digest.  APIKEY_FORMAT_NONE: the credential is foreign to this server
 * (empty, longer than APIKEY_KEY_MAX, a comma and bytes outside %x21-7E
 * included).
 * Where several shapes fit, base62 goes before hex64 before opaque.
 * @param key need not end with NUL
 */
apikey_format_e apikey_key_shape(const apikey_policy_t *policy,
                                 const char *key, apr_size_t len);

/**
 * Why apikey_key_shape() returns APIKEY_FORMAT_NONE, a static sentence fragment
 * that follows "it"; NULL where it returns another format.  For messages only.
 */
const char *apikey_key_fault(const apikey_policy_t *policy,
                             const char *key, apr_size_t len);

/** The prefix of a base62 or hex64 key as a word of ApiKeyPrefix, in @a pool;
 * "" for other keys. */
const char *apikey_key_prefix(const char *key, apr_size_t len,
                              apr_pool_t *pool);

/**
 * The index of the secret that made this base62 key, whatever its prefix; -1 if
 * its check characters are right under none.  Costs an HMAC per secret where
 * the form fits, none where it does not.
 */
int apikey_key_checked_by(const apikey_secrets_t *secrets,
                          const char *key, apr_size_t len);

/**
 * The digests to look a credential up by, in the order to try them.  Count 0:
 * refuse it without a look-up (wrong shape, prefix or check characters).
 *   base62 with right check characters, and HMAC in the policy's digests: the
 *           digest by the secret that signed it
 *   hex64, opaque, and base62 with wrong check characters where opaque is
 *           accepted: one per secret, SHA-256 and SHA-512 if the policy accepts
 *           them, and those of the policy's parts that are not empty
 */
apr_status_t apikey_key_candidates(apikey_candidates_t *candidates,
                                   const apikey_policy_t *policy,
                                   const char *key, apr_size_t len);

/** apikey_key_candidates() for a caller that knows the shape. */
apr_status_t apikey_shape_candidates(apikey_candidates_t *candidates,
                                     const apikey_policy_t *policy,
                                     apikey_format_e shape,
                                     const char *key, apr_size_t len);

/**
 * Makes a key of @a format from the CSPRNG, signed by the first secret.
 * @param fresh its strings live in @a pool
 * @param word  ApiKeyPrefix; without a fault (apikey_prefix_fault())
 * @return APR_EINVAL for opaque, which can only be imported
 */
apr_status_t apikey_key_make(apikey_fresh_t *fresh, apikey_format_e format,
                             const char *word,
                             const apikey_secrets_t *secrets, apr_pool_t *pool);

/** How many of the last characters of a key of @a len characters a hint shows:
 * APIKEY_HINT_TAIL, or none of a key shorter than five times as many. */
apr_size_t apikey_hint_tail(apr_size_t len);

/** A hint for @a key, in @a pool: its prefix (none for an opaque key, of which
 * it is not known), "..." and its last characters (apikey_hint_tail()). */
char *apikey_key_hint(const char *key, apr_size_t len, apr_pool_t *pool);

/** A random key id (base62, without bias) and a final NUL. */
apr_status_t apikey_id_make(char id[APIKEY_ID_LEN + 1]);

/** Replaces @a id by the id of the next of many keys: greater by a random step
 * of 1 to 62^4, or a small one after the greatest.  So an index grows at its
 * end, and a mistyped id is hardly ever another key's. */
apr_status_t apikey_id_next(char id[APIKEY_ID_LEN + 1]);

/**
 * Finds the next key of this server in text that may be logged (a request
 * line, a Referer).  A key is
 *   - a word with right check characters, whatever its prefix;
 *   - a word of hex64's form, if the policy accepts hex64 and has prefixes;
 *   - a word that begins with one of the prefixes and has APIKEY_WORD_MIN to
 *     APIKEY_KEY_MAX characters, if the policy accepts opaque.
 * The last is made of letters, digits and "-._~+/=" (token68 of RFC 9110,
 * 11.2), the others of letters, digits, '_' and '-', and of the '.' that may
 * end a prefix.  The word may stand anywhere in a value.  Up to two layers of
 * percent-encoding are decoded (a URL in the query of a URL in a query).  The
 * time is linear in @a len.
 * @param start,end out: the bytes of the raw text to mask: the whole value
 *        between dividers and the ends
 * @param from  where to begin; to go on, pass @a end
 * @param tries how many candidates may still be tried, at an HMAC per secret
 *        each; counted down.  hex64 and opaque keys are found even if it is 0;
 *        they use a try only where their digests are wanted
 * @param digests out: the digests that a look-up of the key would try; count 0
 *        where no try was left.  NULL: not wanted, and not computed
 * @return non-zero if a key was found
 */
int apikey_key_scan(apr_size_t *start, apr_size_t *end,
                    const apikey_policy_t *policy,
                    apikey_divide_e divide,
                    const char *text, apr_size_t len,
                    apr_size_t from, int *tries,
                    apikey_candidates_t *digests);

#endif
