/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * changes.h: changes by the administrator's select.  With arguments DRIVER
 * PARAMS it uses another database than SQLite (t/query/changes.t), where it
 * creates a table apikey_own_change and removes it.
 */
#include "store_fixture.h"
#include "../../modules/store/custom_query.h"
#include "../../modules/store/statement.h"

#define TABLE "apikey_own_change"
#define COLUMNS "SELECT place, sum FROM " TABLE " WHERE place > "

static const char *number;      /* how this database casts a parameter */

/* The changes read: number, kind, and the first letter of the digest. */
typedef struct heard_t {
    const char *text;
    int count, stop_at;
    apr_int64_t last;
    int ordered, timeless;
} heard_t;

static apr_status_t hear(void *baton, apr_int64_t at, apikey_changed_e kind,
                         const char *value, apr_int64_t changed)
{
    heard_t *heard = baton;

    heard->timeless &= changed == 0;
    heard->ordered &= at >= heard->last;
    heard->last = at;
    heard->count++;
    if (heard->count <= 8) {
        heard->text = apr_psprintf(fx.pool, "%s %" APR_INT64_T_FMT ":%s%.1s",
                                   heard->text, at,
                                   kind == APIKEY_CHANGED_ALL ? "all"
                                   : kind == APIKEY_CHANGED_DIGEST ? "" : "?",
                                   value);
    }
    return heard->stop_at == heard->count ? APR_EGENERAL : APR_SUCCESS;
}

static heard_t read_changes(const char *sql, apr_int64_t since, int stop_at,
                            apr_status_t *status)
{
    heard_t heard = { "", 0, 0, 0, 1, 1 };

    heard.stop_at = stop_at;
    fx.error = NULL;
    *status = apikey_changes_custom(fx.store, sql, since, hear, &heard,
                                    fx.pool, &fx.error);
    return heard;
}

static void run(const char *sql)
{
    need(apikey_statement_run(fx.store, sql, fx.pool, &fx.error) == APR_SUCCESS,
         sql);
}

static void add(apr_int64_t place, const char *sum)
{
    run(apr_psprintf(fx.pool, "INSERT INTO " TABLE " VALUES (%"
                     APR_INT64_T_FMT ", %s)", place, sum));
}

static void test_rows(const char *sql)
{
    apr_status_t status;
    heard_t heard = read_changes(sql, 0, 0, &status);

    is_int(status, APR_SUCCESS, "an empty table can be read: %s", said());
    is_int(heard.count, 0, "an empty table has no changes");
    /* Not inserted in their order; one beyond what 32 bits and a double
     * hold. */
    add(APR_INT64_C(9007199254740993), "'" DIGEST_B "'");
    add(7, "'" DIGEST_A "'");
    add(9, "NULL");
    add(8, "upper('" DIGEST_B "')");
    add(12, "'any word'");
    heard = read_changes(sql, 0, 0, &status);
    is_int(status, APR_SUCCESS,
           "a table with five changes can be read: %s", said());
    is_str(heard.text, " 7:a 8:b 9:all 12:all 9007199254740993:b",
           "changes come in order, and one whose value is no digest counts "
           "as all");
    heard = read_changes(sql, 8, 0, &status);
    is_str(heard.text, " 9:all 12:all 9007199254740993:b",
           "the changes after 8 are read");
    heard = read_changes(sql, APR_INT64_C(9007199254740992), 0, &status);
    is_str(heard.text, " 9007199254740993:b",
           "a number beyond 2^53 is exact: the last change is read");
    heard = read_changes(sql, APR_INT64_C(9007199254740993), 0, &status);
    is_str(heard.text, "", "no change is read after the last");
    heard = read_changes(sql, 0, 2, &status);
    is_int(status, APR_EGENERAL, "the reader's error ends the reading");
    is_int(heard.count, 2,
           "nothing is read after the change at which the reader ended it");
}

