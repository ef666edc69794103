/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* verify/poll_task.h: what a poll writes to the segment. Its calls go through
 * spies, which can act between any two of them. */
#include "verify/segment_private.h"
#include "verify/database_state.h"
#include "verify/poll_task.h"
#include "store_fixture.h"


static int noted, early;                /* changes: added; known before */
static int meanwhile_at;                /* before this change is added */
static void (*meanwhile)(void);
static void (*before_read)(void);       /* before changes are read */
static void (*before_end)(void);        /* before the poll ends */

static apr_time_t late;                 /* how slow the database is */

static void once(void (**what)(void))
{
    void (*then)(void) = *what;

    *what = NULL;
    if (then) {
        then();
    }
}

static void spy_note(apikey_segment_t *on, const apikey_poll_t *poll,
                     apr_uint64_t number, const char *digest,
                     const char *tenant)
{
    early += apikey_last_change(on) >= number;
    if (++noted == meanwhile_at) {
        once(&meanwhile);
    }
    apikey_poll_add_change(on, poll, number, digest, tenant);
}

static void spy_done(apikey_segment_t *on, const apikey_poll_t *poll,
                     apr_uint64_t number, apr_uint64_t row)
{
    once(&before_end);
    apikey_poll_finish(on, poll, number, row);
}

static void spy_replaced(apikey_segment_t *on, const apikey_poll_t *poll,
                         apr_uint64_t identity, apr_int64_t then,
                         apr_uint64_t number, apr_uint64_t row)
{
    once(&before_end);
    apikey_poll_new_era(on, poll, identity, then, number, row);
}

static apr_status_t spy_changes(apikey_store_t *store, apr_int64_t since,
                                apikey_changed_fn each, void *baton,
                                apr_pool_t *pool, const char **error)
{
    once(&before_read);
    return apikey_changes_since(store, since, each, baton, pool, error);
}

static apr_time_t spy_clock(void)
{
    return apikey_clock() + late;
}

/* The source, so that the test can act between the steps of a poll. */
#define apikey_clock spy_clock
#define apikey_changes_since spy_changes
#define apikey_poll_add_change spy_note
#define apikey_poll_finish spy_done
#define apikey_poll_new_era spy_replaced
#include "verify/poll_task.c"
#include "poll_fixture.h"

/* Makes ten changes and a segment that knows them; returns the stamp of
 * then. */
static apikey_stamp_t begin(void)
{
    apikey_stamp_t now = ten_changes();

    noted = early = 0;
    return now;
}

static void test_news(void)
{
    apikey_stamp_t then;
    const char *kinds[] = { "all", "of a later version" };
    apr_uint64_t polled;
    int i;

    sql("DELETE FROM apikey_change");
    segment = new_segment();
    poll_once();
    ok(read_stamp(segment, &then) && then.number == 0,
       "the state of a database without changes is known");
    add(1, 1, "digest", DIGEST_A, 100);
    poll_once();
    ok(!holds(then, DIGEST_A) && holds(then, DIGEST_B),
       "the first change of a database voids its key's record alone");

    then = begin();
    polled = apikey_word_get(&segment->shared->polled);
    for (i = 0; i < 3; i++) {
        poll_once();
    }
    ok(apikey_word_get(&segment->shared->polled) > polled,
       "each poll without changes counts as recent");
    ok(holds(then, DIGEST_A) && holds(then, DIGEST_B),
       "records are current after polls without changes");
    is_int(noted, 0, "the last known change is not added again");
    add(11, 11, "digest", DIGEST_A, 100);
    add(12, 12, "tenant", "U", 100);
    poll_once();
    poll_once();
    ok(!holds(then, DIGEST_A), "a key's change voids its record");
    ok(holds(then, DIGEST_B),
       "a key's change voids no other record, nor does another tenant's");
    add(13, 13, "tenant", "T", 100);
    poll_once();
    ok(!holds(then, DIGEST_B), "a tenant's change voids its keys' records");
    for (i = 0; i < 2; i++) {
        then = begin();
        add(11, 11, kinds[i], "", 100);
        poll_once();
        ok(!holds(then, DIGEST_B),
           "a change of the kind '%s' voids all records", kinds[i]);
    }
    then = begin();
    add(11, 11, "digest", DIGEST_A, 100);
    add(12, 711, "digest", DIGEST_B, 100);
    add(712, 712, "tenant", "T", 100);
    poll_once();
    is_int(noted, 702, "each of 702 changes, more than a page, is added");
    is_int(early, 0, "no number is known before its change is added");
    is_int(apikey_last_change(segment), 712,
           "the number of the last change is known");
    ok(!holds(then, DIGEST_A),
       "the first of the changes voids its key's record");
}

