/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file error_body.h
 * @brief Bodies of refusals (RFC 9457), and Cache-Control of all answers of
 *        an area.
 */
#ifndef APIKEY_ERROR_BODY_H
#define APIKEY_ERROR_BODY_H

#include "../request/state.h"

/** register_hooks: the output filters. */
void apikey_error_body_register(apr_pool_t *pconf);

/** insert_filter: an area's answers are private, unless the application says
 * something of its own. */
void apikey_insert_private(request_rec *r);

/** insert_error_filter: a refusal's body, unless the administrator has an
 * ErrorDocument for it. */
void apikey_insert_error_body(request_rec *r);

#endif
