/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The triggers: every change of a key or a tenant is recorded. */

#include "store_fixture.h"

static const char *since = "0";

/* The kinds and values recorded since the last call, digests by their first
 * letter. */
static const char *recorded(void)
{
    const char *text = raw_text(apr_psprintf(fx.pool,
        "SELECT kind || ':' || CASE kind WHEN 'digest' THEN substr(value, 1, "
        "1) ELSE value END FROM apikey_change WHERE number > %s "
        "ORDER BY number", since));

    since = raw_text("SELECT COALESCE(MAX(number), 0) FROM apikey_change");
    return text;
}

#define SQL(sql, want)                                                      \
    do {                                                                    \
        is_int(raw(sql), 0, "%s", sql);                                     \
        is_str(recorded(), want, "recorded for %s", sql);                   \
    } while (0)

#define ROW(digest, id) "('" digest "', '" id "', 'acme', 'n')"
#define INTO " INTO apikey (digest, id, tenant, name) VALUES "

static void test_keys(void)
{
    recorded();
    SQL("INSERT" INTO ROW(DIGEST_A, "one"), "digest:a");
    SQL("INSERT" INTO ROW(DIGEST_B, "two"), "digest:b");
    SQL("UPDATE apikey SET revoked = 1 WHERE id = 'one'", "digest:a");
    SQL("UPDATE apikey SET revoked = 2", "digest:a digest:b");
    SQL("UPDATE apikey SET revoked = 3 WHERE id = 'none'", "");
    SQL("UPDATE apikey SET digest = replace(digest, 'a', 'c') "
        "WHERE id = 'one'", "digest:a digest:c");
    SQL("UPDATE apikey SET digest = replace(digest, 'c', 'a') "
        "WHERE id = 'one'", "digest:c digest:a");
    SQL("DELETE FROM apikey WHERE id = 'two'", "digest:b");
    SQL("DELETE FROM apikey", "digest:a");
}

/* SQLite runs no delete trigger for a row that REPLACE removes. */
static void test_replace(void)
{
    SQL("INSERT" INTO ROW(DIGEST_A, "one") ", " ROW(DIGEST_B, "two"),
        "digest:a digest:b");
    SQL("INSERT OR REPLACE" INTO ROW(DIGEST_A, "three"), "digest:a");
    SQL("REPLACE" INTO "('" DIGEST_B "', 'three', 'acme', 'n')",
        "digest:a digest:b");
    is_str(raw_text("SELECT id FROM apikey"), "three",
           "REPLACE removed both rows");
    SQL("INSERT" INTO ROW(DIGEST_A, "one"), "digest:a");
    SQL("UPDATE OR REPLACE apikey SET id = 'three' WHERE id = 'one'",
        "digest:b digest:a");
    is_str(raw_text("SELECT id || substr(digest, 1, 1) FROM apikey"),
           "threea", "UPDATE OR REPLACE removed the other row");
    SQL("INSERT" INTO ROW(DIGEST_A, "three") " ON CONFLICT (digest) DO "
        "UPDATE SET env = 'test'", "digest:a");
    ok(raw("INSERT" INTO ROW(DIGEST_B, "three")) != 0,
       "a row with an id that is there already is refused");
    is_str(recorded(), "", "nothing is recorded for a refused row");
    SQL("DELETE FROM apikey", "digest:a");
}

static void test_tenants(void)
{
    SQL("INSERT INTO apikey_tenant (tenant) VALUES ('acme')", "tenant:acme");
    SQL("UPDATE apikey_tenant SET suspended = 1", "tenant:acme");
    SQL("UPDATE apikey_tenant SET tenant = 'bob'", "tenant:acme tenant:bob");
    SQL("INSERT OR REPLACE INTO apikey_tenant (tenant) VALUES ('bob')",
        "tenant:bob");
    SQL("DELETE FROM apikey_tenant", "tenant:bob");
}

static void test_silence(void)
{
    SQL("INSERT INTO apikey_usage (id, use_count) VALUES ('one', 1)", "");
    SQL("UPDATE apikey_usage SET use_count = 2", "");
    SQL("INSERT INTO apikey_scope (name) VALUES ('a:b')", "");
    is_int(raw("BEGIN"), 0, "a transaction begins");
    is_int(raw("INSERT" INTO ROW(DIGEST_A, "one")), 0,
           "a key is made in the transaction");
    is_int(raw("ROLLBACK"), 0, "the transaction is rolled back");
    is_str(recorded(), "",
           "nothing is recorded for a transaction that is rolled back");
}

