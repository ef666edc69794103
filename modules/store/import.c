/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_hash.h>
#include <apr_strings.h>

#include "../core/key.h"
#include "../core/mutex.h"
#include "import.h"
#include "import_private.h"
#include "keys_private.h"

#define SEEN_MOST 16384

/* Rows that one step stores: as many as take HOLD, after which other processes
 * can write. */
#define STEP_LEAST (25 * APIKEY_IMPORTED_AT_ONCE)
#define STEP_MOST (200 * APIKEY_IMPORTED_AT_ONCE)
#define HOLD apr_time_from_msec(400)

/* Texts that were checked already; emptied when there are too many. */
typedef struct seen_t {
    apr_pool_t *pool;
    apr_hash_t *texts;
} seen_t;

typedef struct import_job_t {
    apikey_import_t *import;
    const apikey_actor_t *actor;
    seen_t *tenants;            /* that have a row */
    seen_t *scopes;             /* lists that the catalogue allows */
    apr_pool_t *pool;
    apr_hash_t *new_tenants;    /* that get one when all keys are there */
    apikey_import_rows_t rows[2];       /* to be stored; in steps, also those
                                         * that are read meanwhile */
    apikey_import_rows_t *stored, *read;
    int most;                   /* rows to be read at once */
    int step;                   /* rows to be stored at once */
    apr_time_t ended;           /* the last step, apikey_clock() */
    int steps;                  /* of a transaction each */
    apr_status_t input_status;  /* not APR_SUCCESS: no more rows */
    const char *input_error;
    apikey_import_row_t *taken; /* cannot be stored */
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

/* Reads the next row and checks it. */
static apr_status_t read_import_row(apikey_store_t *store, import_job_t *job,
                                    apr_pool_t *pool, const char **error)
{
    apikey_import_t *import = job->import;
    apikey_key_row_t key = { .prefix = "" };
    apr_status_t status;

    import->at_key = 0;
    status = import->next(import->baton, &key, pool, error);
    if (status != APR_SUCCESS) {
        return status;
    }
    import->at_key = 1;
    apikey_key_row_details(&key, pool);
    status = apikey_import_look(&key, pool, error);
    if (status == APR_SUCCESS) {
        status =
            check_import_scopes(store, job, key.record.scopes, pool, error);
    }
    if (status == APR_SUCCESS) {
        status =
            check_import_tenant(store, job, key.record.tenant, pool, error);
    }
    if (status == APR_SUCCESS) {
        apikey_import_rows_add(job->read, &key, import->place);
    }
    return status;
}

/* Reads up to job->most rows, or until apikey_clock() is @a until (0: no
 * limit), but at least one.  An error of a row is reported when the rows before
 * it have been stored. */
static void read_import_rows(apikey_store_t *store, import_job_t *job,
                             apr_time_t until)
{
    const char *error = NULL;
    apr_pool_t *row;

    apr_pool_create(&row, job->pool);
    while (job->read->count < job->most && job->input_status == APR_SUCCESS) {
        apr_pool_clear(row);
        job->input_status = read_import_row(store, job, row, &error);
        if (until && apikey_clock() >= until) {
            break;
        }
    }
    if (job->input_status != APR_SUCCESS && error) {
        job->input_error = apr_pstrdup(job->pool, error);
    }
    apr_pool_destroy(row);
}

/* Passes the rows that were read to storing.  The next time twice as many are
 * read. */
static void take_import_rows(import_job_t *job)
{
    apikey_import_rows_t *stored = job->stored;

    job->stored = job->read;
    job->read = job->steps ? stored : job->stored;
    job->most = job->most > APIKEY_IMPORT_ROWS / 2 ? APIKEY_IMPORT_ROWS
                                                   : job->most * 2;
    apikey_import_rows_sort(job->stored);
}

/* ---- Storing ---- */

static apr_status_t store_import_rows(apikey_store_t *store, import_job_t *job,
                                      int most, apr_pool_t *pool,
                                      const char **error)
{
    const apikey_import_row_t *at;
    apr_status_t status = apikey_import_rows_store(store, job->stored, most,
                                                   &at, pool, error);

    if (at) {
        job->import->at_key = 1;
        job->import->place = at->place;
    }
    return status;
}

/* All rows have been stored, or one exists already; then the first such row of
 * the file is found. */
static apr_status_t end_import_rows(apikey_store_t *store, import_job_t *job,
                                    apr_pool_t *pool, const char **error)
{
    apr_status_t status = APR_SUCCESS;

    if (job->stored->taken) {
        status = apikey_import_rows_find(store, job->stored, pool, error);
        job->taken = job->stored->taken;
    }
    job->import->count += job->stored->count;
    apikey_import_rows_clear(job->stored);
    return status;
}

/* The status that ended the input; APR_SUCCESS at its end. */
static apr_status_t end_input(import_job_t *job, const char **error)
{
    if (job->input_status == APR_EOF) {
        job->import->at_key = 0;
        return APR_SUCCESS;
    }
    *error = job->input_error;
    return job->input_status;
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
    status =
        apikey_import_run(store, store->dialect->import.bulk_on, pool, error);
    while (status == APR_SUCCESS && job->input_status == APR_SUCCESS) {
        read_import_rows(store, job, 0);
        take_import_rows(job);
        status = store_import_rows(store, job, job->stored->count, pool, error);
        if (status == APR_SUCCESS) {
            status = end_import_rows(store, job, pool, error);
        }
    }
    if (status == APR_SUCCESS) {
        status = end_input(job, error);
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
        job->status = store_import_rows(store, job, job->step, pool, error);
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
    return status == APR_SUCCESS ? apikey_import_run(
               store, store->dialect->import.bulk_off, pool, error)
                                 : status;
}

/* Sets how many rows the next step has, by the time that this one took. */
static void set_step_size(import_job_t *job, apr_time_t began)
{
    apr_time_t took = apikey_clock() - began;
    int step = took > HOLD ? job->step / 2
             : took < HOLD / 2 ? job->step * 2 : job->step;

    job->step = step < STEP_LEAST ? STEP_LEAST
              : step > STEP_MOST ? STEP_MOST : step;
    job->ended = began + took;
}

/* The pause after a step, in which other processes can write; rows are read in
 * it. */
static void wait_for_others(apikey_store_t *store, import_job_t *job)
{
    apr_time_t until = job->ended + APIKEY_IMPORT_PAUSE;
    apr_time_t rest;

    read_import_rows(store, job, until);
    rest = until - apikey_clock();
    if (rest > 0) {
        apr_sleep(rest);
    }
}

/* Stores what was read, step by step. */
static apr_status_t store_in_steps(apikey_store_t *store, import_job_t *job,
                                   apr_pool_t *pool, const char **error)
{
    apikey_import_rows_t *rows = job->stored;
    apr_status_t status = APR_SUCCESS;

    while (rows->stored < rows->count && !rows->taken
           && status == APR_SUCCESS) {
        apr_time_t began;

        wait_for_others(store, job);
        began = apikey_clock();
        job->ran = 0;
        status = apikey_transact(store, import_step, job, pool, error);
        set_step_size(job, began);
    }
    return status == APR_SUCCESS ? end_import_rows(store, job, pool, error)
                                 : status;
}

static apr_status_t import_steps(apikey_store_t *store, import_job_t *job,
                                 apr_pool_t *pool, const char **error)
{
    apr_status_t status = APR_SUCCESS;
    apr_pool_t *sub;

    job->step = STEP_LEAST;
    job->ended = apikey_clock() - APIKEY_IMPORT_PAUSE;
    apr_pool_create(&sub, pool);
    while (status == APR_SUCCESS
           && (job->input_status == APR_SUCCESS || job->read->count > 0)) {
        apr_pool_clear(sub);
        read_import_rows(store, job, 0);
        take_import_rows(job);
        status = store_in_steps(store, job, sub, error);
    }
    *error = status != APR_SUCCESS ? apr_pstrdup(pool, *error) : NULL;
    apr_pool_destroy(sub);
    if (status == APR_SUCCESS) {
        status = end_input(job, error);
    }
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
    job.most = STEP_LEAST;
    job.steps = store->dialect->import.steps;
    job.stored = job.read = &job.rows[0];
    apikey_import_rows_init(job.read, pool);
    if (job.steps) {
        job.stored = &job.rows[1];
        apikey_import_rows_init(job.stored, pool);
    }
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
