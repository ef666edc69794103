/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* core/result.h: each result's status, code and sentence, and which result a
 * record has. */

#include <stdlib.h>

#include <apr_general.h>

#include "../../modules/core/scope.h"
#include "../../modules/core/time_text.h"
#include "../../modules/core/result.h"
#include "tap.h"

#define NOW APR_INT64_C(1700000000)

/* CONTRACT's table. */
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
           "the table has every result");
    for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const apikey_result_t *result = apikey_result(rows[i].result);
        const char *code = rows[i].code, *c = result->message;

        is_str(result->code, code, "%s: the code", code);
        is_int(result->status, rows[i].status, "%s: the status", code);
        is_str(result->title, rows[i].title, "%s: the status' phrase", code);
        is_str(result->error, rows[i].error, "%s: RFC 6750's error", code);
        is_int(result->describe, rows[i].describe,
               "%s: whether the challenge describes it", code);
        while (*c >= 0x20 && *c <= 0x7e && !strchr("\"\\<>&'", *c)) {
            c++;
        }
        ok(!*c && c - result->message > 10 && c[-1] == '.',
           "%s: the message is a sentence of printable ASCII without quotes",
           code);
    }
}

/** A valid record. */
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
           "a valid record is granted");
    is_int(apikey_record_result(&record, NULL, NOW), APIKEY_GRANTED,
           "any keyspace is granted where the server asks for none");
    record.suspended = NOW - 1;
    is_int(apikey_record_result(&record, "default", NOW), APIKEY_SUSPENDED,
           "a suspended tenant's key is suspended");
    record.expires = NOW;
    is_int(apikey_record_result(&record, "default", NOW), APIKEY_EXPIRED,
           "an expired key of a suspended tenant is expired");
    record.disabled = NOW - 1;
    is_int(apikey_record_result(&record, "default", NOW), APIKEY_DISABLED,
           "an expired key that is disabled is disabled");
    record.revoked = NOW - 1;
    is_int(apikey_record_result(&record, "default", NOW), APIKEY_REVOKED,
           "a disabled key that is revoked is revoked");
    is_int(apikey_record_result(&record, "other", NOW), APIKEY_INVALID,
           "a revoked key of another keyspace is invalid, so that nothing "
           "shows that it exists");
    is_int(apikey_record_result(&record, "Default", NOW), APIKEY_INVALID,
           "a keyspace in another case is another keyspace");
    is_int(apikey_record_result(&record, "default ", NOW), APIKEY_INVALID,
           "a keyspace with a blank after it is another keyspace");
}

static void test_times(void)
{
    apikey_record_t record = a_record();

    record.expires = NOW + 1;
    is_int(apikey_record_result(&record, NULL, NOW), APIKEY_GRANTED,
           "a second before its expiry a key is granted");
    record.expires = NOW;
    is_int(apikey_record_result(&record, NULL, NOW), APIKEY_EXPIRED,
           "at the second of its expiry a key is expired");
    record.expires = NOW - 1;
    is_int(apikey_record_result(&record, NULL, NOW), APIKEY_EXPIRED,
           "a second after its expiry a key is expired");
    record.expires = -1;
    is_int(apikey_record_result(&record, NULL, NOW), APIKEY_EXPIRED,
           "a negative expiry is in the past");
    record.expires = APIKEY_NEVER;
    is_int(apikey_record_result(&record, NULL, NOW), APIKEY_GRANTED,
           "a key without an expiry is granted");
    record.expires = NOW + 1;
    record.revoked = NOW + 1000;
    is_int(apikey_record_result(&record, NULL, NOW), APIKEY_REVOKED,
           "a revocation dated in the future is in effect now");
    record.revoked = -1;
    is_int(apikey_record_result(&record, NULL, NOW), APIKEY_REVOKED,
           "a negative time of revocation revokes");
}

static void test_faults(apr_pool_t *pool)
{
    apikey_record_t record = a_record();
    char scopes[APIKEY_SCOPE_MAX + 4];

    is_str(apikey_record_fault(&record, pool), NULL,
           "a valid record has no fault");
    record.name = record.env = record.keyspace = record.scopes = "";
    is_str(apikey_record_fault(&record, pool), NULL,
           "a record with an id and a tenant alone has no fault");
    record.tenant = "";
    is_str(apikey_record_fault(&record, pool), "its tenant is empty",
           "an empty tenant is a fault");
    record = a_record();
    record.id = "";
    is_str(apikey_record_fault(&record, pool), "its id is empty",
           "an empty id is a fault");
    record.id = "a\nb";
    is_str(apikey_record_fault(&record, pool),
           "its id has a control character", "an id with LF is a fault");
    record = a_record();
    record.tenant = "acme\r\nX-Apikey-Tenant: other";
    is_str(apikey_record_fault(&record, pool),
           "its tenant has a control character",
           "a tenant with CR LF is a fault");
    record = a_record();
    record.name = "M\xfcller";
    is_str(apikey_record_fault(&record, pool), "its name is not UTF-8",
           "a name in Latin-1 is a fault");
    record = a_record();
    record.env = "live ";
    is_str(apikey_record_fault(&record, pool),
           "its env begins or ends with a blank",
           "an env with a blank at its end is a fault");
    record = a_record();
    record.keyspace = "\x7f";
    is_str(apikey_record_fault(&record, pool),
           "its keyspace has a control character",
           "a keyspace with DEL is a fault");
    record = a_record();
    record.scopes = "partners:read x\r\ny";
    ok(apikey_record_fault(&record, pool) != NULL,
       "a second scope with CR LF is a fault");
    record.scopes = "partners:read\tx";
    is_str(apikey_record_fault(&record, pool), "its scopes has a blank",
           "scopes divided by a tab are a fault");
    memset(scopes, 's', sizeof(scopes));
    memcpy(scopes, "a ", 2);
    scopes[2 + APIKEY_SCOPE_MAX] = '\0';
    record.scopes = scopes;
    is_str(apikey_record_fault(&record, pool), NULL,
           "a scope of 128 characters is no fault");
    memset(scopes, 's', sizeof(scopes));
    memcpy(scopes, "a ", 2);
    scopes[3 + APIKEY_SCOPE_MAX] = '\0';
    ok(apikey_record_fault(&record, pool) != NULL,
       "a scope of 129 characters is a fault");
}

/* Times are in seconds: one in milliseconds would lie fifty thousand years
 * ahead. */
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
           "%s in milliseconds is a fault: %s", names[i],
           fault ? fault : "none");
        *time = APIKEY_TIME_MAX + 1;
        ok(apikey_record_fault(&record, pool) != NULL,
           "%s in the year 10000 is a fault", names[i]);
    }
}

static void test_unread(apr_pool_t *pool)
{
    apikey_record_t record = a_record();

    record.fault = "its expires is not a whole number";
    is_str(apikey_record_fault(&record, pool),
           "its expires is not a whole number",
           "a column that could not be read is the record's fault");
}

static void test_meta(apr_pool_t *pool)
{
    apikey_record_t record = a_record();

    record.meta = apr_table_make(pool, 2);
    is_str(apikey_record_fault(&record, pool), NULL,
           "an empty table of further columns is no fault");
    apr_table_setn(record.meta, "plan", "gold");
    apr_table_setn(record.meta, "note", "");
    is_str(apikey_record_fault(&record, pool), NULL,
           "further columns, one of them empty, are no fault");
    apr_table_setn(record.meta, "local", "a\nb");
    apr_table_setn(record.meta, "zone", "eu");
    is_str(apikey_record_fault(&record, pool),
           "its local has a control character",
           "LF in any further column is a fault");
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
