/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* lookup.h: looking a digest up, and what is returned when the database
 * fails. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>

#include "../../modules/store/statement.h"
#include "store_fixture.h"

static void test_columns(void)
{
    apikey_key_row_t key;
    apikey_fresh_t fresh;
    apikey_record_t *record, *other;
    apr_status_t status;

    need(create(&key, &fresh, "acme", "a:b c:*", NOW + DAY) == APR_SUCCESS,
         "create");
    need(raw_key(DIGEST_B, "byhand", "nobody") == 0, "a row by hand");
    record = lookup(fresh.digest, &status);
    is_int(status, APR_SUCCESS, "a key is found by its digest");
    need(record != NULL, "the record");
    other = lookup(DIGEST_B, &status);
    need(other != NULL, "the other record");
    is_str(record->digest, fresh.digest, "the digest is read");
    is_str(record->id, fresh.id, "the id is read");
    is_str(record->keyspace, "default", "the keyspace is read");
    is_str(record->tenant, "acme", "the tenant is read");
    is_str(record->name, "a test", "the name is read");
    is_str(record->env, "live", "the env is read");
    is_str(record->scopes, "a:b c:*", "the scopes are read");
    is_str(record->hint, "", "the hint is not read");
    is_int(record->expires, NOW + DAY, "the expiry is read");
    is_int(record->revoked, 0, "a new key is not revoked");
    is_int(record->disabled, 0, "a new key is not disabled");
    is_int(record->suspended, 0, "a new key's tenant is not suspended");
    ok(record->hint && record->creator, "no string is NULL");
    is_str(other->id, "byhand", "a row made by hand has its id");
    is_str(other->keyspace, "default",
           "a row made by hand has the default keyspace");
    is_int(other->suspended, 0, "a tenant without a row is not suspended");
}

static void test_state(void)
{
    apikey_record_t *record;
    apr_status_t status;

    need(raw_key(DIGEST_A, "state", "statesmen") == 0, "a row");
    need(raw("UPDATE apikey SET revoked = 11, disabled = 12, expires = "
             "9007199254740993, keyspace = 'Default' WHERE id = 'state'")
         == 0, "its state");
    need(raw("INSERT INTO apikey_tenant (tenant, suspended) VALUES "
             "('statesmen', 13)") == 0, "its tenant");
    record = lookup(DIGEST_A, &status);
    need(record != NULL, "the record");
    is_int(record->revoked, 11, "the time of revocation is read");
    is_int(record->disabled, 12, "the time of disabling is read");
    is_int(record->suspended, 13, "the tenant's time of suspension is read");
    is_int(record->expires, APR_INT64_C(9007199254740993),
           "a time beyond 2^53 is exact");
    is_str(record->keyspace, "Default", "the keyspace is read in its case");
    record = lookup(DIGEST_A, &status);
    is_int(record->revoked, 11, "a second look-up finds the same");
}

static void test_unknown(void)
{
    static const char *const none[] = {
        "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
        "",
        "a",
        "' OR 1=1 --",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg",
        DIGEST_A "a"
    };
    apr_status_t status;
    apr_size_t i;

    for (i = 0; i < sizeof(none) / sizeof(*none); i++) {
        apikey_record_t *record = lookup(none[i], &status);

        is_int(status, APR_NOTFOUND, "unknown: \"%.10s\"", none[i]);
        ok(!record, "no record for \"%.10s\"", none[i]);
    }
}

/* A number that cannot be read must not mean "never" or "not". */
static void test_faulty_numbers(void)
{
    static const char *const columns[] = {
        "expires", "revoked", "disabled"
    };
    apikey_record_t *record;
    apr_status_t status;
    apr_size_t i;

    for (i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
        need(raw(apr_psprintf(fx.pool, "UPDATE apikey SET %s = 'tomorrow' "
                              "WHERE id = 'byhand'", columns[i])) == 0,
             "a word for a number");
        record = lookup(DIGEST_B, &status);
        need(record != NULL, "a word in a number: a record");
        is_str(record->id, "byhand", "a word in %s: the record has its id",
               columns[i]);
        ok(record->fault && strstr(record->fault, columns[i]),
           "a word in %s is a fault: %s", columns[i],
           record->fault ? record->fault : "none");
        ok(record->expires == 1 || record->revoked == 1
               || record->disabled == 1,
           "a word in %s is not \"never\" or \"not\"", columns[i]);
        need(raw(apr_psprintf(fx.pool, "UPDATE apikey SET %s = 0 "
                              "WHERE id = 'byhand'", columns[i])) == 0,
             "a number again");
    }
    ok(lookup(DIGEST_B, &status) != NULL,
       "a row whose numbers were corrected is found");
}