/* A select with a LIMIT, and one that returns the last known change again. */
static void test_limits(void)
{
    const char *limited = apr_psprintf(fx.pool, COLUMNS "%s ORDER BY place "
                                       "LIMIT 2", number);
    const char *equal = apr_psprintf(fx.pool, "SELECT place, sum FROM " TABLE
                                     " WHERE place >= %s", number);
    apr_status_t status;
    heard_t heard = read_changes(limited, 0, 0, &status);

    is_str(heard.text, " 7:a 8:b 9:all 12:all 9007199254740993:b",
           "two at a time are all in the end: %s", said());
    heard = read_changes(equal, 9, 0, &status);
    is_str(heard.text, " 12:all 9007199254740993:b",
           "one that was seen is not seen again: %s", said());
    is_int(status, APR_SUCCESS,
           "a select that returns a known change again does not loop");
}

static void test_many(const char *sql)
{
    apr_status_t status;
    heard_t heard;
    int i;

    run("BEGIN");
    for (i = 0; i < 600; i++) {
        add(20000 - i, "'" DIGEST_A "'");
    }
    run("COMMIT");
    heard = read_changes(sql, 12, 0, &status);
    is_int(heard.count, 601,
           "600 changes more than a page holds are read: %s", said());
    ok(heard.ordered, "601 changes come in order");
    ok(heard.timeless, "changes of a custom select have no time");
}

static void test_check(const char *sql)
{
    static const struct { const char *sql, *what; } wrong[] = {
        { "SELECT place FROM " TABLE " WHERE place > ", "two columns" },
        { "SELECT place, sum, 1 FROM " TABLE " WHERE place > ",
          "two columns" },
        { "SELECT a, b FROM apikey_nowhere WHERE a > ",
          "the database says: " }
    };
    apr_size_t i;

    is_int(apikey_custom_query_check_changes(fx.store, sql, fx.pool, &fx.error),
           APR_SUCCESS, "a right select passes the check: %s", said());
    for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        const char *bad = apr_pstrcat(fx.pool, wrong[i].sql, number, NULL);

        fx.error = NULL;
        is_int(apikey_custom_query_check_changes(fx.store, bad, fx.pool,
                                                 &fx.error),
               APIKEY_EANSWER, "a wrong select fails the check: %s", bad);
        ok(says(wrong[i].what), "the error says what is wrong: %s", said());
    }
}

static void test_unreadable(void)
{
    const char *sql = apr_psprintf(fx.pool, "SELECT 'x1', sum FROM " TABLE
                                   " WHERE place > %s", number);
    apr_status_t status;
    heard_t heard = read_changes(sql, 0, 0, &status);

    is_int(status, APIKEY_EANSWER, "a number that cannot be read is an error");
    ok(says("the first column of a change is no whole number"),
       "the error names the column: %s",
       said());
    is_int(heard.count, 0, "no change is handed to the reader");
}

int main(int argc, char **argv)
{
    const char *driver = argc > 2 ? argv[1] : "sqlite3";
    const char *sql;

    fixture_folder();
    if (argc <= 2) {
        need(apr_dbd_get_driver(fx.pool, driver, &fx.driver) == APR_SUCCESS
             && apr_dbd_open(fx.driver, fx.pool, fx.path, &fx.other)
                == APR_SUCCESS
             && raw("PRAGMA user_version = 1") == 0, "a file");
    }
    need(apikey_store_open(&fx.store, driver, argc > 2 ? argv[2] : fx.path,
                           fx.pool, &fx.error) == APR_SUCCESS, "open");
    /* The form in which the shipped statements write it. */
    number = fx.store->dialect->number;
    sql = apr_pstrcat(fx.pool, COLUMNS, number, NULL);
    run("CREATE TABLE " TABLE " (place BIGINT, sum CHAR(64))");
    test_rows(sql);
    test_limits();
    test_check(sql);
    test_unreadable();
    test_many(sql);
    run("DROP TABLE " TABLE);
    fixture_remove();
    return done();
}
