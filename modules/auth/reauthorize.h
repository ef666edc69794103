/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file reauthorize.h
 * @brief A Require whose answer differs from URI to URI is asked for each.
 */
#ifndef APIKEY_REAUTHORIZE_H
#define APIKEY_REAUTHORIZE_H

#include "../request/state.h"

/**
 * post_perdir_config, behind all others. httpd asks nobody again for a
 * sub-request or a redirect whose per-directory configuration is, by its
 * address, that of the request before. Where that would be wrong in an area
 * of ours, the configuration gets another address.
 */
int apikey_reauthorize(request_rec *r);

#endif