/* A prepared statement of SQLite fails once a table has changed, and has to be
 * prepared again. */
static void test_changed_tables(void)
{
    static const char *const changes[] = {
        "CREATE INDEX one ON apikey (name)",
        "CREATE INDEX two ON apikey (env)",
        "ALTER TABLE apikey ADD COLUMN more VARCHAR(9) DEFAULT ''",
        "DROP INDEX one"
    };
    apr_status_t status;
    apr_size_t i;

    for (i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        need(raw(changes[i]) == 0, changes[i]);
        lookup(DIGEST_A, &status);
        is_int(status, APR_SUCCESS, "found after %s", changes[i]);
    }
}

static int changes;             /* of tables, each after one was prepared */

/* Replaces APR-util's function for the store: a table changes after a
 * statement was prepared and before it is used, as during an upgrade. */
int apr_dbd_prepare(const apr_dbd_driver_t *driver, apr_pool_t *pool,
                    apr_dbd_t *handle, const char *sql, const char *label,
                    apr_dbd_prepared_t **statement)
{
    static __typeof__(&apr_dbd_prepare) next;
    int code;

    if (!next) {
        *(void **)&next = dlsym(RTLD_NEXT, "apr_dbd_prepare");
    }
    code = next(driver, pool, handle, sql, label, statement);
    if (changes && changes--) {
        need(raw(changes % 2 ? "CREATE TABLE more (a)" : "DROP TABLE more")
             == 0, "a change");
    }
    return code;
}

static void test_changing_tables(void)
{
    apr_status_t status;

    need(raw("CREATE TABLE more (a)") == 0, "a table more");
    apikey_store_disconnect(fx.store);
    changes = 1;
    lookup(DIGEST_A, &status);
    is_int(status, APR_SUCCESS,
           "a key is found on a new connection where a table changes after "
           "the statement was prepared");
    is_int(changes, 0, "the table has changed once");
    apikey_store_disconnect(fx.store);
    changes = 10;
    lookup(DIGEST_A, &status);
    is_int(status, APR_SUCCESS,
           "a key is found where tables change ten times meanwhile");
    is_int(changes, 0, "the tables have changed ten times");
    changes = 1000;
    apikey_store_disconnect(fx.store);
    lookup(DIGEST_A, &status);
    is_int(status, APIKEY_EDATABASE,
           "a look-up ends with an error where tables change without end");
    changes = 0;
    lookup(DIGEST_A, &status);
    is_int(status, APR_SUCCESS,
           "a key is found once the tables have stopped changing");
    raw("DROP TABLE more");
}

/* A collation may find a digest in another case, which is another key's. */
static void test_collation(void)
{
    apr_status_t status;

    need(raw("ALTER TABLE apikey RENAME TO keep") == 0
         && raw("CREATE TABLE apikey AS SELECT * FROM keep") == 0
         && raw("DROP TABLE apikey") == 0
         && raw("CREATE TABLE apikey (digest VARCHAR(64) COLLATE NOCASE, id, "
                "keyspace, tenant, name, env, scopes, secret_id, format, "
                "networks NOT NULL DEFAULT '', meta NOT NULL DEFAULT '', "
                "batch NOT NULL DEFAULT 0, "
                "created, expires, revoked, disabled)") == 0
         && raw("INSERT INTO apikey (digest, id) VALUES (upper('" DIGEST_B
                "'), 'upper')") == 0, "a table that knows no case");
    is_str(raw_text("SELECT id FROM apikey WHERE digest = '" DIGEST_B "'"),
           "upper", "the database finds the digest in another case");
    lookup(DIGEST_B, &status);
    is_int(status, APR_NOTFOUND,
           "the look-up does not find the digest in another case");
    need(raw("INSERT INTO apikey (digest, id) VALUES ('" DIGEST_B
             "', 'lower')") == 0, "the right row behind it");
    is_str(lookup(DIGEST_B, &status) ? lookup(DIGEST_B, &status)->id : "",
           "lower", "the row with the digest in its case is found among two");
    is_int(lookup(DIGEST_B, &status)->revoked, 0,
           "a time of revocation that is NULL is 0");
    is_str(lookup(DIGEST_B, &status)->tenant, "",
           "a tenant that is NULL is the empty text");
    need(raw("DROP TABLE apikey") == 0
         && raw("ALTER TABLE keep RENAME TO apikey") == 0, "as it was");
    lookup(DIGEST_A, &status);
    is_int(status, APR_SUCCESS, "a key is found with the first table back");
}

#define DIGEST_512 DIGEST_A DIGEST_B

