/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <glob.h>
#include <stdarg.h>
#include <unistd.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "conf.h"
#include "conf_tree.h"

#define DEPTH_MAX 16            /* files that include files */

int conf_is(const conf_node_t *node, const char *name)
{
    return strcasecmp(node->name, name) == 0;
}

const char *conf_arg(const conf_node_t *node, int n, apr_pool_t *pool)
{
    char *rest = apr_pstrdup(pool, node->args);
    char *word = rest;

    for (; n >= 0; n--) {
        if (cli_is_blank(rest)) {
            return "";
        }
        word = cli_next_word(&rest);
    }
    return word;
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

/* Of a directive's or a section's name. */
static int may_guard(const char *name)
{
    static const char *const all[] = {
        "Require", "<Require", "AuthType", "AuthMerging", "Satisfy", "Order",
        "Deny", "<Limit", NULL
    };
    int i;

    for (i = 0; all[i]; i++) {
        if (strncasecmp(name, all[i], strlen(all[i])) == 0) {
            return 1;
        }
    }
    return 0;
}

int conf_guards(const conf_node_t *node)
{
    const conf_node_t *each;

    for (each = node->first; each; each = each->next) {
        if (may_guard(each->name) || conf_guards(each)) {
            return 1;
        }
    }
    return 0;
}

int conf_unknown_in(conf_tree_t *tree, const conf_node_t *node)
{
    const conf_node_t *each;
    int anything = 0;

    for (each = node->first; each; each = each->next) {
        if (each->unknown) {
            conf_unknown(tree, "%s: %s", each->where, each->unknown);
            anything |= conf_is(each, "Use") || conf_is(each, "Include");
        }
    }
    return anything;
}

static conf_node_t *add(conf_tree_t *tree, conf_node_t *parent,
                        const char *name, const char *args,
                        const char *where)
{
    conf_node_t *node = apr_pcalloc(tree->pool, sizeof(*node));

    node->name = name;
    node->args = args;
    node->where = where;
    node->parent = parent;
    if (parent->last) {
        parent->last->next = node;
    }
    else {
        parent->first = node;
    }
    parent->last = node;
    return node;
}

/* ${NAME}, where a Define has said what that is. */
static const char *expand(conf_tree_t *tree, const char *text)
{
    const char *done = "", *open, *close, *value;

    while ((open = strstr(text, "${")) && (close = strchr(open, '}'))) {
        value = apr_table_get(tree->defined,
                              apr_pstrmemdup(tree->pool, open + 2,
                                             close - open - 2));
        done = apr_pstrcat(tree->pool, done,
                           apr_pstrmemdup(tree->pool, text, open - text),
                           value ? value
                                 : apr_pstrmemdup(tree->pool, open,
                                                  close + 1 - open), NULL);
        text = close + 1;
    }
    return apr_pstrcat(tree->pool, done, text, NULL);
}

/* These are built into httpd where nobody loads them. */
static int usually_static(const char *name)
{
    static const char *const all[] = {
        "core", "http", "so", "log_config", "logio", "unixd", "version",
        "watchdog", NULL
    };
    int i;

    for (i = 0; all[i]; i++) {
        apr_size_t len = strlen(all[i]);
        const char *rest = strncmp(name, "mod_", 4) == 0 ? name + 4 : name;

        if (strncmp(rest, all[i], len) == 0
            && (strcmp(rest + len, ".c") == 0
                || strcmp(rest + len, "_module") == 0)) {
            return 1;
        }
    }
    return 0;
}

/* Whether <IfModule> and its like hold; -1: it is no such section. */
static int condition(conf_tree_t *tree, conf_node_t *node)
{
    const char *what = conf_arg(node, 0, tree->pool);
    int negated = *what == '!', holds;

    what += negated;
    if (conf_is(node, "<IfDefine")) {
        holds = apr_table_get(tree->defined, what) != NULL;
        if (!holds) {
            node->unknown = apr_pstrcat(tree->pool, "whether httpd is started "
                                        "with -D ", what, "; taken as not",
                                        NULL);
        }
    }
    else if (conf_is(node, "<IfModule")) {
        holds = apr_table_get(tree->modules, what) != NULL
                || usually_static(what);
        if (!holds) {
            node->unknown = apr_pstrcat(tree->pool, "whether ", what, " is "
                                        "built into httpd; taken as not",
                                        NULL);
        }
    }
    else if (conf_is(node, "<IfFile")) {
        holds = access(apr_pstrcat(tree->pool, *what == '/' ? ""
                                   : tree->server_root, *what == '/' ? ""
                                   : "/", what, NULL), F_OK) == 0;
    }
    else if (conf_is(node, "<IfVersion") || conf_is(node, "<IfDirective")
             || conf_is(node, "<IfSection")) {
        node->unknown = apr_pstrcat(tree->pool, "whether ", node->name, " ",
                                    node->args, "> holds; taken as it does",
                                    NULL);
        return 1;
    }
    else {
        return -1;
    }
    return negated ? !holds : holds;
}

static apr_status_t read_file(conf_tree_t *tree, conf_node_t **at,
                              const char *path, const char **error);

static apr_status_t include(conf_tree_t *tree, conf_node_t **at,
                            conf_node_t *node, const char **error)
{
    const char *path = conf_arg(node, 0, tree->pool);
    apr_status_t status = APR_SUCCESS;
    glob_t found;
    size_t i;

    if (*path != '/') {
        path = apr_pstrcat(tree->pool, tree->server_root, "/", path, NULL);
    }
    /* A folder stands for all that is in it. */
    if (access(apr_pstrcat(tree->pool, path, "/.", NULL), F_OK) == 0) {
        path = apr_pstrcat(tree->pool, path, "/*", NULL);
    }
    if (glob(path, 0, NULL, &found) != 0) {
        if (!strpbrk(path, "*?[") && conf_is(node, "Include")) {
            node->unknown = apr_pstrcat(tree->pool, path,
                                        " cannot be found", NULL);
        }
        return APR_SUCCESS;
    }
    for (i = 0; i < found.gl_pathc && status == APR_SUCCESS; i++) {
        status = read_file(tree, at, apr_pstrdup(tree->pool,
                                                 found.gl_pathv[i]), error);
    }
    globfree(&found);
    return status;
}

static void load_module(conf_tree_t *tree, const conf_node_t *node)
{
    const char *name = conf_arg(node, 0, tree->pool);
    const char *end = strstr(name, "_module");

    apr_table_setn(tree->modules, name, "");
    if (end) {
        apr_table_setn(tree->modules,
                       apr_pstrcat(tree->pool, "mod_",
                                   apr_pstrmemdup(tree->pool, name,
                                                  end - name), ".c", NULL),
                       "");
    }
}

/* What says something of the lines that follow. */
static apr_status_t obey(conf_tree_t *tree, conf_node_t **at,
                         conf_node_t *node, const char **error)
{
    const char *arg = conf_arg(node, 0, tree->pool);

    if (conf_is(node, "Include") || conf_is(node, "IncludeOptional")) {
        return include(tree, at, node, error);
    }
    if (conf_is(node, "Define")) {
        apr_table_set(tree->defined, arg, conf_arg(node, 1, tree->pool));
    }
    else if (conf_is(node, "UnDefine")) {
        apr_table_unset(tree->defined, arg);
    }
    else if (conf_is(node, "LoadModule")) {
        load_module(tree, node);
    }
    else if (conf_is(node, "ServerRoot")) {
        tree->server_root = arg;
    }
    else if (conf_is(node, "Use")) {
        node->unknown = apr_pstrcat(tree->pool, "what the macro ", arg,
                                    " writes there", NULL);
    }
    return APR_SUCCESS;
}

/* One line within *at, which a section's begin and end move. Sections whose
 * condition does not hold, and macros, are read and belong to nothing. */
static apr_status_t read_line(conf_tree_t *tree, conf_node_t **at,
                              char *line, const char *where,
                              const char **error)
{
    const char *name, *args;
    conf_node_t *node;
    apr_size_t len;

    line += strspn(line, " \t\f\v\r");
    if (!*line || *line == '#') {
        return APR_SUCCESS;
    }
    line = (char *)expand(tree, line);
    name = apr_pstrdup(tree->pool, cli_next_word(&line));
    args = line + strspn(line, " \t\f\v\r");
    if (name[0] == '<' && name[1] == '/') {
        if (!(*at)->parent) {
            *error = apr_psprintf(tree->pool, "%s: %s ends what has not begun",
                                  where, name);
            return APR_EINVAL;
        }
        *at = (*at)->parent;
        return APR_SUCCESS;
    }
    len = strlen(args);
    while (len && apr_isspace(args[len - 1])) {
        len--;
    }
    if (*name == '<') {
        len -= len && args[len - 1] == '>';
        if (name[strlen(name) - 1] == '>') {
            name = apr_pstrmemdup(tree->pool, name, strlen(name) - 1);
        }
    }
    node = add(tree, *at, name, apr_pstrmemdup(tree->pool, args, len), where);
    if (*name == '<') {
        *at = node;
        return APR_SUCCESS;
    }
    return obey(tree, at, node, error);
}

/* Everything up to the end of the section is passed over; whether there was
 * anything in it that may matter. */
static int pass_over(char **text, int *number)
{
    int depth = 1, matters = 0, lines;

    while (**text && depth) {
        char *line = cli_next_line(text, &lines);

        *number += lines;
        line += strspn(line, " \t\f\v\r");
        if (*line == '<') {
            depth += line[1] == '/' ? -1 : 1;
        }
        matters |= may_guard(line) || strncasecmp(line, "Include", 7) == 0
                   || strncasecmp(line, "<VirtualHost", 12) == 0
                   || strncasecmp(line, "ApiKey", 6) == 0;
    }
    return matters;
}

static apr_status_t read_file(conf_tree_t *tree, conf_node_t **at,
                              const char *path, const char **error)
{
    int number = 1, lines;
    char *text;
    apr_status_t status;

    if (tree->depth >= DEPTH_MAX) {
        *error = apr_psprintf(tree->pool, "%s: files include one another too "
                              "often", path);
        return APR_EINVAL;
    }
    status = cli_read_text(&text, path, tree->pool, error);
    tree->depth++;
    while (status == APR_SUCCESS && *text) {
        conf_node_t *within = *at;
        char *line = cli_next_line(&text, &lines);
        int holds;

        status = read_line(tree, at, line,
                           apr_psprintf(tree->pool, "%s:%d", path, number),
                           error);
        number += lines;
        if (status != APR_SUCCESS || (*at)->parent != within) {
            continue;
        }
        holds = conf_is(*at, "<Macro") ? 0 : condition(tree, *at);
        if (holds == 0) {
            if (!pass_over(&text, &number)) {
                (*at)->unknown = NULL;
            }
            *at = within;
        }
    }
    tree->depth--;
    return status;
}

/* The lines of <IfModule> and its like belong to what these stand in; the
 * section itself stays before them, empty. */
static void unfold(conf_node_t *node)
{
    conf_node_t *each;

    for (each = node->first; each; each = each->next) {
        /* But not <If>, which is asked at each request. */
        if (strncasecmp(each->name, "<If", 3) == 0 && each->name[3]
            && each->first) {
            if (!conf_guards(each)) {
                each->unknown = NULL;
            }
            each->last->next = each->next;
            each->next = each->first;
            each->first = each->last = NULL;
        }
        else {
            unfold(each);
        }
    }
}

apr_status_t conf_tree_read(conf_tree_t **tree, const char *path,
                            apr_pool_t *pool, const char **error)
{
    conf_node_t *at;
    const char *slash = strrchr(path, '/');
    apr_status_t status;

    *tree = apr_pcalloc(pool, sizeof(**tree));
    (*tree)->pool = pool;
    (*tree)->root = at = apr_pcalloc(pool, sizeof(*at));
    at->name = at->args = at->where = "";
    (*tree)->server_root = slash ? apr_pstrmemdup(pool, path, slash - path)
                                 : ".";
    (*tree)->defined = apr_table_make(pool, 8);
    (*tree)->modules = apr_table_make(pool, 32);
    (*tree)->unknown = apr_array_make(pool, 8, sizeof(char *));
    status = read_file(*tree, &at, path, error);
    if (status == APR_SUCCESS && at != (*tree)->root) {
        *error = apr_psprintf(pool, "%s: %s has no end", at->where, at->name);
        return APR_EINVAL;
    }
    unfold((*tree)->root);
    return status;
}
