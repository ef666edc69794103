/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "result.h"

#include <string.h>

#include <apr_strings.h>

#include "scope.h"
#include "text.h"
#include "time_text.h"

/* The messages go into quoted strings and JSON as they are: plain ASCII, no
 * double quote, no backslash.  The order is that of apikey_result_e. */
static const apikey_result_t results[APIKEY_RESULTS] = {
    { "granted", 200, "OK", NULL, 0,
      "The API key is valid." },
    { "missing", 401, "Unauthorized", NULL, 0,
      "This resource needs an API key." },
    { "invalid", 401, "Unauthorized", "invalid_token", 0,
      "The API key is not valid." },
    { "expired", 401, "Unauthorized", "invalid_token", 1,
      "The API key has expired." },
    { "revoked", 401, "Unauthorized", "invalid_token", 1,
      "The API key has been revoked." },
    { "disabled", 401, "Unauthorized", "invalid_token", 1,
      "The API key is disabled." },
    { "suspended", 403, "Forbidden", NULL, 0,
      "The account of this API key has no API access." },
    { "ambiguous", 400, "Bad Request", "invalid_request", 0,
      "The request carries more than one API key." },
    { "network", 403, "Forbidden", NULL, 0,
      "The API key may not be used from this address." },
    { "tenant", 403, "Forbidden", NULL, 0,
      "The API key belongs to another account." },
    { "env", 403, "Forbidden", NULL, 0,
      "The API key is for another environment." },
    { "id", 403, "Forbidden", NULL, 0,
      "This API key is not among those allowed here." },
    { "meta", 403, "Forbidden", NULL, 0,
      "The API key lacks a property that is needed here." },
    { "scope", 403, "Forbidden", "insufficient_scope", 0,
      "The API key lacks the scope that is needed here." },
    { "forbidden", 403, "Forbidden", NULL, 0,
      "The API key gives no access to this resource." },
    { "forbidden", 403, "Forbidden", NULL, 0,
      "Access is denied." },
    { "unavailable", 503, "Service Unavailable", NULL, 0,
      "API keys cannot be checked at the moment. Please try again later." },
    { "exposed", 400, "Bad Request", NULL, 0,
      "An API key must not stand in a URL. Please replace this key." }
};

const apikey_result_t *apikey_result(apikey_result_e result)
{
    return &results[result];
}

apikey_result_e apikey_record_result(const apikey_record_t *record,
                                     const char *keyspace, apr_int64_t now)
{
    if (keyspace && strcmp(record->keyspace, keyspace) != 0) {
        return APIKEY_INVALID;
    }
    if (record->revoked) {
        return APIKEY_REVOKED;
    }
    if (record->disabled) {
        return APIKEY_DISABLED;
    }
    if (record->expires != APIKEY_NEVER && record->expires <= now) {
        return APIKEY_EXPIRED;
    }
    if (record->suspended) {
        return APIKEY_SUSPENDED;
    }
    return APIKEY_GRANTED;
}

static const char *record_scopes_fault(const char *scopes)
{
    char scope[APIKEY_SCOPE_MAX + 2];

    for (;;) {
        const char *fault;
        apr_size_t len;

        scopes += strspn(scopes, " ");
        len = strcspn(scopes, " ");
        if (len == 0) {
            return NULL;
        }
        /* One character more than the longest is refused as well as all. */
        apr_cpystrn(scope, scopes, len < sizeof(scope) ? len + 1
                                                       : sizeof(scope));
        fault = apikey_scope_fault(scope);
        if (fault) {
            return fault;
        }
        scopes += len;
    }
}

typedef struct fault_t {
    const char *column;
    const char *fault;
} fault_t;

static int meta_fault(void *data, const char *column, const char *value)
{
    fault_t *found = data;

    found->column = column;
    found->fault = *value ? apikey_text_fault(value) : NULL;
    return !found->fault;
}

/* The times that apikey_record_result() compares. */
static const char *times_fault(const apikey_record_t *record,
                               const char **column)
{
    const struct { const char *column; apr_int64_t value; } times[] = {
        { "expires", record->expires },
        { "revoked", record->revoked },
        { "disabled", record->disabled },
        { "suspended", record->suspended }
    };
    const char *fault = NULL;
    apr_size_t i;

    for (i = 0; !fault && i < sizeof(times) / sizeof(*times); i++) {
        *column = times[i].column;
        fault = apikey_time_fault(times[i].value);
    }
    return fault;
}

const char *apikey_record_fault(const apikey_record_t *record,
                                apr_pool_t *pool)
{
    const struct { const char *column, *value; int needed; } columns[] = {
        { "id", record->id, 1 },
        { "tenant", record->tenant, 1 },
        { "name", record->name, 0 },
        { "env", record->env, 0 },
        { "keyspace", record->keyspace, 0 }
    };
    fault_t found = { NULL, NULL };
    apr_size_t i;

    if (record->fault) {
        return apr_pstrdup(pool, record->fault);
    }
    for (i = 0; !found.fault && i < sizeof(columns) / sizeof(*columns); i++) {
        if (columns[i].needed || *columns[i].value) {
            found.column = columns[i].column;
            found.fault = apikey_text_fault(columns[i].value);
        }
    }
    if (!found.fault) {
        found.column = "scopes";
        found.fault = record_scopes_fault(record->scopes);
    }
    if (!found.fault) {
        found.fault = times_fault(record, &found.column);
    }
    if (!found.fault && record->meta) {
        apr_table_do(meta_fault, &found, record->meta, NULL);
    }
    return found.fault ? apr_pstrcat(pool, "its ", found.column, " ",
                                     found.fault, NULL)
                       : NULL;
}
