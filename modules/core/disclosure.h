/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file disclosure.h
 * @brief Whether a text from the database discloses a key or its digest.
 *
 * The columns of an ApiKeyQuery go to applications and logs: none may hold the
 * key that is looked up, another key, or the digest.  The comparisons take no
 * constant time: the text is the administrator's, and the client has the key.
 * Nothing is kept; any thread may call.
 */
#ifndef APIKEY_DISCLOSURE_H
#define APIKEY_DISCLOSURE_H

#include "key.h"

/**
 * Whether these bytes hold a digest: in hex of any case, with any text before
 * and after it ("\x...", "0x...", "sha256:..."), in base64 or base64url, padded
 * or not; or whether they are the digest's bytes.
 * @param digest lower-case hex; the first APIKEY_DIGEST_HEX count
 */
int apikey_text_has_digest(const char *bytes, apr_size_t len,
                           const char *digest);

/**
 * Whether a text is the key with that digest, or has any key of this server in
 * it (apikey_key_scan()).  1 also where OpenSSL fails.
 */
int apikey_text_has_key(const char *text, const char *digest,
                        const apikey_policy_t *policy);

#endif
