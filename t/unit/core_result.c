/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* core/result.h */

#include <stdlib.h>

#include <apr_general.h>

#include "../../modules/core/scope.h"
#include "../../modules/core/time_text.h"
#include "../../modules/core/result.h"
#include "tap.h"

#define NOW APR_INT64_C(1700000000)

/* The contract's table. */
static const struct {
    apikey_result_e result;
    const char *code;
    int status;
    const char *title;
    const char *error;
    int describe;
} rows[] = {
    { APIKEY_GRANTED, "granted", 200, "OK", NULL, 0 },
    { APIKEY_MISSING, "missing", 401, "Unauthorized", NULL, 0 },
    { APIKEY_INVALID, "invalid", 401, "Unauthorized", "invalid_token", 0 },
    { APIKEY_EXPIRED, "expired", 401, "Unauthorized", "invalid_token", 1 },
    { APIKEY_REVOKED, "revoked", 401, "Unauthorized", "invalid_token", 1 },
    { APIKEY_DISABLED, "disabled", 401, "Unauthorized", "invalid_token", 1 },
    { APIKEY_SUSPENDED, "suspended", 403, "Forbidden", NULL, 0 },
    { APIKEY_AMBIGUOUS, "ambiguous", 400, "Bad Request", "invalid_request",
      0 },
    { APIKEY_TENANT, "tenant", 403, "Forbidden", NULL, 0 },
    { APIKEY_META, "meta", 403, "Forbidden", NULL, 0 },
    { APIKEY_NETWORK, "network", 403, "Forbidden", NULL, 0 },
    { APIKEY_ENV, "env", 403, "Forbidden", NULL, 0 },
    { APIKEY_ID, "id", 403, "Forbidden", NULL, 0 },
    { APIKEY_SCOPE, "scope", 403, "Forbidden", "insufficient_scope", 0 },
    { APIKEY_FORBIDDEN, "forbidden", 403, "Forbidden", NULL, 0 },
    { APIKEY_DENIED, "forbidden", 403, "Forbidden", NULL, 0 },
    { APIKEY_UNAVAILABLE, "unavailable", 503, "Service Unavailable", NULL,
      0 },
    { APIKEY_EXPOSED, "exposed", 400, "Bad Request", NULL, 0 }
};

static void test_reasons(void)
{
    apr_size_t i;

    is_int(sizeof(rows) / sizeof(*rows), APIKEY_RESULTS,
           "every result of the contract is here");
    for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const apikey_result_t *result = apikey_result(rows[i].result);
        const char *code = rows[i].code, *c = result->message;

        is_str(result->code, code, "%s: its code", code);
        is_int(result->status, rows[i].status, "%s: its status", code);
        is_str(result->title, rows[i].title, "%s: the status' phrase", code);
        is_str(result->error, rows[i].error, "%s: RFC 6750's error", code);
        is_int(result->describe, rows[i].describe, "%s: described", code);
        while (*c >= 0x20 && *c <= 0x7e && !strchr("\"\\<>&'", *c)) {
            c++;
        }
        ok(!*c && c - result->message > 10 && c[-1] == '.',
           "%s: its message is a sentence that can stand anywhere", code);
    }
}

/** A record with which nothing is wrong. */
static apikey_record_t a_record(void)
{
    apikey_record_t record = {
        "0123456789ab", "default", "acme", "Production", "live",
        "partners:read partners:write", "", "", "base62", "", "",
        NOW - 100, NOW + 100, 0, 0, 0, 0, 0, NULL, 0, NULL, NULL, NULL
    };

    return record;
}

static void test_order(void)
{
    apikey_record_t record = a_record();

    is_int(apikey_record_result(&record, "default", NOW), APIKEY_GRANTED,
           "a good record is granted");
    is_int(apikey_record_result(&record, NULL, NOW), APIKEY_GRANTED,
           "in any keyspace, if the server asks for none");
    record.suspended = NOW - 1;
    is_int(apikey_record_result(&record, "default", NOW), APIKEY_SUSPENDED,
           "a suspended tenant's is suspended");
    record.expires = NOW;
    is_int(apikey_record_result(&record, "default", NOW), APIKEY_EXPIRED,
           "expired goes before suspended");
    record.disabled = NOW - 1;
    is_int(apikey_record_result(&record, "default", NOW), APIKEY_DISABLED,
           "disabled goes before expired");
    record.revoked = NOW - 1;
    is_int(apikey_record_result(&record, "default", NOW), APIKEY_REVOKED,
           "revoked goes before disabled");
    is_int(apikey_record_result(&record, "other", NOW), APIKEY_INVALID,
           "another keyspace goes before all: it must not tell that the "
           "key exists");
    is_int(apikey_record_result(&record, "Default", NOW), APIKEY_INVALID,
           "a keyspace is compared with case, whatever a database does");
    is_int(apikey_record_result(&record, "default ", NOW), APIKEY_INVALID,
           "and with blanks");
}

