/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file time_text.h
 * @brief Durations, expiries and dates: as people write them, and as they are
 *        shown.
 *
 * Times are epoch seconds in UTC.  Nothing is kept; any thread may call.
 */
#ifndef APIKEY_TIME_TEXT_H
#define APIKEY_TIME_TEXT_H

#include <apr_pools.h>
#include <apr_time.h>

#define APIKEY_NEVER 0          /**< an expiry that does not come */
#define APIKEY_TIME_MAX APR_INT64_C(253402300799)   /**< the end of 9999 */

/**
 * Parses a duration: digits and one of s m h d w (or y: 365 d), without a sign
 * or blanks.
 * @param seconds set on success
 * @return APR_EINVAL if it is none, or larger than APIKEY_TIME_MAX
 */
apr_status_t apikey_duration_parse(apr_int64_t *seconds, const char *text);

/** The forms that apikey_expiry_parse() reads, for a message. */
#define APIKEY_EXPIRY_FORMS "a time from now (90d, 3mo, tomorrow), a date " \
    "(2030-12-31, 2030-12-31T12:00:00Z, 2030-12-31T12:00:00+01:00) or never"

/** The forms that apikey_since_parse() reads, for a message. */
#define APIKEY_SINCE_FORMS "a time ago (90d, 3mo, yesterday) or a date " \
    "(2030-12-31, 2030-12-31T12:00:00Z, 2030-12-31T12:00:00+01:00)"

/**
 * Parses an expiry: "never", a duration from @a now ("3mo" is the same day in
 * three months, or that month's last day), "tomorrow" (in 24 hours), or a date
 * of ISO 8601: YYYY-MM-DD, which is its first second in UTC, or a date with a
 * time of day and an offset: YYYY-MM-DDTHH:MM[:SS[.F]] and Z or +HH[:MM].  A
 * date may lie before @a now.
 * @param expires set on success: epoch seconds or APIKEY_NEVER
 * @return APR_EINVAL if it is none, or later than the year 9999
 */
apr_status_t apikey_expiry_parse(apr_int64_t *expires, const char *text,
                                 apr_int64_t now);

/**
 * Parses a time in the past: a duration back from @a now, "yesterday" (24 hours
 * ago), "today" (its first second in UTC), or a date as above.
 * @param since set on success: epoch seconds
 * @return APR_EINVAL if it is none
 */
apr_status_t apikey_since_parse(apr_int64_t *since, const char *text,
                                apr_int64_t now);

/** NULL if @a epoch is not after the year 9999; else what is wrong, a static
 * sentence fragment.  All times are checked by it, wherever they come from. */
const char *apikey_time_fault(apr_int64_t epoch);

/** Epoch seconds as RFC 3339 in UTC, in @a pool; outside of the years 1970 to
 * 9999 (milliseconds, perhaps) as a number. */
char *apikey_time_format(apr_int64_t epoch, apr_pool_t *pool);

#endif
