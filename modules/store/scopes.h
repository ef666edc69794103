/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file scopes.h
 * @brief The catalogue of scopes.
 *
 * Changes are made as keys.h says.
 */
#ifndef APIKEY_SCOPES_H
#define APIKEY_SCOPES_H

#include "audit.h"

typedef apr_status_t (*apikey_scope_fn)(void *baton, const char *name,
                                        const char *description);

apr_status_t apikey_scope_list(apikey_store_t *store, apikey_scope_fn each,
                               void *baton, apr_pool_t *pool,
                               const char **error);

/** The result of apikey_scope_add(). */
typedef struct apikey_scope_done_t {
    int was_there;              /**< the scope was in the catalogue before */
    int changed;                /**< it is new, or its description is */
    const char *description;    /**< the one that it has now */
} apikey_scope_done_t;

/** Adds a scope, or changes the description of one that exists.
 * @param description "" leaves that of an existing scope
 * @param done out; may be NULL */
apr_status_t apikey_scope_add(apikey_store_t *store, const char *name,
                              const char *description,
                              const apikey_actor_t *actor,
                              apikey_scope_done_t *done, apr_pool_t *pool,
                              const char **error);

/** Removes a scope from the catalogue; keys that have it keep it. */
apr_status_t apikey_scope_remove(apikey_store_t *store, const char *name,
                                 const apikey_actor_t *actor,
                                 apr_pool_t *pool, const char **error);

#endif
