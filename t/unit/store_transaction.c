/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Transactions: all of a change is stored or nothing, and a writer waits some
 * seconds for another's lock. Takes some ten seconds. */

#include <sys/wait.h>

#include "../../modules/store/transaction.h"
#include "store_fixture.h"

static const char *everything(void)
{
    return raw_text("SELECT (SELECT COUNT(*) FROM apikey) || ' ' || (SELECT "
                    "COUNT(*) FROM apikey_tenant) || ' ' || (SELECT COUNT(*) "
                    "FROM apikey_audit) || ' ' || (SELECT COUNT(*) FROM "
                    "apikey_change)");
}

/* The last step of each change writes the audit entry; where that fails,
 * nothing of the steps before may stay. */
static void test_atomic(void)
{
    const apikey_change_t change = { .name = "new" };
    apikey_rotation_t rotation = { .secrets = fx.secrets, .overlap = 1 };
    apikey_key_row_t key;
    apikey_fresh_t fresh, other;
    const char *before;

    need(create(&key, &fresh, "acme", "", 0) == APR_SUCCESS, "create");
    need(raw("CREATE TRIGGER broken BEFORE INSERT ON apikey_audit BEGIN "
             "SELECT RAISE(ABORT, 'no audit today'); END") == 0, "trigger");
    before = everything();
    is_int(create(&key, &other, "bob", "", 0), APIKEY_EDATABASE,
           "no key is made where the audit fails");
    ok(says("no audit today"),
       "the database's own words are the error: %s", said());
    is_int(apikey_keys_set(fx.store, fresh.id, &change, &fx.actor, NULL,
                           fx.pool, &fx.error),
           APIKEY_EDATABASE, "no key is set where the audit fails");
    is_int(apikey_keys_revoke(fx.store, fresh.id, "", &fx.actor, fx.pool,
                              &fx.error), APIKEY_EDATABASE,
           "no key is revoked where the audit fails");
    is_int(apikey_keys_rotate(fx.store, fresh.id, &rotation, &fx.actor,
                              fx.pool, &fx.error), APIKEY_EDATABASE,
           "no key is rotated where the audit fails");
    is_int(apikey_tenant_suspend(fx.store, "acme", 1, "", &fx.actor, NULL,
                                 fx.pool, &fx.error), APIKEY_EDATABASE,
           "no tenant is suspended where the audit fails");
    is_int(apikey_scope_add(fx.store, "a", "", &fx.actor, NULL, fx.pool,
                            &fx.error), APIKEY_EDATABASE,
           "no scope is added where the audit fails");
    is_str(everything(), before, "no table has changed where the audit fails");
    is_str(raw_text("SELECT name || revoked || expires FROM apikey"),
           "a test00", "the key has not changed where the audit fails");
    need(raw("DROP TRIGGER broken") == 0, "the trigger goes");
    is_int(create(&key, &other, "bob", "", 0), APR_SUCCESS,
           "a key is made once the audit works");
}

static int worked;

static apr_status_t write_and_refuse(apikey_store_t *store, void *baton,
                                     apr_pool_t *pool, const char **error)
{
    worked++;
    *error = "not like this";
    return apikey_statement_run(store, "INSERT INTO apikey_scope (name) VALUES "
                                "('half')", pool, error) == APR_SUCCESS
           ? *(apr_status_t *)baton : APR_EGENERAL;
}

/* A function that writes a row and then returns what it is told to. */
static void test_refusal(void)
{
    const char *half = "SELECT COUNT(*) FROM apikey_scope WHERE name = "
                       "'half'";
    apr_status_t answer = APIKEY_EREFUSED;

    is_int(apikey_transact(fx.store, write_and_refuse, &answer, fx.pool,
                           &fx.error), APIKEY_EREFUSED,
           "a refusal after a write is returned");
    is_str(fx.error, "not like this", "the refusal's own words are the error");
    is_int(worked, 1, "a refusal is not tried again");
    is_str(raw_text(half), "0",
           "what was written before a refusal is rolled back");
    answer = APIKEY_EDATABASE;
    apikey_transact(fx.store, write_and_refuse, &answer, fx.pool,
                    &fx.error);
    is_int(worked, 3, "a database error is tried once more");
    is_str(raw_text(half), "0",
           "what was written before a database error is rolled back");
    answer = APR_SUCCESS;
    is_int(apikey_transact(fx.store, write_and_refuse, &answer, fx.pool,
                           &fx.error), APR_SUCCESS, "success is returned");
    is_str(raw_text(half), "1", "what was written is committed");
}

static apr_status_t write_orphan(apikey_store_t *store, void *baton,
                                 apr_pool_t *pool, const char **error)
{
    (void)baton;
    worked++;
    return apikey_statement_run(store, "INSERT INTO child (parent) VALUES (1)",
                                pool, error);
}

