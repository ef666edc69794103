/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file log_limit.h
 * @brief When to log a message that happens again and again.
 *
 * A message has a kind (which message it is) and a cause (a database, a row, a
 * line of the configuration).  Per cause it is logged once in full, then once
 * per minute with how often it has happened since, then once when it is over.
 * Each kind has slots for APIKEY_LIMIT_SLOTS causes at once; further causes
 * share one more slot.
 *
 * Processes share a table in memory without a lock: any thread may call any
 * function here, and none waits.  Times are seconds of apikey_clock(), passed
 * by the caller so that tests need not wait.
 */
#ifndef APIKEY_LOG_LIMIT_H
#define APIKEY_LOG_LIMIT_H

#include <apr.h>

#define APIKEY_LIMIT_MINUTE 60      /**< seconds */
#define APIKEY_LIMIT_SLOTS 256      /**< causes per kind */
#define APIKEY_LIMIT_FULL_LINES 5   /**< lines in full per minute and cause, of
                                     * one that ends and begins again */
#define APIKEY_LIMIT_LABEL 128      /**< bytes, final NUL included */

typedef struct apikey_limit_t apikey_limit_t;

/** What ends the causes of a kind. */
typedef enum {
    APIKEY_LIMIT_QUIET,         /**< a minute in which it has not happened */
    APIKEY_LIMIT_SUCCESS        /**< apikey_limit_end() */
} apikey_limit_end_e;

typedef enum {
    APIKEY_LIMIT_COUNTED,       /**< log nothing */
    APIKEY_LIMIT_FULL,          /**< log it in full */
    APIKEY_LIMIT_MORE,          /**< log how many more there were */
    APIKEY_LIMIT_OVER           /**< log that it is over */
} apikey_limit_e;

/** A cause. */
typedef struct apikey_cause_t {
    int kind;
    apr_uint64_t hash;          /**< apikey_limit_hash() */
    const void *owner;          /**< returned in reports: the same address in
                                 * all processes that share the table; NULL in
                                 * the slot that causes share */
    const char *label;          /**< likewise; copied, cut where it is longer
                                 * than APIKEY_LIMIT_LABEL */
} apikey_cause_t;

/** What to log of a cause. */
typedef struct apikey_limit_report_t {
    apikey_cause_t cause;       /**< hash is not filled in */
    apr_uint64_t more;          /**< MORE: how often since the last line */
    apr_uint64_t total;         /**< OVER: how often since it began */
    apr_uint64_t seconds;       /**< OVER: from its begin to its end */
} apikey_limit_report_t;

/** Logs a report, whose strings live until it returns.
 * @param what MORE or OVER */
typedef void (*apikey_limit_fn)(void *baton, apikey_limit_e what,
                                const apikey_limit_report_t *report);

/** The size in bytes of a table for @a kinds kinds. */
apr_size_t apikey_limit_size(int kinds);

/**
 * Makes a table in @a memory, which must be at the same address in all
 * processes that share it.
 * @param memory apikey_limit_size() bytes, all zero
 * @param ends per kind; must live as long as the table
 */
apikey_limit_t *apikey_limit_create(void *memory, int kinds,
                                    const apikey_limit_end_e *ends);

/** The hash of a cause: of the address @a owner and the text @a what, which
 * may be NULL. */
apr_uint64_t apikey_limit_hash(const void *owner, const char *what);

/**
 * Counts a cause that has happened @a amount times.
 * @param report out, with MORE: owner, label and more, which includes these
 * @return COUNTED, FULL or MORE; of all processes only one gets FULL or MORE
 *         for a line.  Where a cause ends at the same moment, its numbers may
 *         lack what was counted in that moment.
 */
apikey_limit_e apikey_limit_count(apikey_limit_t *limit,
                                  const apikey_cause_t *cause,
                                  apr_uint64_t amount, apr_uint64_t now,
                                  apikey_limit_report_t *report);

/** Whether a cause of this kind has begun and is not over: one relaxed read. */
int apikey_limit_is_open(const apikey_limit_t *limit, int kind);

/**
 * Ends a cause of a kind that ends by success.
 * @param report out, with 1: total and seconds
 * @return 1: log that it is over; 0: its begin was not logged, or it has not
 *         begun
 */
int apikey_limit_end(apikey_limit_t *limit, const apikey_cause_t *cause,
                     apr_uint64_t now, apikey_limit_report_t *report);

/** Calls @a fn for each line that is due and that no other call has caused.
 * Runs at most once per second in all processes together. */
void apikey_limit_sweep(apikey_limit_t *limit, apr_uint64_t now,
                        apikey_limit_fn fn, void *baton);

#endif
