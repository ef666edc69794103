/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file board.h
 * @brief What all processes of this httpd know of one database: which changes
 *        have been seen, which keys were not found, who is asking for what.
 *
 * Every change of a key or tenant has a number, and numbers become visible in
 * order.  A look-up is stamped with the last number seen *before* it began;
 * its answer holds while that stamp is not older than the last change of its
 * key, of its tenant, and of everything.  A look-up that raced with a
 * revocation is therefore void, however late its answer is stored, and
 * nothing is ever searched for or deleted.
 *
 * Changes are noted by hash, so two keys may share a place: a change of one
 * then voids the other's answer too, which costs a look-up and nothing else.
 *
 * A database that was restored or replaced begins a new era.  The era stands
 * in the upper bits of every number kept here, so that all of an older era is
 * smaller than anything of a newer one; a poller that has slept through the
 * switch can raise nothing.  There are 2^30 eras; with one a second they last
 * for 34 years.  Below the era stands how far a number is from the first of
 * its era; where that comes to 2^33, a new era is begun, which costs as many
 * look-ups as there are keys in use.
 *
 * The memory is made before the children are forked, and all of them share
 * it without a lock; a process killed at any instruction leaves it usable.
 * APR only.  Any thread may call anything here.
 */
#ifndef APIKEY_BOARD_H
#define APIKEY_BOARD_H

#include <apr_pools.h>
#include <apr_time.h>

#include "../core/digest.h"

typedef struct apikey_board_t apikey_board_t;

/** The greatest number that a change may have; microseconds since 1970 are
 * below it until 2112. */
#define APIKEY_NUMBER_MAX (((apr_uint64_t)1 << 52) - 1)

/** The state of the database that an answer was read from. */
typedef struct apikey_stamp_t {
    apr_uint64_t identity;      /**< of the database; never 0 */
    apr_uint64_t number;        /**< the last change known before */
} apikey_stamp_t;

/** Shared memory for one database; gone with @a pool. */
apr_status_t apikey_board_make(apikey_board_t **board, apr_pool_t *pool);

/** To be called once in each child process, before its threads start. */
void apikey_board_child(apikey_board_t *board);

/** Microseconds of a clock that nobody sets, the same in all processes. */
apr_time_t apikey_board_clock(void);

/* ---- Answers ---- */

/** The stamp for a look-up that is about to begin.
 * @return 0: nothing is known of the database yet; do not keep the answer */
int apikey_board_stamp(const apikey_board_t *board, apikey_stamp_t *stamp);

/** Whether no change is known that an answer of @a stamp does not have.
 * @param tenant NULL: whatever tenant */
int apikey_board_holds(const apikey_board_t *board,
                       const apikey_stamp_t *stamp, const char *digest,
                       const char *tenant);

/** When the present era began, by apr_time_now(): an answer that was asked for
 * before that may be of an earlier state of the database, which had the same
 * numbers.  0: never. */
apr_time_t apikey_board_since(const apikey_board_t *board);

/** How long ago the last poll that succeeded began, microseconds;
 * APR_INT64_MAX: there was none. */
apr_time_t apikey_board_age(const apikey_board_t *board);

/** Notes that a request has asked for an answer; see apikey_board_wanted(). */
void apikey_board_want(apikey_board_t *board);

/** Whether a request has asked for an answer within @a period, a second more
 * or less, or the memory was made so lately. Where none has, whatever was kept
 * is too old, and nothing needs to look for changes. */
int apikey_board_wanted(const apikey_board_t *board, apr_time_t period);

/* ---- Keys that were not found ----
 * A fixed place each, chosen by the digest: however many unknown keys are
 * tried, they displace each other and nothing else. */

void apikey_board_absent(apikey_board_t *board, const char *digest,
                         const apikey_stamp_t *stamp, apr_time_t ttl);

/** Whether the digest is known not to be in the database. */
int apikey_board_is_absent(const apikey_board_t *board, const char *digest);

/* ---- One asks for all ---- */

/**
 * Says that this caller asks the database for @a digest.
 * @return 0: another does so already, since less than @a patience
 */
int apikey_board_ask(apikey_board_t *board, const char *digest,
                     apr_time_t patience);

