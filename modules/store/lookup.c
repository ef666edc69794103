/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/digest.h"
#include "../core/meta.h"
#include "lookup.h"
#include "schema.h"
#include "statement.h"

/* Reads the columns of APIKEY_SQL_LOOKUP before the digest. */
static void read_database_state(apikey_rows_t *rows, apikey_state_t *state,
                                apr_pool_t *pool)
{
    state->uuid = apikey_rows_copy(rows, pool);
    state->epoch = apikey_rows_number(rows);
    state->number = apikey_rows_number(rows);
}

void apikey_record_fill(apikey_record_t *record, const char *networks,
                        const char *meta, const char *tenant_meta,
                        apr_pool_t *pool)
{
    const char *fault = apikey_networks_parse(&record->networks,
                                              &record->network_count, networks,
                                              pool);

    if (fault) {
        fault = apr_pstrcat(pool, "networks ", fault, NULL);
    }
    else {
        fault = apikey_meta_merge(&record->meta, meta, tenant_meta, pool);
    }
    if (fault && !record->fault) {
        record->fault = apr_pstrcat(pool, "its ", fault, NULL);
    }
}

/* Reads the columns after the digest, in their order. */
static apikey_record_t *read_record(apikey_rows_t *rows, int before,
                                    const char *digest, apr_pool_t *pool)
{
    apikey_record_t *record = apr_pcalloc(pool, sizeof(*record));
    const char *texts[] = { "", "", "" };
    int i;

    record->digest = apr_pstrmemdup(pool, digest, APIKEY_DIGEST_HEX);
    record->id = apikey_rows_copy(rows, pool);
    record->keyspace = apikey_rows_copy(rows, pool);
    record->tenant = apikey_rows_copy(rows, pool);
    record->name = apikey_rows_copy(rows, pool);
    record->env = apikey_rows_copy(rows, pool);
    record->scopes = apikey_rows_copy(rows, pool);
    for (i = 0; !before && i < 3; i++) {
        texts[i] = apikey_rows_copy(rows, pool);
    }
    record->expires = apikey_rows_number(rows);
    record->revoked = apikey_rows_number(rows);
    record->disabled = apikey_rows_number(rows);
    record->suspended = apikey_rows_number(rows);
    record->secret_id = record->format = record->hint = record->creator = "";
    record->fault = apikey_rows_fault(rows, pool);
    apikey_record_fill(record, texts[0], texts[1], texts[2], pool);
    return record;
}

/* A collation may find other spellings of a digest, so all bytes are compared
 * again. */
static int is_digest(const char *text, const char *digest)
{
    apr_size_t len = strlen(digest);

    return strlen(text) == len && apikey_equal(text, digest, len);
}

/* What a look-up finds; record is NULL where no key has the digest. */
typedef struct lookup_answer_t {
    apikey_record_t *record;
    apikey_state_t state;
    apr_int64_t version;        /* of the tables, if it was selected */
} lookup_answer_t;

static apr_status_t select_by_digest(apikey_store_t *store, int before,
                                     const char *digest,
                                     lookup_answer_t *answer, apr_pool_t *pool,
                                     const char **error)
{
    const char *args[] = { digest };
    apikey_rows_t rows;

    apikey_statement_select(
        &rows, store, before ? APIKEY_SQL_LOOKUP_BEFORE : APIKEY_SQL_LOOKUP,
        args, pool, error);
    memset(answer, 0, sizeof(*answer));
    while (!answer->record && apikey_rows_next(&rows)) {
        if (before) {
            answer->version = apikey_rows_number(&rows);
        }
        read_database_state(&rows, &answer->state, pool);
        if (is_digest(apikey_rows_text(&rows), digest)) {
            answer->record = read_record(&rows, before, digest, pool);
        }
    }
    return apikey_rows_end(&rows, pool, error);
}

/* Selects by the statement of the current tables.  After an update of the
 * module and before `htapikey init` the tables are of the version before, and a
 * statement without the newer columns is used.  That one reads the version,
 * too, so that the newer columns are read as soon as they exist. */
static apr_status_t select_by_any_version(apikey_store_t *store,
                                          const char *digest,
                                          lookup_answer_t *answer,
                                          apr_pool_t *pool, const char **error)
{
    apr_status_t status =
        store->before ? APIKEY_ESCHEMA
                      : select_by_digest(store, 0, digest, answer, pool, error);
    const char *other;

    if (status != APIKEY_ESCHEMA) {
        return status;
    }
    status = select_by_digest(store, 1, digest, answer, pool, &other);
    store->before = status == APR_SUCCESS
                    && (answer->version == APIKEY_SCHEMA_VERSION - 1
                        || !answer->state.uuid);
    return store->before
             ? APR_SUCCESS
             : select_by_digest(store, 0, digest, answer, pool, error);
}

apr_status_t apikey_store_lookup(apikey_store_t *store, const char *digest,
                                 apikey_record_t **record,
                                 apikey_state_t *state, apr_pool_t *pool,
                                 const char **error)
{
    lookup_answer_t answer;
    apikey_identity_t none;
    apr_status_t status;

    *record = NULL;
    if (!apikey_digest_is_any_hex(digest, strlen(digest))) {
        return APR_NOTFOUND;
    }
    status = select_by_any_version(store, digest, &answer, pool, error);
    if (status != APR_SUCCESS) {
        return status == APIKEY_ELOCKED ? APIKEY_EDATABASE : status;
    }
    if (!answer.state.uuid) {
        /* apikey_identity is empty, or cannot be read. */
        status = apikey_schema_identity(store, &none, pool, error);
        return status == APR_SUCCESS || status == APR_NOTFOUND
               ? APIKEY_EANSWER : APIKEY_EDATABASE;
    }
    if (state) {
        *state = answer.state;
    }
    *record = answer.record;
    return *record ? APR_SUCCESS : APR_NOTFOUND;
}

int apikey_store_never_waits(apikey_store_t *store, apr_pool_t *pool)
{
    const char *sql = store->dialect->never_waits;
    const char *error;
    apikey_rows_t rows;
    int found;

    if (!sql) {
        return 0;
    }
    apikey_statement_select_plain(&rows, store, sql, pool, &error);
    found = apikey_rows_next(&rows);
    return apikey_rows_end(&rows, pool, &error) == APR_SUCCESS && found;
}
