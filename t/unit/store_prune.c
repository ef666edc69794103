/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* prune.h: which rows are removed, and what a reader of changes gets then. */

#include "../../modules/store/prune.h"
#include "store_fixture.h"

/* Number and kind of what a reader behind this number is told, the first and
 * the last, and how many. */
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

/* As htapikey does it, with a budget for all rows. */
static apr_status_t prune(apr_int64_t before)
{
    apikey_prune_t all = { .before = before, .audit = 1,
                           .budget = apr_time_from_sec(60) };

    fx.error = NULL;
    return apikey_store_prune(fx.store, &all, fx.pool, &fx.error);
}

/* This many rows of each table, one a second from 1001 on. */
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
    is_int(prune(0), APR_SUCCESS, "before 1970");
    is_str(raw_text(ROWS), "4000,1 4000,1", "nothing goes");
    is_int(prune(1001 + 2500), APR_SUCCESS, "less than a day's worth");
    is_str(raw_text(ROWS), "4000,1 4000,1", "waits");
    need(raw("UPDATE apikey_identity SET kept_since = 3501 - 86400") == 0,
         "a day ago");
    is_int(prune(1001 + 2500), APR_SUCCESS, "a day's worth: %s", said());
    is_str(raw_text(ROWS), "1500,2501 1500,2501",
           "goes, more than one transaction takes");
    is_str(raw_text(MARKS), "2500 3501", "and what is kept is known");
    is_int(prune(1001 + 2600), APR_SUCCESS, "the same day");
    is_str(raw_text(ROWS), "1500,2501 1500,2501", "nothing more");
    ok(raw("DELETE FROM apikey_audit WHERE number = 2501") != 0,
       "the audit stays append-only for what is kept");
    is_int(prune(1001 + 86400 + 4000), APR_SUCCESS, "all");
    is_str(raw_text("SELECT COUNT(*) FROM apikey_change"), "0", "goes");
    is_str(raw_text("SELECT COUNT(*) FROM apikey_audit"), "0", "both");
    is_str(raw_text(MARKS), "4000 91401", "what is known stays known");
    is_int(raw_key(DIGEST_A, "later", "acme"), 0, "a key is made then");
    is_int(changes(4000).first, 4001, "the numbers go on");
    need(raw("DELETE FROM apikey") == 0, "away with it");
}

static void test_reader(void)
{
    heard_t heard;

    fill(1000);
    heard = changes(0);
    is_int(heard.count, 1000, "nothing is gone: all, over several pages");
    is_int(heard.first_kind, APIKEY_CHANGED_DIGEST, "each as it is");
    is_int(prune(1101), APR_SUCCESS, "not a day's worth yet");
    need(raw("UPDATE apikey_identity SET kept_since = -86400") == 0, "then");
    is_int(prune(1101), APR_SUCCESS, "the first hundred go");
    heard = changes(0);
    is_int(heard.first_kind, APIKEY_CHANGED_ALL,
           "who has seen none of them is told that anything may have changed");
    is_int(heard.first, 100, "up to the last one that is gone");
    is_int(heard.count, 901, "and then the rest");
    is_int(heard.wrong, 0, "in order, without a gap");
    is_int(heard.last, 1000, "to the end");
    is_int(changes(99).first_kind, APIKEY_CHANGED_ALL, "one was missed");
    heard = changes(100);
    is_int(heard.first_kind, APIKEY_CHANGED_DIGEST, "none was missed");
    is_int(heard.first, 101, "the next is the first");
    is_int(heard.count, 900, "and none too many");
    is_int(changes(1000).count, 0, "nothing new");
    need(raw("UPDATE apikey_identity SET pruned = 1000") == 0
         && raw("DELETE FROM apikey_change") == 0, "all gone");
    heard = changes(999);
    is_int(heard.count, 1, "one word where none is left");
    is_int(heard.first, 1000, "with the last number");
    is_int(heard.first_kind, APIKEY_CHANGED_ALL, "of the kind all");
    is_int(changes(1000).count, 0, "and none for who has seen it");
}

/* A clock that went back: no younger entry of the audit goes, and the number
 * that is said to be gone never gets smaller. */
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
           "changes up to the last old one go");
    is_str(raw_text("SELECT group_concat(number) FROM apikey_audit"),
           "2,6,7,8,9,10", "of the audit only what is old");
    need(raw("INSERT INTO apikey_change (number, kind, changed) VALUES "
             "(1, 'all', 1)") == 0
         && raw("UPDATE apikey_identity SET kept_since = -86400, "
                "pruned = 5") == 0, "a number of before");
    is_int(prune(900), APR_SUCCESS, "prune: %s", said());
    is_str(raw_text("SELECT pruned FROM apikey_identity"), "5",
           "what is gone stays gone");
}

/* One step, of the changes alone or of both; 1: all is done. */
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
    ok(!step(&some), "without a budget: one step");
    is_str(raw_text(ROWS), "3000,1001 4000,1", "of at most a thousand rows");
    is_str(raw_text(MARKS), "1000 0", "of which a reader is told");
    some.rows = 100;
    ok(!step(&some), "a slow one takes fewer");
    is_str(raw_text(ROWS), "2900,1101 4000,1", "no more than it may");
    is_int(raw_key(DIGEST_A, "between", "acme"), 0, "others write between two");
    need(raw("DELETE FROM apikey") == 0, "away with it");
    while (!step(&some)) {
    }
    is_str(raw_text(ROWS), "1502,2501 4000,1", "it ends where it is to end");
    is_str(raw_text(MARKS), "2500 0", "and of the audit nothing is said");
    ok(step(&some), "what is done is done");

    need(raw("UPDATE apikey_identity SET kept_since = 3501 - 86400") == 0,
         "a day ago");
    ok(!step(&both) && !step(&both), "no change is old; then the audit");
    is_str(raw_text(ROWS), "1502,2501 3000,1001", "a step");
    is_str(raw_text(MARKS), "2500 2001", "which may have gaps up to there");
    is_int(prune(1001 + 2500), APR_SUCCESS, "another goes on: %s", said());
    is_str(raw_text(ROWS), "1502,2501 3000,1001", "where a day is left");
    while (!step(&both)) {
    }
    is_str(raw_text(ROWS), "1502,2501 1500,2501", "the first one does it all");
    is_str(raw_text(MARKS), "2500 3501", "to the end");
    need(raw("CREATE TRIGGER no_mark BEFORE UPDATE ON apikey_identity "
             "BEGIN SELECT RAISE(ABORT, 'read-only'); END") == 0, "read-only");
    none.before += 100;
    ok(apikey_store_prune(fx.store, &none, fx.pool, &fx.error) != APR_SUCCESS
       && none.able && says("read-only"), "what is not allowed is told");
    is_str(raw_text(ROWS), "1502,2501 1500,2501", "and nothing is gone");
    need(raw("DROP TRIGGER no_mark") == 0
         && raw("ALTER TABLE apikey_identity RENAME TO away") == 0, "away");
    none.begun = 0;
    ok(apikey_store_prune(fx.store, &none, fx.pool, &fx.error) != APR_SUCCESS
       && !none.able, "a database that is not ours is another thing");
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
