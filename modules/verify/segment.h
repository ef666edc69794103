/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file segment.h
 * @brief The shared memory of one database: what all processes of this httpd
 *        know of it.  revocations.h: which changes have been seen; misses.h:
 *        which keys were not found, and which are being looked up; counters.h:
 *        counts for mod_status.  segment_private.h draws the layout.
 *
 * The memory is made before the children are forked, and all of them share
 * it without a lock; a process killed at any instruction leaves it usable.
 * APR only.  Any thread may call anything here and in the three headers.
 */
#ifndef APIKEY_SEGMENT_H
#define APIKEY_SEGMENT_H

#include <apr_pools.h>
#include <apr_time.h>

typedef struct apikey_segment_t apikey_segment_t;

/** Makes the memory of one database; it goes with @a pool. */
apr_status_t apikey_segment_create(apikey_segment_t **segment,
                                   apr_pool_t *pool);

/** To be called once in each child process, before its threads start. */
void apikey_segment_child_init(apikey_segment_t *segment);

/** Remembers that a request uses the cache now: apikey_segment_is_used(). */
void apikey_segment_mark_used(apikey_segment_t *segment);

/** Whether a request has used the cache within @a period, give or take a
 * second, or the memory was made within it.  If the period is the TTL and none
 * has, all cached records have expired, and changes need not be polled. */
int apikey_segment_is_used(const apikey_segment_t *segment,
                           apr_time_t period);

#endif
