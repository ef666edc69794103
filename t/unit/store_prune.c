/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* prune.h: which changes and audit entries are removed, and what a reader of
 * changes gets after that. */

#include "../../modules/store/prune.h"
#include "store_fixture.h"

/* What a reader of the changes after a number got: the first and last number,
 * the first kind and the count; wrong counts those out of order or changed. */
typedef struct heard_t {
    apr_int64_t first, last;
    int count, first_kind, wrong;
} heard_t;

static apr_status_t hear(void *baton, apr_int64_t number,
                         apikey_changed_e kind, const char *value,
                         apr_int64_t changed)
{
    heard_t *heard = baton;

    if (heard->count++ == 0) {
        heard->first = number;
        heard->first_kind = kind;
    }
    else {
        heard->wrong += number != heard->last + 1
                        || kind != APIKEY_CHANGED_DIGEST
                        || changed != 1000 + number
                        || strcmp(value, DIGEST_A) != 0;
    }
    heard->last = number;
    return APR_SUCCESS;
}

static heard_t changes(apr_int64_t since)
{
    heard_t heard = { 0 };

    need(apikey_changes_since(fx.store, since, hear, &heard, fx.pool,
                              &fx.error) == APR_SUCCESS, "changes");
    return heard;
}

/* As htapikey prunes: with a budget that is enough for all rows. */
static apr_status_t prune(apr_int64_t before)
{
    apikey_prune_t all = { .before = before, .audit = 1,
                           .budget = apr_time_from_sec(60) };

    fx.error = NULL;
    return apikey_store_prune(fx.store, &all, fx.pool, &fx.error);
}

/* This number of rows of each table, one per second from 1001 on. */
static void fill(int rows)
{
    const char *series = apr_psprintf(fx.pool, "WITH RECURSIVE n(i) AS "
        "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) ", rows);

    need(raw("DELETE FROM apikey_change") == 0
         && raw("DELETE FROM sqlite_sequence") == 0
         && raw("UPDATE apikey_identity SET pruned = 0, kept_since = "
                "9999999999") == 0
         && raw("DELETE FROM apikey_audit") == 0
         && raw("UPDATE apikey_identity SET kept_since = 0") == 0
         && raw(apr_pstrcat(fx.pool, "INSERT INTO apikey_change (kind, value,"
                " changed) ", series, "SELECT 'digest', '" DIGEST_A "', "
                "1000 + i FROM n", NULL)) == 0
         && raw(apr_pstrcat(fx.pool, "INSERT INTO apikey_audit (happened, "
                "who, action) ", series, "SELECT 1000 + i, 'me', 'x' FROM n",
                NULL)) == 0, "rows");
}

#define ROWS "SELECT (SELECT COUNT(*) || ',' || MIN(number) FROM "          \
    "apikey_change) || ' ' || (SELECT COUNT(*) || ',' || MIN(number) FROM " \
    "apikey_audit)"
#define MARKS "SELECT pruned || ' ' || kept_since FROM apikey_identity"

static void test_prune(void)
{
    fill(4000);
    is_int(prune(0), APR_SUCCESS, "pruning before 1970 works");
    is_str(raw_text(ROWS), "4000,1 4000,1",
           "pruning before 1970 removes nothing");
    is_int(prune(1001 + 2500), APR_SUCCESS,
           "pruning less than a day's rows works");
    is_str(raw_text(ROWS), "4000,1 4000,1",
           "pruning less than a day's rows removes nothing");
    need(raw("UPDATE apikey_identity SET kept_since = 3501 - 86400") == 0,
         "a day ago");
    is_int(prune(1001 + 2500), APR_SUCCESS,
           "pruning a day's rows works: %s", said());
    is_str(raw_text(ROWS), "1500,2501 1500,2501",
           "a day's rows, more than a transaction's, are removed");
    is_str(raw_text(MARKS), "2500 3501",
           "the identity row has the last removed number and the time");
    is_int(prune(1001 + 2600), APR_SUCCESS,
           "pruning again on the same day works");
    is_str(raw_text(ROWS), "1500,2501 1500,2501",
           "pruning again on the same day removes nothing");
    ok(raw("DELETE FROM apikey_audit WHERE number = 2501") != 0,
       "an audit entry that is kept cannot be deleted");
    is_int(prune(1001 + 86400 + 4000), APR_SUCCESS,
           "pruning a time after all rows works");
    is_str(raw_text("SELECT COUNT(*) FROM apikey_change"), "0",
           "pruning a time after all rows removes all changes");
    is_str(raw_text("SELECT COUNT(*) FROM apikey_audit"), "0",
           "pruning a time after all rows removes the whole audit");
    is_str(raw_text(MARKS), "4000 91401",
           "the identity row keeps the last removed number and the time");
    is_int(raw_key(DIGEST_A, "later", "acme"), 0,
           "a key is made after all was pruned");
    is_int(changes(4000).first, 4001, "the numbers go on after all was pruned");
    need(raw("DELETE FROM apikey") == 0, "away with it");
}

