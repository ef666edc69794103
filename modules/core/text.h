/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file text.h
 * @brief Which words may be stored, carried in a header and shown; how
 *        people write times, where a query has its parameter, and a message
 *        in one line.
 */
#ifndef APIKEY_TEXT_H
#define APIKEY_TEXT_H

#include <apr_pools.h>
#include <apr_time.h>

#define APIKEY_TEXT_MAX 255     /**< bytes of a tenant or a name */
#define APIKEY_WORD_MAX 64      /**< characters of an env or a keyspace */
#define APIKEY_NEVER 0          /**< an expiry that does not come */
#define APIKEY_TIME_MAX APR_INT64_C(253402300799)   /**< the end of 9999 */

/**
 * Reads one character of UTF-8 (Unicode, table 3-7: no overlong form, no
 * surrogate, nothing above U+10FFFF).
 * @param code the character, or -1: these bytes are none
 * @return how many bytes were read; at least 1 unless at the end
 */
apr_size_t apikey_utf8_read(const char *text, int *code);

/**
 * NULL if @a text (a tenant, a name, an id) can stand in a header and in
 * JSON: 1 to APIKEY_TEXT_MAX bytes of UTF-8 without control characters
 * (%x00-1F, %x7F, U+0080-9F), no blank at either end; else what is wrong, a
 * static sentence fragment ("has a control character").  Checked when a key
 * is made, and again when one is read: people type into databases.
 */
const char *apikey_text_fault(const char *text);

/**
 * The same for a name that is to be made (a tenant's, a key's): moreover none
 * of apikey_is_hidden()'s characters, and no combining mark at its beginning,
 * so that two names are not shown alike for these.  What is in the database
 * already is judged by apikey_text_fault() alone.
 */
const char *apikey_name_fault(const char *name);

/** Whether a character shows nothing, or a blank that is not U+0020, or turns
 * the direction of writing; control characters, too. */
int apikey_is_hidden(int code);

/** NULL if @a word (an env, a keyspace) is 1 to APIKEY_WORD_MAX characters of
 * [0-9A-Za-z._-]; else what is wrong, a static sentence fragment. */
const char *apikey_word_fault(const char *word);

/**
 * Reads a duration: digits and one of s m h d w (or y: 365 d); no sign, no
 * blank, no overflow.
 * @param seconds set on success
 * @return APR_EINVAL if it is none
 */
apr_status_t apikey_duration_parse(apr_int64_t *seconds, const char *text);

/** How apikey_expiry_parse() reads a time, for a message. */
#define APIKEY_EXPIRY_FORMS "a time from now (90d, 3mo, tomorrow), a date " \
    "(2030-12-31, 2030-12-31T12:00:00Z, 2030-12-31T12:00:00+01:00) or never"

/** How apikey_since_parse() does. */
#define APIKEY_SINCE_FORMS "a time ago (90d, 3mo, yesterday) or a date " \
    "(2030-12-31, 2030-12-31T12:00:00Z, 2030-12-31T12:00:00+01:00)"

/**
 * Reads an expiry: "never", a duration from @a now ("3mo" is the same day in
 * three months, or that month's last), "tomorrow" (in 24 hours), or a date of
 * ISO 8601: YYYY-MM-DD (its end is not meant, its midnight UTC is), or one with
 * a time of day and an offset: YYYY-MM-DDTHH:MM[:SS[.F]] and Z or +HH[:MM].
 * A date may lie before @a now.
 * @param expires set on success: epoch seconds or APIKEY_NEVER
 * @return APR_EINVAL if it is none, or later than the year 9999
 */
apr_status_t apikey_expiry_parse(apr_int64_t *expires, const char *text,
                                 apr_int64_t now);

/**
 * Reads a time that has been: a duration back from @a now, "yesterday" (24
 * hours ago), "today" (its midnight UTC), or a date as above.
 * @param since set on success: epoch seconds
 * @return APR_EINVAL if it is none
 */
apr_status_t apikey_since_parse(apr_int64_t *since, const char *text,
                                apr_int64_t now);

/**
 * NULL if @a sql (an ApiKeyQuery) is a select that APR DBD can prepare with
 * one parameter: one %s, outside of quotes, every other percent sign doubled,
 * no ';' at its end; else what is wrong, a static sentence fragment.
 */
const char *apikey_query_fault(const char *sql);

/** NULL if @a epoch can be meant as a time; else what is wrong, a static
 * sentence fragment.  The only judgement on times that are too large, wherever
 * they come from. */
const char *apikey_time_fault(apr_int64_t epoch);

/** Epoch seconds as RFC 3339 in UTC; a number outside the years 1970 to 9999
 * (somebody stored milliseconds) as the number it is. */
char *apikey_time_format(apr_int64_t epoch, apr_pool_t *pool);

/** A copy of a message (PostgreSQL's have several lines) in @a pool, in which
 * each run of white space is one blank, and none is at either end; NULL if
 * @a message is NULL. */
const char *apikey_one_line(const char *message, apr_pool_t *pool);

#endif
