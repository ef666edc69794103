/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/time_text.h"
#include "../core/result.h"
#include "keys_private.h"

typedef struct rotation_job_t {
    const char *id;
    apikey_rotation_t *rotation;
    const apikey_actor_t *actor;
} rotation_job_t;

static void wipe_new_key(apikey_rotation_t *rotation)
{
    if (rotation->fresh.key) {
        apikey_wipe(rotation->fresh.key, strlen(rotation->fresh.key));
        rotation->fresh.key = NULL;
    }
}

/* Refuses a new key that the server would not accept: the old one, whose shape
 * it has, may be from before a change of ApiKeyPrefix or ApiKeyFormat. */
static apr_status_t check_accepted(apikey_rotation_t *rotation,
                                   apr_pool_t *pool, const char **error)
{
    const char *key = rotation->fresh.key;
    const char *fault = rotation->policy
                        ? apikey_key_fault(rotation->policy, key, strlen(key))
                        : NULL;

    if (!fault) {
        return APR_SUCCESS;
    }
    wipe_new_key(rotation);
    return apikey_reject(pool, error, "the server would refuse a new key like "
                         "the old one: it %s; make one with `htapikey create`",
                         fault);
}

/* Makes a key of the old one's format and prefix. */
static apr_status_t make_successor(apikey_rotation_t *rotation,
                                   const apikey_key_row_t *old,
                                   apr_pool_t *pool, const char **error)
{
    const char *prefix = *old->prefix ? old->prefix : APIKEY_PREFIX_DEFAULT;
    apikey_format_e format = apikey_format_from_name(old->record.format);

    if (format != APIKEY_FORMAT_BASE62 && format != APIKEY_FORMAT_HEX64) {
        return apikey_reject(pool, error, "the key %s was imported and keys "
                             "of its shape cannot be made; make one of "
                             "another format with `htapikey create`",
                             old->record.id);
    }
    if (apikey_prefix_fault(prefix)) {
        return apikey_reject(pool, error, "the prefix of the key %s %s",
                             old->record.id, apikey_prefix_fault(prefix));
    }
    /* The transaction may be tried again. */
    wipe_new_key(rotation);
    if (apikey_key_make(&rotation->fresh, format, prefix, rotation->secrets,
                        pool) != APR_SUCCESS) {
        return apikey_reject(pool, error, "the system gave no random bytes "
                             "or OpenSSL failed; no key was made");
    }
    return check_accepted(rotation, pool, error);
}

/* The new key gets the lifetime that the old one was made with, at most the
 * longest that is allowed now. */
static apr_int64_t new_expiry(const apikey_key_row_t *old,
                              const apikey_rotation_t *rotation,
                              apr_int64_t now)
{
    apr_int64_t since = old->record.created;
    apr_int64_t life = old->lifetime;

    if (life == 0) {
        since = since > 0 && since < now ? since : now;
        life = old->record.expires == APIKEY_NEVER
               ? -1 : old->record.expires - since;
    }
    if (rotation->longest > 0 && (life < 0 || life > rotation->longest)) {
        life = rotation->longest;
    }
    return life < 0 ? APIKEY_NEVER : now + life;
}

/* The old key ends after the overlap, or at its own expiry if that is
 * earlier. */
static apr_status_t shorten_old_key(apikey_store_t *store,
                                    apikey_key_row_t *old,
                                    const rotation_job_t *job, apr_pool_t *pool,
                                    const char **error)
{
    apr_int64_t was = old->record.expires;
    apr_int64_t end = job->actor->now + job->rotation->overlap;
    apr_status_t status = APR_SUCCESS;

    if (was != APIKEY_NEVER && was < end) {
        end = was;
    }
    job->rotation->old_expires = end;
    if (end != was) {
        old->record.expires = end;
        status = apikey_key_row_update(store, old, pool, error);
    }
    return status == APR_SUCCESS
           ? apikey_key_row_audit(store, old, job->actor, "rotate",
                                  apr_pstrcat(pool, "replaced by ",
                                              job->rotation->fresh.id, NULL),
                                  apr_psprintf(pool, "{\"expires\":%"
                                               APR_INT64_T_FMT ",\"now\":{"
                                               "\"expires\":%"
                                               APR_INT64_T_FMT "}}", was, end),
                                  pool, error)
           : status;
}

