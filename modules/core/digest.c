/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

/* Eight characters stand for four bytes. Both ways are gone on each request,
 * several times: so all eight at once, without a branch or a table. */
#define EACH(byte) (APR_UINT64_C(0x0101010101010101) * (byte))

static apr_uint64_t load(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;

    return (apr_uint64_t)c[0] << 56 | (apr_uint64_t)c[1] << 48
           | (apr_uint64_t)c[2] << 40 | (apr_uint64_t)c[3] << 32
           | (apr_uint64_t)c[4] << 24 | (apr_uint64_t)c[5] << 16
           | (apr_uint64_t)c[6] << 8 | (apr_uint64_t)c[7];
}

static apr_uint32_t from_hex(apr_uint64_t eight)
{
    /* Letters have the bit 0x40, and begin with ten at 0x61. */
    apr_uint64_t x = (eight & EACH(0x0f)) + (eight >> 6 & EACH(1)) * 9;

    x = (x | x >> 4) & APR_UINT64_C(0x00ff00ff00ff00ff);
    x = (x | x >> 8) & APR_UINT64_C(0x0000ffff0000ffff);
    return (apr_uint32_t)(x | x >> 16);
}

static apr_uint64_t to_hex(apr_uint32_t four)
{
    apr_uint64_t x = four;

    x = (x | x << 16) & APR_UINT64_C(0x0000ffff0000ffff);
    x = (x | x << 8) & APR_UINT64_C(0x00ff00ff00ff00ff);
    x = (x | x << 4) & EACH(0x0f);
    /* With six more, what is above nine has the bit 0x10. */
    return x + EACH('0') + ((x + EACH(6)) >> 4 & EACH(1)) * ('a' - '0' - 10);
}

void apikey_digest_hex(char hex[APIKEY_DIGEST_HEX + 1],
                       const unsigned char digest[APIKEY_DIGEST_LEN])
{
    const unsigned char *d = digest;

    for (; d < digest + APIKEY_DIGEST_LEN; d += 4, hex += 8) {
        apr_uint64_t x = to_hex((apr_uint32_t)d[0] << 24
                                | (apr_uint32_t)d[1] << 16
                                | (apr_uint32_t)d[2] << 8 | d[3]);

        hex[0] = (char)(x >> 56);
        hex[1] = (char)(x >> 48);
        hex[2] = (char)(x >> 40);
        hex[3] = (char)(x >> 32);
        hex[4] = (char)(x >> 24);
        hex[5] = (char)(x >> 16);
        hex[6] = (char)(x >> 8);
        hex[7] = (char)x;
    }
    *hex = '\0';
}

void apikey_digest_bytes(unsigned char digest[APIKEY_DIGEST_LEN],
                         const char hex[APIKEY_DIGEST_HEX])
{
    unsigned char *d = digest;

    for (; d < digest + APIKEY_DIGEST_LEN; d += 4, hex += 8) {
        apr_uint32_t x = from_hex(load(hex));

        d[0] = (unsigned char)(x >> 24);
        d[1] = (unsigned char)(x >> 16);
        d[2] = (unsigned char)(x >> 8);
        d[3] = (unsigned char)x;
    }
}

static int all_hex(const char *text, apr_size_t len)
{
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if (!(text[i] >= '0' && text[i] <= '9')
            && !(text[i] >= 'a' && text[i] <= 'f')) {
            return 0;
        }
    }
    return 1;
}

int apikey_digest_is_hex(const char *text, apr_size_t len)
{
    return len == APIKEY_DIGEST_HEX && all_hex(text, len);
}

int apikey_digest_is_any_hex(const char *text, apr_size_t len)
{
    return (len == APIKEY_DIGEST_HEX || len == APIKEY_DIGEST_LONG_HEX)
           && all_hex(text, len);
}

apr_status_t apikey_digest_sha256(unsigned char digest[APIKEY_DIGEST_LEN],
                                  const void *data, apr_size_t len)
{
    return EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) == 1
           ? APR_SUCCESS : APR_EGENERAL;
}

apr_status_t apikey_digest_sha512(unsigned char digest[APIKEY_DIGEST_LONG_LEN],
                                  const void *data, apr_size_t len)
{
    return EVP_Digest(data, len, digest, NULL, EVP_sha512(), NULL) == 1
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
