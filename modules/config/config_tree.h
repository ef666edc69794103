/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file config_tree.h
 * @brief What httpd's tree of directives says per server about the directives
 *        of other modules.
 *
 * AuthType, CacheEnable and UseCanonicalName belong to modules that keep what
 * was written to themselves; ap_conftree has it.  Start-up's one thread.
 */
#ifndef APIKEY_CONFIG_TREE_H
#define APIKEY_CONFIG_TREE_H

#include "config.h"

/** The main server or a virtual host, as the tree has it. */
typedef struct apikey_tree_server_t {
    server_rec *server;
    int found;                  /**< its <VirtualHost has been reached */
    int guarded;                /**< AuthType ApiKey stands in it */
    int renamed;                /**< a section's UseCanonicalName is not On */
    int caches;                 /**< CacheEnable stands in it */
    const char *quick;          /**< CacheQuickHandler's argument, or NULL */
} apikey_tree_server_t;

/**
 * Walks the tree once.
 * @return apikey_tree_server_t in @a pool, in the order of server_rec.next: the
 *         first is the main server
 */
apr_array_header_t *apikey_tree_servers(server_rec *main_server,
                                        apr_pool_t *pool);

/** The lines of a server, NULL where the tree has none. */
const ap_directive_t *apikey_tree_lines(const server_rec *s);

#endif
