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

/* "count last" of a key's row in apikey_usage; "" where it has none. */
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
    is_int(write_uses(uses, 4), APR_SUCCESS,
           "a batch of four keys is written: %s", said());
    is_str(used("k1"), "3 100", "a key without a row gets its count and time");
    is_str(used("K1"), "1 200", "a key with a row gets its count and time");
    is_str(used("k1 "), "2 300", "ids are compared to the byte");
    is_str(used("nobody"), "", "an id without a key gets no row");
    is_int(write_uses(more, 2), APR_SUCCESS,
           "a second batch is written: %s", said());
    is_str(used("k1"), "5000000003 100",
           "counts add up, and an older time is ignored");
    is_str(used("K1"), "2 900", "a newer time is stored");
    is_str(value("SELECT exposed FROM apikey_usage WHERE id = 'K1'"), "77",
           "the row's other column stays");
    is_int(write_uses(uses, 0), APR_SUCCESS, "an empty batch is written");
}

static void test_deleted(void)
{
    apikey_use_t uses[] = { { "k1", 1, 100 } };

    run("DELETE FROM apikey WHERE id = 'k1'");
    run("DELETE FROM apikey_usage WHERE id = 'k1'");
    is_int(write_uses(uses, 1), APR_SUCCESS,
           "a batch with a deleted key is written");
    is_str(used("k1"), "", "a deleted key gets no row again");
}

static apikey_exposure_t exposure_of(const char *digest, unsigned int places,
                                     apr_int64_t when)
{
    apikey_exposure_t exposure;

    memset(&exposure, 0, sizeof(exposure));
    /* A key that may have been signed by several secrets has several
     * digests. */
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
    is_int(write_exposed(some, 4), APR_SUCCESS,
           "four exposed keys are written: %s", said());
    is_str(exposed("k1 "), "5000", "an exposed key that was used has the time");
    is_str(used("k1 "), "2 300", "the uses of an exposed key stay");
    is_str(exposed("K1"), "5000",
           "an exposed key that was exposed before has the new time");
    is_str(exposed("new"), "5000",
           "an exposed key that was never used has the time");
    is_str(used("new"), "0 0", "an exposure is not counted as a use");
    is_str(value("SELECT COUNT(*) FROM apikey_usage"), "4",
           "a digest without a key gets no row");
    told = audit();
    is_str(told, "K1 k1  new; in a Referer in a query string in a query"
           " string and in a Referer",
           "the audit has an entry for each exposed key");
    is_int(write_exposed(some, 4), APR_SUCCESS,
           "the same exposures are written again: %s", said());
    is_str(audit(), told, "the same exposures make no audit entry");
    some[2].when = 5000 + 3599;
    some[3].when = 4999;
    is_int(write_exposed(some + 2, 2), APR_SUCCESS,
           "exposures within the hour are written");
    is_str(exposed("K1"), "8599",
           "an exposure within the hour changes the time");
    is_str(exposed("new"), "5000",
           "an older exposure does not change the time");
    is_str(audit(), told, "an exposure within the hour makes no audit entry");
    some[0].when = 5000 + 3600;
    some[0].places = APIKEY_IN_PATH | APIKEY_IN_LINE;
    is_int(write_exposed(some, 1), APR_SUCCESS,
           "an exposure an hour later is written");
    is_str(audit(), "K1 k1  new k1 ; in a Referer in a query string in a query"
           " string and in a Referer in a path and in a request line",
           "an exposure an hour later makes an audit entry with each place");
    is_int(write_exposed(some, 0), APR_SUCCESS,
           "no exposures at all are written");
    run("DELETE FROM apikey WHERE id = 'new'");
    run("DELETE FROM apikey_usage WHERE id = 'new'");
}

/* The batch's middle row cannot be written: on SQLite because of a trigger, on
 * other databases because the number would be too large. */
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
    is_int(write_uses(uses, 3), APIKEY_EDATABASE,
           "a batch with a row that cannot be written is an error");
    ok(says("out of range"), "the error says why: %s", said());
    is_str(used("K1"), "2 900", "no row before the refused one is written");
    is_str(used("k1 "), "2 300", "no row after the refused one is written");
    run("DELETE FROM apikey_usage WHERE id = 'full'");
    is_int(write_uses(uses, 3), APR_SUCCESS,
           "the batch is written once its rows can be: %s", said());
    is_str(used("K1"), "7 1000", "the batch is counted once");
}

/* A batch of more keys than one statement takes; some ids have no key, and the
 * last row cannot be written. */
static void test_wide(void)
{
    apikey_use_t uses[2 * APIKEY_USED_AT_ONCE + 50];
    int i, count = sizeof(uses) / sizeof(*uses);
    int file = strcmp(fx.store->dialect->driver, "sqlite3") == 0;

    is_int(apikey_store_usage_max(fx.store),
           file ? 10 * APIKEY_USED_AT_ONCE : APIKEY_USED_AT_ONCE,
           "a server gets one statement in a transaction, SQLite ten");
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
    is_int(write_uses(uses, count), APIKEY_EDATABASE,
           "a batch whose last row cannot be written is an error");
    is_str(value("SELECT COUNT(*) FROM apikey_usage WHERE id LIKE 'w%'"), "0",
           "no row of it is written");
    run("DROP TRIGGER wide");
    is_int(write_uses(uses, count), APR_SUCCESS,
           "%d keys are written in several statements: %s", count, said());
    is_str(value("SELECT SUM(use_count) FROM apikey_usage WHERE id LIKE 'w%'"),
           apr_itoa(fx.pool, 2 * (count - count / 10)),
           "each key of them is counted once");
    run("DELETE FROM apikey WHERE id LIKE 'w%'");
    run("DELETE FROM apikey_usage WHERE id LIKE 'w%'");
}

