/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_hash.h>
#include <apr_strings.h>

#include "../core/key.h"
#include "../core/mutex.h"
#include "import.h"
#include "import_private.h"
#include "keys_private.h"

#define SEEN_MOST 16384

/* Rows that are read before they are stored.  In steps it is as many as take a
 * fifth of a second to store, and after each step there is a pause. */
#define ROWS_LEAST (25 * APIKEY_IMPORTED_AT_ONCE)
#define ROWS_MOST (200 * APIKEY_IMPORTED_AT_ONCE)
#define HOLD apr_time_from_msec(400)

/* Texts that were checked already; emptied when there are too many. */
typedef struct seen_t {
    apr_pool_t *pool;
    apr_hash_t *texts;
} seen_t;

#define COLUMNS 24              /* of APIKEY_SQL_KEY_IMPORT, of which these */
#define NUMBERS 6               /* come last */

typedef struct row_t {
    const char *args[COLUMNS];
    apr_int64_t place;
} row_t;

typedef struct import_job_t {
    apikey_import_t *import;
    const apikey_actor_t *actor;
    seen_t *tenants;            /* that have a row */
    seen_t *scopes;             /* lists that the catalogue allows */
    apr_pool_t *pool;
    apr_hash_t *new_tenants;    /* that get one when all keys are there */
    apr_pool_t *rows_pool;
    row_t *rows;                /* ROWS_MOST of them, read and not stored */
    int count;
    int most;                   /* rows to be read at once */
    apr_time_t ended;           /* the last step, apikey_clock() */
    int steps;                  /* of a transaction each */
    int over;                   /* after the last key */
    row_t *taken;               /* cannot be stored */
    int ran;
    apr_status_t status;
    const char *error;
} import_job_t;

static seen_t *make_seen(apr_pool_t *pool)
{
    seen_t *seen = apr_pcalloc(pool, sizeof(*seen));

    apr_pool_create(&seen->pool, pool);
    seen->texts = apr_hash_make(seen->pool);
    return seen;
}

static int is_seen(const seen_t *seen, const char *text)
{
    return apr_hash_get(seen->texts, text, APR_HASH_KEY_STRING) != NULL;
}

static void add_seen(seen_t *seen, const char *text)
{
    if (apr_hash_count(seen->texts) == SEEN_MOST) {
        apr_pool_clear(seen->pool);
        seen->texts = apr_hash_make(seen->pool);
    }
    text = apr_pstrdup(seen->pool, text);
    apr_hash_set(seen->texts, text, APR_HASH_KEY_STRING, text);
}

/* ---- Reading ---- */

static apr_status_t check_import_scopes(apikey_store_t *store,
                                        import_job_t *job, const char *scopes,
                                        apr_pool_t *pool, const char **error)
{
    apr_status_t status = APR_SUCCESS;

    if (!is_seen(job->scopes, scopes)) {
        status = apikey_scopes_check(store, scopes, pool, error);
        if (status == APR_SUCCESS) {
            add_seen(job->scopes, scopes);
        }
    }
    return status;
}

/* A tenant must have a row.  In steps, new tenants are inserted by the last
 * one: an import that is given up must not leave tenants without keys. */
static apr_status_t check_import_tenant(apikey_store_t *store,
                                        import_job_t *job, const char *tenant,
                                        apr_pool_t *pool, const char **error)
{
    apr_status_t status;
    int there;

    if (is_seen(job->tenants, tenant)
        || apr_hash_get(job->new_tenants, tenant, APR_HASH_KEY_STRING)) {
        return APR_SUCCESS;
    }
    if (!job->steps) {
        status = apikey_tenant_ensure(store, tenant, job->actor, pool, error);
    }
    else {
        status = apikey_tenant_exists(store, tenant, &there, pool, error);
        if (status == APR_SUCCESS && !there) {
            tenant = apr_pstrdup(job->pool, tenant);
            apr_hash_set(job->new_tenants, tenant, APR_HASH_KEY_STRING,
                         tenant);
        }
    }
    if (status == APR_SUCCESS) {
        add_seen(job->tenants, tenant);
    }
    return status;
}

