/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/text.h"
#include "json.h"
#include "keys_private.h"
#include "row_pages.h"

typedef struct tenant_callback_t {
    apikey_tenant_fn each;
    void *baton;
} tenant_callback_t;

static apr_status_t give_tenant(void *baton, const void *item)
{
    tenant_callback_t *to = baton;

    return to->each(to->baton, item);
}

static void read_tenant(apikey_rows_t *rows, void *item, apr_pool_t *pool)
{
    apikey_tenant_t *tenant = item;

    tenant->tenant = apikey_rows_copy(rows, pool);
    tenant->created = apikey_rows_number(rows);
    tenant->suspended = apikey_rows_number(rows);
    tenant->reason = apikey_rows_copy(rows, pool);
    tenant->meta = apikey_rows_copy(rows, pool);
    tenant->keys = apikey_rows_number(rows);
    tenant->fault = apikey_rows_fault(rows, pool);
}

static int next_tenant_page(const void *item, const char **args,
                            apr_pool_t *pool)
{
    return apikey_page_arg(args, ((const apikey_tenant_t *)item)->tenant,
                           pool);
}

apr_status_t apikey_tenant_list(apikey_store_t *store, apikey_tenant_fn each,
                                void *baton, apr_pool_t *pool,
                                const char **error)
{
    const char *args[] = { "" };
    tenant_callback_t to = { each, baton };
    apikey_row_pages_t pages = { .which = APIKEY_SQL_TENANT_LIST, .args = args,
                                 .size = sizeof(apikey_tenant_t),
                                 .read = read_tenant, .next = next_tenant_page,
                                 .give = give_tenant, .baton = &to };

    return apikey_row_pages(store, &pages, pool, error);
}

apr_status_t apikey_tenant_show(apikey_store_t *store, const char *name,
                                apikey_tenant_t **tenant, apr_pool_t *pool,
                                const char **error)
{
    const char *args[] = { name, name };
    apikey_tenant_t *found = apr_palloc(pool, sizeof(*found));
    apikey_rows_t rows;

    apikey_statement_select(&rows, store, APIKEY_SQL_TENANT_ONE, args, pool,
                            error);
    *tenant = NULL;
    while (!*tenant && apikey_rows_next(&rows)) {
        read_tenant(&rows, found, pool);
        *tenant = strcmp(found->tenant, name) == 0 ? found : NULL;
    }
    return apikey_rows_end(&rows, pool, error);
}

typedef struct tenant_job_t {
    const char *tenant;
    int on;
    const char *reason;         /* of suspend() */
    const char *meta;           /* of set() */
    const apikey_actor_t *actor;
    int *changed;               /* out: whether anything was changed */
} tenant_job_t;

/* Whether a select by the tenant's name finds exactly that name.
 * @param suspended out: since when, 0: it is not, -1: that cannot be read; may
 *        be NULL */
static apr_status_t find_tenant(apikey_store_t *store, apikey_sql_e which,
                                const char *tenant, int *found,
                                apr_int64_t *suspended, apr_pool_t *pool,
                                const char **error)
{
    apikey_rows_t rows;

    apikey_statement_select(&rows, store, which, &tenant, pool, error);
    *found = 0;
    while (!*found && apikey_rows_next(&rows)) {
        *found = strcmp(apikey_rows_text(&rows), tenant) == 0;
        if (*found && suspended) {
            *suspended = apikey_rows_number(&rows);
            *suspended = apikey_rows_fault(&rows, pool) ? -1 : *suspended;
        }
    }
    return apikey_rows_end(&rows, pool, error);
}

apr_status_t apikey_tenant_exists(apikey_store_t *store, const char *tenant,
                                  int *there, apr_pool_t *pool,
                                  const char **error)
{
    const char *fault = apikey_name_fault(tenant);
    apikey_rows_t rows;
    apr_status_t status;

    apikey_statement_select(&rows, store, APIKEY_SQL_TENANT_SHOW, &tenant, pool,
                            error);
    *there = apikey_rows_next(&rows);
    status = apikey_rows_end(&rows, pool, error);
    return status == APR_SUCCESS && !*there && fault
           ? apikey_reject(pool, error, "the tenant %s", fault) : status;
}

apr_status_t apikey_tenant_ensure(apikey_store_t *store, const char *tenant,
                                  const apikey_actor_t *actor,
                                  apr_pool_t *pool, const char **error)
{
    const char *args[] = { tenant, apikey_number_arg(pool, actor->now) };
    int found;
    apr_status_t status = apikey_tenant_exists(store, tenant, &found, pool,
                                               error);

    return status == APR_SUCCESS && !found
           ? apikey_statement_query(store, APIKEY_SQL_TENANT_INSERT, args, pool,
                                    error)
           : status;
}

