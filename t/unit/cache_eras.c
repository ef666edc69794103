/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Databases that come and go: how many there may be, what of an earlier one
 * never holds again, and an older state of the one that is known. */

#include "cache/board.c"
#include "board_fixture.h"

/* Two databases answer in turn. */
static void many_eras(void)
{
    apikey_board_t *board = make();
    apikey_stamp_t was = { 0, 0 }, now;
    int i;

    for (i = 0; i < 20000; i++) {
        find(board, 77 + i % 2, 10);
        now = stamp(board);
        if (!holds(board, now, key_a, "T") || holds(board, was, key_a, "T")) {
            break;
        }
        was = now;
    }
    is_int(i, 20000, "20000 eras: what the present one says holds, alone");
    ok(!apikey_board_used_up(board), "and many more are left");
}

/* Up to the last era, as if there had been all the others. */
static void last_eras(void)
{
    apikey_board_t *board = make();
    shared_t *shared = board->shared;
    apikey_stamp_t first, last;
    apikey_poll_t poll;
    int i;

    find(board, 77, 10);
    first = stamp(board);
    apikey_board_absent(board, key_b, &first, PATIENCE);
    apikey_word_raise(key_place(shared, key_c), IN_ERA(1, 5));
    apikey_word_set(&shared->known, IN_ERA(ERA_MAX - 2, 0));
    write_era(&shared->era[(ERA_MAX - 2) % ERAS], 78, 1, 10);
    for (i = 0; i < 2; i++) {
        find(board, 79 + i, 10);
        last = stamp(board);
        ok(last.identity == (apr_uint64_t)(79 + i)
           && holds(board, last, key_a, "T"), "an era before the last holds");
    }
    ok(!apikey_board_used_up(board), "the last one is in use");
    change(board, 11, key_a, NULL);
    ok(!holds(board, last, key_a, "T") && holds(board, last, key_b, "T"),
       "and sees changes");
    find(board, 77, 10);
    ok(apikey_board_used_up(board), "no era is left");
    ok(!holds(board, first, key_a, "T") && !holds(board, last, key_b, "T"),
       "nothing of any era holds");
    ok(!apikey_board_is_absent(board, key_b), "nor is any key absent");
    apikey_poll_begin(board, &poll);
    apikey_poll_done(board, &poll, poll.number + 1, 0);
    ok(!holds(board, stamp(board), key_c, "T")
       && !holds(board, last, key_b, "T"), "not by a change either");
    for (i = 0; i < 5; i++) {
        find(board, 77 + i, 10 + i);
        ok(!holds(board, stamp(board), key_a, "T")
           && !holds(board, first, key_a, "T")
           && !holds(board, last, key_b, "T"), "for good");
    }
}

/* Numbers that go far from where their era began. */
static void far_numbers(void)
{
    static const apr_uint64_t steps[] = { (NUMBER_MASK >> 1) + 1,
                                          NUMBER_MASK + 77,
                                          (apr_uint64_t)1 << 50 };
    apikey_board_t *board = make();
    apikey_stamp_t before, after;
    apr_uint64_t number = 5;
    int i;

    find(board, 77, number);
    for (i = 0; i < 3; i++) {
        before = stamp(board);
        number += steps[i];
        change(board, number, key_a, NULL);
        ok(apikey_board_number(board) == number, "a far number is known");
        ok(!holds(board, before, key_a, "T"), "its change voids the answer");
        after = stamp(board);
        ok(after.identity == 77 && holds(board, after, key_a, "T"),
           "and what is asked for then holds");
        change(board, ++number, key_b, NULL);
        ok(holds(board, after, key_a, "T") && !holds(board, after, key_b, "T"),
           "until the next change of its key");
    }
}

/* Two began an era at once, and left some words of each. */
static void torn(void)
{
    apikey_board_t *board = make();
    apikey_stamp_t now;
    era_t *era;

    find(board, 77, 10);
    now = stamp(board);
    era = &board->shared->era[1];
    apikey_word_set(&era->base, 8);
    ok(!holds(board, now, key_a, "T") && !apikey_board_stamp(board, &now),
       "words of two databases are nothing that is known");
    find(board, 88, 10);
    now = stamp(board);
    ok(now.identity == 88 && holds(board, now, key_a, "T"),
       "the next poll begins another era");
}

static void older(void)
{
    const apr_time_t hour = apr_time_from_sec(3600);
    apikey_board_t *board = make();
    shared_t *shared = board->shared;
    apikey_stamp_t now;
    apr_uint64_t polled;

    find(board, 77, 10);
    now = stamp(board);
    shared->polled -= 1000;
    polled = shared->polled;
    ok(!apikey_poll_older(board, hour, 3, hour), "an older state is seen");
    shared->older -= 2 * hour;
    ok(!apikey_poll_older(board, hour, 3, hour), "long ago, but only twice");
    ok(apikey_poll_older(board, hour, 3, hour), "three times: one finds out");
    ok(!apikey_poll_older(board, hour, 3, hour), "and no other");
    shared->older_tried -= 2 * hour;
    shared->older -= 2 * hour;
    ok(apikey_poll_older(board, hour, 3, hour), "until an hour later");
    ok(holds(board, now, key_a, "T"), "nothing has become void");
    ok(shared->polled == polled, "and nothing younger");
    change(board, 11, key_b, NULL);
    ok(!apikey_poll_older(board, hour, 1, hour), "a newer state ends that");
    ok(shared->polled > polled, "and is a good poll");
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