/* Very many changes, made in one transaction. */
static void test_many(void)
{
    apikey_stamp_t then = begin(), now;

    add(11, 200000, "digest", DIGEST_A, 100);
    poll_once();
    ok(noted <= CHANGES_MAX + 1, "not all of very many changes are added: %d",
       noted);
    is_int(apikey_last_change(segment), 200000,
           "the last of very many changes is known");
    ok(!holds(then, DIGEST_A) && !holds(then, DIGEST_B),
       "very many changes void all records");
    ok(read_stamp(segment, &now) && holds(now, DIGEST_B),
       "a record read after very many changes is current");
    noted = 0;
    add(200001, 200001, "digest", DIGEST_B, 100);
    poll_once();
    is_int(noted, 1, "the next change after very many is added by itself");
    ok(!holds(now, DIGEST_B) && holds(now, DIGEST_A),
       "the next change after very many voids its key's record alone");
}

/* A slow database: after a few pages the poll voids all records. */
static void test_slow(void)
{
    apikey_stamp_t then = begin(), now;

    late = apr_time_from_sec(1);
    add(11, 700, "digest", DIGEST_A, 100);
    poll_once();
    is_int(noted, 690, "of a slow database a few hundred changes are added");
    ok(!holds(then, DIGEST_A) && holds(then, DIGEST_B),
       "each of the few hundred changes voids its key's record alone");
    then = begin();
    late = apr_time_from_sec(1);
    add(11, 4000, "digest", DIGEST_A, 100);
    poll_once();
    is_int(noted, CHANGES_STEP + 1,
           "of thousands of changes of a slow database a part is added, and "
           "one of all");
    is_int(apikey_last_change(segment), 4000,
           "the last of the thousands of changes is known");
    ok(!holds(then, DIGEST_B) && read_stamp(segment, &now)
       && holds(now, DIGEST_A),
       "the thousands of changes void all records, and one read after them "
       "is current");
    late = 0;
}

static void away(void)
{
    sql("ALTER TABLE apikey_change RENAME TO away");
}

static void fails(apikey_stamp_t then, const char *what)
{
    apr_uint64_t polled = apikey_word_get(&segment->shared->polled);

    apr_status_t status = poll_segment(segment);

    ok(status != APR_SUCCESS, "%s (%d): %s", what, status, said());
    is_int(apikey_last_change(segment), 10, "%s: no number becomes known",
           what);
    ok(apikey_word_get(&segment->shared->polled) == polled,
       "%s: not a recent poll", what);
    ok(holds(then, DIGEST_B), "%s: the other key's record is current", what);
}

static void test_errors(void)
{
    apikey_stamp_t then = begin();

    add(11, 600, "digest", DIGEST_A, 100);
    meanwhile = away;
    meanwhile_at = 100;
    fails(then, "no table after the first page");
    ok(!holds(then, DIGEST_A),
       "a change that was read before the error voids its record");
    fails(then, "no table at all");
    sql("ALTER TABLE away RENAME TO apikey_change");
    sql("CREATE TABLE away AS SELECT * FROM apikey_identity");
    sql("DELETE FROM apikey_identity");
    fails(then, "no identity");
    ok(says("apikey_identity is empty"), "the error names apikey_identity");
    sql("INSERT INTO apikey_identity SELECT * FROM away");
    sql("DROP TABLE away");
    sql("UPDATE apikey_change SET number = 4503599627370496 "
        "WHERE number = 600");
    fails(then, "a number beyond all");
    ok(says("above 4503599627370495"), "the error names the largest number");
    segment = new_segment();
    ok(poll_segment(segment) == APIKEY_EANSWER && says("4503599627370495")
       && !read_stamp(segment, &then),
       "a first poll that finds such a number is an error, and knows nothing");
    then = begin();
    add(11, 11, "digest", DIGEST_A, 100);
    poll_once();
    is_int(apikey_last_change(segment), 11,
           "a poll after the error reads the next change");
}

