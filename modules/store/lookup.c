/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/digest.h"
#include "schema.h"
#include "sql.h"

/* The columns of APIKEY_SQL_LOOKUP before the digest. */
static void read_state(apikey_rows_t *rows, apikey_state_t *state,
                       apr_pool_t *pool)
{
    state->uuid = apikey_rows_copy(rows, pool);
    state->epoch = apikey_rows_number(rows);
    state->number = apikey_rows_number(rows);
}

/* Its columns after the digest, in their order. */
static apikey_record_t *read_record(apikey_rows_t *rows, const char *digest,
                                    apr_pool_t *pool)
{
    apikey_record_t *record = apr_pcalloc(pool, sizeof(*record));

    record->digest = apr_pstrmemdup(pool, digest, APIKEY_DIGEST_HEX);
    record->id = apikey_rows_copy(rows, pool);
    record->keyspace = apikey_rows_copy(rows, pool);
    record->tenant = apikey_rows_copy(rows, pool);
    record->name = apikey_rows_copy(rows, pool);
    record->env = apikey_rows_copy(rows, pool);
    record->scopes = apikey_rows_copy(rows, pool);
    record->expires = apikey_rows_number(rows);
    record->revoked = apikey_rows_number(rows);
    record->disabled = apikey_rows_number(rows);
    record->suspended = apikey_rows_number(rows);
    record->secret_id = record->format = record->hint = record->creator = "";
    record->fault = apikey_rows_fault(rows, pool);
    return record;
}

/* Databases compare as their collation says; a digest is these bytes. */
static int is_digest(const char *text, const char *digest)
{
    return strlen(text) == APIKEY_DIGEST_HEX
           && apikey_equal(text, digest, APIKEY_DIGEST_HEX);
}

apr_status_t apikey_store_lookup(apikey_store_t *store, const char *digest,
                                 apikey_record_t **record,
                                 apikey_state_t *state, apr_pool_t *pool,
                                 const char **error)
{
    const char *args[] = { digest };
    apikey_state_t read = { NULL, 0, 0 };
    apikey_identity_t none;
    apikey_rows_t rows;
    apr_status_t status;

    *record = NULL;
    if (!apikey_digest_is_hex(digest, strlen(digest))) {
        return APR_NOTFOUND;
    }
    status = apikey_sql_select(&rows, store, APIKEY_SQL_LOOKUP, args, pool,
                               error);
    if (status == APR_SUCCESS) {
        while (!*record && apikey_rows_next(&rows)) {
            read_state(&rows, &read, pool);
            if (is_digest(apikey_rows_text(&rows), digest)) {
                *record = read_record(&rows, digest, pool);
            }
        }
        status = apikey_rows_end(&rows, pool, error);
    }
    if (status != APR_SUCCESS) {
        *record = NULL;
        return status == APIKEY_ELOCKED ? APIKEY_EDATABASE : status;
    }
    if (!read.uuid) {
        /* There was no row at all. */
        status = apikey_schema_identity(store, &none, pool, error);
        return status == APR_SUCCESS || status == APR_NOTFOUND
               ? APIKEY_EANSWER : APIKEY_EDATABASE;
    }
    if (state) {
        *state = read;
    }
    return *record ? APR_SUCCESS : APR_NOTFOUND;
}

int apikey_store_never_waits(apikey_store_t *store, apr_pool_t *pool)
{
    const char *sql = store->dialect->never_waits;
    const char *error;
    apikey_rows_t rows;
    int found;

    if (!sql || apikey_sql_select_plain(&rows, store, sql, pool, &error)
                    != APR_SUCCESS) {
        return 0;
    }
    found = apikey_rows_next(&rows);
    return apikey_rows_end(&rows, pool, &error) == APR_SUCCESS && found;
}
