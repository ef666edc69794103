/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* schema.h: creating and upgrading tables. */

#include <sys/stat.h>
#include <sys/wait.h>

#include "store_fixture.h"

static int exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static apr_status_t open_store(const char *params, apikey_store_t **store)
{
    *store = NULL;
    fx.error = NULL;
    return apikey_store_open(store, "sqlite3", params, fx.pool, &fx.error);
}

/* A path that does not exist is an error, and no file is created. */
static void test_missing_file(void)
{
    const char *const params[] = {
        fx.path,
        apr_pstrcat(fx.pool, "file:", fx.path, NULL),
        apr_pstrcat(fx.pool, "file:", fx.path, "?mode=rwc", NULL),
        apr_pstrcat(fx.pool, "file://", fx.path, NULL),
        apr_pstrcat(fx.pool, "file://localhost", fx.path, "?mode=rw", NULL)
    };
    apikey_store_t *store;
    apr_size_t i;

    for (i = 0; i < sizeof(params) / sizeof(*params); i++) {
        is_int(open_store(params[i], &store), APIKEY_ESCHEMA,
               "a path without a file is refused: %s", params[i]);
        ok(says(fx.path) && says("htapikey init"),
           "the error names the path and htapikey init: %s", said());
        ok(!exists(fx.path), "no file is made: %s", params[i]);
    }
}

static void test_drivers(void)
{
    static const char *const drivers[] = {
        "", "SQLITE3", "sqlite2", "pgsq", "oracle", "../sqlite3"
    };
    apikey_store_t *store;
    apr_size_t i;

    for (i = 0; i < sizeof(drivers) / sizeof(*drivers); i++) {
        fx.error = NULL;
        is_int(apikey_store_open(&store, drivers[i], fx.path, fx.pool,
                                 &fx.error), APIKEY_EDATABASE,
               "a driver without a dialect is refused: '%s'", drivers[i]);
        ok(says("sqlite3") && says(drivers[i]),
           "the error names the driver and those that there are: %s", said());
    }
}

static void test_init(void)
{
    apikey_identity_t identity, again;
    struct stat info;
    const apikey_schema_part_t *part;
    const char *params = apr_pstrcat(fx.pool, "file:", fx.path, "?mode=rw",
                                     NULL);
    int from, to, last = 0;

    for (part = apikey_schema_parts; part->driver; part++) {
        last = strcmp(part->driver, "sqlite3") == 0 ? part->number : last;
    }
    is_int(last, APIKEY_SCHEMA_VERSION,
           "the schema's last file has the schema's version");
    is_int(apikey_schema_open(&fx.store, "sqlite3", params, fx.pool,
                              &fx.error), APR_SUCCESS,
           "schema_open makes the file, with mode=rw, too");
    ok(stat(fx.path, &info) == 0 && !(info.st_mode & 07),
       "the new file is not readable by everyone");
    is_int(apikey_schema_check(fx.store, fx.pool, &fx.error),
           APIKEY_ESCHEMA, "the new file has no tables");
    is_int(apikey_schema_init(fx.store, "me", &from, &to, fx.pool,
                              &fx.error), APR_SUCCESS, "init makes the tables");
    is_int(from, 0, "init starts from version 0");
    is_int(to, APIKEY_SCHEMA_VERSION, "init ends at our version");
    is_int(apikey_schema_check(fx.store, fx.pool, &fx.error), APR_SUCCESS,
           "the tables are there after init");
    is_int(apikey_schema_identity(fx.store, &identity, fx.pool, &fx.error),
           APR_SUCCESS, "the database has an identity");
    is_int(strlen(identity.uuid), 36, "the identity is a UUID: %s",
           identity.uuid);
    is_int(apikey_schema_init(fx.store, "me", &from, &to, fx.pool,
                              &fx.error), APR_SUCCESS, "a second init works");
    is_int(from, to, "a second init changes nothing");
    need(apikey_schema_identity(fx.store, &again, fx.pool, &fx.error)
         == APR_SUCCESS, "identity");
    is_str(again.uuid, identity.uuid, "a second init keeps the UUID");
    is_int(again.epoch, identity.epoch, "a second init keeps the epoch");
}

/* Undoes all steps of the schema but the first, so that they can be done
 * again. */
static void undo_steps(void)
{
    static const char *const sql[] = {
        "DROP TRIGGER apikey_after_insert",
        "DROP TRIGGER apikey_before_update",
        "DROP TRIGGER apikey_after_update",
        "DROP TRIGGER apikey_after_delete",
        "DROP TRIGGER apikey_tenant_after_insert",
        "DROP TRIGGER apikey_tenant_after_update",
        "DROP TRIGGER apikey_tenant_after_delete",
        "DROP TRIGGER apikey_audit_before_insert",
        "DROP TRIGGER apikey_audit_before_update",
        "DROP TRIGGER apikey_audit_before_delete",
        "DROP TRIGGER apikey_bulk_over",
        "DROP TRIGGER apikey_text_insert",
        "DROP TRIGGER apikey_text_update",
        "DROP TRIGGER apikey_tenant_text_insert",
        "DROP TRIGGER apikey_tenant_text_update",
        "DROP TRIGGER apikey_scope_text_insert",
        "DROP TRIGGER apikey_scope_text_update",
        "DROP VIEW apikey_known",
        "DROP INDEX apikey_rotated_from",
        "ALTER TABLE apikey DROP COLUMN root",
        "ALTER TABLE apikey DROP COLUMN rotated_from",
        "ALTER TABLE apikey DROP COLUMN bits",
        "ALTER TABLE apikey DROP COLUMN owner",
        "ALTER TABLE apikey DROP COLUMN networks",
        "ALTER TABLE apikey DROP COLUMN meta",
        "ALTER TABLE apikey DROP COLUMN batch",
        "ALTER TABLE apikey_tenant DROP COLUMN meta",
        "ALTER TABLE apikey_identity DROP COLUMN imported",
        "ALTER TABLE apikey_identity DROP COLUMN bulk",
        "ALTER TABLE apikey_identity DROP COLUMN pruned"
    };
    apr_size_t i;

    for (i = 0; i < sizeof(sql) / sizeof(*sql); i++) {
        need(raw(sql[i]) == 0, sql[i]);
    }
}

