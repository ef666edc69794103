/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "json.h"

apr_size_t apikey_utf8_read(const char *text, int *code)
{
    static const int lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const unsigned char *byte = (const unsigned char *)text;
    apr_size_t len = byte[0] < 0x80 ? 1 : byte[0] < 0xC0 ? 0
                   : byte[0] < 0xE0 ? 2 : byte[0] < 0xF0 ? 3
                   : byte[0] < 0xF8 ? 4 : 0;
    apr_size_t i;

    *code = -1;
    if (len == 0) {
        return 1;
    }
    if (len == 1) {
        *code = byte[0];
        return byte[0] != 0;
    }
    *code = byte[0] & (0x7F >> len);
    for (i = 1; i < len; i++) {
        if ((byte[i] & 0xC0) != 0x80) {
            *code = -1;
            return i;
        }
        *code = *code << 6 | (byte[i] & 0x3F);
    }
    if (*code < lowest[len] || *code > 0x10FFFF
        || (*code >= 0xD800 && *code <= 0xDFFF)) {
        *code = -1;
    }
    return len;
}

/* Appends at most six bytes; returns where it ended. */
static char *put(char *out, const char *text, apr_size_t len, int code)
{
    static const char named[] = "\b\t\n\f\r\"\\";
    static const char letters[] = "btnfr\"\\";
    const char *at = code > 0 && code < 0x80 ? strchr(named, code) : NULL;

    if (at) {
        *out++ = '\\';
        *out++ = letters[at - named];
    }
    else if (code < 0) {
        memcpy(out, "\\ufffd", 6);
        out += 6;
    }
    else if (code < 0x20 || (code >= 0x7F && code < 0xA0)) {
        out += apr_snprintf(out, 7, "\\u%04x", code);
    }
    else {
        memcpy(out, text, len);
        out += len;
    }
    return out;
}

char *apikey_json_string(const char *text, apr_pool_t *pool)
{
    char *json = apr_palloc(pool, strlen(text) * 6 + 3);
    char *out = json;
    apr_size_t len;
    int code;

    *out++ = '"';
    for (; *text; text += len) {
        len = apikey_utf8_read(text, &code);
        out = put(out, text, len, code);
    }
    *out++ = '"';
    *out = '\0';
    return json;
}
