/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <httpd.h>
#include <http_config.h>
#include <util_cfgtree.h>

#include "config_tree.h"

/* Whether the <VirtualHost at this line made the server. */
static int is_defined_at(const server_rec *s, const ap_directive_t *node)
{
    return s->defn_name && s->defn_line_number == (unsigned int)node->line_num
           && !strcmp(s->defn_name, node->filename);
}

/* The server of a <VirtualHost.  httpd puts each new server before the others,
 * so the last of the list is the first of the files.  A file that is included
 * several times has several servers with one line, in the order in which it
 * was included: each takes the first that is left.  The main server where
 * httpd made none of it. */
static apikey_tree_server_t *virtual_host_of(apr_array_header_t *servers,
                                             const ap_directive_t *node)
{
    int i;

    for (i = servers->nelts - 1; i > 0; i--) {
        apikey_tree_server_t *one =
            &APR_ARRAY_IDX(servers, i, apikey_tree_server_t);

        if (!one->found && is_defined_at(one->server, node)) {
            one->found = 1;
            return one;
        }
    }
    return &APR_ARRAY_IDX(servers, 0, apikey_tree_server_t);
}

/* depth: how many sections of the server are around the nodes. */
static void walk_directives(apr_array_header_t *servers,
                            apikey_tree_server_t *current, int depth,
                            const ap_directive_t *node, apr_pool_t *pool)
{
    for (; node; node = node->next) {
        apikey_tree_server_t *inner = current;
        int deeper = depth + 1;

        if (!ap_cstr_casecmp(node->directive, "<VirtualHost")) {
            inner = virtual_host_of(servers, node);
            deeper = 0;
        }
        else if (!ap_cstr_casecmp(node->directive, "AuthType")) {
            const char *args = node->args;

            if (!ap_cstr_casecmp(ap_getword_conf(pool, &args),
                                 APIKEY_AUTH_TYPE)) {
                current->guarded = 1;
            }
        }
        else if (!ap_cstr_casecmp(node->directive, "CacheEnable")) {
            current->caches = 1;
        }
        else if (!ap_cstr_casecmp(node->directive, "CacheQuickHandler")) {
            current->quick = node->args;
        }
        else if (!ap_cstr_casecmp(node->directive, "UseCanonicalName")
                 && depth && ap_cstr_casecmp(node->args, "On")) {
            current->renamed = 1;
        }
        walk_directives(servers, inner, deeper, node->first_child, pool);
    }
}

apr_array_header_t *apikey_tree_servers(server_rec *main_server,
                                        apr_pool_t *pool)
{
    apr_array_header_t *servers =
        apr_array_make(pool, 8, sizeof(apikey_tree_server_t));
    server_rec *s;

    for (s = main_server; s; s = s->next) {
        apikey_tree_server_t *one =
            &APR_ARRAY_PUSH(servers, apikey_tree_server_t);

        memset(one, 0, sizeof(*one));
        one->server = s;
    }
    walk_directives(servers, &APR_ARRAY_IDX(servers, 0, apikey_tree_server_t),
                    0, ap_conftree, pool);
    return servers;
}

const ap_directive_t *apikey_tree_lines(const server_rec *s)
{
    const ap_directive_t *node = ap_conftree;

    if (!s->is_virtual) {
        return node;
    }
    for (; node; node = node->next) {
        if (!ap_cstr_casecmp(node->directive, "<VirtualHost")
            && is_defined_at(s, node)) {
            return node->first_child;
        }
    }
    return NULL;
}
