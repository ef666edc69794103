/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file require.h
 * @brief Require apikey-scope, apikey-tenant, apikey-env, apikey-id,
 *        apikey-meta, apikey-none.
 */
#ifndef APIKEY_REQUIRE_H
#define APIKEY_REQUIRE_H

#include "../request/state.h"

/** Registers the providers, except apikey-none. */
void apikey_require_register(apr_pool_t *pool);

/** Registers apikey-none, which no key meets (require_none.c). */
void apikey_require_none_register(apr_pool_t *pool);

/** pre_config: forgets the aliases of the last start. */
int apikey_require_pre_config(apr_pool_t *pconf, apr_pool_t *plog,
                              apr_pool_t *ptemp);

/** check_config: the aliases of our providers are complete, for Require in an
 * .htaccess. */
int apikey_require_check_config(apr_pool_t *pconf, apr_pool_t *plog,
                                apr_pool_t *ptemp, server_rec *s);

/**
 * Readers of <AuthzProviderAlias> and Require, which mod_authz_core reads too,
 * before or after this module. They make an alias of our providers a provider
 * of ours before a Require names it, and set apikey_dir_t.varies if the answer
 * of a Require may depend on the URI.
 */
const char *apikey_read_alias(cmd_parms *cmd, void *dir, const char *line);
const char *apikey_read_require(cmd_parms *cmd, void *dir, const char *line);

/** check_access, before mod_authz_core authorizes @a r: forgets the lines that
 * were noted for requests other than the ancestors of @a r. */
int apikey_require_reset(request_rec *r);

/**
 * Why mod_authz_core refused the key: the first of tenant, env, id, meta and
 * scope for which a Require failed, in whatever order they are written;
 * FORBIDDEN if none of ours failed; UNAVAILABLE if an expression failed, with
 * decision->expression_failed. In a RequireAny that was met, no line has
 * failed. Sets decision->wanted_scope and refused_by.
 */
apikey_result_e apikey_require_reason(request_rec *r,
                                      apikey_decision_t *decision);

/**
 * The scopes that the Require in effect needs, separated by blanks, for the
 * challenge of a client without a key; of one line, each of its scopes will do.
 * @return in r->pool; NULL: none, or they depend on the request or the user
 */
const char *apikey_require_scope(request_rec *r);

#endif
