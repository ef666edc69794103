/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file keys_private.h
 * @brief What the files behind manage.h share; for them only.
 */
#ifndef APIKEY_KEYS_PRIVATE_H
#define APIKEY_KEYS_PRIVATE_H

#include "audit.h"
#include "keys.h"
#include "scopes.h"
#include "tenants.h"
#include "transaction.h"

/** Locks a key's row until the transaction is over, where the database has more
 * than one writer.  The first statement of its transaction: what is read after
 * it is what the one before has committed. */
apr_status_t apikey_key_row_lock(apikey_store_t *store, const char *id,
                                 apr_pool_t *pool, const char **error);

/** The key, or APR_NOTFOUND with a sentence; of another keyspace (NULL: any)
 * APIKEY_EREFUSED. */
apr_status_t apikey_key_row_find(apikey_store_t *store, const char *id,
                                 const char *keyspace, apikey_key_row_t **key,
                                 apr_pool_t *pool, const char **error);

/** Whether a tenant has a row; refuses one that has none and could get none. */
apr_status_t apikey_tenant_exists(apikey_store_t *store, const char *tenant,
                                  int *there, apr_pool_t *pool,
                                  const char **error);

/** Makes sure that a tenant has a row, in the running transaction: it comes
 * into being with its first key, unless its name looks like another's. */
apr_status_t apikey_tenant_ensure(apikey_store_t *store, const char *tenant,
                                  const apikey_actor_t *actor,
                                  apr_pool_t *pool, const char **error);

/** Sets the expiry, and with it how long a key in its place lives. */
void apikey_key_row_expire(apikey_key_row_t *key, apr_int64_t expires);

/** Fills in what comes from a key just made and from who made it. */
void apikey_key_row_fill(apikey_key_row_t *key, const apikey_fresh_t *fresh,
                         const apikey_actor_t *actor);

/** Puts "" for owner, networks and meta that are NULL, and reads these into the
 * record; what is wrong with them is its fault. */
void apikey_key_row_details(apikey_key_row_t *key, apr_pool_t *pool);

/** Refuses what a header could not carry or nobody may be granted. */
apr_status_t apikey_key_row_check(const apikey_key_row_t *key,
                                  apr_pool_t *pool, const char **error);

/** Inserts key, tenant and audit entry in the running transaction.
 * @param reason of the audit entry */
apr_status_t apikey_key_row_insert(apikey_store_t *store,
                                   const apikey_key_row_t *key,
                                   const apikey_actor_t *actor,
                                   const char *reason, apr_pool_t *pool,
                                   const char **error);

/** Updates what `set` can change, in the running transaction. */
apr_status_t apikey_key_row_update(apikey_store_t *store,
                                   const apikey_key_row_t *key,
                                   apr_pool_t *pool, const char **error);

/** Writes an audit entry about a key.
 * @param was JSON or "" */
apr_status_t apikey_key_row_audit(apikey_store_t *store,
                                  const apikey_key_row_t *key,
                                  const apikey_actor_t *actor,
                                  const char *action, const char *reason,
                                  const char *was, apr_pool_t *pool,
                                  const char **error);

/** What the audit says of a key made by rotation: the id of the one before,
 * and the root of both. */
#define APIKEY_IN_PLACE_OF "in place of %s (root %s)"

/** The id of the one before, from that text, or from its beginning, which was
 * all of it before version 5; NULL: it is another text. */
const char *apikey_rotated_source(const char *reason, apr_pool_t *pool);

/** What is wrong with a text of core/meta.h that is to be stored, a sentence
 * fragment; NULL: nothing. */
const char *apikey_meta_text_fault(const char *text, apr_pool_t *pool);

/** What the catalogue says of each of @a scopes: not in it, not grantable;
 * runs inside a transaction. */
apr_status_t apikey_scopes_check(apikey_store_t *store, const char *scopes,
                                 apr_pool_t *pool, const char **error);

/** Refuses a reason that could not be shown; "" is none. */
apr_status_t apikey_reason_check(const char *reason, apr_pool_t *pool,
                                 const char **error);

#endif
