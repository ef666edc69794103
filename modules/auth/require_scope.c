/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The scopes that a client without a key needs, for its challenge. */

#include <http_core.h>
#include <util_cfgtree.h>
#include <apr_hash.h>
#include <apr_strings.h>

#include "../core/scope.h"
#include "require_private.h"

/* Lines of other modules that a user may meet (Require user), by the container
 * in which they are an alternative (RequireAny, section): a list of such lines,
 * or of containers with such lines. Filled while the configuration is read, by
 * one thread; read-only after start-up. */
static apr_hash_t *others;

void apikey_require_scope_init(apr_pool_t *pconf)
{
    others = apr_hash_make(pconf);
}

/* Whether the answer of a provider does not depend on the user. */
static int needs_no_user(const char *name)
{
    static const char *const names[] = {
        "all", "env", "forward-dns", "host", "ip", "local", "method", NULL
    };
    int i;

    for (i = 0; names[i] && strcmp(names[i], name) != 0; i++) {
    }
    return names[i] != NULL;
}

void apikey_require_read_other(cmd_parms *cmd, apikey_dir_t *conf,
                               const char *name)
{
    const ap_directive_t *child = cmd->directive, *node = child->parent;
    apr_array_header_t *list;

    if (!strncmp(name, "apikey-", 7) || needs_no_user(name)) {
        return;
    }
    if (ap_check_cmd_context(cmd, NOT_IN_HTACCESS) != NULL) {
        conf->users = 1;
        return;
    }
    while (node && (!ap_cstr_casecmpn(node->directive, "<Limit", 6)
                    || !ap_cstr_casecmp(node->directive, "<RequireAll"))) {
        child = node;
        node = node->parent;
    }
    list = apr_hash_get(others, &node, sizeof(node));
    if (!list) {
        list = apr_array_make(cmd->pool, 2, sizeof(ap_directive_t *));
        apr_hash_set(others, apr_pmemdup(cmd->pool, &node, sizeof(node)),
                     sizeof(node), list);
    }
    APR_ARRAY_PUSH(list, const ap_directive_t *) = child;
}

static int is_around(const require_t *line, const void *node)
{
    const group_t *group;

    for (group = line->group; group; group = group->outer) {
        if (group->node == node) {
            return 1;
        }
    }
    return 0;
}

/* Whether a line of another module may let a user in instead of this line. */
static int has_alternative(request_rec *r, const require_t *line)
{
    const group_t *group;

    if (line->in_htaccess && apikey_dir_conf(r)->users) {
        return 1;
    }
    for (group = line->group; group; group = group->outer) {
        const apr_array_header_t *list =
            group->all ? NULL : apr_hash_get(others, &group->node,
                                             sizeof(group->node));
        int i;

        for (i = 0; list && i < list->nelts; i++) {
            if (!is_around(line, APR_ARRAY_IDX(list, i, const void *))) {
                return 1;
            }
        }
    }
    return 0;
}

/* Appends the scopes of a line to the list. NULL: one of them is an
 * expression. */
static const char *add_scopes(const char *list, const require_t *line,
                              apr_pool_t *pool)
{
    int i;

    for (i = 0; i < line->wanted->nelts; i++) {
        const char *one = APR_ARRAY_IDX(line->wanted, i, wanted_t).literal;

        if (!one) {
            return NULL;
        }
        if (!apikey_scope_listed(list, one)) {
            list = apr_pstrcat(pool, list, *list ? " " : "", one, NULL);
        }
    }
    return list;
}

const char *apikey_require_scope(request_rec *r)
{
    /* A key that meets all of our lines except apikey-scope. */
    apikey_decision_t bare = { .require_mode = APIKEY_REQUIRE_SCOPE };
    const apr_array_header_t *lines = apikey_require_lines(r);
    const char *scopes = "";
    int i;

    for (i = 0; scopes && i < lines->nelts; i++) {
        const require_t *line = APR_ARRAY_IDX(lines, i, const require_t *);

        if (line->kind->result == APIKEY_SCOPE
            && apikey_require_counts(r, lines, line, &bare)) {
            scopes = has_alternative(r, line) ? NULL
                     : add_scopes(scopes, line, r->pool);
        }
    }
    return scopes && *scopes ? scopes : NULL;
}