/* An older state, followed by other changes of different kinds. */
static void lost(const char *what, const char *change, int to,
                 const char *kind, const char *value, int at)
{
    apikey_stamp_t then = begin(), now;
    apikey_segment_t *first = segment, *second = new_segment();
    int was = epoch();

    need(poll_segment(second) == APR_SUCCESS, "another server");
    sql(change);
    if (to) {
        add(10, to, kind, value, at);
    }
    poll_once();
    ok(!holds(then, DIGEST_A), "%s: all records are void", what);
    is_int(epoch(), was + 1, "%s: a new epoch is written", what);
    segment = second;
    poll_once();
    ok(!holds(then, DIGEST_A), "%s: all records are void on another server",
       what);
    segment = first;
    poll_once();
    is_int(epoch(), was + 1, "%s: one epoch is written", what);
    ok(read_stamp(segment, &now) && holds(now, DIGEST_A)
       && now.number == (apr_uint64_t)(to ? to : atoi(raw_text("SELECT "
           "COALESCE(MAX(number), 0) FROM apikey_change"))),
       "%s: a record read then is current", what);
}

static void test_lost(void)
{
    const char *nine = ALL_BUT("number < 10");

    lost("another change", nine, 10, "digest", DIGEST_A, 100);
    lost("another kind", nine, 10, "tenant", DIGEST_B, 100);
    lost("a change of all in its place", nine, 10, "all", "", 100);
    lost("a greater number in its place",
         "UPDATE apikey_change SET number = 11 WHERE number = 10", 0, "", "",
         0);
    lost("more changes", nine, 15, "digest", DIGEST_A, 100);
    lost("the same key at another time", nine, 10, "digest", DIGEST_B, 200);
}

static void test_unwritable(void)
{
    apikey_stamp_t then, now, later;
    int i, was = epoch();

    sql("CREATE TRIGGER no_epoch BEFORE UPDATE OF epoch ON apikey_identity "
        "BEGIN SELECT RAISE(ABORT, 'read-only'); END");
    then = begin();
    for (i = 0; i < 2; i++) {
        sql("UPDATE apikey_change SET value = value || 'x' "
            "WHERE number = 10");
        poll_once();
        is_int(found, APIKEY_POLL_SALTED,
               "another history and no right to write an epoch is found as "
               "such");
        ok(strstr(why, "read-only") != NULL,
           "the reason why no epoch could be written: %s", why);
        ok(!holds(then, DIGEST_A), "another history voids all records");
        read_stamp(segment, &now);
        is_int(now.number, 10, "another history may have the same last number");
        poll_once();
        read_stamp(segment, &later);
        ok(now.identity == later.identity && holds(now, DIGEST_A),
           "a record of the other history is current");
        then = now;
    }
    is_int(epoch(), was, "no epoch was written");
    sql("DROP TRIGGER no_epoch");
}

static void prune_some(void)
{
    sql("DELETE FROM apikey_change WHERE number <= 15");
    sql("UPDATE apikey_identity SET pruned = 15");
}