/* A key's networks and meta data. */
static void test_details(void)
{
    unsigned char inside[APIKEY_ADDRESS_LEN], outside[APIKEY_ADDRESS_LEN];
    apikey_record_t *record;
    apr_status_t status;

    need(apikey_address_parse(inside, "192.0.2.77")
         && apikey_address_parse(outside, "192.0.3.1"), "addresses");
    record = lookup(DIGEST_A, &status);
    need(record != NULL, "the record");
    is_int(record->network_count, 0,
           "a key without networks may come from anywhere");
    ok(!record->meta, "a key without meta has none");
    need(raw("UPDATE apikey SET networks = '192.0.2.0/24, 2001:db8::/32', "
             "meta = 'plan=gold; seats=25; zone='") == 0
         && raw("INSERT OR REPLACE INTO apikey_tenant (tenant, meta) SELECT "
                "tenant, 'Plan=free; zone=eu; since=2020' FROM apikey WHERE "
                "digest = '" DIGEST_A "'") == 0, "details");
    record = lookup(DIGEST_A, &status);
    need(record && !record->fault, "the record");
    is_int(record->network_count, 2, "a key has two networks");
    ok(apikey_networks_contain(record->networks, 2, inside),
       "an address in one of the networks is allowed");
    ok(!apikey_networks_contain(record->networks, 2, outside),
       "an address outside the networks is not allowed");
    need(record->meta != NULL, "meta");
    is_str(apr_table_get(record->meta, "PLAN"), "gold",
           "a key's value replaces its tenant's");
    is_str(apr_table_get(record->meta, "SEATS"), "25",
           "another value of the key is there");
    is_str(apr_table_get(record->meta, "SINCE"), "2020",
           "another value of the tenant is there");
    ok(!apr_table_get(record->meta, "ZONE"),
       "a key's empty value removes its tenant's");
    is_int(raw("UPDATE apikey SET digest = '" DIGEST_512 "' WHERE digest = '"
               DIGEST_A "'"), 0, "a digest of SHA-512 is accepted");
    is_int(raw("UPDATE apikey SET digest = '" DIGEST_A "' WHERE digest = '"
               DIGEST_512 "'"), 0,
           "a digest of SHA-256 is accepted in its place");
    ok(raw("UPDATE apikey SET digest = '" DIGEST_A "aa' WHERE digest = '"
           DIGEST_A "'") != 0, "a digest of another length is refused");
    ok(raw("UPDATE apikey SET meta = 'a=' || char(10)") != 0
       && raw("UPDATE apikey SET networks = char(0)") != 0
       && raw("UPDATE apikey SET owner = char(7)") != 0
       && raw("UPDATE apikey_tenant SET meta = char(127)") != 0,
       "control characters in meta, networks and owner are refused");
}

static void faulty(const char *change, const char *says)
{
    apikey_record_t *record;
    apr_status_t status;

    need(raw(change) == 0, change);
    record = lookup(DIGEST_A, &status);
    is_str(record ? record->fault : "no record", says, "%s", change);
    need(raw("UPDATE apikey SET networks = '', meta = ''") == 0
         && raw("UPDATE apikey_tenant SET meta = ''") == 0, "mended");
}

/* A key whose networks or meta cannot be parsed has a fault, and is
 * refused. */
static void test_faulty_details(void)
{
    faulty("UPDATE apikey SET networks = '10.0.0.0/8 10.0.0.1/8'",
           "its networks has a word, number 2, that has bits set beyond those "
           "that count: the first address of the block goes before the '/'");
    faulty("UPDATE apikey SET networks = ' '",
           "its networks has no address in it");
    faulty("UPDATE apikey SET meta = 'plan gold'",
           "its meta is not NAME=VALUE; NAME=VALUE: in pair 1 there is no "
           "'='");
    faulty("UPDATE apikey_tenant SET meta = 'a=1; A=2'",
           "its tenant's meta is not NAME=VALUE; NAME=VALUE: in pair 2 the "
           "name stands there already");
}

static void change_columns(const char *how)
{
    need(raw(apr_psprintf(fx.pool, "ALTER TABLE apikey %s owner%s", how,
                          *how == 'A' ? " NOT NULL DEFAULT ''" : "")) == 0
         && raw(apr_psprintf(fx.pool, "ALTER TABLE apikey %s networks%s", how,
                             *how == 'A' ? " NOT NULL DEFAULT ''" : "")) == 0
         && raw(apr_psprintf(fx.pool, "ALTER TABLE apikey %s meta%s", how,
                             *how == 'A' ? " NOT NULL DEFAULT ''" : "")) == 0
         && raw(apr_psprintf(fx.pool, "ALTER TABLE apikey_tenant %s meta%s",
                             how, *how == 'A' ? " NOT NULL DEFAULT ''"
                                              : "")) == 0
         && raw(apr_psprintf(fx.pool, "UPDATE apikey_identity SET "
                             "schema_version = %d", *how == 'A'
                             ? APIKEY_SCHEMA_VERSION
                             : APIKEY_SCHEMA_VERSION - 1)) == 0, how);
}

