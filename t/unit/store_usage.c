/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * usage.h: how often keys were used.  With arguments DRIVER PARAMS it asks
 * another database than SQLite (t/usage/databases.t), an empty one, in which it
 * leaves its tables.
 */
#include <sys/wait.h>

#include "store_fixture.h"
#include "../../modules/store/statement.h"
#include "../../modules/store/usage.h"

#define KEYS 240
#define PROCESSES 4
#define ROUNDS 25
#define WIDTH 40                /* keys of one batch */

static const char *driver, *params;

static void run(const char *sql)
{
    need(apikey_statement_run(fx.store, sql, fx.pool, &fx.error) == APR_SUCCESS,
         sql);
}

/* "count last" of a key's row; "" if it has none. */
static const char *used(const char *id)
{
    const char *where = apr_pstrcat(fx.pool, " FROM apikey_usage WHERE id = '",
                                    id, "'", NULL);
    const char *count = value(apr_pstrcat(fx.pool, "SELECT use_count", where,
                                          NULL));

    return *count ? apr_pstrcat(fx.pool, count, " ",
                                value(apr_pstrcat(fx.pool, "SELECT last_used",
                                                  where, NULL)), NULL) : "";
}

static void key(const char *id, int number)
{
    run(apr_psprintf(fx.pool, "INSERT INTO apikey (digest, id, tenant, name)"
                     " VALUES ('%064x', '%s', 'acme', 'n')", number + 1, id));
}

static const char *id_of(int number)
{
    return apr_psprintf(fx.pool, "k%03d", number);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const apikey_use_t *)a)->id,
                  ((const apikey_use_t *)b)->id);
}

static apr_status_t write_uses(apikey_use_t *uses, int count)
{
    fx.error = NULL;
    qsort(uses, (apr_size_t)count, sizeof(*uses), by_id);
    return apikey_store_usage(fx.store, uses, count, fx.pool, &fx.error);
}

static void test_counts(void)
{
    apikey_use_t uses[] = { { "k1", 3, 100 }, { "K1", 1, 200 },
                            { "nobody", 7, 100 }, { "k1 ", 2, 300 } };
    apikey_use_t more[] = { { "K1", 1, 900 },
                            { "k1", APR_INT64_C(5000000000), 50 } };

    key("k1", 1);
    key("K1", 2);
    key("k1 ", 3);
    run("INSERT INTO apikey_usage (id, exposed) VALUES ('K1', 77)");
    is_int(write_uses(uses, 4), APR_SUCCESS, "a batch: %s", said());
    is_str(used("k1"), "3 100", "a key that was never used");
    is_str(used("K1"), "1 200", "one that has a row");
    is_str(used("k1 "), "2 300", "ids are compared to the byte");
    is_str(used("nobody"), "", "what is no key leaves no row");
    is_int(write_uses(more, 2), APR_SUCCESS, "another batch: %s", said());
    is_str(used("k1"), "5000000003 100", "is added; an older time is not");
    is_str(used("K1"), "2 900", "a newer one is");
    is_str(value("SELECT exposed FROM apikey_usage WHERE id = 'K1'"), "77",
           "the rest of the row stays");
    is_int(write_uses(uses, 0), APR_SUCCESS, "none at all");
}

static void test_deleted(void)
{
    apikey_use_t uses[] = { { "k1", 1, 100 } };

    run("DELETE FROM apikey WHERE id = 'k1'");
    run("DELETE FROM apikey_usage WHERE id = 'k1'");
    is_int(write_uses(uses, 1), APR_SUCCESS, "a key deleted meanwhile");
    is_str(used("k1"), "", "gets no row again");
}

static apikey_exposure_t exposure_of(const char *digest, unsigned int places,
                                     apr_int64_t when)
{
    apikey_exposure_t exposure;

    memset(&exposure, 0, sizeof(exposure));
    /* As of a key that several secrets may have signed. */
    exposure.digests.count = 2;
    strcpy(exposure.digests.at[0].hex, DIGEST_A);
    strcpy(exposure.digests.at[1].hex, digest);
    exposure.places = places;
    exposure.when = when;
    return exposure;
}

static const char *audit(void)
{
    return apr_pstrcat(fx.pool,
                       value("SELECT id FROM apikey_audit WHERE action ="
                             " 'exposed' AND tenant = 'acme' ORDER BY number"),
                       "; ", value("SELECT reason FROM apikey_audit WHERE"
                                   " action = 'exposed' AND who ="
                                   " 'mod_apikey' ORDER BY number"), NULL);
}

static const char *digest_of(int number)
{
    return apr_psprintf(fx.pool, "%064x", number + 1);
}

static const char *exposed(const char *id)
{
    return value(apr_pstrcat(fx.pool, "SELECT exposed FROM apikey_usage WHERE"
                             " id = '", id, "'", NULL));
}

