/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file revocations.h
 * @brief Which changes of a database have been seen, and whether an answer is
 *        still current.
 *
 * Every change of a key or tenant has a number, and numbers become visible in
 * order.  A look-up is stamped with the last number seen before it began.  Its
 * answer holds while that stamp is not older than the last change of its key,
 * of its tenant, and of everything.  A look-up that raced with a revocation is
 * therefore void, however late its answer is stored, and no stored answer has
 * to be searched for or deleted.
 *
 * The last change is stored by hash, so two keys may share a place: a change
 * of one then voids the other's answer too, which costs one look-up.
 *
 * A database that was restored or replaced begins a new era.  The era stands
 * in the upper bits of every number kept here, so that all of an older era is
 * smaller than anything of a newer one; a poller that was suspended during the
 * switch can raise nothing.  There are 2^30 eras; with one a second they last
 * for 34 years.  The lower bits say how far a number is from the first of its
 * era; where that comes to 2^33, a new era is begun, which costs as many
 * look-ups as there are keys in use.
 */
#ifndef APIKEY_REVOCATIONS_H
#define APIKEY_REVOCATIONS_H

#include "segment.h"

/** The greatest number that a change may have; microseconds since 1970 are
 * below it until 2112. */
#define APIKEY_NUMBER_MAX (((apr_uint64_t)1 << 52) - 1)

/** The state of the database that an answer was read from. */
typedef struct apikey_stamp_t {
    apr_uint64_t identity;      /**< of the database; never 0 */
    apr_uint64_t number;        /**< the last change known before */
} apikey_stamp_t;

/* ---- Stamps ---- */

/** The stamp for a look-up that is about to begin.
 * @return 0: nothing is known of the database yet; do not keep the answer */
int apikey_stamp_read(const apikey_segment_t *segment, apikey_stamp_t *stamp);

/** Whether no change is known that an answer of @a stamp does not have.
 * @param tenant NULL: whatever tenant */
int apikey_stamp_is_current(const apikey_segment_t *segment,
                       const apikey_stamp_t *stamp, const char *digest,
                       const char *tenant);

/** When the present era began, by apr_time_now(): an answer that was asked for
 * before that may be of an earlier state of the database, which had the same
 * numbers.  0: never. */
apr_time_t apikey_era_begun(const apikey_segment_t *segment);

/** How long ago the last poll that succeeded began, microseconds;
 * APR_INT64_MAX: there was none. */
apr_time_t apikey_poll_age(const apikey_segment_t *segment);

/** The number of the last change known, for people. */
apr_uint64_t apikey_last_change(const apikey_segment_t *segment);

/* ---- Polls ---- */

/** Whether the caller is to poll: one caller per @a interval is. */
int apikey_poll_claim(apikey_segment_t *segment, apr_time_t interval);

/** The caller cannot poll after all: another may at once. */
void apikey_poll_release(apikey_segment_t *segment);

/** What a poll begins with. */
typedef struct apikey_poll_t {
    apr_time_t begun;           /**< apikey_clock() */
    apr_uint64_t era;           /**< the segment's, as it begins */
    apr_uint64_t base;          /**< the first number of that era */
    apr_uint64_t identity;      /**< known so far; 0: none */
    apr_int64_t epoch;          /**< of the database that is known so far */
    apr_uint64_t number;        /**< the last change known so far */
    apr_uint64_t row;           /**< what that change was; the caller's */
    apr_uint64_t salt;          /**< goes into the identity; 0 at first */
    apr_time_t older;           /**< since when polls find an older state than
                                 * what is known; 0: the last did not */
} apikey_poll_t;

void apikey_poll_begin(const apikey_segment_t *segment, apikey_poll_t *poll);

/** Notes one change.  @a digest or @a tenant is NULL, or both are: then it is
 * a change of everything. */
void apikey_poll_add_change(apikey_segment_t *segment,
                            const apikey_poll_t *poll, apr_uint64_t number,
                            const char *digest, const char *tenant);

/** All changes up to @a number have been noted; @a row tells the last. */
void apikey_poll_finish(apikey_segment_t *segment, const apikey_poll_t *poll,
                      apr_uint64_t number, apr_uint64_t row);

/** It is another database than it was, or has another history: every answer so
 * far is void.  @a epoch is what @a identity was made of, @a number the last
 * change that is in it. */
void apikey_poll_new_era(apikey_segment_t *segment, const apikey_poll_t *poll,
                          apr_uint64_t identity, apr_int64_t epoch,
                          apr_uint64_t number, apr_uint64_t row);

/** Whether no era is left: nothing holds any more until the segment is made
 * anew. */
int apikey_eras_are_used_up(const apikey_segment_t *segment);

/**
 * A poll has found nothing but an older state of the database that is known.
 * Nothing becomes void, and nothing becomes younger.
 * @return 1: for @a grace and @a polls of them there has been no other, so it
 *         may be restored: the caller shall find out, and is the only one to
 *         do so within @a again
 */
int apikey_poll_older(apikey_segment_t *segment, apr_time_t grace, int polls,
                      apr_time_t again);

/** Says which database it is, whatever state it is in: a hash of its UUID,
 * which its copies have, too. */
void apikey_origin_set(apikey_segment_t *segment, apr_uint64_t origin);

/** What apikey_origin_set() said last; 0: nothing yet. */
apr_uint64_t apikey_origin_get(const apikey_segment_t *segment);

/** Another salt, for a database that cannot be told a new epoch. */
apr_uint64_t apikey_poll_new_salt(apikey_segment_t *segment);

#endif
