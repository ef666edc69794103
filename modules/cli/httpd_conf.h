/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file httpd_conf.h
 * @brief httpd's configuration as a tree, for `explain`: what it includes and
 *        defines is followed; what cannot be known is written down.
 */
#ifndef APIKEY_CLI_HTTPD_CONF_H
#define APIKEY_CLI_HTTPD_CONF_H

#include <apr_tables.h>

/** A directive, or a section with what is in it. */
typedef struct httpd_node_t {
    const char *name;           /**< "Require"; of a section "<Location" */
    const char *args;           /**< the rest; of a section without '>' */
    const char *where;          /**< FILE:LINE */
    const char *unknown;        /**< what of it cannot be known; or NULL */
    struct httpd_node_t *parent;
    struct httpd_node_t *first, *last, *next;
} httpd_node_t;

typedef struct httpd_conf_t {
    apr_pool_t *pool;
    httpd_node_t *root;
    const char *server_root;    /**< ServerRoot, else the file's folder */
    apr_table_t *defined;       /**< Define; a value or "" */
    apr_table_t *modules;       /**< by both names: x_module, mod_x.c */
    apr_array_header_t *unknown;    /**< const char *: sentences */
    int depth;                  /**< of Include */
} httpd_conf_t;

/** @param error a sentence */
apr_status_t httpd_conf_read(httpd_conf_t **conf, const char *path,
                             apr_pool_t *pool, const char **error);

/** Notes what cannot be known of what stands right below @a node; whether
 * that may be anything at all. */
int httpd_unknown_in(httpd_conf_t *conf, const httpd_node_t *node);

/** Notes what cannot be known, once. */
void httpd_unknown(httpd_conf_t *conf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Whether a node has that name; a section's with its '<'. */
int httpd_is(const httpd_node_t *node, const char *name);

/** Whether there is anything in it that lets in or refuses. */
int httpd_guards(const httpd_node_t *node);

/** The n-th argument, from 0; "" where there are fewer. */
const char *httpd_arg(const httpd_node_t *node, int n, apr_pool_t *pool);

/** The last directive of that name right below @a node; NULL: none. */
const httpd_node_t *httpd_last(const httpd_node_t *node, const char *name);

#endif
