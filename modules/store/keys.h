/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file keys.h
 * @brief Making, showing and changing keys, tenants and the scope catalogue.
 *
 * Each change is one transaction with its entry in the audit, and over when
 * its function returns.  A lock that another holds is waited for five
 * seconds, then APIKEY_ELOCKED.  What cannot be done is APR_NOTFOUND or
 * APIKEY_EREFUSED, with a sentence in @a error, and has changed nothing.
 */
#ifndef APIKEY_KEYS_H
#define APIKEY_KEYS_H

#include <apr_tables.h>

#include "../core/key.h"
#include "../core/record.h"
#include "audit.h"

#define APIKEY_SCOPES_MAX 4000  /**< bytes of all scopes of a key */

/** A key with what only its managers see.  record.digest is "". */
typedef struct apikey_key_row_t {
    apikey_record_t record;
    const char *prefix;
    const char *digest;         /**< for `export` alone */
    const char *reason;         /**< of the revocation */
    const char *root;           /**< id of the first key of its line, which may
                                     be its own */
    const char *rotated_from;   /**< id of the one in whose place it was made;
                                     "": none */
    const char *tenant_reason;  /**< of the tenant's suspension */
    const char *owner;          /**< who answers for it; "": not known */
    const char *networks;       /**< core/networks.h's text */
    const char *meta;           /**< core/meta.h's text */
    const char *tenant_meta;    /**< the same of its tenant */
    apr_int64_t exposed;        /**< when it was last seen in a URL */
    apr_int64_t lifetime;       /**< seconds that a key in its place lives; 0:
                                     as long as this one; -1: for ever */
    int bits;                   /**< of an imported key: apikey_key_bits(); 0:
                                     not known */
    const char *odd;            /**< what could not be read of the columns that
                                     a verdict does not need; or NULL */
    apr_table_t *raw;           /**< by the names of columns, the text of each
                                     that could not be read; NULL: all could */
} apikey_key_row_t;

/** The text of a column of @a key that could not be read; NULL: it could. */
const char *apikey_key_row_raw(const apikey_key_row_t *key,
                               const char *column);

/** What a key is good for at @a now: "active", "faulty", or the reason why a
 * server refuses it. */
const char *apikey_key_row_state(const apikey_key_row_t *key,
                                 apr_int64_t now, apr_pool_t *pool);

/** What `set` changes; NULL leaves as it is. */
typedef struct apikey_change_t {
    const char *name;
    const char *env;
    const char *scopes;         /**< separated by one blank; replaces all */
    const apr_int64_t *expires;
    const char *owner;          /**< "": none */
    const char *networks;       /**< core/networks.h's text; replaces all */
    const char *meta;           /**< core/meta.h's text; replaces all */
    const char *add_scopes;     /**< it gets these, too */
    const char *remove_scopes;  /**< these are taken; it must have them */
} apikey_change_t;

typedef apr_status_t (*apikey_key_row_fn)(void *baton,
                                          const apikey_key_row_t *key);

/**
 * Stores a key that was just made.  The tenant comes into being with its
 * first key; the scopes must be in the catalogue unless that is empty.
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
 * The key of that id.
 * @param keyspace it must be of this one, or its own be none that a server can
 *        have, else APIKEY_EREFUSED; NULL: of any
 */
apr_status_t apikey_keys_show(apikey_store_t *store, const char *id,
                              const char *keyspace, apikey_key_row_t **key,
                              apr_pool_t *pool, const char **error);

/** Which keys a list has: those that are all of this; NULL and 0 leave it
 * open. */
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
 * Hands every key that is so to @a each, oldest first, page by page: a key
 * lives only during the call.
 */
apr_status_t apikey_keys_list(apikey_store_t *store,
                              const apikey_filter_t *filter,
                              apikey_key_row_fn each, void *baton,
                              apr_pool_t *pool, const char **error);

/** Changes a key that is not revoked.  A change writes all that it can
 * change: of these, what cannot be read, and a text that is wrong, must be
 * among what is changed, or it is refused.  Other faults of the row stay.
 * @param changed out: whether anything was not so before; may be NULL */
apr_status_t apikey_keys_set(apikey_store_t *store, const char *id,
                             const apikey_change_t *change,
                             const apikey_actor_t *actor, int *changed,
                             apr_pool_t *pool, const char **error);

/** Revokes for good, whatever else is in the row; what is revoked already
 * stays as it is.
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
