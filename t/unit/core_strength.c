/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* core/strength.h: how many bits a key has at most, by its length and
 * characters. */

#include <string.h>

#include "../../modules/core/strength.h"
#include "tap.h"

static const struct { const char *promise, *key; int bits; } keys[] = {
    { "one letter", "a", 1 },
    { "the empty text", "", 1 },
    { "a PIN of three different digits", "4711", 6 },
    { "ten different digits", "0123456789", 33 },
    { "19 digits", "1029384756019283746", 63 },
    { "20 digits", "10293847560192837465", 66 },
    { "15 hexadecimal digits", "0f1e2d3c4b5a697", 60 },
    { "16 hexadecimal digits", "0f1e2d3c4b5a6978", 64 },
    { "16 hexadecimal digits in upper case", "0F1E2D3C4B5A6978", 64 },
    { "15 printable characters count as hexadecimal digits",
      "aB3$eF6!iJ9%mN-", 60 },
    { "16 letters of one case", "qwertyuiopasdfgh", 75 },
    { "16 letters of both cases", "qWeRtYuIoPaSdFgH", 91 },
    { "16 letters and digits of one case", "q1w2e3r4t5y6u7i8", 82 },
    { "16 letters and digits of both cases", "Q1w2e3r4t5y6u7i8", 95 },
    { "16 characters of base64url", "Q1w2e3r4t5y6u7-_", 96 },
    { "16 printable characters", "Q1w2e3r4t5y6u7+/", 104 },
    { "40 times the same letter",
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 1 },
    { "40 letters of two", "abababababababababababababababababababab", 40 },
    { "20 characters of four", "test_test_test_test_", 40 },
    { "64 zeros and ones", "0110100110010110100101100110100110010110011010"
                           "010110100110010110", 64 }
};

int main(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        is_int(apikey_key_bits(keys[i].key, strlen(keys[i].key)),
               keys[i].bits, "%s", keys[i].promise);
    }
    is_int(apikey_key_bits("0f1e2d3c4b5a6978beyond", 16), 64,
           "bytes beyond the length are not counted");
    return done();
}
