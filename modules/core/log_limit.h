/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file log_limit.h
 * @brief How often a message is said that happens again and again.
 *
 * A message has a kind (which message it is) and a cause (a database, a row, a
 * line of the configuration).  Of each cause it is said once in full, then once
 * a minute with how often it has happened since, then that it is over.  Causes
 * have nothing to do with each other, and neither have kinds: each kind has
 * room for APIKEY_LIMIT_PLACES causes at once, and those that come when there
 * is none left share one more.
 *
 * Processes share a table in memory without a lock; any thread may call
 * anything here, and nothing waits.  Times are seconds of a clock that cannot
 * be set (apikey_clock()), and are given, so that tests need not wait.
 */
#ifndef APIKEY_LOG_LIMIT_H
#define APIKEY_LOG_LIMIT_H

#include <apr.h>

#define APIKEY_LIMIT_MINUTE 60      /**< seconds */
#define APIKEY_LIMIT_PLACES 256     /**< causes of a kind */
#define APIKEY_LIMIT_TURNS 5        /**< how often a minute a cause that ends
                                     * and begins again is said in full */
#define APIKEY_LIMIT_LABEL 128

typedef struct apikey_limit_t apikey_limit_t;

/** What ends a cause of a kind: apikey_limit_end(), or else a minute without
 * it. */
typedef enum {
    APIKEY_LIMIT_QUIET,
    APIKEY_LIMIT_SUCCESS
} apikey_limit_end_e;

typedef enum {
    APIKEY_LIMIT_COUNTED,       /**< nothing is to be said */
    APIKEY_LIMIT_FULL,          /**< say it in full */
    APIKEY_LIMIT_MORE,          /**< say how many more there were */
    APIKEY_LIMIT_OVER           /**< say that it is over */
} apikey_limit_e;

/** A cause. */
typedef struct apikey_cause_t {
    int kind;
    apr_uint64_t hash;          /**< apikey_limit_hash() */
    const void *owner;          /**< given back when it is told of: the same in
                                 * all processes of the table */
    const char *label;          /**< likewise, copied and perhaps cut; not in
                                 * the entry that causes share */
} apikey_cause_t;

/** What is to be said of one. */
typedef struct apikey_limit_report_t {
    apikey_cause_t cause;       /**< hash is not filled in */
    apr_uint64_t more;          /**< since it was last said: with MORE */
    apr_uint64_t total;         /**< since it began: with OVER */
    apr_uint64_t seconds;       /**< from its begin to its end: with OVER */
} apikey_limit_report_t;

/** Is told of each cause of which something is to be said. */
typedef void (*apikey_limit_fn)(void *baton, apikey_limit_e what,
                                const apikey_limit_report_t *report);

/** Bytes of a table for @a kinds kinds. */
apr_size_t apikey_limit_size(int kinds);

/**
 * A table in @a memory, which all processes that are to share it have at the
 * same address.
 * @param memory of apikey_limit_size() bytes, all zero
 * @param ends by kind; must live as long as the table
 */
apikey_limit_t *apikey_limit_create(void *memory, int kinds,
                                    const apikey_limit_end_e *ends);

/** The hash of a cause: of the address @a owner and of @a what (NULL: of
 * nothing more). */
apr_uint64_t apikey_limit_hash(const void *owner, const char *what);

/**
 * It has happened @a amount times.
 * @param report out, with MORE: owner and label, and those that were not told,
 *        with these
 * @return COUNTED, FULL or MORE: the one that is told FULL or MORE is alone
 *         with it.  A number may lack those of the very moment of an end.
 */
apikey_limit_e apikey_limit_count(apikey_limit_t *limit,
                                  const apikey_cause_t *cause,
                                  apr_uint64_t amount, apr_uint64_t now,
                                  apikey_limit_report_t *report);

/** Whether a cause of this kind has begun and is not over: one relaxed read. */
int apikey_limit_is_open(const apikey_limit_t *limit, int kind);

/**
 * A cause of a kind that ends by success is over.
 * @param report out, where 1 is returned: total and seconds
 * @return 0: nothing is to be said, for nothing was
 */
int apikey_limit_end(apikey_limit_t *limit, const apikey_cause_t *cause,
                     apr_uint64_t now, apikey_limit_report_t *report);

/** Has told what a minute without a call leaves to be said; at most once a
 * second in all processes. */
void apikey_limit_sweep(apikey_limit_t *limit, apr_uint64_t now,
                        apikey_limit_fn tell, void *baton);

#endif
