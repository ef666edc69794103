/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file error_body.h
 * @brief Bodies of refusals (RFC 9457).
 */
#ifndef APIKEY_ERROR_BODY_H
#define APIKEY_ERROR_BODY_H

#include "../request/state.h"

/** register_hooks: makes the bodies, in @a pconf, and registers the output
 * filter. */
void apikey_error_body_register(apr_pool_t *pconf);

/** insert_error_filter: replaces the page of httpd for a refusal, unless
 * ErrorDocument gives a text for the status. */
void apikey_insert_error_body(request_rec *r);

#endif
