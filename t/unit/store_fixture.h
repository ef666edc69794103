/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file store_fixture.h
 * @brief A database in a folder of its own, for the tests of modules/store.
 *
 * raw() and raw_text() use a second connection, as other programs would.
 */
#ifndef APIKEY_STORE_FIXTURE_H
#define APIKEY_STORE_FIXTURE_H

#include <stdlib.h>
#include <unistd.h>

#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "../../modules/core/text.h"
#include "../../modules/core/time_text.h"
#include "../../modules/store/audit.h"
#include "../../modules/store/changes.h"
#include "../../modules/store/keys.h"
#include "../../modules/store/lookup.h"
#include "../../modules/store/schema.h"
#include "../../modules/store/scopes.h"
#include "../../modules/store/statement.h"
#include "../../modules/store/tenants.h"
#include "tap.h"

#define RING "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define DIGEST_A \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B \
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define NOW APR_INT64_C(1700000000)
#define DAY APR_INT64_C(86400)

typedef struct fixture_t {
    apr_pool_t *pool;
    const char *folder;
    const char *path;           /**< of the database */
    apikey_store_t *store;
    apikey_secrets_t *secrets;
    apikey_actor_t actor;
    const char *error;          /**< of the last call */
    const apr_dbd_driver_t *driver;
    apr_dbd_t *other;           /**< a second connection */
} fixture_t;

static fixture_t fx;

/* A test program does not need every one of these. */
#define HELPER static __attribute__((unused))

/** Ends the program where the fixture itself does not work. */
HELPER void need(int good, const char *what)
{
    if (!good) {
        printf("Bail out! %s: %s\n", what, fx.error ? fx.error : "");
        exit(1);
    }
}

HELPER void fixture_remove(void)
{
    static const char *const files[] = { "", "-wal", "-shm", "-journal" };
    apr_size_t i;

    if (fx.other) {
        apr_dbd_close(fx.driver, fx.other);
    }
    apr_pool_destroy(fx.pool);
    for (i = 0; i < sizeof(files) / sizeof(*files); i++) {
        char name[256];

        apr_snprintf(name, sizeof(name), "%s%s", fx.path, files[i]);
        unlink(name);
    }
    rmdir(fx.folder);
}

/** A folder and a pool; no database yet. */
HELPER void fixture_folder(void)
{
    static char folder[] = "/tmp/apikey-store-XXXXXX";
    static char path[64];

    apr_initialize();
    apr_pool_create(&fx.pool, NULL);
    need(apr_dbd_init(fx.pool) == APR_SUCCESS, "apr_dbd_init");
    need(mkdtemp(folder) != NULL, "mkdtemp");
    fx.folder = folder;
    apr_snprintf(path, sizeof(path), "%s/keys.db", folder);
    fx.path = path;
    fx.actor.who = "tester";
    fx.actor.now = NOW;
    need(apikey_secrets_parse(&fx.secrets, RING, strlen(RING), fx.pool,
                              &fx.error)
             == APR_SUCCESS,
         "the secrets");
}

/** Opens a database in fx.store, living in @a pool, and makes its tables. */
HELPER void fixture_open(const char *driver, const char *params,
                         apr_pool_t *pool)
{
    int from, to;

    need(apikey_schema_open(&fx.store, driver, params, pool, &fx.error)
         == APR_SUCCESS, "open");
    need(apikey_schema_init(fx.store, "tester", &from, &to, fx.pool,
                            &fx.error) == APR_SUCCESS, "init");
}

/** A database with its tables, open in fx.store and in fx.other. */
HELPER void fixture_make(void)
{
    fixture_folder();
    fixture_open("sqlite3", fx.path, fx.pool);
    need(apr_dbd_get_driver(fx.pool, "sqlite3", &fx.driver) == APR_SUCCESS
         && apr_dbd_open(fx.driver, fx.pool, fx.path, &fx.other)
            == APR_SUCCESS, "the second connection");
}

