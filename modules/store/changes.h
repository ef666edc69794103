/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file changes.h
 * @brief Changes of keys and tenants by their numbers, which void what httpd
 * has
 *        cached.
 */
#ifndef APIKEY_CHANGES_H
#define APIKEY_CHANGES_H

#include "connection.h"

typedef enum {
    APIKEY_CHANGED_ALL = 0,     /**< anything may have changed; also of a kind
                                 * that this version does not know */
    APIKEY_CHANGED_DIGEST,      /**< value is the key's digest */
    APIKEY_CHANGED_TENANT       /**< value is the tenant */
} apikey_changed_e;

/**
 * @param changed when, epoch seconds; 0: not known
 * @return anything but APR_SUCCESS ends the list and is returned
 */
typedef apr_status_t (*apikey_changed_fn)(void *baton, apr_int64_t number,
                                          apikey_changed_e kind,
                                          const char *value,
                                          apr_int64_t changed);

/**
 * Calls @a each with every change whose number is above @a since, in order.
 * If some of them have been pruned (prune.h), the first is APIKEY_CHANGED_ALL
 * with the number of the last one that was.
 */
apr_status_t apikey_changes_since(apikey_store_t *store, apr_int64_t since,
                                  apikey_changed_fn each, void *baton,
                                  apr_pool_t *pool, const char **error);

/**
 * The same by the administrator's select (ApiKeyChangesQuery), whose %s is
 * @a since, and which gives a number and the digest of a key per row.
 *
 * It is repeated with the last number until it gives nothing new, so it may
 * have an ORDER BY and a LIMIT; without them a result is held whole and sorted
 * here.  Numbers that are not above @a since are ignored.  A value that is no
 * digest (NULL, or any other text) is APIKEY_CHANGED_ALL.
 * @return APIKEY_EANSWER, too, for a number that is none
 */
apr_status_t apikey_changes_custom(apikey_store_t *store, const char *sql,
                                   apr_int64_t since,
                                   apikey_changed_fn each, void *baton,
                                   apr_pool_t *pool, const char **error);

/** Calls @a each with the last change, if there ever was one; if it has been
 * pruned, with APIKEY_CHANGED_ALL and its number. */
apr_status_t apikey_changes_last(apikey_store_t *store,
                                 apikey_changed_fn each, void *baton,
                                 apr_pool_t *pool, const char **error);

#endif
