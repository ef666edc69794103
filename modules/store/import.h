/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file import.h
 * @brief Many keys at once: all of them or none.
 */
#ifndef APIKEY_IMPORT_H
#define APIKEY_IMPORT_H

#include "manage.h"

typedef struct apikey_import_t {
    /**
     * Gives the next key: digest, secret_id ("" for SHA-256), id, tenant,
     * name, env, keyspace, scopes, format, hint, creator, created, expires,
     * revoked, disabled, lifetime, prefix, bits, root and rotated_from; none
     * is NULL.  Owner, networks, meta and reason may be.
     * @param pool lives until the next call
     * @return APR_EOF behind the last; what else is not APR_SUCCESS ends the
     *         import and is handed on
     */
    apr_status_t (*next)(void *baton, apikey_managed_t *key,
                         apr_pool_t *pool, const char **error);
    void *baton;
    apr_int64_t count;          /**< out: keys that are stored */
    int at_key;                 /**< out: the error is about a key */
    apr_int64_t place;          /**< where a key comes from, its line: next()
                                 * sets it; out: of the key that the error is
                                 * about */
} apikey_import_t;

/**
 * Stores keys, all or none, in a memory that does not grow with their number:
 * 100 000 of them are in it at most, on SQLite twice as many.
 * Readers of changes are told one thing, that anything may have changed; the
 * audit has one entry.  Tenants come into being with their first key, scopes
 * must be in the catalogue unless that is empty.
 *
 * On SQLite, where there is one writer, keys are stored in steps of a fifth of
 * a second, between which others can write.  None of them is valid, or seen,
 * before the last step makes all of them so; one import runs at a time, and
 * what one has left that was killed is removed by the next.
 */
apr_status_t apikey_import(apikey_store_t *store, apikey_import_t *import,
                           const apikey_actor_t *actor, apr_pool_t *pool,
                           const char **error);

/** Whether such a key could be stored: all that an import looks at but what
 * stands on its other lines.  The database is not changed. */
apr_status_t apikey_import_check(apikey_store_t *store, apikey_managed_t *key,
                                 apr_pool_t *pool, const char **error);

#endif
