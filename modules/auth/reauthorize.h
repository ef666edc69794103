/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file reauthorize.h
 * @brief A Require whose answer depends on the URI is evaluated for each URI.
 */
#ifndef APIKEY_REAUTHORIZE_H
#define APIKEY_REAUTHORIZE_H

#include "../request/state.h"

/**
 * post_perdir_config, after all others. httpd does not authorize a sub-request
 * or an internal redirect if its per-directory configuration has the address
 * of that of the request before (ap_process_request_internal). If the area has
 * a Require that depends on the URI, or ApiKeyTenant lets no key through here,
 * this copies the configuration to another address. The ErrorDocument of a
 * refusal is not authorized again.
 */
int apikey_reauthorize(request_rec *r);

#endif
