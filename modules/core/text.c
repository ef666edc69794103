/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "text.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_lib.h>

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

/* A range of Unicode's code points, both ends included. */
typedef struct range_t {
    int from, to;
} range_t;

/* Unicode 15.1, in order: the categories Cf, Zl, Zp and Zs without U+0020, the
 * other characters with Default_Ignorable_Code_Point, and U+2800, which is a
 * symbol and shown as a blank. */
static const range_t hidden[] = {
    { 0x00A0, 0x00A0 }, { 0x00AD, 0x00AD }, { 0x034F, 0x034F },
    { 0x0600, 0x0605 }, { 0x061C, 0x061C }, { 0x06DD, 0x06DD },
    { 0x070F, 0x070F }, { 0x0890, 0x0891 }, { 0x08E2, 0x08E2 },
    { 0x115F, 0x1160 }, { 0x1680, 0x1680 }, { 0x17B4, 0x17B5 },
    { 0x180B, 0x180F }, { 0x2000, 0x200F }, { 0x2028, 0x202F },
    { 0x205F, 0x206F }, { 0x2800, 0x2800 }, { 0x3000, 0x3000 },
    { 0x3164, 0x3164 }, { 0xFE00, 0xFE0F }, { 0xFEFF, 0xFEFF },
    { 0xFFA0, 0xFFA0 }, { 0xFFF0, 0xFFFB }, { 0x110BD, 0x110BD },
    { 0x110CD, 0x110CD }, { 0x13430, 0x1343F }, { 0x1BCA0, 0x1BCA3 },
    { 0x1D173, 0x1D17A }, { 0xE0000, 0xE0FFF }
};

/* The blocks of marks that combine with the character before them. */
static const range_t combining[] = {
    { 0x0300, 0x036F }, { 0x1AB0, 0x1AFF }, { 0x1DC0, 0x1DFF },
    { 0x20D0, 0x20FF }, { 0xFE20, 0xFE2F }
};

#define IS_ONE_OF(list, code) is_one_of(list, sizeof(list) / sizeof(*list), \
                                        code)
static int is_one_of(const range_t *list, apr_size_t count, int code)
{
    apr_size_t i = 0;

    while (i < count && code > list[i].to) {
        i++;
    }
    return i < count && code >= list[i].from;
}

static int is_control(int code)
{
    return (code >= 0 && code < 0x20) || (code >= 0x7F && code < 0xA0);
}

int apikey_is_hidden(int code)
{
    return is_control(code) || (code >= 0xA0 && IS_ONE_OF(hidden, code));
}

const char *apikey_text_fault(const char *text)
{
    const char *c = text;
    apr_size_t len = strlen(text);

    if (len == 0) {
        return "is empty";
    }
    if (len > APIKEY_TEXT_MAX) {
        return "is longer than 255 bytes";
    }
    while (*c) {
        int code;

        while (*c >= 0x20 && *c < 0x7f) {
            c++;
        }
        if (!*c) {
            break;
        }
        c += apikey_utf8_read(c, &code);
        if (code < 0) {
            return "is not UTF-8";
        }
        if (is_control(code)) {
            return "has a control character";
        }
    }
    if (text[0] == ' ' || text[len - 1] == ' ') {
        return "begins or ends with a blank";
    }
    return NULL;
}

const char *apikey_name_fault(const char *name)
{
    const char *fault = apikey_text_fault(name);
    const char *c;
    int code;

    for (c = name; !fault && *c;) {
        apr_size_t len = apikey_utf8_read(c, &code);

        if (apikey_is_hidden(code)) {
            fault = "has a character that is not seen, or looks like a "
                    "blank";
        }
        else if (c == name && IS_ONE_OF(combining, code)) {
            fault = "begins with a mark that belongs to the character before "
                    "it";
        }
        c += len;
    }
    return fault;
}

const char *apikey_word_fault(const char *word)
{
    static const char allowed[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz._-";
    apr_size_t len = strspn(word, allowed);

    if (!*word) {
        return "is empty";
    }
    if (word[len]) {
        return "has a character other than letters, digits, '.', '_' and '-'";
    }
    if (len > APIKEY_WORD_MAX) {
        return "is longer than 64 characters";
    }
    return NULL;
}

int apikey_text_listed(const char *const *list, const char *text)
{
    while (*list && apr_cstr_casecmp(*list, text) != 0) {
        list++;
    }
    return *list != NULL;
}

const char *apikey_one_line(const char *message, apr_pool_t *pool)
{
    char *line, *to;

    if (!message) {
        return NULL;
    }
    line = to = apr_palloc(pool, strlen(message) + 1);
    for (; *message; message++) {
        if (!apr_isspace(*message)) {
            *to++ = *message;
        }
        else if (to > line && to[-1] != ' ') {
            *to++ = ' ';
        }
    }
    while (to > line && to[-1] == ' ') {
        to--;
    }
    *to = '\0';
    return line;
}
