/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_hash.h>
#include <apr_strings.h>

#include "audit.h"
#include "row_pages.h"
#include "schema.h"

/* An audit entry about a key made by rotation. */
typedef struct rotation_entry_t {
    const char *number;
    const char *id;             /* of the new key */
    const char *source;         /* of the one before */
    const char *known;          /* the same from the new key's row, or "" */
} rotation_entry_t;

typedef struct rotations_job_t {
    apikey_store_t *store;
    apr_hash_t *roots;          /* of ids of keys made by rotation */
    apr_pool_t *pool;
    const char **error;
} rotations_job_t;

static void read_rotation(apikey_rows_t *rows, void *item, apr_pool_t *pool)
{
    rotation_entry_t *entry = item;
    const char *reason;

    entry->number = apikey_rows_copy(rows, pool);
    entry->id = apikey_rows_copy(rows, pool);
    reason = apikey_rows_copy(rows, pool);
    entry->source = apikey_audit_rotated_from(reason, pool);
    entry->known = apikey_rows_copy(rows, pool);
    /* A text that cannot be read names no key. */
    if (apikey_rows_fault(rows, pool)) {
        entry->source = NULL;
    }
}

/* Entries come oldest first, so the root of the key before is in roots. */
static apr_status_t write_rotation_columns(void *baton, const void *item)
{
    const rotations_job_t *job = baton;
    const rotation_entry_t *entry = item;
    const char *root;
    const char *args[3];

    if (!entry->source) {
        return APR_SUCCESS;
    }
    root = apr_hash_get(job->roots, entry->source, APR_HASH_KEY_STRING);
    root = apr_pstrdup(job->pool, root ? root : entry->source);
    apr_hash_set(job->roots, apr_pstrdup(job->pool, entry->id),
                 APR_HASH_KEY_STRING, root);
    if (*entry->known) {
        return APR_SUCCESS;
    }
    args[0] = root;
    args[1] = entry->source;
    args[2] = entry->id;
    return apikey_statement_query(job->store, APIKEY_SQL_ROTATION_SET, args,
                                  job->pool, job->error);
}

static int next_rotation_page(const void *item, const char **args,
                              apr_pool_t *pool)
{
    return apikey_page_arg(args, ((const rotation_entry_t *)item)->number,
                           pool);
}

apr_status_t apikey_schema_rotations(apikey_store_t *store, apr_pool_t *pool,
                                     const char **error)
{
    rotations_job_t job = { store, apr_hash_make(pool), pool, error };
    const char *args[] = { "0" };
    apikey_row_pages_t pages = { .which = APIKEY_SQL_ROTATION_AUDIT,
                                 .args = args,
                                 .size = sizeof(rotation_entry_t),
                                 .read = read_rotation,
                                 .next = next_rotation_page,
                                 .give = write_rotation_columns,
                                 .baton = &job };

    return apikey_row_pages(store, &pages, pool, error);
}
