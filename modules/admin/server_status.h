/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file server_status.h
 * @brief What mod_status shows of us.
 */
#ifndef APIKEY_SERVER_STATUS_H
#define APIKEY_SERVER_STATUS_H

#include <httpd.h>

/** register_hooks: nothing happens where mod_status is not loaded. */
void apikey_status_register(apr_pool_t *pool);

#endif
