/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Revokes keys, all of them or none. */

#include <stdlib.h>

#include <apr_strings.h>

#include "keys_private.h"

/* What the transaction works on. */
typedef struct revocation_t {
    const apr_array_header_t *ids;      /* const char * */
    const char *reason;
    const apikey_actor_t *actor;
    int *changed;                       /* out: how many were not revoked */
} revocation_t;

static int compare_key_ids(const void *one, const void *other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static apr_status_t revoke_one_key(apikey_store_t *store,
                                   const revocation_t *job, const char *id,
                                   apr_pool_t *pool, const char **error)
{
    const char *args[] = { apikey_number_arg(pool, job->actor->now),
                           job->reason, id };
    apikey_key_row_t *key;
    apr_status_t status = apikey_keys_show(store, id, job->actor->keyspace,
                                           &key, pool, error);

    if (status != APR_SUCCESS
        || (key->record.revoked && !apikey_key_row_raw(key, "revoked"))) {
        return status;
    }
    ++*job->changed;
    status = apikey_statement_query(store, APIKEY_SQL_KEY_REVOKE, args, pool,
                                    error);
    return status == APR_SUCCESS
           ? apikey_key_row_audit(store, key, job->actor, "revoke",
                                  job->reason, "", pool, error)
           : status;
}

/* Locks the rows of all keys in the order of their ids, so that two processes
 * with the same keys cannot deadlock; then revokes the keys in the order they
 * were given.  What is read of a locked row is what was committed before. */
static apr_status_t revoke_in_transaction(apikey_store_t *store, void *baton,
                                          apr_pool_t *pool, const char **error)
{
    const revocation_t *job = baton;
    apr_array_header_t *ids = apr_array_copy(pool, job->ids);
    apr_status_t status = APR_SUCCESS;
    apr_pool_t *sub;
    int i;

    *job->changed = 0;
    /* First the sorted ones, to be locked; then those given, to be revoked. */
    qsort(ids->elts, (size_t)ids->nelts, sizeof(char *), compare_key_ids);
    apr_array_cat(ids, job->ids);
    apr_pool_create(&sub, pool);
    for (i = 0; i < ids->nelts && status == APR_SUCCESS; i++) {
        const char *id = APR_ARRAY_IDX(ids, i, const char *);

        apr_pool_clear(sub);
        status = i < job->ids->nelts
                 ? apikey_key_row_lock(store, id, sub, error)
                 : revoke_one_key(store, job, id, sub, error);
        *error = apr_pstrdup(pool, *error);
    }
    apr_pool_destroy(sub);
    return status;
}

apr_status_t apikey_keys_revoke_all(apikey_store_t *store,
                                    const apr_array_header_t *ids,
                                    const char *reason,
                                    const apikey_actor_t *actor,
                                    int *changed, apr_pool_t *pool,
                                    const char **error)
{
    revocation_t job = { .ids = ids, .reason = reason, .actor = actor,
                         .changed = changed };
    apr_status_t status = apikey_audit_reason_check(reason, pool, error);

    *changed = 0;
    return status == APR_SUCCESS
             ? apikey_transact(store, revoke_in_transaction, &job, pool, error)
             : status;
}

apr_status_t apikey_keys_revoke(apikey_store_t *store, const char *id,
                                const char *reason,
                                const apikey_actor_t *actor,
                                apr_pool_t *pool, const char **error)
{
    apr_array_header_t *ids = apr_array_make(pool, 1, sizeof(char *));
    int changed;

    APR_ARRAY_PUSH(ids, const char *) = id;
    return apikey_keys_revoke_all(store, ids, reason, actor, &changed, pool,
                                  error);
}
