/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file misses.h
 * @brief Keys that the database does not have, and keys that are being looked
 *        up.
 *
 * An unknown digest has one slot, chosen by its hash: however many unknown
 * keys are tried, they displace each other and no record.  While one request
 * looks a digest up, others that want the same digest wait for its result.
 */
#ifndef APIKEY_MISSES_H
#define APIKEY_MISSES_H

#include "revocations.h"

/** Remembers for @a ttl that the digest is not in the database. */
void apikey_miss_add(apikey_segment_t *segment, const char *digest,
                     const apikey_stamp_t *stamp, apr_time_t ttl);

/** Whether the digest is known not to be in the database. */
int apikey_miss_is_known(const apikey_segment_t *segment, const char *digest);

/**
 * Claims the look-up of @a digest for this caller.
 * @return 0: another caller has claimed it less than @a patience ago
 */
int apikey_lookup_claim(apikey_segment_t *segment, const char *digest,
                        apr_time_t patience);

/** The look-up is over, and its result is cached. */
void apikey_lookup_release(apikey_segment_t *segment, const char *digest);

/** Whether a caller has claimed the look-up less than @a patience ago and has
 * not released it. */
int apikey_lookup_is_claimed(const apikey_segment_t *segment,
                             const char *digest, apr_time_t patience);

#endif