/* Copies a key as the arguments of its row, into the pool of the rows. */
static void copy_row(import_job_t *job, const apikey_key_row_t *key)
{
    const apikey_record_t *record = &key->record;
    row_t *row = &job->rows[job->count++];
    apr_pool_t *pool = job->rows_pool;
    const char *args[COLUMNS] = {
        record->digest, record->id, record->keyspace, record->tenant,
        record->name, record->env, record->scopes, record->secret_id,
        record->format, key->prefix, record->hint, record->creator,
        key->root, key->rotated_from, key->owner, key->networks, key->meta,
        key->reason ? key->reason : "",
        apikey_number_arg(pool, record->created),
        apikey_number_arg(pool, record->expires),
        apikey_number_arg(pool, key->bits),
        apikey_number_arg(pool, record->revoked),
        apikey_number_arg(pool, record->disabled),
        apikey_number_arg(pool, key->lifetime)
    };
    int i;

    for (i = 0; i < COLUMNS; i++) {
        row->args[i] = i < COLUMNS - NUMBERS ? apr_pstrdup(pool, args[i])
                                             : args[i];
    }
    row->place = job->import->place;
}

/* Reads as many keys as are stored at once, and checks each. */
static apr_status_t read_import_rows(apikey_store_t *store, import_job_t *job,
                                     apr_pool_t *pool, const char **error)
{
    apikey_import_t *import = job->import;
    apr_status_t status = APR_SUCCESS;
    apr_pool_t *row;

    job->count = 0;
    apr_pool_clear(job->rows_pool);
    apr_pool_create(&row, pool);
    while (job->count < job->most && status == APR_SUCCESS) {
        apikey_key_row_t key = { .prefix = "" };

        apr_pool_clear(row);
        import->at_key = 0;
        status = import->next(import->baton, &key, row, error);
        if (status != APR_SUCCESS) {
            break;
        }
        import->at_key = 1;
        apikey_key_row_details(&key, row);
        status = apikey_import_look(&key, row, error);
        if (status == APR_SUCCESS) {
            status =
                check_import_scopes(store, job, key.record.scopes, row, error);
        }
        if (status == APR_SUCCESS) {
            status =
                check_import_tenant(store, job, key.record.tenant, row, error);
        }
        if (status == APR_SUCCESS) {
            copy_row(job, &key);
        }
    }
    job->over = status == APR_EOF;
    if (job->over) {
        import->at_key = 0;
        status = APR_SUCCESS;
    }
    *error = status != APR_SUCCESS && *error ? apr_pstrdup(pool, *error)
                                             : NULL;
    apr_pool_destroy(row);
    return status;
}

/* ---- Storing ---- */

/* The first row with a digest or an id of a row before it; NULL: none. */
static row_t *find_repeated(row_t *rows, int count)
{
    int i, k;

    for (i = 1; i < count; i++) {
        for (k = 0; k < i; k++) {
            if (strcmp(rows[i].args[0], rows[k].args[0]) == 0
                || strcmp(rows[i].args[1], rows[k].args[1]) == 0) {
                return &rows[i];
            }
        }
    }
    return NULL;
}

/* Finds the first row with a digest or an id that is in the database or in a
 * row before it; NULL: none. */
static apr_status_t find_taken(apikey_store_t *store, import_job_t *job,
                               row_t *rows, int count, apr_pool_t *pool,
                               const char **error)
{
    const char *args[2 * APIKEY_IMPORTED_AT_ONCE];
    row_t *found = find_repeated(rows, count);
    apikey_rows_t there;
    apr_status_t status;
    int i;

    for (i = 0; i < APIKEY_IMPORTED_AT_ONCE; i++) {
        args[i] = i < count ? rows[i].args[0] : "";
        args[APIKEY_IMPORTED_AT_ONCE + i] = i < count ? rows[i].args[1] : "";
    }
    status = apikey_statement_select(&there, store, APIKEY_SQL_KEYS_TAKEN, args,
                                     pool, error);
    if (status != APR_SUCCESS) {
        return status;
    }
    while (apikey_rows_next(&there)) {
        int of = apikey_rows_number(&there) ? 0 : 1;
        const char *text = apikey_rows_copy(&there, pool);

        for (i = 0; i < count && (!found || &rows[i] < found); i++) {
            if (strcmp(rows[i].args[of], text) == 0) {
                found = &rows[i];
            }
        }
    }
    job->taken = found;
    return apikey_rows_end(&there, pool, error);
}

/* Stores as many rows as one statement takes, or fewer. */
static apr_status_t store_some(apikey_store_t *store, import_job_t *job,
                               row_t *rows, int count, apr_pool_t *pool,
                               const char **error)
{
    const char *args[COLUMNS * APIKEY_IMPORTED_AT_ONCE];
    apr_status_t status = find_taken(store, job, rows, count, pool, error);
    int i;

    if (status == APR_SUCCESS && job->taken) {
        return apikey_reject(pool, error, "it is there already");
    }
    if (status == APR_SUCCESS && count == APIKEY_IMPORTED_AT_ONCE) {
        for (i = 0; i < count; i++) {
            memcpy(args + i * COLUMNS, rows[i].args, sizeof(rows[i].args));
        }
        return apikey_statement_query(store, APIKEY_SQL_KEYS_IMPORT, args, pool,
                                      error);
    }
    for (i = 0; i < count && status == APR_SUCCESS; i++) {
        status = apikey_statement_query(store, APIKEY_SQL_KEY_IMPORT,
                                        rows[i].args, pool, error);
        if (status != APR_SUCCESS) {
            job->import->at_key = 1;
            job->import->place = rows[i].place;
        }
    }
    return status;
}

