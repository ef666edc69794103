/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file custom_query.h
 * @brief Keys in other tables than the module's, by the administrator's select
 *        (ApiKeyQuery).
 *
 * The select has one %s (apikey_query_fault()), which is the digest in
 * lower-case hex.  Columns are mapped by their names, in any case and order.
 * id and tenant are required; the others default to no name, env and scopes,
 * never expires, neither revoked nor disabled nor suspended, any network, and
 * the keyspace of the request.  Any further column becomes meta data, unless it
 * contains the key or its digest (core/disclosure.h): then its name is in the
 * record's withheld.  A value that cannot be parsed never counts as "not
 * revoked" or the like: it is the record's fault, and the key is refused.
 */
#ifndef APIKEY_CUSTOM_QUERY_H
#define APIKEY_CUSTOM_QUERY_H

#include "../core/key.h"
#include "../core/record.h"
#include "connection.h"

typedef struct apikey_custom_query_t {
    const char *sql;
    const char *keyspace;       /**< of keys without that column; not NULL */
    const apikey_policy_t *policy;      /**< what a key looks like, to find one
                                         * in a column; NULL: none is */
} apikey_custom_query_t;

/**
 * Looks a digest up, as apikey_store_lookup() does in the module's tables.  The
 * first look-up of a connection with a select checks its columns.
 * @param record out, in @a pool; the names in meta are upper-case and valid in
 *        variables, none occurs twice, and no value is empty
 * @return APR_SUCCESS, APR_NOTFOUND, APIKEY_EANSWER (the select must be
 *         corrected, or gives several rows) or APIKEY_EDATABASE
 */
apr_status_t apikey_custom_query_lookup(apikey_store_t *store,
                                        const apikey_custom_query_t *query,
                                        const char *digest,
                                        apikey_record_t **record,
                                        apr_pool_t *pool, const char **error);

/**
 * Checks a select by running it with a digest that no key has.
 * @return APR_SUCCESS; APIKEY_EANSWER: the select must be corrected, and
 *         @a error says why, in the database's own words where it has any;
 *         APIKEY_EDATABASE: the database does not answer
 */
apr_status_t apikey_custom_query_check(apikey_store_t *store, const char *sql,
                                       apr_pool_t *pool, const char **error);

/** The same for a select of changes (ApiKeyChangesQuery), which has two columns
 * of any name. */
apr_status_t apikey_custom_query_check_changes(apikey_store_t *store,
                                               const char *sql,
                                               apr_pool_t *pool,
                                               const char **error);

#endif
