/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file custom_query.h
 * @brief Keys in a table of the administrator's own, by a select of his.
 *
 * A select has one %s (apikey_query_fault()), which becomes the digest in
 * lower-case hex.  Its columns are found by their names, whatever their case
 * and order: id and tenant must be there; without the others a key has no
 * name, no env and no scopes, never expires, is neither revoked nor disabled
 * nor suspended, may be used from anywhere, and belongs to the asker's
 * keyspace.  Every further column goes into the record's meta, unless it gives
 * the key or its digest away (core/disclosure.h): then its name is in the
 * record's withheld.  What cannot be understood is never taken for "not": it
 * is the record's fault.
 */
#ifndef APIKEY_CUSTOM_QUERY_H
#define APIKEY_CUSTOM_QUERY_H

#include "../core/key.h"
#include "../core/record.h"
#include "connection.h"

typedef struct apikey_custom_query_t {
    const char *sql;
    const char *keyspace;       /**< where no column says one; not NULL */
    const apikey_policy_t *policy;      /**< by which a key in a column is
                                         * known for one; NULL: it is not */
} apikey_custom_query_t;

/**
 * Looks a digest up, as apikey_store_lookup() does in our own tables.  A
 * connection's first look-up with a select tries its columns out.
 * @param record in @a pool; meta has upper-case names that can stand in a
 *        variable's, none of them twice, and no empty value
 * @return APR_SUCCESS, APR_NOTFOUND, APIKEY_EANSWER (the select must be
 *         corrected, or gives several rows) or APIKEY_EDATABASE
 */
apr_status_t apikey_custom_query_lookup(apikey_store_t *store,
                                        const apikey_custom_query_t *query,
                                        const char *digest,
                                        apikey_record_t **record,
                                        apr_pool_t *pool, const char **error);

/**
 * Tries such a select out, with a digest that no key has.
 * @return APR_SUCCESS; APIKEY_EANSWER: the select must be corrected, and
 *         @a error says why, in the database's own words where it has any;
 *         APIKEY_EDATABASE: the database does not answer
 */
apr_status_t apikey_custom_query_check(apikey_store_t *store, const char *sql,
                                       apr_pool_t *pool, const char **error);

/** The same for one of changes.h: two columns, whatever their names. */
apr_status_t apikey_custom_query_check_changes(apikey_store_t *store,
                                               const char *sql,
                                               apr_pool_t *pool,
                                               const char **error);

#endif