static apr_status_t write_exposed(const apikey_exposure_t *exposures,
                                  int count)
{
    fx.error = NULL;
    return apikey_store_exposed(fx.store, exposures, count, fx.pool,
                                &fx.error);
}

static void test_exposed(void)
{
    apikey_exposure_t some[] = {
        exposure_of(digest_of(3), APIKEY_IN_QUERY, 5000),
        exposure_of(DIGEST_B, APIKEY_IN_QUERY, 5000),
        exposure_of(digest_of(2), APIKEY_IN_REFERER, 5000),
        exposure_of(digest_of(50), APIKEY_IN_QUERY | APIKEY_IN_REFERER, 5000)
    };
    const char *told;

    key("new", 50);
    is_int(write_exposed(some, 4), APR_SUCCESS, "exposed keys: %s", said());
    is_str(exposed("k1 "), "5000", "one that was used");
    is_str(used("k1 "), "2 300", "whose uses stay");
    is_str(exposed("K1"), "5000", "one that was exposed before");
    is_str(exposed("new"), "5000", "one that was never used");
    is_str(used("new"), "0 0", "which is no use");
    is_str(value("SELECT COUNT(*) FROM apikey_usage"), "4",
           "what is no key leaves no row");
    told = audit();
    is_str(told, "K1 k1  new; in a Referer in a query string in a query"
           " string and in a Referer", "the audit has one entry each");
    is_int(write_exposed(some, 4), APR_SUCCESS, "once more: %s", said());
    is_str(audit(), told, "changes nothing");
    some[2].when = 5000 + 3599;
    some[3].when = 4999;
    is_int(write_exposed(some + 2, 2), APR_SUCCESS, "within the hour");
    is_str(exposed("K1"), "8599", "it is noted");
    is_str(exposed("new"), "5000", "but not an older time");
    is_str(audit(), told, "and the audit is not filled");
    some[0].when = 5000 + 3600;
    some[0].places = APIKEY_IN_PATH | APIKEY_IN_LINE;
    is_int(write_exposed(some, 1), APR_SUCCESS, "an hour later");
    is_str(audit(), "K1 k1  new k1 ; in a Referer in a query string in a query"
           " string and in a Referer in a path and in a request line",
           "it is told again, with each place");
    is_int(write_exposed(some, 0), APR_SUCCESS, "none at all");
    run("DELETE FROM apikey WHERE id = 'new'");
    run("DELETE FROM apikey_usage WHERE id = 'new'");
}

/* The middle one cannot be written: SQLite by a trigger, the others since the
 * number would be too large. */
static void test_atomic(void)
{
    apikey_use_t uses[] = { { "K1", 5, 1000 }, { "full", 5, 1000 },
                            { "k1 ", 5, 1000 } };

    key("full", 4);
    run("INSERT INTO apikey_usage (id, use_count) VALUES"
        " ('full', 9223372036854775807)");
    if (strcmp(fx.store->dialect->driver, "sqlite3") == 0) {
        run("CREATE TRIGGER full BEFORE UPDATE ON apikey_usage WHEN new.id ="
            " 'full' BEGIN SELECT RAISE(ABORT, 'out of range'); END");
    }
    is_int(write_uses(uses, 3), APIKEY_EDATABASE, "one cannot be written");
    ok(says("out of range"), "says why: %s", said());
    is_str(used("K1"), "2 900", "so none before it is");
    is_str(used("k1 "), "2 300", "nor behind it");
    run("DELETE FROM apikey_usage WHERE id = 'full'");
    is_int(write_uses(uses, 3), APR_SUCCESS, "then all: %s", said());
    is_str(used("K1"), "7 1000", "once");
}

/* More than one statement takes; some are no keys, and the last cannot be
 * written. */
static void test_wide(void)
{
    apikey_use_t uses[2 * APIKEY_USED_AT_ONCE + 50];
    int i, count = sizeof(uses) / sizeof(*uses);
    int file = strcmp(fx.store->dialect->driver, "sqlite3") == 0;

    is_int(apikey_store_usage_max(fx.store),
           file ? 10 * APIKEY_USED_AT_ONCE : APIKEY_USED_AT_ONCE,
           "a server gets one statement in a transaction, a file ten");
    if (!file) {
        return;
    }
    for (i = 0; i < count; i++) {
        uses[i].id = apr_psprintf(fx.pool, "w%03d", i);
        uses[i].count = 2;
        uses[i].last = 100;
        if (i % 10) {
            key(uses[i].id, 1000 + i);
        }
    }
    run("CREATE TRIGGER wide BEFORE INSERT ON apikey_usage WHEN new.id ="
        " 'w449' BEGIN SELECT RAISE(ABORT, 'out of range'); END");
    is_int(write_uses(uses, count), APIKEY_EDATABASE, "the last cannot be");
    is_str(value("SELECT COUNT(*) FROM apikey_usage WHERE id LIKE 'w%'"), "0",
           "so none is");
    run("DROP TRIGGER wide");
    is_int(write_uses(uses, count), APR_SUCCESS, "%d keys: %s", count,
           said());
    is_str(value("SELECT SUM(use_count) FROM apikey_usage WHERE id LIKE 'w%'"),
           apr_itoa(fx.pool, 2 * (count - count / 10)), "each, once");
    run("DELETE FROM apikey WHERE id LIKE 'w%'");
    run("DELETE FROM apikey_usage WHERE id LIKE 'w%'");
}