/* A step that fails is undone whole, and leaves the version before it. */
static void test_upgrade(void)
{
    apikey_identity_t before, after;
    int from, to;

    need(apr_dbd_get_driver(fx.pool, "sqlite3", &fx.driver) == APR_SUCCESS
         && apr_dbd_open(fx.driver, fx.pool, fx.path, &fx.other)
            == APR_SUCCESS, "the second connection");
    is_str(raw_text("PRAGMA journal_mode"), "wal",
           "the journal is a WAL, so that readers never wait");
    need(apikey_schema_identity(fx.store, &before, fx.pool, &fx.error)
         == APR_SUCCESS
         && raw("UPDATE apikey_identity SET schema_version = 1") == 0
         && raw("DROP TRIGGER apikey_before_insert") == 0, "version 1");
    is_int(apikey_schema_init(fx.store, "me", &from, &to, fx.pool,
                              &fx.error), APIKEY_EDATABASE,
           "an upgrade with a step that fails is an error");
    is_str(raw_text("SELECT COUNT(*) FROM sqlite_master WHERE name = "
                    "'apikey_before_insert'"), "0",
           "the step that failed is undone");
    is_str(raw_text("SELECT schema_version FROM apikey_identity"), "1",
           "the step that failed does not change the version");
    undo_steps();
    is_int(apikey_schema_init(fx.store, "me", &from, &to, fx.pool,
                              &fx.error), APR_SUCCESS,
           "the upgrade works once the step can be done");
    is_int(from, 1, "the upgrade starts from version 1");
    is_int(to, APIKEY_SCHEMA_VERSION, "the upgrade ends at our version");
    need(apikey_schema_identity(fx.store, &after, fx.pool, &fx.error)
         == APR_SUCCESS, "identity");
    is_str(after.uuid, before.uuid, "an upgrade keeps the UUID");
    ok(after.epoch > before.epoch, "an upgrade makes a new epoch");
    need(raw("UPDATE apikey_identity SET schema_version = 99") == 0,
         "the future");
    is_int(apikey_schema_init(fx.store, "me", &from, &to, fx.pool,
                              &fx.error), APIKEY_ESCHEMA,
           "init leaves tables of a later version as they are");
    apr_dbd_close(fx.driver, fx.other);
    fx.other = NULL;
}

/* Four processes make the tables of one database at the same time. */
static void test_together(void)
{
    int i, status, from, to, failed = 0;
    apikey_store_t *store;

    unlink(fx.path);
    unlink(apr_pstrcat(fx.pool, fx.path, "-wal", NULL));
    unlink(apr_pstrcat(fx.pool, fx.path, "-shm", NULL));
    for (i = 0; i < 4; i++) {
        if (fork() == 0) {
            _exit(apikey_schema_open(&store, "sqlite3", fx.path, fx.pool,
                                     &fx.error) != APR_SUCCESS
                  || apikey_schema_init(store, "me", &from, &to, fx.pool,
                                        &fx.error) != APR_SUCCESS);
        }
    }
    while (wait(&status) > 0) {
        failed |= status;
    }
    is_int(failed, 0, "four processes that run init at once all succeed");
    need(apr_dbd_open(fx.driver, fx.pool, fx.path, &fx.other)
         == APR_SUCCESS, "the second connection");
    is_str(raw_text("SELECT COUNT(*) || ' ' || MAX(schema_version) FROM "
                    "apikey_identity"),
           apr_psprintf(fx.pool, "1 %d", APIKEY_SCHEMA_VERSION),
           "each step of the schema is done once");
    apr_dbd_close(fx.driver, fx.other);
    fx.other = NULL;
}

static void test_no_database(void)
{
    apikey_store_t *store;
    apikey_record_t *record;
    FILE *file = fopen(fx.path, "w");

    need(file && fputs("This is no database, and never was one; "
                       "it is only long enough to look at.", file) >= 0
         && fclose(file) == 0, "a file");
    need(open_store(fx.path, &store) == APR_SUCCESS || store == NULL, "open");
    is_int(store ? apikey_store_lookup(store, DIGEST_A, &record, NULL, fx.pool,
                                       &fx.error) : APIKEY_EDATABASE,
           APIKEY_EDATABASE, "a file that is no database is a database error");
    ok(says("not a database"), "the error says so: %s", said());
}

int main(void)
{
    fixture_folder();
    test_missing_file();
    test_drivers();
    test_init();
    test_upgrade();
    test_together();
    test_no_database();
    fixture_remove();
    return done();
}