static void test_times(void)
{
    apikey_record_t record = a_record();

    record.expires = NOW + 1;
    is_int(apikey_record_result(&record, NULL, NOW), APIKEY_GRANTED,
           "a second before its expiry a key is good");
    record.expires = NOW;
    is_int(apikey_record_result(&record, NULL, NOW), APIKEY_EXPIRED,
           "at the second of its expiry it is not");
    record.expires = NOW - 1;
    is_int(apikey_record_result(&record, NULL, NOW), APIKEY_EXPIRED,
           "nor behind it");
    record.expires = -1;
    is_int(apikey_record_result(&record, NULL, NOW), APIKEY_EXPIRED,
           "a negative expiry is in the past");
    record.expires = APIKEY_NEVER;
    is_int(apikey_record_result(&record, NULL, NOW), APIKEY_GRANTED,
           "never does not come");
    record.expires = NOW + 1;
    record.revoked = NOW + 1000;
    is_int(apikey_record_result(&record, NULL, NOW), APIKEY_REVOKED,
           "a revocation dated in the future by a wrong clock holds now");
    record.revoked = -1;
    is_int(apikey_record_result(&record, NULL, NOW), APIKEY_REVOKED,
           "and any number but 0 does");
}

static void test_faults(apr_pool_t *pool)
{
    apikey_record_t record = a_record();
    char scopes[APIKEY_SCOPE_MAX + 4];

    is_str(apikey_record_fault(&record, pool), NULL,
           "a good record has no fault");
    record.name = record.env = record.keyspace = record.scopes = "";
    is_str(apikey_record_fault(&record, pool), NULL,
           "nor has one with an id and a tenant alone");
    record.tenant = "";
    is_str(apikey_record_fault(&record, pool), "its tenant is empty",
           "without a tenant it has");
    record = a_record();
    record.id = "";
    is_str(apikey_record_fault(&record, pool), "its id is empty",
           "and without an id");
    record.id = "a\nb";
    is_str(apikey_record_fault(&record, pool),
           "its id has a control character", "an id with LF");
    record = a_record();
    record.tenant = "acme\r\nX-Apikey-Tenant: other";
    is_str(apikey_record_fault(&record, pool),
           "its tenant has a control character", "a tenant with CR LF");
    record = a_record();
    record.name = "M\xfcller";
    is_str(apikey_record_fault(&record, pool), "its name is not UTF-8",
           "a name in Latin-1");
    record = a_record();
    record.env = "live ";
    is_str(apikey_record_fault(&record, pool),
           "its env begins or ends with a blank", "an env with a blank");
    record = a_record();
    record.keyspace = "\x7f";
    is_str(apikey_record_fault(&record, pool),
           "its keyspace has a control character", "a keyspace with DEL");
    record = a_record();
    record.scopes = "partners:read x\r\ny";
    ok(apikey_record_fault(&record, pool) != NULL,
       "a second scope with CR LF");
    record.scopes = "partners:read\tx";
    is_str(apikey_record_fault(&record, pool), "its scopes has a blank",
           "scopes divided by a tab");
    memset(scopes, 's', sizeof(scopes));
    memcpy(scopes, "a ", 2);
    scopes[2 + APIKEY_SCOPE_MAX] = '\0';
    record.scopes = scopes;
    is_str(apikey_record_fault(&record, pool), NULL,
           "a scope of 128 characters is none");
    memset(scopes, 's', sizeof(scopes));
    memcpy(scopes, "a ", 2);
    scopes[3 + APIKEY_SCOPE_MAX] = '\0';
    ok(apikey_record_fault(&record, pool) != NULL,
       "a scope of 129 characters");
}

/* A number of milliseconds would end a key in fifty thousand years. */
static void test_times_fault(apr_pool_t *pool)
{
    static const char *const names[] = { "expires", "revoked", "disabled",
                                         "suspended" };
    int i;

    for (i = 0; i < 4; i++) {
        apikey_record_t record = a_record();
        apr_int64_t *time = i == 0 ? &record.expires : i == 1
                            ? &record.revoked : i == 2 ? &record.disabled
                            : &record.suspended;
        const char *fault;

        *time = APIKEY_TIME_MAX;
        is_str(apikey_record_fault(&record, pool), NULL,
               "%s at the end of the year 9999 is no fault", names[i]);
        *time = NOW * 1000;
        fault = apikey_record_fault(&record, pool);
        ok(fault && strstr(fault, names[i]) && strstr(fault, "milliseconds"),
           "%s in milliseconds is: %s", names[i], fault ? fault : "none");
        *time = APIKEY_TIME_MAX + 1;
        ok(apikey_record_fault(&record, pool) != NULL,
           "%s in the year 10000 is", names[i]);
    }
}

static void test_unread(apr_pool_t *pool)
{
    apikey_record_t record = a_record();

    record.fault = "its expires is not a whole number";
    is_str(apikey_record_fault(&record, pool),
           "its expires is not a whole number",
           "what could not be read is the record's fault");
}

static void test_meta(apr_pool_t *pool)
{
    apikey_record_t record = a_record();

    record.meta = apr_table_make(pool, 2);
    is_str(apikey_record_fault(&record, pool), NULL,
           "no further column is no fault");
    apr_table_setn(record.meta, "plan", "gold");
    apr_table_setn(record.meta, "note", "");
    is_str(apikey_record_fault(&record, pool), NULL,
           "good further columns, empty ones too, are none");
    apr_table_setn(record.meta, "local", "a\nb");
    apr_table_setn(record.meta, "zone", "eu");
    is_str(apikey_record_fault(&record, pool),
           "its local has a control character",
           "LF in a further column is one, wherever it stands");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    test_reasons();
    test_order();
    test_times();
    test_faults(pool);
    test_times_fault(pool);
    test_unread(pool);
    test_meta(pool);
    return done();
}