/** The asker has his answer, and has stored it. */
void apikey_board_asked(apikey_board_t *board, const char *digest);

/** Whether somebody asks for it at present. */
int apikey_board_is_asked(const apikey_board_t *board, const char *digest,
                          apr_time_t patience);

/* ---- Polls ---- */

/** Whether the caller shall poll: at most one each @a interval may. */
int apikey_board_claim(apikey_board_t *board, apr_time_t interval);

/** It cannot, after all: another may at once. */
void apikey_board_disclaim(apikey_board_t *board);

/** What a poll begins with. */
typedef struct apikey_poll_t {
    apr_time_t begun;           /**< apikey_board_clock() */
    apr_uint64_t era;           /**< the board's, as it begins */
    apr_uint64_t base;          /**< the first number of that era */
    apr_uint64_t identity;      /**< known so far; 0: none */
    apr_int64_t epoch;          /**< of the database that is known so far */
    apr_uint64_t number;        /**< the last change known so far */
    apr_uint64_t row;           /**< what that change was; the caller's */
    apr_uint64_t salt;          /**< goes into the identity; 0 at first */
    apr_time_t older;           /**< since when polls find an older state than
                                 * what is known; 0: the last did not */
} apikey_poll_t;

void apikey_poll_begin(const apikey_board_t *board, apikey_poll_t *poll);

/** Notes one change.  Two of the three are NULL or all are: "everything". */
void apikey_poll_note(apikey_board_t *board, const apikey_poll_t *poll,
                      apr_uint64_t number, const char *digest,
                      const char *tenant);

/** All changes up to @a number have been noted; @a row tells the last. */
void apikey_poll_done(apikey_board_t *board, const apikey_poll_t *poll,
                      apr_uint64_t number, apr_uint64_t row);

/** It is another database than it was, or has another history: every answer so
 * far is void.  @a epoch is what @a identity was made of, @a number the last
 * change that is in it. */
void apikey_poll_replaced(apikey_board_t *board, const apikey_poll_t *poll,
                          apr_uint64_t identity, apr_int64_t epoch,
                          apr_uint64_t number, apr_uint64_t row);

/** Whether no era is left: nothing holds any more until the board is made
 * anew. */
int apikey_board_used_up(const apikey_board_t *board);

/**
 * A poll has found nothing but an older state of the database that is known.
 * Nothing becomes void, and nothing becomes younger.
 * @return 1: for @a grace and @a polls of them there has been no other, so it
 *         may be restored: the caller shall find out, and is the only one to
 *         do so within @a again
 */
int apikey_poll_older(apikey_board_t *board, apr_time_t grace, int polls,
                      apr_time_t again);

/** Says which database it is, whatever state it is in: a hash of its UUID,
 * which its copies have, too. */
void apikey_poll_origin(apikey_board_t *board, apr_uint64_t origin);

/** What apikey_poll_origin() said last; 0: nothing yet. */
apr_uint64_t apikey_board_origin(const apikey_board_t *board);

/** Another salt, for a database that cannot be told a new epoch. */
apr_uint64_t apikey_poll_resalt(apikey_board_t *board);

/* ---- Counters ---- */

#define APIKEY_COUNTERS(C)                                                  \
    C(HITS, "Hits")                                                         \
    C(MISSES, "Misses")                                                     \
    C(NEGATIVE_HITS, "NegativeHits")                                        \
    C(REFUSED_UNSEEN, "RefusedUnseen")                                      \
    C(LOOKUPS, "Lookups")                                                   \
    C(ERRORS, "Errors")                                                     \
    C(STALE, "StaleServed")                                                 \
    C(CHANGES, "ChangesSeen")

#define APIKEY_COUNTER_NAME(name, label) APIKEY_COUNT_##name,
typedef enum {
    APIKEY_COUNTERS(APIKEY_COUNTER_NAME)
    APIKEY_COUNTER_COUNT
} apikey_counter_e;

void apikey_board_count(apikey_board_t *board, apikey_counter_e counter,
                        apr_uint64_t more);
apr_uint64_t apikey_board_counted(const apikey_board_t *board,
                                  apikey_counter_e counter);

/** The last change known, for people. */
apr_uint64_t apikey_board_number(const apikey_board_t *board);

#endif
