/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "prune.h"
#include "schema.h"
#include "sql.h"

#define DAY APR_INT64_C(86400)

typedef struct job_t {
    const char *before;
    int audit;                  /* or else the changes */
    apr_int64_t last;           /* out: the last that went; 0: none */
} job_t;

/* The last of the oldest rows that is old enough; 0: none is. */
static apr_status_t find_last(apikey_store_t *store, job_t *job,
                              apr_pool_t *pool, const char **error)
{
    apikey_rows_t rows;
    apr_status_t status = apikey_sql_select(&rows, store, job->audit
                                            ? APIKEY_SQL_AUDIT_OLD
                                            : APIKEY_SQL_CHANGES_OLD,
                                            &job->before, pool, error);

    job->last = 0;
    if (status != APR_SUCCESS) {
        return status;
    }
    if (apikey_rows_next(&rows)) {
        job->last = apikey_rows_number(&rows);
    }
    return apikey_rows_end(&rows, pool, error);
}

/*
 * kept_since comes first: the audit's trigger lets go what is older, and the
 * row's lock keeps two clean-ups apart.  Changes may be out of order by their
 * time where clocks differ; whoever misses one is told by `pruned`.
 */
static apr_status_t prune_some(apikey_store_t *store, void *baton,
                               apr_pool_t *pool, const char **error)
{
    job_t *job = baton;
    const char *args[] = { NULL, NULL };
    apr_status_t status = apikey_sql_query(store, APIKEY_SQL_IDENTITY_KEPT,
                                           &job->before, pool, error);

    if (status == APR_SUCCESS) {
        status = find_last(store, job, pool, error);
    }
    if (status != APR_SUCCESS || job->last == 0) {
        return status;
    }
    args[0] = apikey_sql_number(pool, job->last);
    if (job->audit) {
        args[1] = job->before;
        return apikey_sql_query(store, APIKEY_SQL_AUDIT_PRUNE, args, pool,
                                error);
    }
    args[1] = args[0];
    status = apikey_sql_query(store, APIKEY_SQL_CHANGES_PRUNE, args, pool,
                              error);
    return status == APR_SUCCESS
           ? apikey_sql_query(store, APIKEY_SQL_IDENTITY_PRUNED, args, pool,
                              error)
           : status;
}

apr_status_t apikey_store_prune(apikey_store_t *store, apr_int64_t before,
                                apr_pool_t *pool, const char **error)
{
    apikey_identity_t identity = { 0 };
    job_t job = { apikey_sql_number(pool, before), 0, 0 };
    apr_status_t status = apikey_schema_identity(store, &identity, pool,
                                                 error);
    apr_pool_t *sub;

    if (status != APR_SUCCESS || before <= 0
        || before - identity.kept_since < DAY) {
        return status;
    }
    apr_pool_create(&sub, pool);
    for (; job.audit < 2 && status == APR_SUCCESS; job.audit++) {
        do {
            apr_pool_clear(sub);
            status = apikey_sql_transact(store, prune_some, &job, sub, error);
        } while (status == APR_SUCCESS && job.last > 0);
    }
    if (status != APR_SUCCESS) {
        *error = apr_pstrdup(pool, *error);
    }
    apr_pool_destroy(sub);
    return status;
}
