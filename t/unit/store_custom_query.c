/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* custom_query.h: ApiKeyQuery, the administrator's own select: which results
 * are accepted, and which queries are refused. */

#include "store_fixture.h"
#include "../../modules/core/result.h"
#include "../../modules/store/custom_query.h"
#include "../../modules/store/statement.h"

#define FROM " FROM k WHERE digest = %s"

static const apikey_policy_t *policy;   /* NULL: no value is taken for a key */

static apikey_record_t *look(const char *sql, apr_status_t *status)
{
    const apikey_custom_query_t query = { sql, "ours", policy };
    apikey_record_t *record = NULL;

    fx.error = NULL;
    *status = apikey_custom_query_lookup(fx.store, &query, DIGEST_A, &record,
                                         fx.pool, &fx.error);
    return record;
}

/* A select of an id, a tenant and this column. */
static const char *with(const char *column)
{
    return apr_pstrcat(fx.pool, "SELECT 'i' AS id, 't' AS tenant, ", column,
                       FROM, NULL);
}

static void test_columns(void)
{
    apr_status_t status;
    apikey_record_t *record = look("SELECT 1 AS Revoked, 2 AS DISABLED, "
        "3 AS suspended, 4 AS expires, 'a b' AS scopes, 'k' AS keyspace, "
        "'e' AS env, 'n' AS name, 't' AS tenant, 'i' AS id" FROM, &status);

    is_int(status, APR_SUCCESS,
           "a query with all columns finds the key: %s", said());
    need(record != NULL, "the record");
    is_str(record->id, "i", "the id is read");
    is_str(record->tenant, "t", "the tenant is read");
    is_str(record->name, "n", "the name is read");
    is_str(record->env, "e", "the env is read");
    is_str(record->keyspace, "k", "the keyspace is read");
    is_str(record->scopes, "a b", "the scopes are read");
    is_int(record->expires, 4, "expires is read");
    is_int(record->revoked, 1, "revoked is read");
    is_int(record->disabled, 2, "disabled is read");
    is_int(record->suspended, 3, "suspended is read");
    is_str(record->digest, DIGEST_A,
           "the record has the digest that was asked for");
    ok(apr_is_empty_table(record->meta),
       "a record of known columns alone has no meta");
    record = look("SELECT 'i' AS id, 't' AS tenant" FROM, &status);
    need(record != NULL, "the record of two columns");
    is_str(record->keyspace, "ours",
           "without a column keyspace a key is of the server's keyspace");
    ok(!*record->name && !*record->env && !*record->scopes
       && !*record->secret_id && !*record->format && !*record->hint
       && !*record->creator, "texts without a column are empty, not NULL");
    ok(record->expires == APIKEY_NEVER && !record->revoked
       && !record->disabled && !record->suspended,
       "without columns a key does not end and is not revoked");
    record = look(with("NULL AS keyspace, NULL AS expires, NULL AS revoked, "
                       "'' AS disabled"), &status);
    need(record != NULL, "the record of NULLs");
    is_str(record->keyspace, "", "a keyspace that is NULL is the empty one");
    ok(record->expires == APIKEY_NEVER && !record->revoked
       && !record->disabled, "NULL as a time means never or not");
}

/* A key whose column networks cannot be parsed is refused. */
static void test_networks(void)
{
    static const char *const bad[] = { "'any'", "' '", "'10.0.0.1/8'", "0" };
    apr_status_t status;
    apikey_record_t *record = look(with("'192.0.2.0/24, ::1' AS Networks"),
                                   &status);
    apr_size_t i;

    need(record != NULL, "the record");
    is_int(record->network_count, 2, "two networks are read");
    ok(apr_is_empty_table(record->meta),
       "the column networks is not in the meta");
    record = look(with("NULL AS networks"), &status);
    ok(record && !record->network_count && !record->fault,
       "networks that are NULL allow any address");
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        record = look(with(apr_pstrcat(fx.pool, bad[i], " AS networks",
                                       NULL)), &status);
        ok(record && record->fault
               && strstr(record->fault, "its networks has "),
           "networks %s: %s", bad[i],
           record && record->fault ? record->fault : "no fault");
    }
}

static void test_meta(void)
{
    apr_status_t status;
    apikey_record_t *record = look(with("'gold' AS plan, 'x' AS \"a-b c\", "
        "NULL AS no, '' AS nil, '" DIGEST_A "' AS sum, upper('" DIGEST_A
        "') AS up, 'y' AS \"gr\xc3\xbcn\""), &status);

    is_int(status, APR_SUCCESS,
           "a query with further columns finds the key: %s", said());
    need(record != NULL, "the record");
    is_str(apr_table_get(record->meta, "PLAN"), "gold",
           "a further column is in the meta in upper case");
    is_str(apr_table_get(record->meta, "A_B_C"), "x",
           "a column's '-' and blank become '_'");
    is_str(apr_table_get(record->meta, "GR__N"), "y",
           "a column's UTF-8 becomes '_'");
    is_int(apr_table_elts(record->meta)->nelts, 3,
           "NULL, the empty text and the digest are not in the meta");
}

