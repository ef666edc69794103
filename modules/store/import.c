/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_hash.h>
#include <apr_strings.h>

#include "../core/key.h"
#include "../core/text.h"
#include "import.h"
#include "manage_parts.h"

#define SEEN_SLOTS 512
#define SEEN_MAX 256            /* longer texts are looked up each time */

/* Texts that were seen lately: a later one takes an earlier one's place. */
typedef struct seen_t {
    char text[SEEN_SLOTS][SEEN_MAX];
} seen_t;

typedef struct job_t {
    apikey_import_t *import;
    const apikey_actor_t *actor;
    seen_t *tenants;            /* that have a row */
    seen_t *scopes;             /* lists that the catalogue allows */
    char digest[APIKEY_DIGEST_LONG_HEX + 1];    /* of the last key */
    char id[APIKEY_WORD_MAX + 1];
    int duplicate;
    int ran;
    apr_status_t status;
    const char *error;
} job_t;

static char *seen_slot(seen_t *seen, const char *text, apr_ssize_t *len)
{
    *len = APR_HASH_KEY_STRING;
    return seen->text[apr_hashfunc_default(text, len) % SEEN_SLOTS];
}

static int is_seen(seen_t *seen, const char *text)
{
    apr_ssize_t len;

    return strcmp(seen_slot(seen, text, &len), text) == 0;
}

static void remember(seen_t *seen, const char *text)
{
    apr_ssize_t len;
    char *slot = seen_slot(seen, text, &len);

    if (len < SEEN_MAX) {
        memcpy(slot, text, len + 1);
    }
}

static apr_status_t run_commands(apikey_store_t *store,
                                 const char *const *commands,
                                 apr_pool_t *pool, const char **error)
{
    apr_status_t status = APR_SUCCESS;

    for (; commands && *commands && status == APR_SUCCESS; commands++) {
        status = apikey_sql_run(store, *commands, pool, error);
    }
    return status;
}

static apr_status_t need_tenant(apikey_store_t *store, job_t *job,
                                const char *tenant, apr_pool_t *pool,
                                const char **error)
{
    apr_status_t status = APR_SUCCESS;

    if (!is_seen(job->tenants, tenant)) {
        status = apikey_tenant_need(store, tenant, job->actor, pool, error);
    }
    if (status == APR_SUCCESS) {
        remember(job->tenants, tenant);
    }
    return status;
}