static void test_pruned(void)
{
    apikey_stamp_t then = begin();
    int was = epoch();

    sql("DELETE FROM apikey_change WHERE number <= 5");
    sql("UPDATE apikey_identity SET pruned = 5");
    poll_once();
    ok(holds(then, DIGEST_A),
       "removing changes that are old and known voids nothing");
    sql("DELETE FROM apikey_change");
    sql("UPDATE apikey_identity SET pruned = 10");
    poll_once();
    ok(holds(then, DIGEST_A), "removing all known changes voids nothing");
    add(11, 20, "digest", DIGEST_B, 100);
    prune_some();
    poll_once();
    ok(!holds(then, DIGEST_A),
       "removing changes that are not known voids all records");
    is_int(apikey_last_change(segment), 20,
           "the last change is known after that");
    then = begin();
    add(11, 20, "digest", DIGEST_B, 100);
    before_read = prune_some;
    poll_once();
    ok(!holds(then, DIGEST_A),
       "removing changes while they are read voids all records");
    is_int(epoch(), was, "removed changes make no new epoch");
}

static void replace(void)
{
    sql("UPDATE apikey_identity SET uuid = 'U' || substr(uuid, 1, 30)");
}

static void replace_and_poll(void)
{
    replace();
    sql("UPDATE apikey_change SET number = number - 3");
    poll_once();
}

static void add_and_poll(void)
{
    add(13, 13, "digest", DIGEST_A, 100);
    poll_once();
}

static void test_two(void)
{
    apikey_stamp_t then = begin(), now, late;
    int was;

    replace();
    poll_once();
    ok(!holds(then, DIGEST_A), "another database voids all records");
    then = begin();
    add(11, 12, "digest", DIGEST_B, 100);
    before_end = add_and_poll;
    poll_once();
    is_int(apikey_last_change(segment), 13,
           "a poll that was overtaken does not lower the known number");
    ok(!holds(then, DIGEST_A), "what the other poll has found stays void");
    then = begin();
    add(11, 12, "digest", DIGEST_B, 100);
    noted = 0;
    meanwhile = replace_and_poll;
    meanwhile_at = 1;
    poll_once();
    is_int(apikey_last_change(segment), 9,
           "a poll does not set the number of a database that was replaced "
           "meanwhile");
    ok(read_stamp(segment, &now) && holds(now, DIGEST_B),
       "a poll does not void a record of the new database");
    then = begin();
    was = epoch();
    sql("UPDATE apikey_change SET value = 'x' WHERE number = 10");
    before_end = poll_once;
    poll_once();
    read_stamp(segment, &now);
    poll_once();
    read_stamp(segment, &late);
    ok(!holds(then, DIGEST_A) && late.identity == now.identity,
       "two polls that find another history begin one era");
    is_int(epoch(), was + 1,
           "two polls that find another history write one epoch");
}

static void test_own(void)
{
    apikey_stamp_t then = begin(), now;
    apikey_poll_task_t own = {
        .changes = "SELECT number, value FROM apikey_change WHERE number > %s"
    };
    int was = epoch();

    own.segment = segment = new_segment();
    own.identity = apikey_state_hash("one");
    task = &own;
    poll_once();
    ok(read_stamp(segment, &then) && then.number == 10
       && then.identity == own.identity,
       "the state by a custom select is known");
    add(11, 11, "digest", DIGEST_A, 100);
    poll_once();
    ok(!holds(then, DIGEST_A) && holds(then, DIGEST_B),
       "a change by a custom select voids its key's record alone");
    read_stamp(segment, &then);
    sql(ALL_BUT("number < 5"));
    poll_once();
    ok(holds(then, DIGEST_A),
       "rows that the custom select does not return any more void nothing");
    is_int(apikey_last_change(segment), 11,
           "the known number does not get smaller");
    is_int(epoch(), was, "no epoch is written to our tables");
    own.identity = apikey_state_hash("other");
    poll_once();
    ok(!holds(then, DIGEST_A) && read_stamp(segment, &now)
       && now.number == 4, "another custom select is another database");
    add(12, 12, "digest", "no digest", 100);
    poll_once();
    ok(!holds(now, DIGEST_B), "a change without a digest voids all records");
}

int main(void)
{
    fixture_make();
    test_news();
    test_many();
    test_slow();
    test_errors();
    test_lost();
    test_unwritable();
    test_pruned();
    test_two();
    test_own();
    fixture_remove();
    return done();
}
