/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* A poll that finds an older state of the database: the database may be a
 * replica that lags, or may have been restored. */
#include "verify/segment_private.h"
#include "verify/database_state.h"
#include "verify/poll_task.h"
#include "store_fixture.h"

static void (*before_write)(void);      /* called before an epoch is written */
static void (*after_write)(void);

static void once(void (**what)(void))
{
    void (*then)(void) = *what;

    *what = NULL;
    if (then) {
        then();
    }
}

/* Replaces apikey_schema_next_epoch(), as a load balancer would that sends
 * writes to the primary: the test acts before and after the write. */
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
    ok(holds(then, DIGEST_A) && holds(then, DIGEST_B), "%s: no record is void",
       what);
    ok(read_stamp(segment, &now) && now.number == then.number
       && now.identity == then.identity, "%s: the known state stays", what);
    ok(apikey_word_get(&segment->shared->polled) == polled,
       "%s: not a recent poll", what);
    is_int(epoch(), was, "%s: no epoch is written", what);
}

/* A database that was restored takes a new epoch after some time. */
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
    is_int(found, APIKEY_POLL_REPLACED,
           "%s for long: the database counts as restored", what);
    ok(!holds(then, DIGEST_A), "%s for long: all records are void", what);
    is_int(epoch(), was + 1, "%s for long: a new epoch is written", what);
    ok(read_stamp(segment, &now) && holds(now, DIGEST_A)
       && now.number < 10, "%s for long: a record read then is current", what);
    poll_once();
    is_int(found, APIKEY_POLL_NORMAL,
           "%s for long: the next poll is a normal one", what);
    segment = second;
    poll_once();
    ok(!holds(then, DIGEST_A), "%s for long: void on another server, too",
       what);
    segment = first;
    is_int(epoch(), was + 1, "%s for long: one epoch is written", what);
}

static void test_restored(void)
{
    went_back("fewer changes", ALL_BUT("number < 10"));
    went_back("no changes", ALL_BUT("0"));
}

/* To an older state, and back to ten changes. */
static void lag(void)
{
    sql(ALL_BUT("number < 8"));
}

static void catch_up(void)
{
    sql("DELETE FROM apikey_change");
    add(1, 10, "digest", DIGEST_B, 100);
}

/* A replica cannot write an epoch; the primary behind the same pool has all
 * changes. */
static void test_replica(void)
{
    apikey_stamp_t then = ten_changes();
    int was = epoch();

    lag();
    stays(then, APIKEY_POLL_OLDER, was, "a replica that lags");
    catch_up();
    poll_once();
    is_int(found, APIKEY_POLL_CAUGHT_UP,
           "a replica that has caught up is found to have");
    ok(holds(then, DIGEST_A),
       "records are current after the replica has caught up");
    poll_once();
    is_int(found, APIKEY_POLL_NORMAL, "the next poll is a normal one");

    sql("CREATE TRIGGER no_epoch BEFORE UPDATE OF epoch ON apikey_identity "
        "BEGIN SELECT RAISE(ABORT, 'read-only'); END");
    lag();
    pass_grace();
    stays(then, APIKEY_POLL_STUCK, was,
          "a replica that lags for long and is read-only");
    ok(strstr(why, "read-only") != NULL,
       "the reason why no epoch could be written: %s", why);
    stays(then, APIKEY_POLL_OLDER, was, "a replica that lags, the next poll");
    add(8, 8, "digest", DIGEST_B, 100);
    stays(then, APIKEY_POLL_OLDER, was, "a replica that lags less");
    catch_up();
    add(11, 11, "digest", DIGEST_A, 100);
    poll_once();
    is_int(found, APIKEY_POLL_CAUGHT_UP,
           "a read-only replica that has caught up is found to have");
    ok(!holds(then, DIGEST_A) && holds(then, DIGEST_B),
       "the change that the replica has got voids its key's record alone");
    sql("DROP TRIGGER no_epoch");

    then = ten_changes();
    was = epoch();
    lag();
    pass_grace();
    before_write = catch_up;
    after_write = lag;
    stays(then, APIKEY_POLL_STUCK, was,
          "a replica whose pool sends writes to the primary");
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
    stays(then, APIKEY_POLL_OLDER, was, "an older epoch with more changes");
    pass_grace();
    poll_once();
    is_int(found, APIKEY_POLL_REPLACED,
           "an older epoch for long: the database counts as restored");
    is_int(epoch(), was + 2, "the new epoch is greater than the known one");
    ok(!holds(then, DIGEST_A), "an older epoch for long: all records are void");
    then = ten_changes();
    sql("UPDATE apikey_identity SET epoch = epoch + 5");
    poll_once();
    ok(found == APIKEY_POLL_REPLACED && !holds(then, DIGEST_A),
       "a greater epoch is another state at once, and voids all records");
    sql("DELETE FROM apikey_change");
    sql("UPDATE apikey_identity SET pruned = 10");
    segment = new_segment();
    poll_once();
    need(read_stamp(segment, &then), "a stamp");
    sql("UPDATE apikey_identity SET pruned = 0");
    add(1, 11, "digest", DIGEST_B, 100);
    poll_once();
    ok(holds(then, DIGEST_A) && !holds(then, DIGEST_B) && found
       == APIKEY_POLL_NORMAL,
       "a replica that has not pruned yet is polled as before");
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
