/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/text.h"
#include "json.h"

/* Appends a character, at most six bytes for each byte of text; returns the new
 * end.  Control characters and invisible ones are escaped (RFC 8259, 7). */
static char *append_character(char *out, const char *text, apr_size_t len,
                              int code)
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
    else if (apikey_is_hidden(code) && code < 0x10000) {
        out += apr_snprintf(out, 7, "\\u%04x", code);
    }
    else if (apikey_is_hidden(code)) {
        out += apr_snprintf(out, 13, "\\u%04x\\u%04x",
                            0xD7C0 + (code >> 10), 0xDC00 + (code & 0x3FF));
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
        out = append_character(out, text, len, code);
    }
    *out++ = '"';
    *out = '\0';
    return json;
}