/* Refuses to rotate a key a second time.  The old key's row is locked until the
 * new one is inserted, so no other process does it in between.  A revoked
 * successor does not count: it is revoked where it could not be shown. */
static apr_status_t check_successor(apikey_store_t *store,
                                    const rotation_job_t *job, apr_pool_t *pool,
                                    const char **error)
{
    const char *args[] = { job->id };
    const char *id;
    apikey_key_row_t *other;
    apikey_rows_t rows;
    apr_status_t status;

    apikey_statement_select(&rows, store, APIKEY_SQL_KEY_SUCCESSOR, args, pool,
                            error);
    id = apikey_rows_next(&rows) ? apikey_rows_copy(&rows, pool) : NULL;
    status = apikey_rows_end(&rows, pool, error);
    if (status != APR_SUCCESS || !id) {
        return status;
    }
    status = apikey_keys_show(store, id, NULL, &other, pool, error);
    return status == APR_SUCCESS
           ? apikey_reject(pool, error, "the key %s has been rotated already: "
                           "%s, which is %s, is in its place; rotate that one, "
                           "or, if its key was lost, revoke it first", job->id,
                           id,
                           apikey_key_row_state(other, job->actor->now, pool))
           : status;
}

static apr_status_t rotate_in_transaction(apikey_store_t *store, void *baton,
                                          apr_pool_t *pool, const char **error)
{
    const rotation_job_t *job = baton;
    apikey_rotation_t *rotation = job->rotation;
    apikey_key_row_t *old;
    apikey_result_e result;
    const char *fault;
    apr_status_t status = apikey_keys_show(store, job->id,
                                              job->actor->keyspace, &old,
                                              pool, error);

    if (status != APR_SUCCESS) {
        return status;
    }
    fault = apikey_record_fault(&old->record, pool);
    if (fault && !old->record.revoked) {
        return apikey_reject(pool, error, "the key %s is faulty and cannot be "
                             "rotated: %s; correct that first", job->id,
                             fault);
    }
    status = check_successor(store, job, pool, error);
    if (status != APR_SUCCESS) {
        return status;
    }
    result = apikey_record_result(&old->record, NULL, job->actor->now);
    if (result != APIKEY_GRANTED && result != APIKEY_SUSPENDED) {
        return apikey_reject(pool, error, "the key %s is %s and cannot be "
                             "rotated; make a new one", job->id,
                             apikey_result(result)->code);
    }
    status = make_successor(rotation, old, pool, error);
    if (status != APR_SUCCESS) {
        return status;
    }
    rotation->key = *old;
    rotation->key.record.expires = new_expiry(old, rotation,
                                              job->actor->now);
    apikey_key_row_fill(&rotation->key, &rotation->fresh, job->actor);
    rotation->key.root = old->root;
    rotation->key.rotated_from = old->record.id;
    status = apikey_key_row_check(&rotation->key, pool, error);
    if (status == APR_SUCCESS) {
        status = shorten_old_key(store, old, job, pool, error);
    }
    return status == APR_SUCCESS
           ? apikey_key_row_insert(store, &rotation->key, job->actor,
                                   apr_psprintf(pool, APIKEY_AUDIT_ROTATED_FROM,
                                                job->id, old->root), pool,
                                   error)
           : status;
}

apr_status_t apikey_keys_rotate(apikey_store_t *store, const char *id,
                                apikey_rotation_t *rotation,
                                const apikey_actor_t *actor,
                                apr_pool_t *pool, const char **error)
{
    rotation_job_t job = { id, rotation, actor };
    apr_status_t status;

    if (rotation->overlap < 0
        || rotation->overlap > APR_INT64_MAX - actor->now) {
        return apikey_reject(pool, error, "the overlap is too long");
    }
    status = apikey_transact(store, rotate_in_transaction, &job, pool, error);
    if (status != APR_SUCCESS) {
        wipe_new_key(rotation);
    }
    return status;
}
