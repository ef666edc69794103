/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file digest.h
 * @brief SHA-256 and SHA-512 digests, and the comparison of secrets.
 *
 * No allocation, no shared state; any thread may call.
 */
#ifndef APIKEY_DIGEST_H
#define APIKEY_DIGEST_H

#include <apr_errno.h>

#define APIKEY_DIGEST_LEN 32    /**< bytes in a SHA-256 digest */
#define APIKEY_DIGEST_HEX 64    /**< characters in its hex form; caches use as
                                 * many of a longer digest's */
#define APIKEY_DIGEST_LONG_LEN 64       /**< bytes in a SHA-512 digest */
#define APIKEY_DIGEST_LONG_HEX 128      /**< characters in its hex form */

/** Writes the lower-case hex form and a final NUL: what the database holds. */
void apikey_digest_hex(char hex[APIKEY_DIGEST_HEX + 1],
                       const unsigned char digest[APIKEY_DIGEST_LEN]);

/** The bytes of a hex form.
 * @param hex apikey_digest_is_hex() holds for it */
void apikey_digest_bytes(unsigned char digest[APIKEY_DIGEST_LEN],
                         const char hex[APIKEY_DIGEST_HEX]);

/**
 * Whether @a text is APIKEY_DIGEST_HEX lower-case hex characters, the form in
 * which digests are stored and looked up.
 * @param text need not end with NUL
 */
int apikey_digest_is_hex(const char *text, apr_size_t len);

/** The same, or APIKEY_DIGEST_LONG_HEX characters (SHA-512). */
int apikey_digest_is_any_hex(const char *text, apr_size_t len);

/** SHA-256 of @a data; APR_EGENERAL if OpenSSL refuses (then fail closed). */
apr_status_t apikey_digest_sha256(unsigned char digest[APIKEY_DIGEST_LEN],
                                  const void *data, apr_size_t len);

/** The same by SHA-512. */
apr_status_t apikey_digest_sha512(unsigned char digest[APIKEY_DIGEST_LONG_LEN],
                                  const void *data, apr_size_t len);

/**
 * Compares in a time that depends on @a len alone: for digests, check
 * characters and all else that an attacker could guess byte by byte.
 * @return non-zero if equal
 */
int apikey_equal(const void *a, const void *b, apr_size_t len);

/** Overwrites memory that held a secret; compilers do not optimize it away. */
void apikey_wipe(void *data, apr_size_t len);

#endif