/* A column with this value: what revoked, disabled and suspended become, and
 * what expires becomes. -1: the record has a fault that names the column. */
static void number(const char *value, apr_int64_t flag, apr_int64_t time)
{
    static const char *const columns[] = { "revoked", "disabled",
                                           "suspended", "expires" };
    apr_size_t i;

    for (i = 0; i < 4; i++) {
        apr_int64_t want = i < 3 ? flag : time;
        apr_status_t status;
        apikey_record_t *record = look(with(apr_pstrcat(fx.pool, value,
                                            " AS ", columns[i], NULL)),
                                       &status);
        const char *fault = record ? apikey_record_fault(record, fx.pool)
                                   : "there is no record";
        apr_int64_t got = -1;

        if (record && !fault) {
            got = i == 0 ? record->revoked : i == 1 ? record->disabled
                : i == 2 ? record->suspended : record->expires;
        }
        is_int(got, want, "%s in %s", value, columns[i]);
        if (want == -1) {
            ok(record && strstr(fault, columns[i]), "%s in %s is refused: %s",
               value, columns[i], fault);
            ok(record
                   && (i < 3 ? record->revoked || record->disabled
                                   || record->suspended
                             : record->expires != APIKEY_NEVER),
               "%s in %s is not read as \"not\" or \"never\"", value,
               columns[i]);
        }
    }
}

static void test_numbers(void)
{
    number("0", 0, 0);
    number("1", 1, 1);
    number("'1767225600'", 1767225600, 1767225600);
    number("1767225600.0", 1767225600, 1767225600);
    number("'1767225600.654321'", 1767225600, 1767225600);
    number("'0.000000'", 0, 0);
    number("'0.5'", 1, 1);
    number("'-0.5'", 1, 1);
    number("-5", -5, -5);
    number("'t'", 1, -1);
    number("'TRUE'", 1, -1);
    number("'f'", 0, -1);
    number("'False'", 0, -1);
    number("253402300799", APR_INT64_C(253402300799),
           APR_INT64_C(253402300799));
    number("253402300800", -1, -1);
    number("1767225600000", -1, -1);
    number("'99999999999999999999'", -1, -1);
    number("'2026-01-01'", -1, -1);
    number("'2026-01-01 00:00:00+00'", -1, -1);
    number("'yes'", -1, -1);
    number("'no'", -1, -1);
    number("'never'", -1, -1);
    number("'Infinity'", -1, -1);
    number("'1.7e9'", -1, -1);
    number("'1.'", 1, 1);
    number("'.5'", -1, -1);
    number("'0x10'", -1, -1);
    number("' 1'", -1, -1);
    number("'1 '", -1, -1);
    number("' '", -1, -1);
    number("'null'", -1, -1);
    number("x'01'", -1, -1);
}

static const struct { const char *sql, *what; } wrong[] = {
    { "SELECT 'i' AS id" FROM, "it gives no column tenant" },
    { "SELECT 't' AS tenant" FROM, "it gives no column id" },
    { "SELECT 'i' AS id, 't' AS tenant, 2 AS ID" FROM,
      "the columns id and ID" },
    { "SELECT 'i' AS id, 't' AS tenant, 1 AS expires, 0 AS expires" FROM,
      "both would be the key's expires" },
    { "SELECT 'i' AS id, 't' AS tenant, 1 AS a_b, 2 AS \"A-b\"" FROM,
      "both would be APIKEY_META_A_B" },
    { "SELECT 'i' AS id, 't' AS tenant FROM nowhere WHERE d = %s",
      "the database says: no such table: nowhere" },
    { "SELECT 'i' AS id, 't' AS tenant FROM k WHERE nobody = %s",
      "the database says: no such column: nobody" },
    { "SELECT 'i' AS id 't' AS tenant" FROM, "the database says: near" },
    { "SELECT 'i' AS id, 't' AS tenant FROM k WHERE digest = '%s'",
      "it has its %s within quotes" },
    { "SELECT 'i' AS id, 't' AS tenant FROM k", "it has no %s" },
    { "SELECT 'i' AS id, 't' AS tenant FROM k WHERE digest IN (%s, %s)",
      "it has more than one %s" },
    { "DELETE" FROM, "it is no SELECT" },
    { "SELECT 'i' AS id, 't' AS tenant" FROM "; DROP TABLE k",
      "the database says: " }
};

/* At start-up, where the table may have no row, and at a look-up that finds
 * one. */
