/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <string.h>

#include "strength.h"

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Smallest first.  The bits per character, in thousandths, are rounded down. */
static const struct { const char *characters; int millibits; } alphabets[] = {
    { DIGITS, 3321 }, { DIGITS "abcdef", 4000 }, { DIGITS "ABCDEF", 4000 },
    { LOWER, 4700 }, { UPPER, 4700 }, { DIGITS LOWER, 5169 },
    { DIGITS UPPER, 5169 }, { LOWER UPPER, 5700 },
    { DIGITS LOWER UPPER, 5954 }, { DIGITS LOWER UPPER "-_", 6000 }
};

#define PRINTABLE 6554

/* The same for alphabets of 0 to 4 characters. */
static const int few[] = { 0, 0, 1000, 1584, 2000 };

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static int distinct_characters(const char *key, apr_size_t len)
{
    char seen[256] = { 0 };
    int count = 0;
    apr_size_t i;

    for (i = 0; i < len; i++) {
        count += !seen[(unsigned char)key[i]];
        seen[(unsigned char)key[i]] = 1;
    }
    return count;
}

static int consists_of(const char *characters, const char *key,
                       apr_size_t len)
{
    apr_size_t i = 0;

    while (i < len && key[i] && strchr(characters, key[i])) {
        i++;
    }
    return i == len;
}

int apikey_key_bits(const char *key, apr_size_t len)
{
    apr_size_t used = (apr_size_t)distinct_characters(key, len), i = 0;
    apr_size_t each = PRINTABLE, bits;

    while (i < COUNT(alphabets)
           && !consists_of(alphabets[i].characters, key, len)) {
        i++;
    }
    if (i < COUNT(alphabets)) {
        each = (apr_size_t)alphabets[i].millibits;
    }
    if (used < COUNT(few)) {
        each = (apr_size_t)few[used];
    }
    if (len < APIKEY_KEY_MIN_LEN && each > 4000) {
        each = 4000;
    }
    bits = len * each / 1000;
    return bits > 0 ? (int)bits : 1;
}
