/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file revocations.h
 * @brief Which changes of a database have been seen, and whether a record is
 *        still current.
 *
 * Every change of a key or tenant has a number, and numbers become visible in
 * order.  A look-up is stamped with the last number seen before it began.  Its
 * record is current while that stamp is not older than the last change of its
 * key, of its tenant, and of everything.  A look-up that raced with a
 * revocation is therefore void, however late its record is stored, and no
 * stored record has to be searched for or deleted.
 *
 * The last change is stored by hash, so two keys may share a slot: a change of
 * one then voids the other's record too, which costs one look-up.
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

/** The state of the database that a record was read from. */
typedef struct apikey_stamp_t {
    apr_uint64_t identity;      /**< of the database; never 0 */
    apr_uint64_t number;        /**< the last change known before */
} apikey_stamp_t;

/* ---- Stamps ---- */

/** Whether a record with this stamp is current: no change of its key, its
 * tenant or everything is known since then.
 * @param tenant NULL: changes of tenants do not matter */
int apikey_stamp_is_current(const apikey_segment_t *segment,
                            const apikey_stamp_t *stamp, const char *digest,
                            const char *tenant);

/** When the present era began, by apr_time_now().  A record that was looked up
 * before may be of an earlier history of the database, with the same numbers.
 * 0: no era has begun. */
apr_time_t apikey_era_begun(const apikey_segment_t *segment);

/** How long ago the last poll that succeeded began, microseconds;
 * APR_INT64_MAX: there was none. */
apr_time_t apikey_poll_age(const apikey_segment_t *segment);

/** The number of the last known change, for mod_status. */
apr_uint64_t apikey_last_change(const apikey_segment_t *segment);

/* ---- Polls ---- */

/** Whether the caller is the one to poll: one caller per @a interval is. */
int apikey_poll_claim(apikey_segment_t *segment, apr_time_t interval);

/** The caller cannot poll after all: another may at once. */
void apikey_poll_release(apikey_segment_t *segment);

/** What is known when a poll begins. */
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

/** Records one change: of @a digest, of @a tenant, or, with both NULL, of
 * everything. */
void apikey_poll_add_change(apikey_segment_t *segment,
                            const apikey_poll_t *poll, apr_uint64_t number,
                            const char *digest, const char *tenant);

/** All changes up to @a number have been recorded; @a row is what the last one
 * was. */
void apikey_poll_finish(apikey_segment_t *segment, const apikey_poll_t *poll,
                        apr_uint64_t number, apr_uint64_t row);

/** Begins a new era, because the database is another one or has another
 * history: every cached record is void.
 * @param epoch  what @a identity was made of
 * @param number the last change in the database, and @a row what it was */
void apikey_poll_new_era(apikey_segment_t *segment, const apikey_poll_t *poll,
                         apr_uint64_t identity, apr_int64_t epoch,
                         apr_uint64_t number, apr_uint64_t row);

/** Whether no era is left: no record is current any more until httpd makes the
 * segment anew. */
int apikey_eras_are_used_up(const apikey_segment_t *segment);

/**
 * A poll has found an older state of the known database.  No record becomes
 * void, and the poll does not count as a recent one.
 * @return 1: this has been so for @a grace, and for @a polls polls in a row, so
 *         the database may have been restored.  The caller has to find out; no
 *         other caller gets 1 within @a again
 */
int apikey_poll_older(apikey_segment_t *segment, apr_time_t grace, int polls,
                      apr_time_t again);

/** Sets the origin: a hash of the database's UUID, whatever its epoch.  Copies
 * of a database have the same. */
void apikey_origin_set(apikey_segment_t *segment, apr_uint64_t origin);

/** The origin; 0: it is not set. */
apr_uint64_t apikey_origin_get(const apikey_segment_t *segment);

/** Makes a new salt, which changes the identity of a database that cannot be
 * given a new epoch. */
apr_uint64_t apikey_poll_new_salt(apikey_segment_t *segment);

#endif
