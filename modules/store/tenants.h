/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file tenants.h
 * @brief Showing and changing tenants.
 *
 * Changes are made as keys.h says.
 */
#ifndef APIKEY_TENANTS_H
#define APIKEY_TENANTS_H

#include "audit.h"

typedef struct apikey_tenant_t {
    const char *tenant;
    apr_int64_t created;
    apr_int64_t suspended;
    const char *reason;
    const char *meta;           /**< core/meta.h's text */
    apr_int64_t keys;           /**< how many, invalid ones included */
    const char *fault;          /**< what of its row could not be read; or
                                 NULL */
} apikey_tenant_t;

typedef apr_status_t (*apikey_tenant_fn)(void *baton,
                                         const apikey_tenant_t *tenant);

apr_status_t apikey_tenant_list(apikey_store_t *store, apikey_tenant_fn each,
                                void *baton, apr_pool_t *pool,
                                const char **error);

/** Finds a tenant by its name; it may have keys and no row of its own.
 * @param tenant out, in @a pool; NULL: there is none */
apr_status_t apikey_tenant_show(apikey_store_t *store, const char *name,
                                apikey_tenant_t **tenant, apr_pool_t *pool,
                                const char **error);

/** Suspends a tenant (@a on), whose keys are refused then, or resumes it.
 * @param changed out: whether it was otherwise before; may be NULL */
apr_status_t apikey_tenant_suspend(apikey_store_t *store, const char *tenant,
                                   int on, const char *reason,
                                   const apikey_actor_t *actor, int *changed,
                                   apr_pool_t *pool, const char **error);

/** Sets the meta data that applications get with all keys of a tenant.
 * @param meta core/meta.h's text; replaces all
 * @param changed out: whether it was another one before; may be NULL */
apr_status_t apikey_tenant_set(apikey_store_t *store, const char *tenant,
                               const char *meta, const apikey_actor_t *actor,
                               int *changed, apr_pool_t *pool,
                               const char **error);

#endif
