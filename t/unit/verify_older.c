/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * A poll that finds an older state of the database: a replica that lags, or a
 * database that was restored.
 */
#include "verify/segment_private.h"
#include "verify/database_state.h"
#include "verify/poll_task.h"
#include "store_fixture.h"

static void (*before_write)(void);      /* of a new epoch */
static void (*after_write)(void);

static void once(void (**what)(void))
{
    void (*then)(void) = *what;

    *what = NULL;
    if (then) {
        then();
    }
}

/* A load balancer that sends writes to the primary. */
static apr_status_t spy_next_epoch(apikey_store_t *store, apr_int64_t of,
                                   apr_int64_t next, apr_int64_t without,
                                   apr_pool_t *pool, const char **error)
{
    apr_status_t status;

    once(&before_write);
    status = apikey_schema_next_epoch(store, of, next, without, pool, error);
    once(&after_write);
    return status;
}

/* The source, so that the test can act while an epoch is written. */
#define apikey_schema_next_epoch spy_next_epoch
#include "verify/poll_task.c"
#include "poll_fixture.h"

static void pass_grace(void)
{
    poll_once();
    poll_once();
    segment->shared->older -= OLDER_TIME;
    segment->shared->older_tried -= RETRY_TIME;
}

/* An older state voids no record, and its polls do not count as recent. */
static void stays(apikey_stamp_t then, apikey_poll_outcome_e as, int was,
                  const char *what)
{
    apr_uint64_t polled = apikey_word_get(&segment->shared->polled);
    apikey_stamp_t now;

    poll_once();
    is_int(found, as, "%s", what);
    ok(holds(then, DIGEST_A) && holds(then, DIGEST_B), "nothing is void");
    ok(read_stamp(segment, &now) && now.number == then.number
       && now.identity == then.identity, "what is known is not taken back");
    ok(apikey_word_get(&segment->shared->polled) == polled, "no good poll");
    is_int(epoch(), was, "no epoch is written");
}

/* A database that was restored: after a while it takes a new epoch. */
static void went_back(const char *what, const char *change)
{
    apikey_stamp_t then = ten_changes(), now;
    apikey_segment_t *first = segment, *second = new_segment();
    int was = epoch();

    need(poll_segment(second) == APR_SUCCESS, "another server");
    sql(change);
    stays(then, APIKEY_POLL_OLDER, was, what);
    pass_grace();
    poll_once();
    is_int(found, APIKEY_POLL_REPLACED, "%s for long: it is restored", what);
    ok(!holds(then, DIGEST_A), "all is void");
    is_int(epoch(), was + 1, "a new epoch");
    ok(read_stamp(segment, &now) && holds(now, DIGEST_A)
       && now.number < 10, "what is asked for then holds");
    poll_once();
    is_int(found, APIKEY_POLL_NORMAL, "it is the one that is known");
    segment = second;
    poll_once();
    ok(!holds(then, DIGEST_A), "the other server is told");
    segment = first;
    is_int(epoch(), was + 1, "once");
}

static void test_restored(void)
{
    went_back("fewer changes", ALL_BUT("number < 10"));
    went_back("none", ALL_BUT("0"));
}

/* Back to an older state, and on to ten changes. */
static void lag(void)
{
    sql(ALL_BUT("number < 8"));
}

static void catch_up(void)
{
    sql("DELETE FROM apikey_change");
    add(1, 10, "digest", DIGEST_B, 100);
}

/* A replica takes no epoch; a primary of the same pool lacks no change. */
static void test_replica(void)
{
    apikey_stamp_t then = ten_changes();
    int was = epoch();

    lag();
    stays(then, APIKEY_POLL_OLDER, was, "a replica that lags");
    catch_up();
    poll_once();
    is_int(found, APIKEY_POLL_CAUGHT_UP, "it catches up");
    ok(holds(then, DIGEST_A), "what held, holds");
    poll_once();
    is_int(found, APIKEY_POLL_NORMAL, "and all goes on");

    sql("CREATE TRIGGER no_epoch BEFORE UPDATE OF epoch ON apikey_identity "
        "BEGIN SELECT RAISE(ABORT, 'read-only'); END");
    lag();
    pass_grace();
    stays(then, APIKEY_POLL_STUCK, was, "for long, and it takes no epoch");
    ok(strstr(why, "read-only") != NULL, "the database's words: %s", why);
    stays(then, APIKEY_POLL_OLDER, was, "it is not tried with each poll");
    add(8, 8, "digest", DIGEST_B, 100);
    stays(then, APIKEY_POLL_OLDER, was, "it gets on");
    catch_up();
    add(11, 11, "digest", DIGEST_A, 100);
    poll_once();
    is_int(found, APIKEY_POLL_CAUGHT_UP, "at last it catches up");
    ok(!holds(then, DIGEST_A) && holds(then, DIGEST_B), "with what is new");
    sql("DROP TRIGGER no_epoch");

    then = ten_changes();
    was = epoch();
    lag();
    pass_grace();
    before_write = catch_up;
    after_write = lag;
    stays(then, APIKEY_POLL_STUCK, was, "what is written goes to the primary");
    catch_up();
}

/* Another server has written an epoch that the replica does not have yet. */
static void test_epoch_lags(void)
{
    apikey_stamp_t then;
    int was = epoch();

    sql("UPDATE apikey_identity SET epoch = epoch + 1");
    then = ten_changes();
    sql("UPDATE apikey_identity SET epoch = epoch - 1");
    add(11, 12, "digest", DIGEST_A, 100);
    stays(then, APIKEY_POLL_OLDER, was, "an older epoch, though more changes");
    pass_grace();
    poll_once();
    is_int(found, APIKEY_POLL_REPLACED, "for long: it is restored");
    is_int(epoch(), was + 2, "the new epoch is above what was known");
    ok(!holds(then, DIGEST_A), "all is void");
    then = ten_changes();
    sql("UPDATE apikey_identity SET epoch = epoch + 5");
    poll_once();
    ok(found == APIKEY_POLL_REPLACED && !holds(then, DIGEST_A),
       "a greater epoch is another history at once");
    sql("DELETE FROM apikey_change");
    sql("UPDATE apikey_identity SET pruned = 10");
    segment = new_segment();
    poll_once();
    need(read_stamp(segment, &then), "a stamp");
    sql("UPDATE apikey_identity SET pruned = 0");
    add(1, 11, "digest", DIGEST_B, 100);
    poll_once();
    ok(holds(then, DIGEST_A) && !holds(then, DIGEST_B) && found
       == APIKEY_POLL_NORMAL, "a replica that has not pruned yet goes on");
}

int main(void)
{
    fixture_make();
    test_restored();
    test_replica();
    test_epoch_lags();
    fixture_remove();
    return done();
}
