/* Licensed under the Apache License, Version 2.0; see LICENSE. */


#include "../core/key.h"
#include "../core/text.h"
#include "import.h"
#include "import_private.h"
#include "keys_private.h"

/* Checks what apikey_key_row_check() does not, because `create` makes it. */
apr_status_t apikey_import_look(const apikey_key_row_t *key, apr_pool_t *pool,
                                const char **error)
{
    const apikey_record_t *record = &key->record;
    const apikey_check_t checks[] = {
        { "the id ", apikey_word_fault(record->id) },
        { "the name ", apikey_name_fault(record->name) },
        { "the digest ", apikey_digest_is_any_hex(record->digest,
                                                  strlen(record->digest))
                         ? NULL : "is neither 64 nor 128 hex characters" },
        { "the prefix ", *key->prefix ? apikey_prefix_fault(key->prefix)
                                      : NULL },
        { "the hint ", strlen(record->hint) > APIKEY_WORD_MAX
                       ? "is longer than 64 characters"
                       : *record->hint ? apikey_text_fault(record->hint)
                       : NULL },
        { "the root ", apikey_word_fault(key->root) },
        { "rotated_from ", *key->rotated_from
                           ? apikey_word_fault(key->rotated_from) : NULL },
        { "rotated_from ", *key->rotated_from
                           && (strcmp(key->root, record->id) == 0
                               || strcmp(key->rotated_from, record->id) == 0)
                           ? "is another key's id, and goes with a root, the "
                             "id of the first of the line" : NULL },
        { "the creator ", *record->creator
                          ? apikey_name_fault(record->creator) : NULL }
    };
    apr_status_t status = apikey_check_all(
        checks, sizeof(checks) / sizeof(*checks), pool, error);

    if (status == APR_SUCCESS && key->reason) {
        status = apikey_audit_reason_check(key->reason, pool, error);
    }
    return status == APR_SUCCESS ? apikey_key_row_check(key, pool, error)
                                 : status;
}

apr_status_t apikey_import_other(apikey_store_t *store, const char *digest,
                                 const char *id, const char **other,
                                 apr_pool_t *pool, const char **error)
{
    const char *args[] = { digest, id };
    apikey_rows_t rows;

    apikey_statement_select(&rows, store, APIKEY_SQL_KEY_TAKEN, args, pool,
                            error);
    *other = apikey_rows_next(&rows) ? apikey_rows_copy(&rows, pool) : "";
    return apikey_rows_end(&rows, pool, error);
}

apr_status_t apikey_import_taken(const char *other, const char *id,
                                 apr_pool_t *pool, const char **error)
{
    return !*other
           ? apikey_reject(pool, error, "the key or its id (%s) stands on an "
                           "earlier line, too", id)
           : strcmp(other, id) == 0
           ? apikey_reject(pool, error, "the id %s is in the database "
                           "already", other)
           : apikey_reject(pool, error, "the key is in the database already, "
                           "with the id %s", other);
}

apr_status_t apikey_import_check(apikey_store_t *store, apikey_key_row_t *key,
                                 apr_pool_t *pool, const char **error)
{
    const apikey_record_t *record = &key->record;
    const char *other = "";
    apr_status_t status;
    int there;

    apikey_key_row_details(key, pool);
    status = apikey_import_look(key, pool, error);
    if (status == APR_SUCCESS) {
        status = apikey_scopes_check(store, record->scopes, pool, error);
    }
    if (status == APR_SUCCESS) {
        status = apikey_tenant_exists(store, record->tenant, &there, pool,
                                      error);
    }
    if (status == APR_SUCCESS) {
        status = apikey_import_other(store, record->digest, record->id, &other,
                                     pool, error);
    }
    return status == APR_SUCCESS && *other
           ? apikey_import_taken(other, record->id, pool, error) : status;
}
