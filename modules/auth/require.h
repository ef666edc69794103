/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file require.h
 * @brief Require apikey-scope, apikey-tenant, apikey-env, apikey-id,
 *        apikey-meta, apikey-none.
 */
#ifndef APIKEY_REQUIRE_H
#define APIKEY_REQUIRE_H

#include "../request/state.h"

/** Registers the providers. */
void apikey_require_register(apr_pool_t *pool);

/** Registers apikey-none, which no key meets (require_none.c). */
void apikey_require_none_register(apr_pool_t *pool);

/** pre_config: the aliases of the last start are forgotten. */
int apikey_require_pre_config(apr_pool_t *pconf, apr_pool_t *plog,
                              apr_pool_t *ptemp);

/** check_config: a Require in an .htaccess may name any of the aliases. */
int apikey_require_check_config(apr_pool_t *pconf, apr_pool_t *plog,
                                apr_pool_t *ptemp, server_rec *s);

/**
 * Readers of <AuthzProviderAlias> and of every Require beside
 * mod_authz_core's own, in either order. Together they make an alias of ours
 * a provider of ours before a Require names it, and note in apikey_dir_t
 * where the answer of a Require may differ from URI to URI.
 */
const char *apikey_read_alias(cmd_parms *cmd, void *dir, const char *line);
const char *apikey_read_require(cmd_parms *cmd, void *dir, const char *line);

/** check_access: authorization of @a r begins; no line has been noted for it,
 * nor for any other request that is not before it. */
int apikey_require_reset(request_rec *r);

/**
 * Why httpd's chain refused the key: the first of tenant, env, id, meta and
 * scope for which a Require failed, whatever the order written; FORBIDDEN where
 * none of ours did. A line beside another that was met, in one RequireAny, has
 * not failed. Fills decision->wanted_scope and refused_by. Where an expression
 * fails, decision->expression_failed is set, and the result is UNAVAILABLE.
 */
apikey_result_e apikey_require_reason(request_rec *r,
                                      apikey_decision_t *decision);

/**
 * The scopes that the Require in effect needs, for the challenge of a client
 * without a key, separated by blanks: of one line, any of them will do.
 * NULL: none, or one of them depends on the request, or cannot be known.
 * @return in r->pool
 */
const char *apikey_require_scope(request_rec *r);

#endif