static void test_reader(void)
{
    heard_t heard;

    fill(1000);
    heard = changes(0);
    is_int(heard.count, 1000,
           "without pruning, all changes are read over several pages");
    is_int(heard.first_kind, APIKEY_CHANGED_DIGEST,
           "without pruning, the first change has its own kind");
    is_int(prune(1101), APR_SUCCESS, "pruning less than a day's changes works");
    need(raw("UPDATE apikey_identity SET kept_since = -86400") == 0, "then");
    is_int(prune(1101), APR_SUCCESS, "pruning the first hundred changes works");
    heard = changes(0);
    is_int(heard.first_kind, APIKEY_CHANGED_ALL,
           "a reader that has seen no change gets one of all first");
    is_int(heard.first, 100, "the change of all has the last removed number");
    is_int(heard.count, 901,
           "the reader gets the change of all and those that are left");
    is_int(heard.wrong, 0,
           "the changes that are left are in order, without a gap");
    is_int(heard.last, 1000, "the last change is the last that is left");
    is_int(changes(99).first_kind, APIKEY_CHANGED_ALL,
           "a reader that missed one removed change gets one of all");
    heard = changes(100);
    is_int(heard.first_kind, APIKEY_CHANGED_DIGEST,
           "a reader that missed no removed change gets no change of all");
    is_int(heard.first, 101, "the reader gets the next change first");
    is_int(heard.count, 900, "the reader gets all changes that are left");
    is_int(changes(1000).count, 0, "a reader that has seen all gets nothing");
    need(raw("UPDATE apikey_identity SET pruned = 1000") == 0
         && raw("DELETE FROM apikey_change") == 0, "all gone");
    heard = changes(999);
    is_int(heard.count, 1, "a reader gets one change where no row is left");
    is_int(heard.first, 1000, "the change has the last removed number");
    is_int(heard.first_kind, APIKEY_CHANGED_ALL, "the change is one of all");
    is_int(changes(1000).count, 0,
           "a reader that has seen the last number gets nothing");
}

/* After the clock went back: no audit entry that is younger is removed, and
 * the last removed number never gets smaller. */
static void test_disorder(void)
{
    fill(10);
    need(raw("UPDATE apikey_change SET changed = 5000 WHERE number = 3") == 0
         && raw("UPDATE apikey_identity SET kept_since = 9999999999") == 0
         && raw("DELETE FROM apikey_audit WHERE number <= 5") == 0
         && raw("INSERT INTO apikey_audit (number, happened, who, action) "
                "VALUES (2, 5000, 'me', 'young')") == 0
         && raw("UPDATE apikey_identity SET kept_since = -86400") == 0,
         "disorder");
    is_int(prune(1006), APR_SUCCESS, "prune: %s", said());
    is_str(raw_text("SELECT MIN(number) FROM apikey_change"), "6",
           "changes up to the last old one are removed");
    is_str(raw_text("SELECT group_concat(number) FROM apikey_audit"),
           "2,6,7,8,9,10", "of the audit only old entries are removed");
    need(raw("INSERT INTO apikey_change (number, kind, changed) VALUES "
             "(1, 'all', 1)") == 0
         && raw("UPDATE apikey_identity SET kept_since = -86400, "
                "pruned = 5") == 0, "a number of before");
    is_int(prune(900), APR_SUCCESS, "prune: %s", said());
    is_str(raw_text("SELECT pruned FROM apikey_identity"), "5",
           "the last removed number does not get smaller");
}