static void test_wrong(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        apr_status_t status;

        fx.error = NULL;
        status = apikey_custom_query_check(fx.store, wrong[i].sql, fx.pool,
                                           &fx.error);
        ok(status == APIKEY_EANSWER && says(wrong[i].what), "%s: %s",
           wrong[i].sql, said());
        ok(!look(wrong[i].sql, &status) && status == APIKEY_EANSWER
           && says(wrong[i].what), "%s at a look-up: %s", wrong[i].sql, said());
    }
    is_str(raw_text("SELECT COUNT(*) FROM k"), "1",
           "no query has removed the table");
}

static void test_right(void)
{
    static const char *const right[] = {
        "SELECT 'i' AS id, 't' AS tenant" FROM " -- a comment",
        "  (SELECT 'i' AS id, 't' AS tenant" FROM ")",
        "with x AS (SELECT * FROM k) SELECT 'i' AS id, 't' AS tenant FROM x"
        " WHERE digest = %s",
        "SELECT strftime('%%s', 'now') AS now, '100%%' AS id, 't' AS tenant"
        FROM,
        "SELECT 'it''s' AS id, 't' AS tenant" FROM " ORDER BY 1 LIMIT 1"
    };
    apr_status_t status;
    apikey_record_t *record;
    apr_size_t i;

    for (i = 0; i < sizeof(right) / sizeof(*right); i++) {
        fx.error = NULL;
        status =
            apikey_custom_query_check(fx.store, right[i], fx.pool, &fx.error);
        /* SQLite accepts no select in parentheses. */
        ok(i == 1 ? !says("it ") : status == APR_SUCCESS, "%s: %s", right[i],
           said());
    }
    record = look(right[3], &status);
    ok(record && strcmp(record->id, "100%") == 0,
       "'%%' in a query becomes one '%%'");
    record = look("SELECT 'i' AS id, 't' AS tenant FROM k WHERE"
                  " digest <> %s", &status);
    is_int(status, APR_NOTFOUND, "a digest that is not there is not found");
    is_int(raw("INSERT INTO k VALUES ('" DIGEST_A "')"), 0,
           "a second row for the digest is inserted");
    ok(!look(with("1 AS x"), &status) && status == APIKEY_EANSWER
       && says("more than one row"),
       "two rows for a digest are an error: %s", said());
    is_int(raw("DELETE FROM k WHERE rowid = 2"), 0,
           "the second row is removed");
    ok(look(with("1 AS x"), &status) != NULL,
       "one row for a digest is found: %s", said());
}

/* Two queries on one connection, as two virtual hosts may have them. */
static void test_apart(void)
{
    static const char *const one = "SELECT 'i' AS id, 'one' AS tenant" FROM;
    static const char *const two = "SELECT 'two' AS tenant, 'i' AS id" FROM;
    apr_status_t status;
    int i, good = 0;

    for (i = 0; i < 10; i++) {
        apikey_record_t *record = look(i % 2 ? one : two, &status);

        good += record && strcmp(record->tenant, i % 2 ? "one" : "two") == 0;
    }
    is_int(good, 10, "two queries on a connection have a statement each");
    lookup(DIGEST_A, &status);
    is_int(status, APIKEY_ESCHEMA,
           "our own tables have a statement beside the queries'");
}

/* The table gets new columns while its statement is prepared. */
static void test_changes(void)
{
    static const char *const all = "SELECT 'i' AS id, 't' AS tenant, k.*"
                                   FROM;
    apr_status_t status;
    apikey_record_t *record = look(all, &status);

    ok(record && apr_is_empty_table(record->meta),
       "the table has no further column at first");
    is_int(raw("ALTER TABLE k ADD COLUMN plan TEXT DEFAULT 'gold'"), 0,
           "a column plan is added");
    record = look(all, &status);
    ok(record && apr_table_get(record->meta, "PLAN"), "it is seen: %s",
       said());
    is_int(raw("ALTER TABLE k ADD COLUMN tenant TEXT"), 0,
           "a column tenant is added");
    ok(!look(all, &status) && status == APIKEY_EANSWER
       && says("tenant"), "a second column tenant is an error: %s", said());
}

/* An apikey_changed_fn that counts. */
static apr_status_t hear(void *baton, apr_int64_t number,
                         apikey_changed_e kind, const char *value,
                         apr_int64_t changed)
{
    (void)number;
    (void)kind;
    (void)value;
    (void)changed;
    ++*(int *)baton;
    return APR_SUCCESS;
}

/* The number of changes that can be read of the view; -1: the view is not
 * there. */
