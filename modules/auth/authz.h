/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file authz.h
 * @brief What an identified key may do: the tenant lock, and 403 where httpd
 *        would say 401.
 */
#ifndef APIKEY_AUTHZ_H
#define APIKEY_AUTHZ_H

#include "../request/state.h"

/** check_authz, ahead of all others. */
int apikey_check_authz(request_rec *r);

/**
 * post_read_request, behind all others: what ApiKeyTenant comes out as, while
 * only the server's configuration has had a say. Later an .htaccess could set
 * the variables and headers that the expression reads. A local redirect for
 * which it comes out otherwise is open to nobody.
 */
int apikey_evaluate_tenant(request_rec *r);

/**
 * fixups, ahead of all others: a place that was opened without asking for a
 * user (Satisfy Any) still identifies the key that was presented, and refuses
 * a bad one.
 */
int apikey_check_presented_key(request_rec *r);

#endif