/* Exposures are written in parts; if a later part fails, the ones before stay.
 * */
static void test_exposed_parts(void)
{
    apikey_exposure_t some[20];
    int i;

    for (i = 0; i < 20; i++) {
        some[i] = exposure_of(digest_of(2000 + i), APIKEY_IN_QUERY, 5000);
        key(apr_psprintf(fx.pool, "x%02d", i), 2000 + i);
    }
    run("CREATE TRIGGER late BEFORE INSERT ON apikey_usage WHEN new.id ="
        " 'x19' BEGIN SELECT RAISE(ABORT, 'not today'); END");
    is_int(write_exposed(some, 20), APIKEY_EDATABASE, "the last of 20 exposed"
           " keys cannot be written: %s", said());
    is_str(value("SELECT COUNT(*) FROM apikey_usage WHERE exposed = 5000"
                 " AND id LIKE 'x%'"), "16", "those before its part are");
    run("DROP TRIGGER late");
    is_int(write_exposed(some, 20), APR_SUCCESS, "then all: %s", said());
    is_str(value("SELECT COUNT(*) FROM apikey_audit WHERE action = 'exposed'"
                 " AND id LIKE 'x%'"), "20", "each is told once");
    run("DELETE FROM apikey WHERE id LIKE 'x%'");
    run("DELETE FROM apikey_usage WHERE id LIKE 'x%'");
}

/* Another process, that has inserted the same row just before us for some
 * times in a row; the last time, its key is not ours. */
static struct { apikey_use_t use; int times; } other;

/* Counts the times that the connection is used after such an error: each try of
 * a batch does so twice, to repeat the transaction on fresh statements and to
 * check the version of the tables. */
static const apikey_dialect_t *count_repetitions(const apr_dbd_driver_t *driver,
                                          apr_dbd_t *handle,
                                          apr_pool_t *store_pool,
                                          apr_pool_t *pool,
                                          const char **error)
{
    (void)driver;
    (void)handle;
    (void)store_pool;
    (void)pool;
    (void)error;
    if (fx.store->duplicate && !fx.store->in_transaction
        && --other.times == 0) {
        other.use.id = "k1 ";
    }
    return fx.store->dialect;
}

static void test_in_the_way(void)
{
    const apikey_dialect_t *dialect = fx.store->dialect;
    apikey_dialect_t crowded = *dialect;

    key("often", 5);
    run("CREATE TRIGGER often BEFORE INSERT ON apikey_usage WHEN new.id ="
        " 'often' BEGIN SELECT RAISE(ABORT, 'somebody was first'); END");
    crowded.errors[APIKEY_ERROR_DUPLICATE].words[0] = "somebody was first";
    crowded.detect = count_repetitions;
    fx.store->dialect = &crowded;
    other.use.count = 1;
    other.use.last = 2000;
    other.use.id = "often";
    other.times = 12;           /* of six tries */
    is_int(write_uses(&other.use, 1), APR_SUCCESS,
           "others are in the way for many times: %s", said());
    is_int(other.times, 0, "as often as that");
    is_str(used("k1 "), "8 2000", "then it is written, once");
    other.use.id = "often";
    is_int(write_uses(&other.use, 1), APIKEY_EDATABASE, "for ever: %s",
           said());
    fx.store->dialect = dialect;
    is_str(used("often"), "", "then it is not");
    run("DROP TRIGGER often");
}

/* Batches of the same keys, most of them never used before, each process in
 * an order of its own. */
static int write_rounds(int process)
{
    apikey_use_t uses[WIDTH];
    int round, i;

    need(apikey_store_open(&fx.store, driver, params, fx.pool, &fx.error)
         == APR_SUCCESS, "open");
    for (round = 0; round < ROUNDS; round++) {
        for (i = 0; i < WIDTH; i++) {
            int at = (i * (2 * process + 3) + process) % WIDTH;

            uses[i].id = id_of(round * (KEYS - WIDTH) / (ROUNDS - 1) + at);
            uses[i].count = 1;
            uses[i].last = round * 10 + process;
        }
        if (write_uses(uses, WIDTH) != APR_SUCCESS) {
            printf("# process %d, round %d: %s\n", process, round, said());
            fflush(stdout);
            return 1;
        }
    }
    return 0;
}

