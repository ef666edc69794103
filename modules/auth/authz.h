/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file authz.h
 * @brief What an identified key may do: the tenant lock, the Require
 *        providers, and 403 where httpd would say 401.
 */
#ifndef APIKEY_AUTHZ_H
#define APIKEY_AUTHZ_H

#include "../request/request.h"

/** check_authz, ahead of all others. */
int apikey_check_authz(request_rec *r);

/** Registers Require apikey-scope, -tenant, -env and -id. */
void apikey_require_register(apr_pool_t *pool);

#endif