/* SQLite leaves the transaction open where COMMIT is refused; it must be
 * rolled back. */
static void test_commit_fails(void)
{
    apr_status_t answer = APR_SUCCESS;

    need(raw("CREATE TABLE parent (id INTEGER PRIMARY KEY)") == 0
         && raw("CREATE TABLE child (parent INTEGER REFERENCES parent "
                "DEFERRABLE INITIALLY DEFERRED)") == 0
         && apikey_statement_run(fx.store, "PRAGMA foreign_keys = ON", fx.pool,
                                 &fx.error) == APR_SUCCESS, "a deferred check");
    need(apikey_transact(fx.store, write_and_refuse, &answer, fx.pool,
                         &fx.error) != APR_SUCCESS, "a look at it");
    worked = 0;
    is_int(apikey_transact(fx.store, write_orphan, NULL, fx.pool,
                           &fx.error), APIKEY_EDATABASE,
           "a COMMIT that fails is an error");
    ok(says("FOREIGN KEY"), "the error says why: %s", said());
    is_int(worked, 1, "a COMMIT that fails is not tried again");
    is_str(raw_text("SELECT COUNT(*) FROM child"), "0",
           "nothing is stored by a COMMIT that fails");
    is_int(raw("BEGIN IMMEDIATE"), 0,
           "another connection gets the lock after it");
    is_int(raw("ROLLBACK"), 0, "the other connection's transaction ends");
}

static void test_locked(void)
{
    apikey_key_row_t key;
    apikey_fresh_t fresh;
    apr_status_t status;
    apr_time_t began;

    need(create(&key, &fresh, "acme", "", 0) == APR_SUCCESS, "create");
    need(raw("BEGIN IMMEDIATE") == 0, "another holds the lock");
    ok(lookup(fresh.digest, &status) != NULL,
       "a reader does not wait for a writer's lock");
    began = apr_time_now();
    is_int(apikey_keys_revoke(fx.store, fresh.id, "", &fx.actor, fx.pool,
                              &fx.error), APIKEY_ELOCKED,
           "a writer gives up while another holds the lock");
    ok(apr_time_now() - began > apr_time_from_sec(4),
       "the writer waits more than four seconds before that");
    ok(says("lock"), "the error names the lock: %s", said());
    need(raw("ROLLBACK") == 0, "the other ends");
    is_int(apikey_keys_revoke(fx.store, fresh.id, "", &fx.actor, fx.pool,
                              &fx.error), APR_SUCCESS,
           "the writer succeeds once the lock is free");
    is_int(lookup(fresh.digest, &status)->revoked, NOW,
           "the writer's change is stored");
}

/* Another process holds the lock for two seconds, less than a writer waits. */
static void test_waits(void)
{
    const char *hold = apr_pstrcat(fx.pool, "sqlite3 ", fx.path,
        " 'BEGIN IMMEDIATE' '.shell echo held; sleep 2' 'COMMIT'", NULL);
    apikey_key_row_t key;
    apikey_fresh_t fresh;
    char line[16] = "";
    FILE *other = popen(hold, "r");

    need(other && fgets(line, sizeof(line), other)
         && strcmp(line, "held\n") == 0, "sqlite3 holds the lock");
    is_int(create(&key, &fresh, "acme", "", 0), APR_SUCCESS,
           "a writer waits for a lock that is given back");
    is_int(pclose(other), 0, "the process that held the lock succeeds");
}

/* Two processes write at the same time; all is stored. */
static void test_together(void)
{
    int before = atoi(raw_text("SELECT COUNT(*) FROM apikey"));
    apikey_key_row_t key;
    apikey_fresh_t fresh;
    apikey_store_t *store;
    int i, children, status, failed = 0;

    for (children = 0; children < 2; children++) {
        if (fork() == 0) {
            /* SQLite's connections do not survive a fork. */
            need(apikey_store_open(&store, "sqlite3", fx.path, fx.pool,
                                   &fx.error) == APR_SUCCESS, "open");
            fx.store = store;
            for (i = 0; i < 40 && !failed; i++) {
                failed = create(&key, &fresh, "acme", "", 0) != APR_SUCCESS;
            }
            _exit(failed);
        }
    }
    while (wait(&status) > 0) {
        failed |= status;
    }
    is_int(failed, 0, "two processes that write at once both succeed");
    is_int(atoi(raw_text("SELECT COUNT(*) FROM apikey")), before + 80,
           "all keys of both are stored");
    is_str(raw_text("SELECT COUNT(*) - COUNT(DISTINCT id) FROM apikey_audit "
                    "WHERE action = 'create'"), "0",
           "each key of both has an audit entry of its own");
}

int main(void)
{
    fixture_make();
    test_atomic();
    test_refusal();
    test_commit_fails();
    test_locked();
    test_waits();
    test_together();
    fixture_remove();
    return done();
}
