/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file server_status.h
 * @brief Adds the counters of each database to mod_status.
 */
#ifndef APIKEY_SERVER_STATUS_H
#define APIKEY_SERVER_STATUS_H

#include <httpd.h>

/** register_hooks; without mod_status it has no effect. */
void apikey_status_register(apr_pool_t *pool);

#endif
