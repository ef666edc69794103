/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file caching.h
 * @brief Caches must not serve one client's response to another: Vary,
 *        Cache-Control: private, and mod_cache switched off.
 */
#ifndef APIKEY_CACHING_H
#define APIKEY_CACHING_H

#include "../request/state.h"

/**
 * header_parser, check_authn and the last fixup, in an area: the response may
 * depend on the key. Adds Vary and keeps mod_cache from storing the response.
 * If @a r is a sub-request, the response that it is a part of is treated
 * likewise.
 */
void apikey_restrict_caching(request_rec *r);

/** header_parser, the first hook for which the AuthType is known:
 * apikey_restrict_caching() if @a r is in an area. */
int apikey_restrict_caching_in_area(request_rec *r);

/** register_hooks: the output filter of apikey_insert_private(). */
void apikey_caching_register(void);

/** insert_filter, and insert_error_filter of a response that is no refusal:
 * adds Cache-Control: private, unless the application sets Cache-Control. */
void apikey_insert_private(request_rec *r);

#endif
