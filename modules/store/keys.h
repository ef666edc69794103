/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file keys.h
 * @brief Creating, showing, listing and changing keys.
 *
 * Each change is one transaction with its entry in the audit, and is committed
 * when its function returns APR_SUCCESS.  It waits five seconds for a lock,
 * then returns APIKEY_ELOCKED.  APR_NOTFOUND and APIKEY_EREFUSED mean that the
 * change is not possible; every error leaves the database as it was.
 */
#ifndef APIKEY_KEYS_H
#define APIKEY_KEYS_H

#include <apr_tables.h>

#include "../core/key.h"
#include "../core/record.h"
#include "audit.h"

#define APIKEY_SCOPES_MAX 4000  /**< bytes of all scopes of a key */

/** All of a key's row, of its tenant's and of its uses.  record.digest is
 * "". */
typedef struct apikey_key_row_t {
    apikey_record_t record;
    const char *prefix;
    const char *digest;         /**< for `export` alone */
    const char *reason;         /**< of the revocation */
    const char *root;           /**< id of the first key of its line, which may
                                 be its own */
    const char *rotated_from;   /**< id of the key that it replaces; "": none */
    const char *tenant_reason;  /**< of the tenant's suspension */
    const char *owner;          /**< who answers for it; "": not known */
    const char *networks;       /**< core/networks.h's text */
    const char *meta;           /**< core/meta.h's text */
    const char *tenant_meta;    /**< the same of its tenant */
    apr_int64_t exposed;        /**< when it was last seen in a URL */
    apr_int64_t lifetime;       /**< seconds, of a key rotated from this one;
                                 0: as this one; -1: it never expires */
    int bits;                   /**< of an imported key: apikey_key_bits(); 0:
                                 not known */
    const char *odd;            /**< what could not be read of the columns that
                                 httpd does not decide by; or NULL */
    apr_table_t *raw;           /**< by the names of columns, the text of each
                                 that could not be read; NULL: all could */
} apikey_key_row_t;

/** The text of a column of @a key that could not be read; NULL: it could. */
const char *apikey_key_row_raw(const apikey_key_row_t *key,
                               const char *column);

/** The state of a key at @a now: "active", "faulty" (its row cannot be used),
 * or the code of the result with which a server refuses it. */
const char *apikey_key_row_state(const apikey_key_row_t *key,
                                 apr_int64_t now, apr_pool_t *pool);

/** What apikey_keys_set() changes; NULL: that stays as it is. */
typedef struct apikey_change_t {
    const char *name;
    const char *env;
    const char *scopes;         /**< separated by one blank; replaces all */
    const apr_int64_t *expires;
    const char *owner;          /**< "": none */
    const char *networks;       /**< core/networks.h's text; replaces all */
    const char *meta;           /**< core/meta.h's text; replaces all */
    const char *add_scopes;     /**< are added */
    const char *remove_scopes;  /**< are removed; the key must have them */
} apikey_change_t;

typedef apr_status_t (*apikey_key_row_fn)(void *baton,
                                          const apikey_key_row_t *key);

/**
 * Stores a key that was just made.  The first key of a tenant creates the
 * tenant; the scopes must be in the catalogue unless that is empty.
 * @param key   tenant, name, env, keyspace, scopes, expires, format and
 *              prefix; owner, networks and meta, which may be NULL; the rest is
 *              filled from @a fresh and @a actor
 */
apr_status_t apikey_keys_create(apikey_store_t *store,
                                apikey_key_row_t *key,
                                const apikey_fresh_t *fresh,
                                const apikey_actor_t *actor,
                                apr_pool_t *pool, const char **error);

/**
 * Finds a key by its id, and in a transaction locks its row.
 * @param keyspace the key must be of this one, or of an invalid one, which no
 *        server has; otherwise APIKEY_EREFUSED.  NULL: any
 * @param key out, in @a pool; NULL: there is none
 */
apr_status_t apikey_keys_show(apikey_store_t *store, const char *id,
                              const char *keyspace, apikey_key_row_t **key,
                              apr_pool_t *pool, const char **error);

/** Which keys a list has: those that meet all conditions; NULL and 0 are none.
 * */
typedef struct apikey_filter_t {
    const char *tenant;
    const char *keyspace;
    const char *env;
    const char *owner;
    const char *state;          /**< as apikey_key_row_state() has it at now */
    apr_int64_t now;            /**< epoch seconds */
    apr_int64_t ends_until;     /**< it ends after now, until then */
    apr_int64_t unused_since;   /**< made before, and not used since then */
} apikey_filter_t;

/**
 * Calls @a each with every key that meets the filter, oldest first; the key
 * lives during the call.  What @a each returns but APR_SUCCESS ends the list
 * and is returned.
 */
apr_status_t apikey_keys_list(apikey_store_t *store,
                              const apikey_filter_t *filter,
                              apikey_key_row_fn each, void *baton,
                              apr_pool_t *pool, const char **error);

/** Changes a key that is not revoked.  All columns of apikey_change_t are
 * written: if one of them is invalid in the row, the change must replace it, or
 * it is refused.  Faults of other columns stay.
 * @param changed out: whether a value differs from before; may be NULL */
apr_status_t apikey_keys_set(apikey_store_t *store, const char *id,
                             const apikey_change_t *change,
                             const apikey_actor_t *actor, int *changed,
                             apr_pool_t *pool, const char **error);

/** Revokes a key for good, even one whose row is faulty; a key that is revoked
 * already stays as it is.
 * @param reason may be "" */
apr_status_t apikey_keys_revoke(apikey_store_t *store, const char *id,
                                const char *reason,
                                const apikey_actor_t *actor,
                                apr_pool_t *pool, const char **error);

/** The same for several keys, for all of them or none.
 * @param ids const char *
 * @param changed out: how many were not revoked before */
apr_status_t apikey_keys_revoke_all(apikey_store_t *store,
                                    const apr_array_header_t *ids,
                                    const char *reason,
                                    const apikey_actor_t *actor,
                                    int *changed, apr_pool_t *pool,
                                    const char **error);

/** Disables (@a on) or enables; what is so already stays as it is.
 * @param changed out: whether it was not so; may be NULL */
apr_status_t apikey_keys_disable(apikey_store_t *store, const char *id,
                                 int on, const apikey_actor_t *actor,
                                 int *changed, apr_pool_t *pool,
                                 const char **error);

typedef struct apikey_rotation_t {
    const apikey_secrets_t *secrets;
    const apikey_policy_t *policy;      /**< the server's, which must accept the
                                         * new key; NULL: not known */
    apr_int64_t overlap;        /**< seconds that the old key still has */
    apr_int64_t longest;        /**< lifetime of the new key; 0: any */
    apikey_fresh_t fresh;       /**< out: the new key; wipe it when shown */
    apikey_key_row_t key;       /**< out: the new key's row */
    apr_int64_t old_expires;    /**< out: when the old key ends */
} apikey_rotation_t;

/**
 * A new key like the old one; the old one ends at the smaller of its own
 * expiry and now + overlap.  A key that opens nothing any more is refused, and
 * so is one in whose place there is another already, unless that is revoked:
 * of several processes that rotate a key at once, one does.
 */
apr_status_t apikey_keys_rotate(apikey_store_t *store, const char *id,
                                apikey_rotation_t *rotation,
                                const apikey_actor_t *actor,
                                apr_pool_t *pool, const char **error);

#endif