/* Locks the tenant's row; inserts it for a tenant that has keys and no row. */
static apr_status_t ensure_tenant_row(apikey_store_t *store,
                                      const tenant_job_t *job,
                                      apr_int64_t *suspended, apr_pool_t *pool,
                                      const char **error)
{
    const char *args[] = { job->tenant,
                           apikey_number_arg(pool, job->actor->now) };
    int found;
    apr_status_t status = find_tenant(store, APIKEY_SQL_TENANT_LOCK,
                                      job->tenant, &found, suspended, pool,
                                      error);

    if (status != APR_SUCCESS || found) {
        return status;
    }
    *suspended = 0;
    status = find_tenant(store, APIKEY_SQL_TENANT_KEYS, job->tenant, &found,
                         NULL, pool, error);
    if (status == APR_SUCCESS && !found) {
        *error = apr_psprintf(pool, "there is no tenant \"%s\"; tenants come "
                              "into being with their first key",
                              job->tenant);
        return APR_NOTFOUND;
    }
    return status == APR_SUCCESS
           ? apikey_statement_query(store, APIKEY_SQL_TENANT_INSERT, args, pool,
                                    error)
           : status;
}

static apr_status_t suspend_in_transaction(apikey_store_t *store, void *baton,
                                           apr_pool_t *pool, const char **error)
{
    const tenant_job_t *job = baton;
    const char *args[] = {
        job->on ? apikey_number_arg(pool, job->actor->now) : "0",
        job->on ? job->reason : "", job->tenant
    };
    const apikey_audit_t entry = {
        0, job->actor->now, job->actor->who, job->on ? "suspend" : "resume",
        "", job->tenant, job->reason, "", NULL
    };
    apr_int64_t suspended;
    apr_status_t status =
        ensure_tenant_row(store, job, &suspended, pool, error);

    if (status != APR_SUCCESS
        || (suspended != -1 && !suspended == !job->on)) {
        return status;
    }
    *job->changed = 1;
    status = apikey_statement_query(store, APIKEY_SQL_TENANT_SUSPEND, args,
                                    pool, error);
    return status == APR_SUCCESS ? apikey_audit_write(store, &entry, pool,
                                                      error) : status;
}

apr_status_t apikey_tenant_suspend(apikey_store_t *store, const char *tenant,
                                   int on, const char *reason,
                                   const apikey_actor_t *actor, int *changed,
                                   apr_pool_t *pool, const char **error)
{
    int any;
    tenant_job_t job = { tenant, on, reason, NULL, actor,
                         changed ? changed : &any };
    apr_status_t status = apikey_audit_reason_check(reason, pool, error);

    *job.changed = 0;
    return status == APR_SUCCESS
             ? apikey_transact(store, suspend_in_transaction, &job, pool, error)
             : status;
}

static const char *meta_json(const char *meta, apr_pool_t *pool)
{
    return apr_pstrcat(pool, "\"meta\":", apikey_json_string(meta, pool), NULL);
}

static apr_status_t set_meta_in_transaction(apikey_store_t *store, void *baton,
                                            apr_pool_t *pool,
                                            const char **error)
{
    const tenant_job_t *job = baton;
    const char *args[] = { job->meta, job->tenant };
    apikey_audit_t entry = {
        0, job->actor->now, job->actor->who, "tenant-set", "", job->tenant,
        "", "", NULL
    };
    apikey_tenant_t *tenant;
    apr_int64_t suspended;
    apr_status_t status =
        ensure_tenant_row(store, job, &suspended, pool, error);

    if (status == APR_SUCCESS) {
        status = apikey_tenant_show(store, job->tenant, &tenant, pool, error);
    }
    if (status != APR_SUCCESS || strcmp(tenant->meta, job->meta) == 0) {
        return status;
    }
    *job->changed = 1;
    entry.was = apikey_audit_change_json(meta_json(tenant->meta, pool),
                                         meta_json(job->meta, pool), pool);
    status = apikey_statement_query(store, APIKEY_SQL_TENANT_SET, args, pool,
                                    error);
    return status == APR_SUCCESS ? apikey_audit_write(store, &entry, pool,
                                                      error) : status;
}

apr_status_t apikey_tenant_set(apikey_store_t *store, const char *tenant,
                               const char *meta, const apikey_actor_t *actor,
                               int *changed, apr_pool_t *pool,
                               const char **error)
{
    int any;
    tenant_job_t job = {
        tenant, 0, NULL, meta, actor, changed ? changed : &any
    };
    const char *fault = apikey_meta_text_fault(meta, pool);

    *job.changed = 0;
    return fault ? apikey_reject(pool, error, "the meta %s", fault)
                 : apikey_transact(store, set_meta_in_transaction, &job, pool,
                                   error);
}
