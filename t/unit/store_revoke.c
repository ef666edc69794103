/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * Keys are revoked, and changed in the other ways there are, while several
 * processes write uses of the same keys all the time.  With arguments DRIVER
 * PARAMS it uses another database than SQLite (t/usage/revoke.t), an empty one,
 * in which it leaves its tables.  With APIKEY_TIMES in the environment it
 * prints the longest time that each kind of change took (t/bench/usage).
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "store_fixture.h"
#include "../../modules/store/statement.h"
#include "../../modules/store/usage.h"

#define KEYS 200
#define WRITERS 4
#define BATCHES 10              /* that are written at least, meanwhile */
#define RENAMES 100000          /* in which they must have been written */

static const char *driver, *params;
static int *written;            /* batches, by all writers: shared, atomic */
static apikey_use_t uses[KEYS];
static volatile sig_atomic_t over;

static void stop(int signal)
{
    over = signal;
}

static void open_store(void)
{
    need(apikey_store_open(&fx.store, driver, params, fx.pool, &fx.error)
         == APR_SUCCESS, "open");
}

static void make_keys(void)
{
    int i;

    for (i = 0; i < KEYS; i++) {
        uses[i].id = apr_psprintf(fx.pool, "k%03d", i);
        uses[i].count = 1;
        uses[i].last = NOW;
        need(apikey_statement_run(fx.store, apr_psprintf(fx.pool, "INSERT INTO"
                            " apikey (digest, id, tenant, name, prefix,"
                            " format) VALUES ('%064x', '%s', 'acme', 'n',"
                            " 'ak', 'base62')", i + 1, uses[i].id),
                                  fx.pool, &fx.error) == APR_SUCCESS, "a key");
    }
    need(apikey_store_usage(fx.store, uses, KEYS, fx.pool, &fx.error)
         == APR_SUCCESS, "their rows");
}

/* Writes batches until it gets SIGTERM, and counts them. A byte in the pipe
 * tells the test that the first one is written. */
static int write_on(int pipe_in)
{
    apr_pool_t *pool;
    int batches = 0;

    signal(SIGTERM, stop);
    open_store();
    do {
        apr_pool_create(&pool, fx.pool);
        if (apikey_store_usage(fx.store, uses, KEYS, pool, &fx.error)
            != APR_SUCCESS) {
            printf("# a batch: %s\n", said());
            fflush(stdout);
            return 1;
        }
        apr_pool_destroy(pool);
        __atomic_fetch_add(written, 1, __ATOMIC_SEQ_CST);
        need(batches++ || write(pipe_in, "", 1) == 1, "write");
    } while (!over);
    return 0;
}

/* What is tried, of a key. */
static apr_status_t revoke_key(const char *id)
{
    return apikey_keys_revoke(fx.store, id, "", &fx.actor, fx.pool,
                              &fx.error);
}

static apr_status_t disable(const char *id)
{
    return apikey_keys_disable(fx.store, id, 1, &fx.actor, NULL,
                               fx.pool, &fx.error);
}

static apr_status_t rename_key(const char *id)
{
    const apikey_change_t change = { .name = "new" };

    return apikey_keys_set(fx.store, id, &change, &fx.actor, NULL,
                           fx.pool, &fx.error);
}

static apr_status_t rotate(const char *id)
{
    apikey_rotation_t rotation = { .secrets = fx.secrets, .overlap = 1 };

    return apikey_keys_rotate(fx.store, id, &rotation, &fx.actor, fx.pool,
                              &fx.error);
}

static apr_status_t suspend_tenant(const char *id)
{
    return apikey_tenant_suspend(fx.store, "acme", strcmp(id, "k000") == 0, "",
                                 &fx.actor, NULL, fx.pool, &fx.error);
}

static void change_all(apr_status_t (*change)(const char *id), int count,
                       const char *what)
{
    apr_time_t began, longest = 0;
    int i, failed = 0;

    for (i = 0; i < count; i++) {
        began = apr_time_now();
        fx.error = NULL;
        if (change(uses[i].id) != APR_SUCCESS) {
            failed++;
            printf("# %s: %s\n", uses[i].id, said());
        }
        began = apr_time_now() - began;
        longest = began > longest ? began : longest;
    }
    if (getenv("APIKEY_TIMES")) {
        printf("# %s: the longest of %d took %d ms\n", what, count,
               (int)apr_time_as_msec(longest));
    }
    is_int(failed, 0, "each of %d changes succeeds: %s", count, what);
}

/* Renames keys until the writers have written BATCHES, however slowly the
 * machine lets them. */
static void rename_until_written(void)
{
    int i, failed = 0;

    for (i = 0; i < RENAMES
                && __atomic_load_n(written, __ATOMIC_SEQ_CST) < BATCHES; i++) {
        failed += rename_key(uses[i % KEYS].id) != APR_SUCCESS;
    }
    is_int(failed, 0, "each rename beside the writers succeeds");
    ok(i < RENAMES, "the writers write %d batches beside the renames", BATCHES);
}

static void end_writers(const pid_t *writers)
{
    int i, status, failed = 0;

    for (i = 0; i < WRITERS; i++) {
        kill(writers[i], SIGTERM);
    }
    for (i = 0; i < WRITERS; i++) {
        waitpid(writers[i], &status, 0);
        failed += status != 0;
    }
    is_int(failed, 0, "each batch of each writer succeeds");
}

static void test_changes(void)
{
    pid_t writers[WRITERS];
    int i, ends[2];
    char begun;

    make_keys();
    written = mmap(NULL, sizeof(*written), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    need(written != MAP_FAILED, "shared memory");
    need(pipe(ends) == 0, "pipe");
    apr_pool_destroy(fx.store->pool);
    fflush(stdout);
    for (i = 0; i < WRITERS; i++) {
        writers[i] = fork();
        if (writers[i] == 0) {
            _exit(write_on(ends[1]));
        }
    }
    for (i = 0; i < WRITERS; i++) {
        need(read(ends[0], &begun, 1) == 1, "read");
    }
    open_store();
    rename_until_written();
    change_all(rename_key, KEYS / 10, "set");
    change_all(rotate, KEYS / 10, "rotate");
    change_all(suspend_tenant, 2, "tenant suspend and resume");
    change_all(disable, KEYS / 10, "disable");
    change_all(revoke_key, KEYS, "revoke");
    end_writers(writers);
    is_str(value("SELECT COUNT(*) FROM apikey WHERE revoked > 0"),
           apr_itoa(fx.pool, KEYS), "all keys are revoked");
    is_str(value("SELECT SUM(use_count) FROM apikey_usage"),
           apr_itoa(fx.pool, KEYS * (*written + 1)),
           "each use is counted once");
}

int main(int argc, char **argv)
{
    apr_pool_t *pool;

    fixture_folder();
    driver = argc > 2 ? argv[1] : "sqlite3";
    params = argc > 2 ? argv[2] : fx.path;
    apr_pool_create(&pool, fx.pool);
    fixture_open(driver, params, pool);
    test_changes();
    fixture_remove();
    return done();
}
