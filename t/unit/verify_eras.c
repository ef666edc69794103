/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Eras in verify/revocations.h: each database that polls find, and each state
 * of it that replaces another, begins an era. Records of an earlier era are
 * void, and the number of eras is limited. */

#include "segment_fixture.h"

/* Polls find two databases in turn. */
static void many_eras(void)
{
    apikey_segment_t *segment = make();
    apikey_stamp_t was = { 0, 0 }, now;
    int i;

    for (i = 0; i < 20000; i++) {
        find(segment, 77 + i % 2, 10);
        now = stamp(segment);
        if (!holds(segment, now, key_a, "T")
            || holds(segment, was, key_a, "T")) {
            break;
        }
        was = now;
    }
    is_int(i, 20000, "in each of 20000 eras its own records alone are current");
    ok(!apikey_eras_are_used_up(segment), "eras are left after 20000");
}

/* The last eras that there may be. */
static void last_eras(void)
{
    apikey_segment_t *segment = make();
    shared_t *shared = segment->shared;
    apikey_stamp_t first, last;
    apikey_poll_t poll;
    int i;

    find(segment, 77, 10);
    first = stamp(segment);
    apikey_miss_add(segment, key_b, &first, PATIENCE);
    apikey_word_raise(KEY_SLOT(shared, key_c), IN_ERA(1, 5));
    apikey_word_set(&shared->known, IN_ERA(ERA_MAX - 2, 0));
    apikey_segment_write_era(&shared->era[(ERA_MAX - 2) % ERAS], 78, 1, 10);
    for (i = 0; i < 2; i++) {
        find(segment, 79 + i, 10);
        last = stamp(segment);
        ok(last.identity == (apr_uint64_t)(79 + i)
           && holds(segment, last, key_a, "T"),
           "a record of an era before the last is current");
    }
    ok(!apikey_eras_are_used_up(segment),
       "the last era is not counted as used up");
    change(segment, 11, key_a, NULL);
    ok(!holds(segment, last, key_a, "T") && holds(segment, last, key_b, "T"),
       "a change voids a record of the last era");
    find(segment, 77, 10);
    ok(apikey_eras_are_used_up(segment), "the eras are used up after the last");
    ok(!holds(segment, first, key_a, "T") && !holds(segment, last, key_b, "T"),
       "no record of an earlier era is current then");
    ok(!apikey_miss_is_known(segment, key_b), "no key is known as absent then");
    apikey_poll_begin(segment, &poll);
    apikey_poll_finish(segment, &poll, poll.number + 1, 0);
    ok(!holds(segment, stamp(segment), key_c, "T")
       && !holds(segment, last, key_b, "T"),
       "a poll that finds a change makes no record current");
    for (i = 0; i < 5; i++) {
        find(segment, 77 + i, 10 + i);
        ok(!holds(segment, stamp(segment), key_a, "T")
           && !holds(segment, first, key_a, "T")
           && !holds(segment, last, key_b, "T"),
           "no further poll makes a record current");
    }
}

/* Numbers far above the first one of their era. */
static void far_numbers(void)
{
    static const apr_uint64_t steps[] = { (NUMBER_MASK >> 1) + 1,
                                          NUMBER_MASK + 77,
                                          (apr_uint64_t)1 << 50 };
    apikey_segment_t *segment = make();
    apikey_stamp_t before, after;
    apr_uint64_t number = 5;
    int i;

    find(segment, 77, number);
    for (i = 0; i < 3; i++) {
        before = stamp(segment);
        number += steps[i];
        change(segment, number, key_a, NULL);
        ok(apikey_last_change(segment) == number,
           "a number far above the first is known");
        ok(!holds(segment, before, key_a, "T"),
           "a change of such a number voids a record");
        after = stamp(segment);
        ok(after.identity == 77 && holds(segment, after, key_a, "T"),
           "a record read after that change is current");
        change(segment, ++number, key_b, NULL);
        ok(holds(segment, after, key_a, "T")
               && !holds(segment, after, key_b, "T"),
           "a record is void after a later change of its key");
    }
}

/* Two pollers have written the same era, each a part of it. */
static void torn(void)
{
    apikey_segment_t *segment = make();
    apikey_stamp_t now;
    era_t *era;

    find(segment, 77, 10);
    now = stamp(segment);
    era = &segment->shared->era[1];
    apikey_word_set(&era->base, 8);
    ok(!holds(segment, now, key_a, "T") && !read_stamp(segment, &now),
       "words of two databases are not taken for a state");
    find(segment, 88, 10);
    now = stamp(segment);
    ok(now.identity == 88 && holds(segment, now, key_a, "T"),
       "the next poll begins another era");
}

static void older(void)
{
    const apr_time_t hour = apr_time_from_sec(3600);
    apikey_segment_t *segment = make();
    shared_t *shared = segment->shared;
    apikey_stamp_t now;
    apr_uint64_t polled;

    find(segment, 77, 10);
    now = stamp(segment);
    shared->polled -= 1000;
    polled = shared->polled;
    ok(!apikey_poll_older(segment, hour, 3, hour),
       "an older state seen once is not examined");
    shared->older -= 2 * hour;
    ok(!apikey_poll_older(segment, hour, 3, hour),
       "an older state seen twice, long ago, is not examined");
    ok(apikey_poll_older(segment, hour, 3, hour),
       "an older state seen a third time, after the time, is examined");
    ok(!apikey_poll_older(segment, hour, 3, hour),
       "the older state is not examined by a second process");
    shared->older_tried -= 2 * hour;
    shared->older -= 2 * hour;
    ok(apikey_poll_older(segment, hour, 3, hour),
       "the older state is examined again an hour later");
    ok(holds(segment, now, key_a, "T"),
       "no record is void because of an older state");
    ok(shared->polled == polled,
       "a poll that finds an older state does not count as recent");
    change(segment, 11, key_b, NULL);
    ok(!apikey_poll_older(segment, hour, 1, hour),
       "a poll that finds a newer state ends it");
    ok(shared->polled > polled,
       "a poll that finds a newer state counts as recent");
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    many_eras();
    last_eras();
    far_numbers();
    torn();
    older();
    return done();
}
