/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <string.h>

#include <apr_lib.h>

#include <openssl/evp.h>

#include "disclosure.h"

/* The first 42 characters of a SHA-256 digest in base64 are also those of the
 * first 32 bytes of a longer digest. */
#define BASE64_LEN 42
#define BASE64_SIZE 45          /* all characters, and the final NUL */

static int same_hex(char a, char b)
{
    return apr_tolower(a) == b;
}

static int same_base64(char a, char b)
{
    return (a == '-' ? '+' : a == '_' ? '/' : a) == b;
}

static int contains(const char *bytes, apr_size_t len, const char *wanted,
                    apr_size_t wanted_len, int (*same)(char, char))
{
    apr_size_t at, i;

    for (at = 0; at + wanted_len <= len; at++) {
        for (i = 0; i < wanted_len && same(bytes[at + i], wanted[i]); i++) {
            continue;
        }
        if (i == wanted_len) {
            return 1;
        }
    }
    return 0;
}

int apikey_text_has_digest(const char *bytes, apr_size_t len,
                           const char *digest)
{
    unsigned char raw[APIKEY_DIGEST_LEN];
    unsigned char base64[BASE64_SIZE];

    if (len < APIKEY_DIGEST_LEN) {
        return 0;
    }
    apikey_digest_bytes(raw, digest);
    EVP_EncodeBlock(base64, raw, sizeof(raw));
    return ((len == sizeof(raw) || len == APIKEY_DIGEST_LONG_LEN)
            && apikey_equal(bytes, raw, sizeof(raw)))
           || contains(bytes, len, digest, APIKEY_DIGEST_HEX, same_hex)
           || contains(bytes, len, (const char *)base64, BASE64_LEN,
                       same_base64);
}

int apikey_text_has_key(const char *text, const char *digest,
                        const apikey_policy_t *policy)
{
    apikey_candidates_t candidates;
    apr_size_t len = strlen(text), start, end;
    int tries = 8, i;

    if (apikey_key_candidates(&candidates, policy, text, len)
        != APR_SUCCESS) {
        return 1;
    }
    for (i = 0; i < candidates.count; i++) {
        if (apikey_equal(candidates.at[i].hex, digest, APIKEY_DIGEST_HEX)) {
            return 1;
        }
    }
    return apikey_key_scan(&start, &end, policy, APIKEY_DIVIDE_URL, text,
                           len, 0, &tries, NULL);
}
