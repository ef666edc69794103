/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file conf_tree.h
 * @brief httpd's configuration as a tree, for `explain`: what it includes and
 *        defines is followed; what cannot be known is written down.
 */
#ifndef APIKEY_CLI_CONF_TREE_H
#define APIKEY_CLI_CONF_TREE_H

#include <apr_tables.h>

/** A directive, or a section with what is in it. */
typedef struct conf_node_t {
    const char *name;           /**< "Require"; of a section "<Location" */
    const char *args;           /**< the rest; of a section without '>' */
    const char *where;          /**< FILE:LINE */
    const char *unknown;        /**< what of it cannot be known; or NULL */
    struct conf_node_t *parent;
    struct conf_node_t *first, *last, *next;
} conf_node_t;

typedef struct conf_tree_t {
    apr_pool_t *pool;
    conf_node_t *root;
    const char *server_root;    /**< ServerRoot, else the file's folder */
    apr_table_t *defined;       /**< Define; a value or "" */
    apr_table_t *modules;       /**< by both names: x_module, mod_x.c */
    apr_array_header_t *unknown;    /**< const char *: sentences */
    int depth;                  /**< of Include */
} conf_tree_t;

/** @param error a sentence */
apr_status_t conf_tree_read(conf_tree_t **tree, const char *path,
                            apr_pool_t *pool, const char **error);

/** Notes what cannot be known of what stands right below @a node; whether
 * that may be anything at all. */
int conf_unknown_in(conf_tree_t *tree, const conf_node_t *node);

/** Notes what cannot be known, once. */
void conf_unknown(conf_tree_t *tree, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Whether a node has that name; a section's with its '<'. */
int conf_is(const conf_node_t *node, const char *name);

/** Whether there is anything in it that lets in or refuses. */
int conf_guards(const conf_node_t *node);

/** The n-th argument, from 0; "" where there are fewer. */
const char *conf_arg(const conf_node_t *node, int n, apr_pool_t *pool);

/** The last directive of that name right below @a node; NULL: none. */
const conf_node_t *conf_last(const conf_node_t *node, const char *name);

#endif
