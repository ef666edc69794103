/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file again.h
 * @brief A Require whose answer differs from URI to URI is asked for each.
 */
#ifndef APIKEY_AGAIN_H
#define APIKEY_AGAIN_H

#include "../request/request.h"

/**
 * post_perdir_config, behind all others. httpd asks nobody again for a
 * sub-request or a redirect whose per-directory configuration is, by its
 * address, that of the request before. Where that would be wrong in an area
 * of ours, the configuration gets another address.
 */
int apikey_ask_again(request_rec *r);

#endif