static apr_status_t store_rows(apikey_store_t *store, import_job_t *job,
                               apr_pool_t *pool, const char **error)
{
    apr_status_t status = APR_SUCCESS;
    apr_pool_t *sub;
    int from;

    apr_pool_create(&sub, pool);
    for (from = 0; from < job->count && status == APR_SUCCESS;
         from += APIKEY_IMPORTED_AT_ONCE) {
        int count = job->count - from;

        apr_pool_clear(sub);
        status = store_some(store, job, job->rows + from,
                            count < APIKEY_IMPORTED_AT_ONCE
                            ? count : APIKEY_IMPORTED_AT_ONCE, sub, error);
    }
    if (status == APR_SUCCESS) {
        job->import->count += job->count;
    }
    else {
        *error = *error ? apr_pstrdup(pool, *error) : NULL;
    }
    apr_pool_destroy(sub);
    return status;
}

static apr_status_t audit_import(apikey_store_t *store, const import_job_t *job,
                                 apr_pool_t *pool, const char **error)
{
    apikey_audit_t entry = { .happened = job->actor->now,
                             .who = job->actor->who, .action = "import" };

    entry.reason = apr_psprintf(pool, "%" APR_INT64_T_FMT " keys",
                                job->import->count);
    return apikey_audit_write(store, &entry, pool, error);
}

/* Whether the transaction is repeated: then the first error stands, since the
 * input cannot be read again. */
static int is_repeated(import_job_t *job, const char **error)
{
    if (job->ran) {
        *error = job->error;
    }
    return job->ran++;
}

/* ---- In one transaction ---- */

static apr_status_t import_all(apikey_store_t *store, void *baton,
                               apr_pool_t *pool, const char **error)
{
    import_job_t *job = baton;
    apr_status_t status;

    if (is_repeated(job, error)) {
        return job->status;
    }
    status = apikey_import_run(store, store->dialect->import.bulk_on, pool,
                               error);
    while (status == APR_SUCCESS && !job->over) {
        apr_status_t read = read_import_rows(store, job, pool, &job->error);

        /* An error of an earlier line is reported first. */
        status = store_rows(store, job, pool, error);
        if (status == APR_SUCCESS && read != APR_SUCCESS) {
            *error = job->error;
            status = read;
        }
    }
    if (status == APR_SUCCESS) {
        status = audit_import(store, job, pool, error);
    }
    if (status == APR_SUCCESS) {
        status = apikey_import_run(store, store->dialect->import.bulk_off, pool,
                                   error);
    }
    job->status = status;
    job->error = *error;
    return status;
}

/* ---- In steps ---- */

static apr_status_t import_step(apikey_store_t *store, void *baton,
                                apr_pool_t *pool, const char **error)
{
    import_job_t *job = baton;

    if (!is_repeated(job, error)) {
        job->status = store_rows(store, job, pool, error);
        job->error = *error;
    }
    return job->status;
}

/* The last step: all keys are stored, and become valid. */
static apr_status_t import_last_step(apikey_store_t *store, void *baton,
                                     apr_pool_t *pool, const char **error)
{
    import_job_t *job = baton;
    apr_hash_index_t *at;
    apr_status_t status =
        apikey_import_run(store, store->dialect->import.bulk_on, pool, error);

    for (at = apr_hash_first(pool, job->new_tenants);
         at && status == APR_SUCCESS; at = apr_hash_next(at)) {
        status = apikey_tenant_ensure(store, apr_hash_this_key(at), job->actor,
                                      pool, error);
    }
    if (status == APR_SUCCESS) {
        status = audit_import(store, job, pool, error);
    }
    if (status == APR_SUCCESS) {
        status = apikey_import_run(store, store->dialect->import.finish, pool,
                                   error);
    }
    return status == APR_SUCCESS
           ? apikey_import_run(store, store->dialect->import.bulk_off, pool,
                               error)
           : status;
}

/* Sets how many rows the next step has, by the time that this one took. */
static void set_step_size(import_job_t *job, apr_time_t began)
{
    apr_time_t took = apikey_clock() - began;
    int most = took > HOLD ? job->most / 2
             : took < HOLD / 2 ? job->most * 2 : job->most;

    job->most = most < ROWS_LEAST ? ROWS_LEAST
              : most > ROWS_MOST ? ROWS_MOST : most;
    job->ended = began + took;
}

