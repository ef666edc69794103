/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Digests, their hex form and base64: core/digest.h and core/base64.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../modules/core/base64.h"
#include "../../modules/core/digest.h"
#include "tap.h"

static void test_sha256(void)
{
    unsigned char digest[APIKEY_DIGEST_LEN];
    char hex[APIKEY_DIGEST_HEX + 1];

    is_int(apikey_digest_sha256(digest, "abc", 3), APR_SUCCESS,
           "SHA-256 is computed");
    apikey_digest_hex(hex, digest);
    is_str(hex, "ba7816bf8f01cfea414140de5dae2223"
                "b00361a396177a9cb410ff61f20015ad",
           "the digest of 'abc' is FIPS 180's, in lower case");
    apikey_digest_sha256(digest, "", 0);
    apikey_digest_hex(hex, digest);
    is_str(hex, "e3b0c44298fc1c149afbf4c8996fb924"
                "27ae41e4649b934ca495991b7852b855",
           "the digest of the empty text is FIPS 180's");
}

/* Each byte value in several places; libc's %02x gives what is expected. */
static void test_hex(void)
{
    unsigned char digest[APIKEY_DIGEST_LEN], again[APIKEY_DIGEST_LEN];
    char hex[APIKEY_DIGEST_HEX + 1], want[APIKEY_DIGEST_HEX + 1];
    int byte, i, wrong = 0, lost = 0;

    for (byte = 0; byte < 256; byte++) {
        for (i = 0; i < APIKEY_DIGEST_LEN; i++) {
            digest[i] = (unsigned char)(byte + 7 * i);
            snprintf(want + 2 * i, 3, "%02x", digest[i]);
        }
        apikey_digest_hex(hex, digest);
        wrong += strcmp(hex, want) != 0;
        apikey_digest_bytes(again, hex);
        lost += memcmp(again, digest, sizeof(digest)) != 0;
    }
    is_int(wrong, 0, "every byte has its hex form, wherever it stands");
    is_int(lost, 0, "every byte is read back from its hex form");
}

static void test_is_hex(void)
{
    char hex[] = "ba7816bf8f01cfea414140de5dae2223"
                 "b00361a396177a9cb410ff61f20015ad";
    char bad[] = { '/', ':', '`', 'g', 'A', 'F', ' ', '\0', '\xff' };
    apr_size_t i;

    ok(apikey_digest_is_hex(hex, 64), "64 hex characters are a digest");
    ok(!apikey_digest_is_hex(hex, 63), "63 hex characters are no digest");
    ok(!apikey_digest_is_hex(hex, 65),
       "64 hex characters and a NUL are no digest");
    ok(!apikey_digest_is_hex("", 0), "the empty text is no digest");
    for (i = 0; i < sizeof(bad); i++) {
        hex[63] = bad[i];
        ok(!apikey_digest_is_hex(hex, 64),
           "64 characters with a last byte of 0x%02x are no digest",
           (unsigned char)bad[i]);
    }
}

static void test_long(void)
{
    unsigned char digest[APIKEY_DIGEST_LONG_LEN];
    char hex[APIKEY_DIGEST_LONG_HEX + 1];

    apikey_digest_sha512(digest, "abc", 3);
    apikey_digest_hex(hex, digest);
    apikey_digest_hex(hex + APIKEY_DIGEST_HEX, digest + APIKEY_DIGEST_LEN);
    is_str(hex, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55"
                "d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94f"
                "a54ca49f", "SHA-512 of 'abc' is FIPS 180-2's");
    ok(apikey_digest_is_any_hex(hex, 128),
       "128 hex characters are a digest of some kind");
    ok(apikey_digest_is_any_hex(hex, 64),
       "64 hex characters are a digest of some kind");
    ok(!apikey_digest_is_any_hex(hex, 96),
       "96 hex characters are no digest of any kind");
    ok(!apikey_digest_is_hex(hex, 128),
       "128 hex characters are no digest of SHA-256");
    hex[127] = 'G';
    ok(!apikey_digest_is_any_hex(hex, 128),
       "128 characters with a last one of 'G' are no digest");
}

static void test_equal(void)
{
    unsigned char a[APIKEY_DIGEST_LEN] = { 0 }, b[APIKEY_DIGEST_LEN] = { 0 };
    int i, missed = 0;

    ok(apikey_equal(a, b, sizeof(a)), "equal bytes are equal");
    ok(apikey_equal("x", "y", 0), "two empty runs of bytes are equal");
    for (i = 0; i < (int)sizeof(a) * 8; i++) {
        b[i / 8] ^= (unsigned char)(1 << i % 8);
        missed += apikey_equal(a, b, sizeof(a));
        b[i / 8] = 0;
    }
    is_int(missed, 0, "a difference of any one bit is found");
}

static void test_wipe(void)
{
    char secret[40] = "a secret of the server";
    char zero[sizeof(secret)] = { 0 };

    secret[39] = 'x';
    apikey_wipe(secret, 39);
    ok(memcmp(secret, zero, 39) == 0, "wiped memory holds zeroes");
    is_int(secret[39], 'x', "the byte after the wiped memory is kept");
}

static void is_decoded(const char *text, const char *want, apr_size_t len)
{
    unsigned char data[64];
    apr_size_t size;
    apr_status_t status = apikey_base64_decode(data, &size, text, strlen(text));

    ok(status == APR_SUCCESS && size == len && memcmp(data, want, len) == 0,
       "base64 '%s' is decoded to %d bytes", text, (int)len);
}

static void test_base64(void)
{
    static const char *bad[] = {
        "Z", "Zg", "Zg=", "Zm8", "Zg===", "====", "=", "Z===", "Zg==Zg==",
        "Zm9v====", "Zm9vYg", " Zg==", "Zg== ", "Zm9v\n", "Z m9v", "Zm-v",
        "Zm_v", "Zm9\x80", "Zh==", "Zm9=", "Z=g=", "Zg==\r\n", "Zm9*"
    };
    unsigned char data[64];
    apr_size_t i, size;

    is_decoded("", "", 0);
    is_decoded("Zg==", "f", 1);
    is_decoded("Zm8=", "fo", 2);
    is_decoded("Zm9v", "foo", 3);
    is_decoded("Zm9vYmFy", "foobar", 6);
    is_decoded("+/+/AA==", "\xfb\xff\xbf\0", 4);
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        is_int(apikey_base64_decode(data, &size, bad[i], strlen(bad[i])),
               APR_EINVAL, "'%s' is refused: every key has one spelling",
               strchr(bad[i], '\n') ? "a line end" : bad[i]);
    }
    is_int(apikey_base64_decode(data, &size, "Zm\09", 4), APR_EINVAL,
           "a NUL within the text is refused");
}

int main(void)
{
    test_sha256();
    test_hex();
    test_is_hex();
    test_long();
    test_equal();
    test_wipe();
    test_base64();
    return done();
}