/* Exposures are written in parts; if one fails, the parts before it stay. */
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
                 " AND id LIKE 'x%'"), "16",
           "the exposures of the parts before are written");
    run("DROP TRIGGER late");
    is_int(write_exposed(some, 20), APR_SUCCESS,
           "the exposures are written once all can be: %s", said());
    is_str(value("SELECT COUNT(*) FROM apikey_audit WHERE action = 'exposed'"
                 " AND id LIKE 'x%'"), "20",
           "each of the 20 keys has one audit entry");
    run("DELETE FROM apikey WHERE id LIKE 'x%'");
    run("DELETE FROM apikey_usage WHERE id LIKE 'x%'");
}

/* Another process that inserts the same row just before us, several times in a
 * row; at the last time its key is another one than ours. */
static struct { apikey_use_t use; int times; } other;

/* Counts the uses of the connection after such an error. Each try of a batch
 * uses it twice: to repeat the transaction on fresh statements, and to check
 * the version of the tables. */
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
           "a batch is written although others insert the row first, again "
           "and again: %s", said());
    is_int(other.times, 0, "the others have inserted the row twelve times");
    is_str(used("k1 "), "8 2000", "the batch is counted once");
    other.use.id = "often";
    is_int(write_uses(&other.use, 1), APIKEY_EDATABASE,
           "a batch is given up where others insert the row first without "
           "end: %s",
           said());
    fx.store->dialect = dialect;
    is_str(used("often"), "", "a batch that was given up is not counted");
    run("DROP TRIGGER often");
}

/* Batches of the same keys, most of them not used before; each process has its
 * own order. */
static int write_rounds(int process)
{
    /* No divisor in common with WIDTH: no key is in a batch twice. */
    static const int steps[PROCESSES] = { 3, 7, 9, 11 };
    apikey_use_t uses[WIDTH];
    int round, i;

    need(apikey_store_open(&fx.store, driver, params, fx.pool, &fx.error)
         == APR_SUCCESS, "open");
    for (round = 0; round < ROUNDS; round++) {
        for (i = 0; i < WIDTH; i++) {
            int at = (i * steps[process] + process) % WIDTH;

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

static int sleeps; /* calls of apr_sleep() until it can be written */
static int slept;               /* calls of apr_sleep() */

/* The store has closed its connection because of the refusal. */
static void stop_refusing(void)
{
    need(apikey_store_connect(fx.store, fx.pool, &fx.error) == APR_SUCCESS,
         "a connection");
    run("DROP TRIGGER refuse");
}

/* Replaces APR's function for the store: what the store waits for happens
 * meanwhile. */
void apr_sleep(apr_interval_time_t time)
{
    usleep((useconds_t)time);
    slept++;
    if (sleeps && --sleeps == 0) {
        stop_refusing();
    }
}

/* A connection that cannot write is replaced: the temporary trigger ends with
 * its connection. The store must not find that the file has changed since it
 * was opened, because it would then replace the connection for that reason. */
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
           "the uses written on the new connection are counted");
}

static void test_read_only_for_a_while(void)
{
    const apikey_use_t use = { "while", 1, NOW };

    key("while", 78);
    run(REFUSE(""));
    sleeps = 5;
    is_int(apikey_store_usage(fx.store, &use, 1, fx.pool, &fx.error),
           APR_SUCCESS, "uses are written once the database can be written");
    is_str(used("while"), apr_psprintf(fx.pool, "1 %" APR_INT64_T_FMT, NOW),
           "the uses written after the wait are counted");
    run(REFUSE(""));
    slept = 0;
    is_int(apikey_store_usage(fx.store, &use, 1, fx.pool, &fx.error),
           APIKEY_EREADONLY, "a database that stays read-only is an error");
    is_int(slept, 10, "the store has slept ten times before that");
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
    is_int(failed, 0, "four processes write batches of the same keys at once");
    need(apikey_store_open(&fx.store, driver, params, fx.pool, &fx.error)
         == APR_SUCCESS, "open");
    is_str(value("SELECT SUM(use_count) FROM apikey_usage"),
           apr_itoa(fx.pool, PROCESSES * ROUNDS * WIDTH),
           "the uses of all processes are counted");
    is_str(value("SELECT COUNT(*) FROM apikey_usage"),
           apr_itoa(fx.pool, KEYS), "each key has one row");
    is_str(value("SELECT MAX(last_used) FROM apikey_usage"),
           apr_itoa(fx.pool, (ROUNDS - 1) * 10 + PROCESSES - 1),
           "the last time is the latest of all processes");
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
    is_str(changes, "3", "no use is recorded as a change of a key");
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