/* The rest of the pause after a step, of which reading has taken a part. */
static void pause_step(const import_job_t *job)
{
    apr_time_t rest = job->ended + APIKEY_IMPORT_PAUSE - apikey_clock();

    if (rest > 0) {
        apr_sleep(rest);
    }
}

static apr_status_t import_steps(apikey_store_t *store, import_job_t *job,
                                 apr_pool_t *pool, const char **error)
{
    apr_status_t status = APR_SUCCESS;
    apr_pool_t *sub;

    job->most = ROWS_LEAST;
    job->ended = apikey_clock() - APIKEY_IMPORT_PAUSE;
    apr_pool_create(&sub, pool);
    while (status == APR_SUCCESS && !job->over) {
        const char *fault = NULL;
        apr_time_t began;
        apr_status_t read;

        apr_pool_clear(sub);
        read = read_import_rows(store, job, sub, &fault);
        pause_step(job);
        began = apikey_clock();
        job->ran = 0;
        status = apikey_transact(store, import_step, job, sub, error);
        if (status == APR_SUCCESS && read != APR_SUCCESS) {
            *error = fault;
            status = read;
        }
        set_step_size(job, began);
    }
    *error = status != APR_SUCCESS && *error ? apr_pstrdup(pool, *error)
                                             : NULL;
    apr_pool_destroy(sub);
    if (status == APR_SUCCESS) {
        status = apikey_statement_run_selects(
            store, store->dialect->import.last_settings, pool, error);
    }
    return status == APR_SUCCESS
           ? apikey_transact(store, import_last_step, job, pool, error)
           : status;
}

/* One import at a time: it removes keys of imports that did not end. */
static apr_status_t import_in_steps(apikey_store_t *store, import_job_t *job,
                                    apr_pool_t *pool, const char **error)
{
    const char *ignored;
    apikey_import_lock_t *lock;
    apr_status_t status = apikey_import_lock(store, &lock, pool, error);

    if (status != APR_SUCCESS) {
        return status;
    }
    status = apikey_import_clean(store, pool, error);
    if (status == APR_SUCCESS) {
        status = apikey_statement_run_selects(
            store, store->dialect->import.settings, pool, error);
    }
    if (status == APR_SUCCESS) {
        status = apikey_import_begin(store, pool, error);
    }
    if (status == APR_SUCCESS) {
        store->keep_open = 1;
        status = import_steps(store, job, pool, error);
        store->keep_open = 0;
        if (status != APR_SUCCESS) {
            apikey_import_clean(store, pool, &ignored);
        }
    }
    apikey_import_unlock(lock);
    return status;
}

/* Finds which key of the database the refused one collides with, after the
 * import was undone.  That one may have been deleted in between. */
static apr_status_t explain_taken(apikey_store_t *store,
                                  const import_job_t *job, apr_pool_t *pool,
                                  const char **error)
{
    const char *const *args = job->taken->args;
    const char *other;
    apr_status_t status = apikey_import_other(store, args[0], args[1], &other,
                                              pool, error);

    job->import->at_key = 1;
    job->import->place = job->taken->place;
    return status == APR_SUCCESS
           ? apikey_import_taken(other, args[1], pool, error) : status;
}

apr_status_t apikey_import(apikey_store_t *store, apikey_import_t *import,
                           const apikey_actor_t *actor, apr_pool_t *pool,
                           const char **error)
{
    import_job_t job = { .import = import, .actor = actor, .pool = pool };
    const char *ignored;
    apr_status_t status = apikey_store_connect(store, pool, error);

    if (status != APR_SUCCESS) {
        return status;
    }
    import->count = 0;
    import->at_key = 0;
    job.tenants = make_seen(pool);
    job.scopes = make_seen(pool);
    job.new_tenants = apr_hash_make(pool);
    job.rows = apr_pcalloc(pool, ROWS_MOST * sizeof(*job.rows));
    job.most = APIKEY_IMPORTED_AT_ONCE;
    job.steps = store->dialect->import.steps;
    apr_pool_create(&job.rows_pool, pool);
    status = job.steps ? import_in_steps(store, &job, pool, error)
             : apikey_transact(store, import_all, &job, pool, error);
    if (store->handle) {
        apikey_import_run(store, store->dialect->import.bulk_over, pool,
                          &ignored);
    }
    if (status != APR_SUCCESS && job.taken) {
        status = explain_taken(store, &job, pool, error);
    }
    if (status != APR_SUCCESS) {
        import->count = 0;
    }
    return status;
}