static void test_numbers(void)
{
    const char *last = raw_text("SELECT MAX(number) FROM apikey_change");

    is_int(raw("DELETE FROM apikey_change"), 0, "all changes are removed");
    is_int(raw("INSERT" INTO ROW(DIGEST_A, "one")), 0,
           "a key is made after that");
    is_int(apr_atoi64(raw_text("SELECT number FROM apikey_change")),
           apr_atoi64(last) + 1,
           "the next change has the number after the last");
    is_str(raw_text("SELECT changed BETWEEN strftime('%s','now') - 60 AND "
                    "strftime('%s','now') FROM apikey_change"), "1",
           "a change has the time at which it was made");
}

static const char *heard = "";

static apr_status_t hear(void *baton, apr_int64_t number,
                         apikey_changed_e kind, const char *value,
                         apr_int64_t changed)
{
    static apr_int64_t last;
    int *count = baton;

    if (number <= last) {
        return APR_EGENERAL;
    }
    last = number;
    if (++*count > 3) {
        heard = apr_psprintf(fx.pool, "%d:%.5s@%d", kind, value,
                             (int)changed);
    }
    else {
        heard = apr_psprintf(fx.pool, "%s %d:%.5s@%d", heard, kind, value,
                             (int)changed);
    }
    return APR_SUCCESS;
}

/* More changes than two pages, and a kind that this version does not know. */
static void test_reader(void)
{
    apr_int64_t from = apr_atoi64(raw_text("SELECT MAX(number) FROM "
                                           "apikey_change"));
    int count = 0;

    is_int(raw("INSERT INTO apikey_change (kind, value, changed) VALUES "
               "('tenant', 'acme', 1), ('all', '', 2), ('future', 'x', 3)"),
           0, "three changes are inserted");
    is_int(apikey_changes_since(fx.store, from, hear, &count, fx.pool,
                                &fx.error), APR_SUCCESS,
           "three changes are read");
    is_str(heard, apr_psprintf(fx.pool, " %d:acme@1 %d:@2 %d:x@3",
                               APIKEY_CHANGED_TENANT, APIKEY_CHANGED_ALL,
                               APIKEY_CHANGED_ALL),
           "a change of an unknown kind counts as a change of all");
    from += 3;
    is_int(raw("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
               "FROM n WHERE i < 700) INSERT INTO apikey_change (kind, value,"
               " changed) SELECT 'digest', 'v' || i, 1 FROM n"), 0,
           "700 changes are inserted");
    count = 0;
    is_int(apikey_changes_since(fx.store, from, hear, &count, fx.pool,
                                &fx.error), APR_SUCCESS,
           "700 changes are read in order");
    is_int(count, 700, "each of the 700 changes is read once");
    is_str(heard, apr_psprintf(fx.pool, "%d:v700@1", APIKEY_CHANGED_DIGEST),
           "the last of the 700 changes is read last");
}

static void test_digest_form(void)
{
    static const char *const bad[] = {
        "", "aa", DIGEST_A "a",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "ak_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    };
    apr_size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        ok(raw_key(bad[i], "x", "acme") != 0, "refused as a digest: \"%.8s\"",
           bad[i]);
    }
}

static void test_audit(void)
{
    static const char *const forbidden[] = {
        "UPDATE apikey_audit SET who = 'nobody'",
        "UPDATE OR IGNORE apikey_audit SET number = number + 100",
        "DELETE FROM apikey_audit",
        "REPLACE INTO apikey_audit (number, happened, who, action) "
        "VALUES (1, 1, 'x', 'y')",
        "INSERT OR IGNORE INTO apikey_audit (number, happened, who, action) "
        "VALUES (1, 1, 'x', 'y')",
        "INSERT OR REPLACE INTO apikey_audit (rowid, happened, who, action) "
        "VALUES (1, 1, 'x', 'y')"
    };
    const char *all = "SELECT number || who || action FROM apikey_audit";
    const char *before = raw_text(all);
    apr_size_t i;

    ok(*before, "the audit has entries");
    for (i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++) {
        ok(raw(forbidden[i]) != 0, "refused: %s", forbidden[i]);
    }
    is_str(raw_text(all), before, "no refused statement has changed the audit");
    is_int(raw("UPDATE apikey_identity SET kept_since = 1 + (SELECT "
               "MAX(happened) FROM apikey_audit)"), 0,
           "the date of retention is moved on");
    is_int(raw("DELETE FROM apikey_audit"), 0,
           "audit entries before the date of retention may be removed");
}

int main(void)
{
    fixture_make();
    test_keys();
    test_replace();
    test_tenants();
    test_silence();
    test_numbers();
    test_reader();
    test_digest_form();
    test_audit();
    fixture_remove();
    return done();
}
