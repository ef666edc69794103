/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file require.h
 * @brief Require apikey-scope, apikey-tenant, apikey-env, apikey-id.
 */
#ifndef APIKEY_REQUIRE_H
#define APIKEY_REQUIRE_H

#include "../request/request.h"

/** Registers the providers. */
void apikey_require_register(apr_pool_t *pool);

/** check_access: authorization begins; no line of ours has been asked. */
int apikey_require_begin(request_rec *r);

/**
 * Why httpd's chain refused the key: the first of tenant, env, id and scope
 * for which a Require failed, whatever the order written; FORBIDDEN where
 * none of ours did. A line beside another that was met, in one RequireAny,
 * has not failed. Fills decision->wanted_scope.
 */
apikey_reason_e apikey_require_failed(request_rec *r,
                                      apikey_decision_t *decision);

#endif