/* What apikey_managed_check() leaves, since `create` makes it itself. */
static apr_status_t check(const apikey_managed_t *key, apr_pool_t *pool,
                          const char **error)
{
    const apikey_record_t *record = &key->record;
    const struct { const char *what, *fault; } checks[] = {
        { "the id ", apikey_word_fault(record->id) },
        { "the name ", apikey_name_fault(record->name) },
        { "the digest ", apikey_digest_is_any(record->digest,
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
    apr_size_t i;

    for (i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
        if (checks[i].fault) {
            return apikey_reject(pool, error, "%s%s", checks[i].what,
                                 checks[i].fault);
        }
    }
    return apikey_managed_check(key, pool, error);
}

static apr_status_t store_key(apikey_store_t *store, job_t *job,
                              const apikey_managed_t *key, apr_pool_t *pool,
                              const char **error)
{
    const apikey_record_t *record = &key->record;
    const char *args[] = {
        record->digest, record->id, record->keyspace, record->tenant,
        record->name, record->env, record->scopes, record->secret_id,
        record->format, key->prefix, record->hint, record->creator,
        key->root, key->rotated_from, key->owner, key->networks, key->meta,
        apikey_sql_number(pool, record->created),
        apikey_sql_number(pool, record->expires),
        apikey_sql_number(pool, key->bits)
    };
    apr_status_t status = check(key, pool, error);

    if (status == APR_SUCCESS && !is_seen(job->scopes, record->scopes)) {
        status = apikey_scope_known(store, record->scopes, pool, error);
        if (status == APR_SUCCESS) {
            remember(job->scopes, record->scopes);
        }
    }
    if (status == APR_SUCCESS) {
        status = need_tenant(store, job, record->tenant, pool, error);
    }
    if (status == APR_SUCCESS) {
        apr_cpystrn(job->digest, record->digest, sizeof(job->digest));
        apr_cpystrn(job->id, record->id, sizeof(job->id));
        store->duplicate = 0;
        status = apikey_sql_query(store, APIKEY_SQL_KEY_IMPORT, args, pool,
                                  error);
        job->duplicate = status != APR_SUCCESS && store->duplicate;
    }
    return status;
}

static apr_status_t store_keys(apikey_store_t *store, job_t *job,
                               apr_pool_t *pool, const char **error)
{
    apikey_import_t *import = job->import;
    apr_pool_t *row;
    apr_status_t status;

    apr_pool_create(&row, pool);
    for (;;) {
        apikey_managed_t key = { .prefix = "" };

        apr_pool_clear(row);
        import->at_key = 0;
        status = import->next(import->baton, &key, row, error);
        if (status != APR_SUCCESS) {
            break;
        }
        import->at_key = 1;
        apikey_managed_details(&key, row);
        status = store_key(store, job, &key, row, error);
        if (status != APR_SUCCESS) {
            break;
        }
        import->count++;
    }
    if (status == APR_EOF) {
        import->at_key = 0;
        status = APR_SUCCESS;
    }
    else {
        *error = *error ? apr_pstrdup(pool, *error) : NULL;
    }
    apr_pool_destroy(row);
    return status;
}

static apr_status_t import_all(apikey_store_t *store, void *baton,
                               apr_pool_t *pool, const char **error)
{
    job_t *job = baton;
    apikey_audit_t entry = { .happened = job->actor->now,
                             .who = job->actor->who, .action = "import" };
    apr_status_t status;

    /* What has been read cannot be read again: no second try. */
    if (job->ran) {
        *error = job->error;
        return job->status;
    }
    status = run_commands(store, store->dialect->bulk_on, pool, error);
    if (status == APR_SUCCESS) {
        job->ran = 1;
        status = store_keys(store, job, pool, error);
    }
    if (status == APR_SUCCESS) {
        entry.reason = apr_psprintf(pool, "%" APR_INT64_T_FMT " keys",
                                    job->import->count);
        status = apikey_audit_write(store, &entry, pool, error);
    }
    if (status == APR_SUCCESS) {
        status = run_commands(store, store->dialect->bulk_off, pool, error);
    }
    job->status = status;
    job->error = *error;
    return status;
}

/* Says in which way a key was there already, now that nothing of the import
 * is left.  Best effort: the row may have gone again. */
static apr_status_t say_taken(apikey_store_t *store, const job_t *job,
                              apr_pool_t *pool, const char **error)
{
    const char *args[] = { job->digest, job->id };
    const char *other = "";
    apikey_rows_t rows;
    apr_status_t status = apikey_sql_select(&rows, store,
                                            APIKEY_SQL_KEY_TAKEN, args, pool,
                                            error);

    if (status == APR_SUCCESS) {
        if (apikey_rows_next(&rows)) {
            other = apikey_rows_copy(&rows, pool);
        }
        status = apikey_rows_end(&rows, pool, error);
    }
    if (status != APR_SUCCESS) {
        return status;
    }
    if (!*other) {
        return apikey_reject(pool, error, "the key or its id (%s) stands on "
                             "an earlier line, too", job->id);
    }
    return strcmp(other, job->id) == 0
           ? apikey_reject(pool, error, "the id %s is in the database "
                           "already", other)
           : apikey_reject(pool, error, "the key is in the database already, "
                           "with the id %s", other);
}

apr_status_t apikey_import(apikey_store_t *store, apikey_import_t *import,
                           const apikey_actor_t *actor, apr_pool_t *pool,
                           const char **error)
{
    job_t job = { .import = import, .actor = actor };
    const char *ignored;
    apr_status_t status;

    import->count = 0;
    import->at_key = 0;
    job.tenants = apr_pcalloc(pool, sizeof(*job.tenants));
    job.scopes = apr_pcalloc(pool, sizeof(*job.scopes));
    /* An empty slot "has seen" the empty text: the list without a scope is
     * always allowed, and no tenant is empty. */
    status = apikey_sql_transact(store, import_all, &job, pool, error);
    if (store->handle) {
        run_commands(store, store->dialect->bulk_over, pool, &ignored);
    }
    if (status == APIKEY_EDATABASE && job.duplicate) {
        status = say_taken(store, &job, pool, error);
    }
    if (status != APR_SUCCESS) {
        import->count = 0;
    }
    return status;
}
