/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file keys_private.h
 * @brief Steps of changes of keys, tenants and scopes, for the files that
 *        change them and for import.
 */
#ifndef APIKEY_KEYS_PRIVATE_H
#define APIKEY_KEYS_PRIVATE_H

#include "keys.h"
#include "scopes.h"
#include "tenants.h"
#include "transaction.h"

/** Reads a row of APIKEY_SQL_KEY_SHOW or APIKEY_SQL_KEY_LIST, for
 * apikey_row_pages_t.
 * @param item apikey_key_row_t */
void apikey_key_row_read(apikey_rows_t *rows, void *item, apr_pool_t *pool);

/** In a transaction on a database with more than one writer: locks the key's
 * row until the transaction is over.  To be called first in it, so that what is
 * read afterwards is what the transaction before has committed. */
apr_status_t apikey_key_row_lock(apikey_store_t *store, const char *id,
                                 apr_pool_t *pool, const char **error);

/** Fills in what comes from a key just made and from who made it. */
void apikey_key_row_fill(apikey_key_row_t *key, const apikey_fresh_t *fresh,
                         const apikey_actor_t *actor);

/** Sets owner, networks and meta that are NULL to "", and parses these into the
 * record; a text that cannot be parsed is the record's fault. */
void apikey_key_row_details(apikey_key_row_t *key, apr_pool_t *pool);

/** A value that is checked, and what is wrong with it. */
typedef struct apikey_check_t {
    const char *what;           /**< begins the sentence: "the name " */
    const char *fault;          /**< NULL: nothing */
} apikey_check_t;

/** Refuses the first value that has a fault. */
apr_status_t apikey_check_all(const apikey_check_t *checks, apr_size_t count,
                              apr_pool_t *pool, const char **error);

/** Refuses a value that is too long, that a header could not carry, or a scope
 * that cannot be granted. */
apr_status_t apikey_key_row_check(const apikey_key_row_t *key,
                                  apr_pool_t *pool, const char **error);

/** Inserts key, tenant and audit entry in the running transaction.
 * @param reason of the audit entry */
apr_status_t apikey_key_row_insert(apikey_store_t *store,
                                   const apikey_key_row_t *key,
                                   const apikey_actor_t *actor,
                                   const char *reason, apr_pool_t *pool,
                                   const char **error);

/** Updates what apikey_keys_set() can change, in the running transaction. */
apr_status_t apikey_key_row_update(apikey_store_t *store,
                                   const apikey_key_row_t *key,
                                   apr_pool_t *pool, const char **error);

/** Writes an audit entry about a key in the running transaction.
 * @param was JSON or "" */
apr_status_t apikey_key_row_audit(apikey_store_t *store,
                                  const apikey_key_row_t *key,
                                  const apikey_actor_t *actor,
                                  const char *action, const char *reason,
                                  const char *was, apr_pool_t *pool,
                                  const char **error);

/** Makes sure that a tenant has a row, in the running transaction: the first
 * key of a tenant creates it.  Refuses a name that looks like
 * another's, unless the tenant has a row already. */
apr_status_t apikey_tenant_ensure(apikey_store_t *store, const char *tenant,
                                  const apikey_actor_t *actor,
                                  apr_pool_t *pool, const char **error);

/** As apikey_tenant_ensure(), without writing.
 * @param exists out: whether the tenant has a row */
apr_status_t apikey_tenant_exists(apikey_store_t *store, const char *tenant,
                                  int *exists, apr_pool_t *pool,
                                  const char **error);

/** Refuses scopes that are not in the catalogue, unless that is empty.
 * @param scopes separated by one blank; a wildcard is in the catalogue where it
 *        covers a scope that is */
apr_status_t apikey_scopes_check(apikey_store_t *store, const char *scopes,
                                 apr_pool_t *pool, const char **error);

/** What is wrong with a text of core/meta.h that is to be stored, a sentence
 * fragment in @a pool; NULL: nothing. */
const char *apikey_meta_text_fault(const char *text, apr_pool_t *pool);

#endif