static int changes(void)
{
    static const char *const sql = "SELECT 1, digest FROM seen"
                                   " WHERE 1 > CAST(%s AS INTEGER)";
    apr_status_t status;
    int heard = 0;

    fx.error = NULL;
    status = apikey_changes_custom(fx.store, sql, 0, hear, &heard,
                                   fx.pool, &fx.error);
    return status != APR_SUCCESS && says("no such table: seen") ? -1 : heard;
}

/* From here on SQLite writes changes to its log alone: the file's time, which
 * the store compares, stays the same. */
static void begin_log(void)
{
    need(strcmp(raw_text("PRAGMA journal_mode = WAL"), "wal") == 0
         && strcmp(raw_text("PRAGMA wal_autocheckpoint = 0"), "0") == 0
         && apr_file_mtime_set(fx.path, apr_time_now()
                                        - apr_time_from_sec(3600),
                               fx.pool) == APR_SUCCESS, "a log");
}

static void view(int there)
{
    need(raw(there ? "CREATE VIEW seen AS SELECT * FROM k"
                   : "DROP VIEW seen") == 0, "the view");
}

/* On SQLite a statement fails once after any table has changed. An error of a
 * new statement therefore does not mean that the query is wrong. */
static void test_beside(void)
{
    static const char *const sql = "SELECT 'i' AS id, 't' AS tenant" FROM;
    apr_status_t status;
    int i, with = 0, without = 0, read = 0, unread = 0;

    begin_log();
    for (i = 0; i < 50; i++) {
        apikey_store_disconnect(fx.store);
        unread += changes() == -1;
        view(1);
        with += look(sql, &status) != NULL;
        read += changes() == 1;
        apikey_store_disconnect(fx.store);
        read += changes() == 1;
        view(0);
        without += look(sql, &status) != NULL;
        unread += changes() == -1;
    }
    is_int(with, 50, "after a view was made a table is read at once");
    is_int(without, 50, "after a view was removed a table is read at once");
    is_int(read, 100, "changes are read of a view that is there");
    is_int(unread, 100, "changes are not read of a view that is gone");
}

/* A view is dropped and created again while a statement that reads it is
 * prepared. */
static void test_view(void)
{
    static const char *const sql = "SELECT 'i' AS id, 't' AS tenant"
                                   " FROM seen WHERE digest = %s";
    apr_status_t status;
    int i, there = 0, gone = 0;

    for (i = 0; i < 50; i++) {
        view(1);
        there += look(sql, &status) != NULL;
        view(0);
        gone += !look(sql, &status) && status != APR_NOTFOUND
                && says("the database says: no such table: seen");
    }
    is_int(there, 50, "keys are found in a view as soon as it is there");
    is_int(gone, 50,
           "keys are not found in a view that is gone, and the error says so: "
           "%s",
           said());
}

static void test_away(void)
{
    const char *text = apr_psprintf(fx.pool, "%0200d", 7);
    apr_status_t status;
    apr_file_t *file;

    is_int(rename(fx.path, apr_pstrcat(fx.pool, fx.path, "-wal", NULL)), 0,
           "the file is moved away");
    ok(!look(with("1 AS y"), &status) && status == APIKEY_EDATABASE,
       "without the file a look-up is a database error: %s", said());
    status = apikey_custom_query_check(fx.store, with("1 AS y"), fx.pool,
                                       &fx.error);
    is_int(status, APIKEY_EDATABASE,
           "without the file the check is a database error");
    /* A file that is no database: it opens, and the first read fails. */
    need(apr_file_open(&file, fx.path, APR_FOPEN_WRITE | APR_FOPEN_CREATE,
                       APR_FPROT_UREAD | APR_FPROT_UWRITE, fx.pool)
         == APR_SUCCESS && apr_file_puts(text, file) == APR_SUCCESS
         && apr_file_close(file) == APR_SUCCESS, "another file");
    fx.error = NULL;
    status = apikey_custom_query_check(fx.store, with("1 AS z"), fx.pool,
                                       &fx.error);
    is_int(status, APIKEY_EDATABASE, "a file that is no database: %s",
           said());
}

int main(void)
{
    fixture_folder();
    need(apr_dbd_get_driver(fx.pool, "sqlite3", &fx.driver) == APR_SUCCESS
         && apr_dbd_open(fx.driver, fx.pool, fx.path, &fx.other)
            == APR_SUCCESS, "a connection");
    need(raw("CREATE TABLE k (digest TEXT)") == 0
         && raw("INSERT INTO k VALUES ('" DIGEST_A "')") == 0, "the table");
    need(apikey_store_open(&fx.store, "sqlite3", fx.path, fx.pool, &fx.error)
         == APR_SUCCESS, "open");
    test_columns();
    test_networks();
    test_meta();
    test_numbers();
    test_wrong();
    test_right();
    test_apart();
    test_changes();
    test_beside();
    test_view();
    test_away();
    fixture_remove();
    return done();
}
