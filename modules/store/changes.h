/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file changes.h
 * @brief What has changed since: the way to keep a cache true.
 */
#ifndef APIKEY_CHANGES_H
#define APIKEY_CHANGES_H

#include "connection.h"

typedef enum {
    APIKEY_CHANGED_ALL = 0,     /**< anything; any kind not known here, too */
    APIKEY_CHANGED_DIGEST,      /**< value is the key's digest */
    APIKEY_CHANGED_TENANT       /**< value is the tenant */
} apikey_changed_e;

/**
 * @param changed when, epoch seconds; 0: not known
 * @return anything but APR_SUCCESS ends the list and is handed on
 */
typedef apr_status_t (*apikey_changed_fn)(void *baton, apr_int64_t number,
                                          apikey_changed_e kind,
                                          const char *value,
                                          apr_int64_t changed);

/**
 * Hands every change with a number above @a since to @a each, in order.
 * Where some of them have been deleted (apikey_store_prune()), the first is
 * APIKEY_CHANGED_ALL with the number of the last one that is gone.
 */
apr_status_t apikey_changes_since(apikey_store_t *store, apr_int64_t since,
                                  apikey_changed_fn each, void *baton,
                                  apr_pool_t *pool, const char **error);

/**
 * The same by a select of the administrator's own (ApiKeyChangesQuery), whose
 * %s is @a since: rows of a number and the digest of a key.
 *
 * It is asked again with the last number until it gives nothing new, so it
 * may have an ORDER BY and a LIMIT; without them a result is held whole and
 * sorted here.  Numbers that are not above @a since are passed over.  What is
 * no digest (NULL, or any other text) is APIKEY_CHANGED_ALL.
 * @return APIKEY_EANSWER too: a number that is none
 */
apr_status_t apikey_changes_custom(apikey_store_t *store, const char *sql,
                                   apr_int64_t since,
                                   apikey_changed_fn each, void *baton,
                                   apr_pool_t *pool, const char **error);
/** Hands the last change to @a each, if there ever was one; where it has been
 * deleted, APIKEY_CHANGED_ALL with its number. */
apr_status_t apikey_changes_last(apikey_store_t *store,
                                 apikey_changed_fn each, void *baton,
                                 apr_pool_t *pool, const char **error);

#endif
