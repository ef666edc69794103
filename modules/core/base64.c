/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "base64.h"

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* APR's decoder takes other characters, too, and OpenSSL's ignores blanks. */
apr_status_t apikey_base64_decode(unsigned char *data, apr_size_t *size,
                                  const char *text, apr_size_t len)
{
    unsigned int bits = 0;
    apr_size_t chars = len, i, n = 0;

    *size = 0;
    if (len % 4 != 0) {
        return APR_EINVAL;
    }
    while (chars > 0 && len - chars < 2 && text[chars - 1] == '=') {
        chars--;
    }
    for (i = 0; i < chars; i++) {
        int value = base64_value(text[i]);

        if (value < 0) {
            return APR_EINVAL;
        }
        bits = bits << 6 | (unsigned int)value;
        if (i % 4 != 0) {
            data[n++] = (unsigned char)(bits >> (6 - i % 4 * 2));
        }
    }
    /* The last character has 4 surplus bits after one byte, 2 after two. */
    if (bits & ((1u << (len - chars) * 2) - 1)) {
        return APR_EINVAL;
    }
    *size = n;
    return APR_SUCCESS;
}