/** Runs SQL on the second connection; 0 if that worked. */
HELPER int raw(const char *sql)
{
    int rows;
    int code = apr_dbd_query(fx.driver, fx.other, &rows, sql);

    /* After a table has changed, SQLite fails a statement once. */
    return code != 0 && strstr(apr_dbd_error(fx.driver, fx.other, code),
                               "schema has changed")
           ? apr_dbd_query(fx.driver, fx.other, &rows, sql) : code;
}

/** The first column of all rows, divided by blanks. */
HELPER const char *raw_text(const char *sql)
{
    apr_dbd_results_t *results = NULL;
    apr_dbd_row_t *row = NULL;
    const char *text = "";

    if (apr_dbd_select(fx.driver, fx.pool, fx.other, &results, sql, 0) != 0) {
        return apr_dbd_error(fx.driver, fx.other, 0);
    }
    while (apr_dbd_get_row(fx.driver, fx.pool, results, &row, -1) == 0) {
        const char *entry = apr_dbd_get_entry(fx.driver, row, 0);

        text = apr_pstrcat(fx.pool, text, *text ? " " : "",
                           entry ? entry : "NULL", NULL);
    }
    return text;
}

/** Inserts a row by SQL, with the defaults of the columns. */
HELPER int raw_key(const char *digest, const char *id, const char *tenant)
{
    return raw(apr_psprintf(fx.pool, "INSERT INTO apikey (digest, id, tenant,"
                            " name) VALUES ('%s', '%s', '%s', 'by hand')",
                            digest, id, tenant));
}

HELPER apikey_record_t *lookup(const char *digest, apr_status_t *status)
{
    apikey_record_t *record = NULL;

    fx.error = NULL;
    *status = apikey_store_lookup(fx.store, digest, &record, NULL, fx.pool,
                                  &fx.error);
    return record;
}

/** Whether the last error contains this. */
HELPER int says(const char *fragment)
{
    return fx.error && strstr(fx.error, fragment) != NULL;
}

/** The last error, for a test's title. */
HELPER const char *said(void)
{
    return fx.error ? fx.error : "nothing";
}

/** Makes a key for a tenant through the store. */
HELPER apr_status_t create(apikey_key_row_t *key,
                           apikey_fresh_t *fresh,
                           const char *tenant,
                           const char *scopes,
                           apr_int64_t expires)
{
    memset(key, 0, sizeof(*key));
    memset(fresh, 0, sizeof(*fresh));
    fx.error = NULL;
    need(apikey_key_make(fresh, APIKEY_FORMAT_BASE62, "ak", fx.secrets, fx.pool)
         == APR_SUCCESS, "a key");
    key->record.tenant = tenant;
    key->record.name = "a test";
    key->record.env = "live";
    key->record.keyspace = "default";
    key->record.scopes = scopes;
    key->record.format = "base62";
    key->record.expires = expires;
    key->prefix = "ak";
    return apikey_keys_create(fx.store, key, fresh, &fx.actor, fx.pool,
                              &fx.error);
}

HELPER apikey_key_row_t *show(const char *id)
{
    apikey_key_row_t *key = NULL;

    fx.error = NULL;
    need(apikey_keys_show(fx.store, id, NULL, &key, fx.pool, &fx.error)
         == APR_SUCCESS, "show");
    return key;
}

/* The newest audit entry. */
HELPER const char *audited(void)
{
    return raw_text("SELECT who || ' ' || action || ' ' || tenant || ' ' || "
                    "reason || ' ' || was FROM apikey_audit "
                    "ORDER BY number DESC LIMIT 1");
}

/* The first column of all rows, divided by blanks; read through the store. */
HELPER const char *value(const char *sql)
{
    const char *text = "";
    apikey_rows_t rows;

    apikey_statement_select_plain(&rows, fx.store, sql, fx.pool, &fx.error);
    while (apikey_rows_next(&rows)) {
        text = apr_pstrcat(fx.pool, text, *text ? " " : "",
                           apikey_rows_copy(&rows, fx.pool), NULL);
    }
    need(apikey_rows_end(&rows, fx.pool, &fx.error) == APR_SUCCESS, sql);
    return text;
}

#endif
