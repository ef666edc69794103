/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "time_text.h"

#include <string.h>

#include <apr_strings.h>

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

/* Parses count digits.  Each of these functions returns the text after what it
 * has parsed, NULL where that is not there or text is NULL. */
static const char *parse_digits(const char *text, int count, int *number)
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

/* Skips one character of a set. */
static const char *skip_one(const char *text, const char *set)
{
    return text && *text && strchr(set, *text) ? text + 1 : NULL;
}

/* HH:MM, or HH:MM:SS with or without a fraction, which is ignored. */
static const char *parse_clock(const char *text, apr_time_exp_t *when)
{
    text = parse_digits(text, 2, &when->tm_hour);
    text = parse_digits(skip_one(text, ":"), 2, &when->tm_min);
    if (text && *text == ':') {
        text = parse_digits(text + 1, 2, &when->tm_sec);
        if (text && *text == '.') {
            apr_size_t len = strspn(text + 1, "0123456789");

            text = len > 0 ? text + 1 + len : NULL;
        }
    }
    return text;
}

/* Z, +HH, +HHMM or +HH:MM, to the end of the text.
 * seconds: out: local time less UTC.  Returns 0 where it is none. */
static int parse_offset(const char *text, int *seconds)
{
    int sign = text && *text == '-' ? -1 : 1;
    int hours, minutes = 0;

    *seconds = 0;
    if (!text || *text == 'Z' || *text == 'z') {
        return text && !text[1];
    }
    text = parse_digits(skip_one(text, "+-"), 2, &hours);
    if (text && *text) {
        text = parse_digits(*text == ':' ? text + 1 : text, 2, &minutes);
    }
    *seconds = sign * (hours * 3600 + minutes * 60);
    return text && !*text && hours < 24 && minutes < 60;
}

static apr_status_t parse_date(apr_int64_t *epoch, const char *text)
{
    apr_time_exp_t when, again;
    apr_time_t time;
    int offset = 0;

    memset(&when, 0, sizeof(when));
    text = parse_digits(text, 4, &when.tm_year);
    text = parse_digits(skip_one(text, "-"), 2, &when.tm_mon);
    text = parse_digits(skip_one(text, "-"), 2, &when.tm_mday);
    if (!text || (*text && !parse_offset(parse_clock(skip_one(text, "Tt "),
                                                     &when), &offset))) {
        return APR_EINVAL;
    }
    when.tm_year -= 1900;
    when.tm_mon--;
    /* A date that is not in the calendar (30 February, 24:00) is another one
     * when it is converted back. */
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

/* Adds months: the same day of the month, or the month's last day. */
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

/* Adds a duration or months ("3mo") to now; sign -1 subtracts it. */
static apr_status_t shift_time(apr_int64_t *when, const char *text,
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
    if (shift_time(&when, strcmp(text, "tomorrow") == 0 ? "1d" : text, now, 1)
        != APR_SUCCESS && parse_date(&when, text) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    /* The first second of 1970 is APIKEY_NEVER; an expiry before it is a typing
     * error. */
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
    if (shift_time(since, strcmp(text, "yesterday") == 0 ? "1d" : text, now,
                   -1) == APR_SUCCESS) {
        return APR_SUCCESS;
    }
    return parse_date(since, text);
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
