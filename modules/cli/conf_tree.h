/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file conf_tree.h
 * @brief httpd's configuration as a tree, for `explain` and `doctor`: what it
 *        includes and defines is followed; what cannot be known is written
 *        down.
 */
#ifndef APIKEY_CLI_CONF_TREE_H
#define APIKEY_CLI_CONF_TREE_H

#include <apr_tables.h>

/** A directive, or a section with what is in it. */
typedef struct conf_node_t {
    const char *name;           /**< "Require"; of a section "<Location" */
    const char *args;           /**< the rest; of a section without '>' */
    const char *const *words;   /**< the same, without quotes */
    int word_count;
    const char *where;          /**< FILE:LINE */
    const char *unknown;        /**< what of it cannot be known; or NULL */
    struct conf_node_t *parent; /**< while it is read */
    struct conf_node_t *first, *last, *next;
} conf_node_t;

typedef struct conf_tree_t {
    apr_pool_t *pool;
    conf_node_t *root;
    apr_table_t *modules;       /**< by both names: x_module, mod_x.c */
    apr_array_header_t *unknown;    /**< const char *: sentences */
} conf_tree_t;

/**
 * Reads a file and all that it includes. Lines whose <IfModule> and its like
 * do not hold are left out; of those that do, the section stays, empty, before
 * its lines.
 * @param matters how the names of directives begin that the caller looks for,
 *        NULL at the end: what cannot be known of others is not written down
 * @param error a sentence
 */
apr_status_t conf_tree_read(conf_tree_t **tree, const char *path,
                            const char *const *matters, apr_pool_t *pool,
                            const char **error);

/** Notes what cannot be known of what stands right below @a node; whether
 * that may be anything at all. */
int conf_unknown_in(conf_tree_t *tree, const conf_node_t *node);

/** Notes what cannot be known, once. */
void conf_unknown(conf_tree_t *tree, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Whether a node has that name; a section's with its '<'. */
int conf_is(const conf_node_t *node, const char *name);

int conf_is_include(const conf_node_t *node);

/** Whether a name begins as one of them, NULL at the end. */
int conf_begins(const char *name, const char *const *any);

/** Whether anything in it has such a name. */
int conf_has(const conf_node_t *node, const char *const *any);

/** The n-th argument, from 0; "" where there are fewer. */
const char *conf_arg(const conf_node_t *node, int n);

/** The last directive of that name right below @a node; NULL: none. */
const conf_node_t *conf_last(const conf_node_t *node, const char *name);

#endif
