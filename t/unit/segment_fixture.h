/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* A shared segment, and polls that write to it. */
#ifndef APIKEY_SEGMENT_FIXTURE_H
#define APIKEY_SEGMENT_FIXTURE_H

#include <stdlib.h>

#include <apr_general.h>

#include "verify/segment_private.h"
#include "stamp_fixture.h"
#include "tap.h"

#define PATIENCE apr_time_from_sec(2)
#define MINUTE apr_time_from_sec(60)

/* Not every test needs every one. */
#define HELPER static __attribute__((unused))

static apr_pool_t *pool;

HELPER const char key_a[] = "aaaaaaaaaaaaaaaa1111111111111111"
                            "11111111111111111111111111111111";
HELPER const char key_b[] = "bbbbbbbbbbbbbbbb1111111111111111"
                            "11111111111111111111111111111111";

HELPER const char key_c[] = "ccccccccaaaaaaaa1111111111111111"
                            "11111111111111111111111111111111";

HELPER apikey_segment_t *make(void)
{
    apikey_segment_t *segment;

    if (apikey_segment_create(&segment, pool) != APR_SUCCESS) {
        printf("Bail out! no shared memory\n");
        exit(1);
    }
    apikey_segment_child_init(segment);
    return segment;
}

/* A poll that finds a database of this identity whose last change has this
 * number. */
HELPER void find(apikey_segment_t *segment, apr_uint64_t identity,
                 apr_uint64_t number)
{
    apikey_poll_t poll;

    apikey_poll_begin(segment, &poll);
    apikey_poll_new_era(segment, &poll, identity, 1, number, number);
}

/* A poll that finds one change. */
HELPER void change(apikey_segment_t *segment, apr_uint64_t number,
                   const char *digest, const char *tenant)
{
    apikey_poll_t poll;

    apikey_poll_begin(segment, &poll);
    apikey_poll_add_change(segment, &poll, number, digest, tenant);
    apikey_poll_finish(segment, &poll, number, number);
}

HELPER apikey_stamp_t stamp(apikey_segment_t *segment)
{
    apikey_stamp_t stamp = { 0, 0 };

    read_stamp(segment, &stamp);
    return stamp;
}

HELPER int holds(apikey_segment_t *segment, apikey_stamp_t stamp,
                 const char *digest, const char *tenant)
{
    return apikey_stamp_is_current(segment, &stamp, digest, tenant);
}

/* Lets this number of seconds pass: each time that the segment holds is set
 * back by as much. Nothing here waits, or depends on how busy the machine
 * is. */
HELPER void pass(apikey_segment_t *segment, int seconds)
{
    shared_t *shared = segment->shared;
    apikey_word_t *times[] = { &shared->polled, &shared->poll_claimed,
                               &shared->used, &shared->older };
    size_t i;

    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        if (*times[i]) {
            *times[i] -= apr_time_from_sec(seconds);
        }
    }
    for (i = 0; i < MISS_SLOTS; i++) {
        if (shared->miss[i].until) {
            shared->miss[i].until -= apr_time_from_sec(seconds);
        }
    }
    for (i = 0; i < CLAIM_SLOTS; i++) {
        if (shared->lookup[i]) {
            shared->lookup[i] = (shared->lookup[i] & ~(apr_uint64_t)0xffffffff)
                               | ((shared->lookup[i] - seconds * 1000)
                                  & 0xffffffff);
        }
    }
}

#endif