#define REFUSE(kind) "CREATE " kind "TRIGGER refuse BEFORE INSERT ON "        \
    "main.apikey_usage BEGIN SELECT RAISE(ABORT, 'attempt to write a readonly" \
    " database'); END"

static int sleeps;              /* until the database can be written */
static int slept;               /* so many so far */

/* The store has closed its connection when it was refused. */
static void stop_refusing(void)
{
    need(apikey_store_connect(fx.store, fx.pool, &fx.error) == APR_SUCCESS,
         "a connection");
    run("DROP TRIGGER refuse");
}

/* In place of APR's, for the store: what it waits for comes while it waits. */
void apr_sleep(apr_interval_time_t time)
{
    usleep((useconds_t)time);
    slept++;
    if (sleeps && --sleeps == 0) {
        stop_refusing();
    }
}

/* A connection that cannot write is replaced: a temporary trigger ends with its
 * connection.  The store must not find that the file was written since it was
 * opened, which would replace the connection as well. */
static void test_read_only_connection(void)
{
    const apikey_use_t use = { "once", 1, NOW };
    apr_finfo_t file;

    key("once", 77);
    run(REFUSE("TEMP "));
    need(apr_stat(&file, fx.store->file, APR_FINFO_MTIME | APR_FINFO_SIZE,
                  fx.pool) == APR_SUCCESS, "the file");
    fx.store->changed = file.mtime;
    fx.store->size = file.size;
    is_int(apikey_store_usage(fx.store, &use, 1, fx.pool, &fx.error),
           APR_SUCCESS, "uses are written on a connection that can write");
    is_str(used("once"), apr_psprintf(fx.pool, "1 %" APR_INT64_T_FMT, NOW),
           "and count");
}

static void test_read_only_for_a_while(void)
{
    const apikey_use_t use = { "while", 1, NOW };

    key("while", 78);
    run(REFUSE(""));
    sleeps = 5;
    is_int(apikey_store_usage(fx.store, &use, 1, fx.pool, &fx.error),
           APR_SUCCESS, "uses are written when the database can be written");
    is_str(used("while"), apr_psprintf(fx.pool, "1 %" APR_INT64_T_FMT, NOW),
           "and count");
    run(REFUSE(""));
    slept = 0;
    is_int(apikey_store_usage(fx.store, &use, 1, fx.pool, &fx.error),
           APIKEY_EREADONLY, "one that stays read-only is given up");
    is_int(slept, 10, "after ten times 20 ms");
    stop_refusing();
}

static void test_together(void)
{
    int i, status, failed = 0;

    for (i = 0; i < KEYS; i++) {
        key(id_of(i), 100 + i);
    }
    run("DELETE FROM apikey_usage");
    apr_pool_destroy(fx.store->pool);
    fflush(stdout);
    for (i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            _exit(write_rounds(i));
        }
    }
    while (wait(&status) > 0) {
        failed += status != 0;
    }
    is_int(failed, 0, "several processes write batches of the same keys");
    need(apikey_store_open(&fx.store, driver, params, fx.pool, &fx.error)
         == APR_SUCCESS, "open");
    is_str(value("SELECT SUM(use_count) FROM apikey_usage"),
           apr_itoa(fx.pool, PROCESSES * ROUNDS * WIDTH),
           "and every use is counted");
    is_str(value("SELECT COUNT(*) FROM apikey_usage"),
           apr_itoa(fx.pool, KEYS), "of every key");
    is_str(value("SELECT MAX(last_used) FROM apikey_usage"),
           apr_itoa(fx.pool, (ROUNDS - 1) * 10 + PROCESSES - 1),
           "with the last time");
}

int main(int argc, char **argv)
{
    const char *changes;
    apr_pool_t *pool;

    fixture_folder();
    driver = argc > 2 ? argv[1] : "sqlite3";
    params = argc > 2 ? argv[2] : fx.path;
    apr_pool_create(&pool, fx.pool);
    fixture_open(driver, params, pool);
    test_counts();
    changes = value("SELECT COUNT(*) FROM apikey_change");
    is_str(changes, "3", "no use is a change of a key");
    test_exposed();
    test_deleted();
    test_atomic();
    test_wide();
    if (strcmp(driver, "sqlite3") == 0) {
        test_read_only_connection();
        test_read_only_for_a_while();
        test_exposed_parts();
        test_in_the_way();
    }
    test_together();
    fixture_remove();
    return done();
}
