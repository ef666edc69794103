/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

void apikey_digest_hex(char hex[APIKEY_DIGEST_HEX + 1],
                       const unsigned char digest[APIKEY_DIGEST_LEN])
{
    static const char digits[] = "0123456789abcdef";
    int i;

    for (i = 0; i < APIKEY_DIGEST_LEN; i++) {
        *hex++ = digits[digest[i] >> 4];
        *hex++ = digits[digest[i] & 15];
    }
    *hex = '\0';
}

int apikey_digest_is_hex(const char *text, apr_size_t len)
{
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if (!(text[i] >= '0' && text[i] <= '9')
            && !(text[i] >= 'a' && text[i] <= 'f')) {
            return 0;
        }
    }
    return len == APIKEY_DIGEST_HEX;
}

apr_status_t apikey_digest_sha256(unsigned char digest[APIKEY_DIGEST_LEN],
                                  const void *data, apr_size_t len)
{
    return EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) == 1
           ? APR_SUCCESS : APR_EGENERAL;
}

int apikey_equal(const void *a, const void *b, apr_size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

void apikey_wipe(void *data, apr_size_t len)
{
    OPENSSL_cleanse(data, len);
}
