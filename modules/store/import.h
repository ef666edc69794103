/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file import.h
 * @brief Many keys at once: all of them or none.
 */
#ifndef APIKEY_IMPORT_H
#define APIKEY_IMPORT_H

#include "keys.h"

typedef struct apikey_import_t {
    /**
     * Reads the next key: digest, secret_id ("" for SHA-256), id, tenant,
     * name, env, keyspace, scopes, format, hint, creator, created, expires,
     * revoked, disabled, lifetime, prefix, bits, root and rotated_from; none
     * is NULL.  Owner, networks, meta and reason may be.
     * @param pool lives until the next call
     * @return APR_EOF after the last; any other error ends the import and is
     *         returned
     */
    apr_status_t (*next)(void *baton, apikey_key_row_t *key,
                         apr_pool_t *pool, const char **error);
    void *baton;
    apr_int64_t count;          /**< out: keys that are stored */
    int at_key;                 /**< out: the error is about a key */
    apr_int64_t place;          /**< the line of the key: next() sets it; out:
                                 * of the key that the error is about */
} apikey_import_t;

/**
 * Stores keys, all or none.  Memory does not grow with their number: it holds
 * at most 100 000 of them, on SQLite twice as many. An import is one change of
 * the kind 'all' and one entry in the audit.  The first key of a tenant creates
 * the tenant; scopes must be in the catalogue unless that is empty.
 *
 * SQLite has one writer, so there keys are stored in steps of a fifth of a
 * second, and others write in between.  The last step makes all keys valid and
 * visible at once.  One import runs at a time; the next one removes what an
 * import that was killed has left.
 */
apr_status_t apikey_import(apikey_store_t *store, apikey_import_t *import,
                           const apikey_actor_t *actor, apr_pool_t *pool,
                           const char **error);

/** Checks a key as an import does, but for duplicates on its other lines, and
 * changes nothing. */
apr_status_t apikey_import_check(apikey_store_t *store, apikey_key_row_t *key,
                                 apr_pool_t *pool, const char **error);

#endif
