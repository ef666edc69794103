/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "text.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#define TIME_MAX APR_INT64_C(253402300799)  /* 9999-12-31T23:59:59Z */

/**
 * The length of the UTF-8 sequence at @a text and its code point; 0 if it is
 * none (Unicode, table 3-7: no overlong form, no surrogate, no more than
 * U+10FFFF).  A final NUL ends every sequence, so nothing is read behind it.
 */
static int utf8_next(const unsigned char *text, apr_uint32_t *point)
{
    static const apr_uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    int len, i;

    if (*text < 0x80) {
        *point = *text;
        return 1;
    }
    len = *text >= 0xf0 ? 4 : *text >= 0xe0 ? 3 : 2;
    if (*text < 0xc0 || *text > 0xf7) {
        return 0;
    }
    *point = *text & (0x7fu >> len);
    for (i = 1; i < len; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        *point = *point << 6 | (text[i] & 0x3fu);
    }
    if (*point < least[len] || *point > 0x10ffff
        || (*point >= 0xd800 && *point <= 0xdfff)) {
        return 0;
    }
    return len;
}

const char *apikey_text_fault(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    apr_size_t len = strlen(text);

    if (len == 0) {
        return "is empty";
    }
    if (len > APIKEY_TEXT_MAX) {
        return "is longer than 255 bytes";
    }
    while (*c) {
        apr_uint32_t point;
        int step;

        while (*c >= 0x20 && *c < 0x7f) {
            c++;
        }
        if (!*c) {
            break;
        }
        step = utf8_next(c, &point);
        if (step == 0) {
            return "is not UTF-8";
        }
        if (point < 0x20 || (point >= 0x7f && point <= 0x9f)) {
            return "has a control character";
        }
        c += step;
    }
    if (text[0] == ' ' || text[len - 1] == ' ') {
        return "begins or ends with a blank";
    }
    return NULL;
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

static apr_int64_t unit_seconds(char unit)
{
    switch (unit) {
    case 's': return 1;
    case 'm': return 60;
    case 'h': return 60 * 60;
    case 'd': return 24 * 60 * 60;
    case 'w': return 7 * 24 * 60 * 60;
    case 'y': return 365 * 24 * 60 * 60;
    default:  return 0;
    }
}

apr_status_t apikey_duration_parse(apr_int64_t *seconds, const char *text)
{
    const char *c = text;
    apr_int64_t count = 0, unit;

    for (; *c >= '0' && *c <= '9'; c++) {
        count = count * 10 + (*c - '0');
        if (count > TIME_MAX) {
            return APR_EINVAL;
        }
    }
    unit = c > text ? unit_seconds(*c) : 0;
    if (unit == 0 || c[1] || count > TIME_MAX / unit) {
        return APR_EINVAL;
    }
    *seconds = count * unit;
    return APR_SUCCESS;
}

/** Reads as many digits as @a pattern has '0', and its other characters as
 * they are; the numbers go to @a fields in turn. */
static int read_fields(int *fields, const char *text, const char *pattern)
{
    int within = 0;

    for (; *pattern; pattern++, text++) {
        if (*pattern != '0') {
            if (*text != *pattern) {
                return 0;
            }
            within = 0;
            fields++;
            continue;
        }
        if (*text < '0' || *text > '9') {
            return 0;
        }
        *fields = (within ? *fields * 10 : 0) + (*text - '0');
        within = 1;
    }
    return !*text;
}

static apr_status_t date_parse(apr_int64_t *epoch, const char *text)
{
    int field[7] = { 0, 0, 0, 0, 0, 0, 0 };
    apr_time_exp_t when, again;
    apr_time_t time;

    if (!read_fields(field, text, "0000-00-00")
        && !read_fields(field, text, "0000-00-00T00:00:00Z")) {
        return APR_EINVAL;
    }
    memset(&when, 0, sizeof(when));
    when.tm_year = field[0] - 1900;
    when.tm_mon = field[1] - 1;
    when.tm_mday = field[2];
    when.tm_hour = field[3];
    when.tm_min = field[4];
    when.tm_sec = field[5];
    /* The calendar's own rules: a date that comes back changed (30 February,
     * 24:00) is none. */
    if (when.tm_mon < 0 || when.tm_mon > 11
        || apr_time_exp_gmt_get(&time, &when) != APR_SUCCESS
        || apr_time_exp_gmt(&again, time) != APR_SUCCESS
        || again.tm_mon != when.tm_mon || again.tm_hour != when.tm_hour
        || again.tm_min != when.tm_min) {
        return APR_EINVAL;
    }
    *epoch = apr_time_sec(time);
    return APR_SUCCESS;
}

apr_status_t apikey_expiry_parse(apr_int64_t *expires, const char *text,
                                 apr_int64_t now)
{
    apr_int64_t when;

    if (strcmp(text, "never") == 0) {
        *expires = APIKEY_NEVER;
        return APR_SUCCESS;
    }
    if (apikey_duration_parse(&when, text) == APR_SUCCESS) {
        if (now > TIME_MAX - when) {
            return APR_EINVAL;
        }
        when += now;
    }
    else if (date_parse(&when, text) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    /* The first second of 1970 would read as "never", those before it as
     * an error of whoever typed them. */
    if (when <= APIKEY_NEVER) {
        return APR_EINVAL;
    }
    *expires = when;
    return APR_SUCCESS;
}

char *apikey_time_format(apr_int64_t epoch, apr_pool_t *pool)
{
    apr_time_exp_t when;

    if (epoch < 0 || epoch > TIME_MAX
        || apr_time_exp_gmt(&when, apr_time_from_sec(epoch)) != APR_SUCCESS) {
        return apr_psprintf(pool, "%" APR_INT64_T_FMT, epoch);
    }
    return apr_psprintf(pool, "%04d-%02d-%02dT%02d:%02d:%02dZ",
                        when.tm_year + 1900, when.tm_mon + 1, when.tm_mday,
                        when.tm_hour, when.tm_min, when.tm_sec);
}

static int begins_with_word(const char *text, const char *word)
{
    for (; *word; text++, word++) {
        if (apr_toupper(*text) != *word) {
            return 0;
        }
    }
    return !apr_isalnum(*text) && *text != '_';
}

/* A statement without a result makes apr_dbd_mysql crash, so only what can be
 * a select is let through.  Two quotes within quotes, which stand for one,
 * end and begin them again. */
const char *apikey_query_fault(const char *sql)
{
    int parameters = 0;
    char quote = '\0';

    sql += strspn(sql, " \t\r\n(");
    if (!begins_with_word(sql, "SELECT") && !begins_with_word(sql, "WITH")) {
        return "is no SELECT";
    }
    for (; *sql; sql++) {
        if (quote ? *sql == quote : *sql == '\'' || *sql == '"') {
            quote = quote ? '\0' : *sql;
        }
        if (*sql != '%') {
            continue;
        }
        sql++;
        if (*sql == 's' && quote) {
            return "has its %s within quotes: write it without them";
        }
        if (*sql == 's') {
            parameters++;
        }
        else if (*sql != '%') {
            return "has a % that is no %s: write %% for a percent sign";
        }
    }
    while (apr_isspace(sql[-1])) {
        sql--;
    }
    return sql[-1] == ';' ? "ends with a ';': leave it out"
         : parameters == 0 ? "has no %s where the value goes"
         : parameters > 1 ? "has more than one %s: the value goes to one place"
                            " (%% stands for a percent sign)"
         : NULL;
}
