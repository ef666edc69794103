/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <stdarg.h>

#include <apr_strings.h>

#include "conf_tree.h"

int conf_is(const conf_node_t *node, const char *name)
{
    return strcasecmp(node->name, name) == 0;
}

int conf_is_include(const conf_node_t *node)
{
    return conf_is(node, "Include") || conf_is(node, "IncludeOptional");
}

int conf_begins(const char *name, const char *const *any)
{
    for (; *any; any++) {
        if (strncasecmp(name, *any, strlen(*any)) == 0) {
            return 1;
        }
    }
    return 0;
}

int conf_has(const conf_node_t *node, const char *const *any)
{
    const conf_node_t *each;

    for (each = node->first; each; each = each->next) {
        if (conf_begins(each->name, any) || conf_has(each, any)) {
            return 1;
        }
    }
    return 0;
}

const char *conf_arg(const conf_node_t *node, int n)
{
    return n < node->word_count ? node->words[n] : "";
}

const conf_node_t *conf_last(const conf_node_t *node, const char *name)
{
    const conf_node_t *each, *found = NULL;

    for (each = node->first; each; each = each->next) {
        if (conf_is(each, name)) {
            found = each;
        }
    }
    return found;
}

void conf_unknown(conf_tree_t *tree, const char *format, ...)
{
    const char *text;
    va_list args;
    int i;

    va_start(args, format);
    text = apr_pvsprintf(tree->pool, format, args);
    va_end(args);
    for (i = 0; i < tree->unknown->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(tree->unknown, i, const char *), text)
            == 0) {
            return;
        }
    }
    APR_ARRAY_PUSH(tree->unknown, const char *) = text;
}

int conf_unknown_in(conf_tree_t *tree, const conf_node_t *node)
{
    const conf_node_t *each;
    int anything = 0;

    for (each = node->first; each; each = each->next) {
        if (each->unknown) {
            conf_unknown(tree, "%s: %s", each->where, each->unknown);
            anything |= conf_is(each, "Use") || conf_is_include(each);
        }
    }
    return anything;
}
