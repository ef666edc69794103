/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file authz.h
 * @brief Authorization: what a good key may do. httpd answers 401 if a Require
 *        fails; for a good key that becomes 403.
 */
#ifndef APIKEY_AUTHZ_H
#define APIKEY_AUTHZ_H

#include "../request/state.h"

/** check_authz, before all others: calls these by ap_run_auth_checker() and
 * turns their answer into a decision. */
int apikey_check_authz(request_rec *r);

/**
 * post_read_request, after all others: evaluates ApiKeyTenant before an
 * .htaccess can set the variables and headers that the expression reads. If
 * the value is another one for an internal redirect, no key is let through
 * there.
 */
int apikey_evaluate_tenant(request_rec *r);

/**
 * fixups, before all others: where httpd has granted access without a user
 * (Satisfy Any), a key that was sent is still checked, and a bad one refused.
 */
int apikey_check_presented_key(request_rec *r);

#endif
