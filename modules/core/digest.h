/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file digest.h
 * @brief SHA-256 and SHA-512 digests, and the comparison of secrets.
 *
 * Everything here is pure: no allocation, no shared state, any thread.
 */
#ifndef APIKEY_DIGEST_H
#define APIKEY_DIGEST_H

#include <apr_errno.h>

#define APIKEY_DIGEST_LEN 32    /**< bytes in a SHA-256 digest */
#define APIKEY_DIGEST_HEX 64    /**< characters in its hex form; of a longer
                                 * digest's, as many as caches know it by */
#define APIKEY_DIGEST_LONG_LEN 64       /**< bytes in a SHA-512 digest */
#define APIKEY_DIGEST_LONG_HEX 128      /**< characters in its hex form */

/** Writes the lower-case hex form and a final NUL: what the database holds. */
void apikey_digest_hex(char hex[APIKEY_DIGEST_HEX + 1],
                       const unsigned char digest[APIKEY_DIGEST_LEN]);

/** The bytes of a hex form: of what apikey_digest_is_hex() says is one. */
void apikey_digest_bytes(unsigned char digest[APIKEY_DIGEST_LEN],
                         const char hex[APIKEY_DIGEST_HEX]);

/**
 * Says whether @a text is APIKEY_DIGEST_HEX lower-case hex characters, the
 * only form that a look-up by apikey_digest_hex() can find.
 * @param text need not end with NUL
 */
int apikey_digest_is_hex(const char *text, apr_size_t len);

/** The same, and of APIKEY_DIGEST_LONG_HEX characters: of a SHA-512 digest. */
int apikey_digest_is_any_hex(const char *text, apr_size_t len);

/** SHA-256 of @a data; APR_EGENERAL if OpenSSL refuses (then fail closed). */
apr_status_t apikey_digest_sha256(unsigned char digest[APIKEY_DIGEST_LEN],
                                  const void *data, apr_size_t len);

/** The same by SHA-512. */
apr_status_t apikey_digest_sha512(unsigned char digest[APIKEY_DIGEST_LONG_LEN],
                                  const void *data, apr_size_t len);

/**
 * Compares in a time that depends on @a len alone: for digests, check
 * characters and everything else that an attacker may guess piece by piece.
 * @return non-zero if equal
 */
int apikey_equal(const void *a, const void *b, apr_size_t len);

/** Wipes memory that held a secret; the compiler cannot drop the call. */
void apikey_wipe(void *data, apr_size_t len);

#endif