/* Before the tables are upgraded, keys are found in those of the version
 * before; after the upgrade the new columns count, on the same connection. */
static void test_before(void)
{
    apikey_record_t *record;
    apr_status_t status;
    int i;

    change_columns("DROP COLUMN");
    for (i = 0; i < 2; i++) {
        record = lookup(DIGEST_A, &status);
        is_int(status, APR_SUCCESS, "a key is found before the upgrade");
        ok(record && record->network_count == 0,
           "a key without the column networks may come from anywhere");
        lookup("0000000000000000000000000000000000000000000000000000000000"
               "000000", &status);
        is_int(status, APR_NOTFOUND,
               "an unknown digest is not found before the upgrade");
    }
    change_columns("ADD COLUMN");
    need(raw("UPDATE apikey SET networks = '192.0.2.1'") == 0, "a network");
    record = lookup(DIGEST_A, &status);
    ok(record && record->network_count == 1,
       "the networks count after the upgrade");
    need(raw("UPDATE apikey SET networks = ''") == 0, "none");
}

static void test_schema(void)
{
    apr_status_t status;

    need(raw("UPDATE apikey_identity SET schema_version = 1") == 0
         && raw("ALTER TABLE apikey RENAME TO away") == 0, "an old schema");
    lookup(DIGEST_A, &status);
    is_int(status, APIKEY_ESCHEMA, "old tables: APIKEY_ESCHEMA");
    ok(says("htapikey init"),
       "the error for old tables names htapikey init: %s", said());
    need(raw("UPDATE apikey_identity SET schema_version = 99") == 0,
         "a new schema");
    lookup(DIGEST_A, &status);
    is_int(status, APIKEY_ESCHEMA, "tables of the future: APIKEY_ESCHEMA");
    ok(says("newer"),
       "the error for tables of a later version says newer: %s", said());
    need(raw(apr_psprintf(fx.pool, "UPDATE apikey_identity SET "
                          "schema_version = %d", APIKEY_SCHEMA_VERSION))
         == 0, "our schema");
    lookup(DIGEST_A, &status);
    is_int(status, APIKEY_EDATABASE,
           "a missing table of the right version: APIKEY_EDATABASE");
    need(raw("ALTER TABLE apikey_identity RENAME TO nobody") == 0,
         "no schema");
    lookup(DIGEST_A, &status);
    is_int(status, APIKEY_ESCHEMA, "no tables: APIKEY_ESCHEMA");
    ok(says("htapikey init"),
       "the error for no tables names htapikey init: %s", said());
    need(raw("ALTER TABLE away RENAME TO apikey") == 0
         && raw("ALTER TABLE nobody RENAME TO apikey_identity") == 0,
         "the tables are back");
    lookup(DIGEST_A, &status);
    is_int(status, APR_SUCCESS, "a key is found once the tables are back");
}

/* A connection that was opened elsewhere, to a database without tables. */
static void test_adopt(void)
{
    apikey_store_t *store;
    apikey_record_t *record;
    apr_dbd_t *handle;
    apr_status_t status;

    need(apr_dbd_open(fx.driver, fx.pool, "", &handle) == APR_SUCCESS,
         "an empty database");
    is_int(apikey_store_adopt(&store, NULL, fx.driver, handle, fx.pool,
                              &fx.error), APR_SUCCESS,
           "a connection is taken over under its driver's name");
    status = apikey_store_lookup(store, DIGEST_A, &record, NULL, fx.pool,
                                 &fx.error);
    is_int(status, APIKEY_ESCHEMA, "an empty database: APIKEY_ESCHEMA");
    is_int(apikey_store_adopt(&store, "oracle", fx.driver, handle, fx.pool,
                              &fx.error), APIKEY_EDATABASE,
           "a driver without a dialect is refused");
    ok(says("oracle") && says("sqlite3"),
       "the error names the drivers that there are: %s", said());
    apr_dbd_close(fx.driver, handle);
}

int main(void)
{
    fixture_make();
    test_columns();
    test_state();
    test_unknown();
    test_faulty_numbers();
    test_changed_tables();
    test_changing_tables();
    test_collation();
    test_details();
    test_faulty_details();
    test_before();
    test_schema();
    test_adopt();
    fixture_remove();
    return done();
}