/* Prunes one step, of the changes alone or of both tables; 1: all is done. */
static int step(apikey_prune_t *some)
{
    fx.error = NULL;
    need(apikey_store_prune(fx.store, some, fx.pool, &fx.error)
         == APR_SUCCESS, "a step");
    return some->done;
}

static void test_steps(void)
{
    apikey_prune_t some = { .before = 1001 + 2500 };
    apikey_prune_t both = { .before = 1001 + 2500, .audit = 1 };
    apikey_prune_t none = { .before = 1001 + 2500 };

    fill(4000);
    ok(!step(&some),
       "without a budget one step is done, and it is not the last");
    is_str(raw_text(ROWS), "3000,1001 4000,1",
           "one step removes a thousand rows");
    is_str(raw_text(MARKS), "1000 0",
           "the identity row has the number of the step's last row");
    some.rows = 100;
    ok(!step(&some), "a step of a hundred rows is not the last");
    is_str(raw_text(ROWS), "2900,1101 4000,1",
           "a step removes no more rows than it may");
    is_int(raw_key(DIGEST_A, "between", "acme"), 0,
           "a key can be made between two steps");
    need(raw("DELETE FROM apikey") == 0, "away with it");
    while (!step(&some)) {
    }
    is_str(raw_text(ROWS), "1502,2501 4000,1",
           "steps end at the change that is young enough");
    is_str(raw_text(MARKS), "2500 0",
           "pruning changes alone leaves the time of the audit");
    ok(step(&some), "a step after the last one has nothing to do");

    need(raw("UPDATE apikey_identity SET kept_since = 3501 - 86400") == 0,
         "a day ago");
    ok(!step(&both) && !step(&both),
       "two steps: no change is old, then the audit's first");
    is_str(raw_text(ROWS), "1502,2501 3000,1001",
           "the audit's first step removes a thousand entries");
    is_str(raw_text(MARKS), "2500 2001",
           "the time of the audit is that of the step's last entry");
    is_int(prune(1001 + 2500), APR_SUCCESS,
           "another pruning meanwhile works: %s", said());
    is_str(raw_text(ROWS), "1502,2501 3000,1001",
           "another pruning meanwhile removes less than a day's rows: none");
    while (!step(&both)) {
    }
    is_str(raw_text(ROWS), "1502,2501 1500,2501",
           "the first pruning removes the rest");
    is_str(raw_text(MARKS), "2500 3501",
           "the time of the audit is that which was asked for");
    need(raw("CREATE TRIGGER no_mark BEFORE UPDATE ON apikey_identity "
             "BEGIN SELECT RAISE(ABORT, 'read-only'); END") == 0, "read-only");
    none.before += 100;
    ok(apikey_store_prune(fx.store, &none, fx.pool, &fx.error) != APR_SUCCESS
       && none.able && says("read-only"),
       "a database that cannot be written is an error");
    is_str(raw_text(ROWS), "1502,2501 1500,2501",
           "nothing is removed where the database cannot be written");
    need(raw("DROP TRIGGER no_mark") == 0
         && raw("ALTER TABLE apikey_identity RENAME TO away") == 0, "away");
    none.begun = 0;
    ok(apikey_store_prune(fx.store, &none, fx.pool, &fx.error) != APR_SUCCESS
       && !none.able, "a database without our tables is another error");
    need(raw("ALTER TABLE away RENAME TO apikey_identity") == 0, "back");
}

int main(void)
{
    fixture_make();
    test_prune();
    test_steps();
    test_reader();
    test_disorder();
    fixture_remove();
    return done();
}
