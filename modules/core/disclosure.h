/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file disclosure.h
 * @brief Whether a text from a table of the administrator's own is, or holds,
 *        the key that is being looked up, or what that is stored under.
 *
 * The text is not the client's, and whoever asks has the key: nothing is to be
 * learnt here from how long it takes.  Nothing is kept; any thread may call.
 */
#ifndef APIKEY_DISCLOSURE_H
#define APIKEY_DISCLOSURE_H

#include "key.h"

/**
 * Whether a digest stands in these bytes: in hex of any case, whatever is
 * before and behind it ("\x...", "0x...", "sha256:..."), in base64 or
 * base64url, padded or not, or as its bytes alone.
 * @param digest lower-case hex; the first APIKEY_DIGEST_HEX count
 */
int apikey_text_has_digest(const char *bytes, apr_size_t len,
                           const char *digest);

/**
 * Whether a text is the key with that digest, or has any key of this server in
 * it (apikey_key_scan()).  OpenSSL failing counts as yes.
 */
int apikey_text_has_key(const char *text, const char *digest,
                        const apikey_policy_t *policy);

#endif
