/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "text.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

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

/* In order: the categories Cf, Zl and Zp, Zs without U+0020, what the property
 * Default_Ignorable_Code_Point adds to them, and U+2800, a blank that is
 * counted among the symbols (Unicode 15.1). */
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

/* Marks that are written over the character before them: the blocks that have
 * nothing else. */
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
        if (count > APIKEY_TIME_MAX) {
            return APR_EINVAL;
        }
    }
    unit = c > text ? unit_seconds(*c) : 0;
    if (unit == 0 || c[1] || count > APIKEY_TIME_MAX / unit) {
        return APR_EINVAL;
    }
    *seconds = count * unit;
    return APR_SUCCESS;
}

/* Reads so many digits; the text behind them, NULL where they are not there
 * (or text is NULL). */
static const char *read_digits(const char *text, int count, int *number)
{
    *number = 0;
    for (; text && count > 0; count--, text++) {
        if (*text < '0' || *text > '9') {
            return NULL;
        }
        *number = *number * 10 + (*text - '0');
    }
    return text;
}

/* The text behind one of some characters, NULL where none is there. */
static const char *read_one(const char *text, const char *set)
{
    return text && *text && strchr(set, *text) ? text + 1 : NULL;
}

/* HH:MM, HH:MM:SS, and with a fraction, which is dropped. */
static const char *read_clock(const char *text, apr_time_exp_t *when)
{
    text = read_digits(text, 2, &when->tm_hour);
    text = read_digits(read_one(text, ":"), 2, &when->tm_min);
    if (text && *text == ':') {
        text = read_digits(text + 1, 2, &when->tm_sec);
        if (text && *text == '.') {
            apr_size_t len = strspn(text + 1, "0123456789");

            text = len > 0 ? text + 1 + len : NULL;
        }
    }
    return text;
}

/* Z, +HH, +HHMM or +HH:MM, to the end of the text; what UTC is behind. */
static int read_offset(const char *text, int *seconds)
{
    int sign = text && *text == '-' ? -1 : 1;
    int hours, minutes = 0;

    *seconds = 0;
    if (!text || *text == 'Z' || *text == 'z') {
        return text && !text[1];
    }
    text = read_digits(read_one(text, "+-"), 2, &hours);
    if (text && *text) {
        text = read_digits(*text == ':' ? text + 1 : text, 2, &minutes);
    }
    *seconds = sign * (hours * 3600 + minutes * 60);
    return text && !*text && hours < 24 && minutes < 60;
}

static apr_status_t date_parse(apr_int64_t *epoch, const char *text)
{
    apr_time_exp_t when, again;
    apr_time_t time;
    int offset = 0;

    memset(&when, 0, sizeof(when));
    text = read_digits(text, 4, &when.tm_year);
    text = read_digits(read_one(text, "-"), 2, &when.tm_mon);
    text = read_digits(read_one(text, "-"), 2, &when.tm_mday);
    if (!text || (*text && !read_offset(read_clock(read_one(text, "Tt "),
                                                   &when), &offset))) {
        return APR_EINVAL;
    }
    when.tm_year -= 1900;
    when.tm_mon--;
    /* The calendar's own rules: a date that comes back changed (30 February,
     * 24:00) is none. */
    if (when.tm_mon < 0 || when.tm_mon > 11
        || apr_time_exp_gmt_get(&time, &when) != APR_SUCCESS
        || apr_time_exp_gmt(&again, time) != APR_SUCCESS
        || again.tm_mon != when.tm_mon || again.tm_hour != when.tm_hour
        || again.tm_min != when.tm_min) {
        return APR_EINVAL;
    }
    *epoch = apr_time_sec(time) - offset;
    return APR_SUCCESS;
}

/* The same day so many months on, or that month's last day. */
static apr_status_t add_months(apr_int64_t *when, int months)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
                                31 };
    apr_time_exp_t exp;
    apr_time_t time;
    int year, last;

    if (apr_time_exp_gmt(&exp, apr_time_from_sec(*when)) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    months += exp.tm_year * 12 + exp.tm_mon;
    if (months < 70 * 12) {
        return APR_EINVAL;
    }
    exp.tm_year = months / 12;
    exp.tm_mon = months % 12;
    year = exp.tm_year + 1900;
    last = days[exp.tm_mon]
           + (exp.tm_mon == 1 && year % 4 == 0
              && (year % 100 != 0 || year % 400 == 0));
    exp.tm_mday = exp.tm_mday > last ? last : exp.tm_mday;
    exp.tm_gmtoff = 0;
    if (apr_time_exp_gmt_get(&time, &exp) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    *when = apr_time_sec(time);
    return APR_SUCCESS;
}

/* A duration, "3mo" among them, from now on or back (sign). */
static apr_status_t shift(apr_int64_t *when, const char *text,
                          apr_int64_t now, int sign)
{
    apr_size_t len = strspn(text, "0123456789");
    apr_int64_t seconds;

    if (len > 0 && len <= 5 && strcmp(text + len, "mo") == 0) {
        *when = now;
        return add_months(when, sign * (int)apr_atoi64(text));
    }
    if (apikey_duration_parse(&seconds, text) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    *when = now + sign * seconds;
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
    if (shift(&when, strcmp(text, "tomorrow") == 0 ? "1d" : text, now, 1)
        != APR_SUCCESS && date_parse(&when, text) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    /* The first second of 1970 would read as "never", those before it as
     * an error of whoever typed them. */
    if (when <= APIKEY_NEVER || when > APIKEY_TIME_MAX) {
        return APR_EINVAL;
    }
    *expires = when;
    return APR_SUCCESS;
}

apr_status_t apikey_since_parse(apr_int64_t *since, const char *text,
                                apr_int64_t now)
{
    if (strcmp(text, "today") == 0) {
        *since = now - now % 86400;
        return APR_SUCCESS;
    }
    return shift(since, strcmp(text, "yesterday") == 0 ? "1d" : text, now, -1)
           == APR_SUCCESS ? APR_SUCCESS : date_parse(since, text);
}

const char *apikey_time_fault(apr_int64_t epoch)
{
    return epoch > APIKEY_TIME_MAX
           ? "lies after the year 9999; it should be seconds since 1970, not "
             "milliseconds" : NULL;
}

char *apikey_time_format(apr_int64_t epoch, apr_pool_t *pool)
{
    apr_time_exp_t when;

    if (epoch < 0 || epoch > APIKEY_TIME_MAX
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
