/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Which server and which sections of httpd's configuration a URL falls
 * under, in the order in which httpd merges them. */

#include <regex.h>
#include <stdlib.h>

#include <apr_escape.h>
#include <apr_fnmatch.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_uri.h>

#include "explain.h"

#define PATTERN_MAX 10000       /* characters, repeats written out */

/* ---- Regular expressions ---- */

/* httpd's are Perl's. Their groups without a number, their names of groups
 * and \d are written for POSIX; of what else begins with "(?", and of
 * lookarounds and lazy repeats, nobody says what they mean there. */
static const char *as_posix(const char *from, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, 6 * strlen(from) + 1), *to = text;
    const char *end;

    while (*from) {
        if (strncmp(from, "(?:", 3) == 0) {
            *to++ = '(';
            from += 3;
        }
        else if ((strncmp(from, "(?<", 3) == 0
                  || strncmp(from, "(?P<", 4) == 0)
                 && apr_isalpha(from[from[2] == 'P' ? 4 : 3])
                 && (end = strchr(from, '>')) != NULL) {
            *to++ = '(';
            from = end + 1;
        }
        else if (strncmp(from, "\\d", 2) == 0) {
            to = apr_cpystrn(to, "[0-9]", 6);
            from += 2;
        }
        else if (strncmp(from, "(?", 2) == 0
                 || (*from == '\\' && apr_isalnum(from[1])
                     && !strchr("wWsSbB", from[1]))
                 || ((*from == '*' || *from == '+' || *from == '?')
                     && (from[1] == '?' || from[1] == '+'))) {
            return NULL;
        }
        else {
            if (*from == '\\' && from[1]) {
                *to++ = *from++;
            }
            *to++ = *from++;
        }
    }
    *to = '\0';
    return text;
}

/* A pattern whose beginning is plain text, which that of @a text is not. */
static int begins_otherwise(const char *pattern, const char *text)
{
    apr_size_t len;

    if (*pattern++ != '^' || strchr(pattern, '|')) {
        return 0;
    }
    len = strcspn(pattern, "\\^$.[]()*+?{}");
    len -= len && pattern[len] && strchr("*+?{", pattern[len]);
    return strncmp(pattern, text, len) != 0;
}

/* What regcomp() makes of repeats grows with those around them, and groups in
 * one another use up its stack. A '{' behind a ')' or a '}' repeats what may be
 * repeated already. */
static int is_costly(const char *pattern)
{
    const char *at;
    char *end;
    long size = (long)strlen(pattern);

    for (at = pattern; size <= PATTERN_MAX && (at = strchr(at, '{')) != NULL;
         at++) {
        long least = strtol(at + 1, &end, 10);
        long most = *end == ',' ? strtol(end + 1, NULL, 10) : least;
        int again = at > pattern && (at[-1] == ')' || at[-1] == '}');

        most = most > least ? most : least;
        if (most > PATTERN_MAX) {
            return 1;
        }
        size = again && most > 0 ? size * most : size + most;
    }
    return size > PATTERN_MAX;
}

int explain_matches(const char *pattern, const char *text, apr_pool_t *pool)
{
    int flags = REG_EXTENDED | REG_NOSUB, found;
    regex_t regex;

    if (begins_otherwise(pattern, text)) {
        return 0;
    }
    if (strncmp(pattern, "(?i)", 4) == 0) {
        flags |= REG_ICASE;
        pattern += 4;
    }
    pattern = is_costly(pattern) ? NULL : as_posix(pattern, pool);
    if (!pattern || regcomp(&regex, pattern, flags) != 0) {
        return -1;
    }
    found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

/* The argument of <Location>, <Files> and <Directory>: a pattern behind '~'
 * or in the ...Match form. */
static const char *regex_of(const conf_node_t *node)
{
    const char *arg = conf_arg(node, 0);
    apr_size_t len = strlen(node->name);

    if (strcmp(arg, "~") == 0) {
        return conf_arg(node, 1);
    }
    return len > 6 && strcasecmp(node->name + len - 5, "Match") == 0 ? arg
                                                                     : NULL;
}

/* ---- Servers ---- */

static int has_name(const conf_node_t *server, const char *host,
                    apr_pool_t *pool)
{
    const conf_node_t *each;

    for (each = server->first; each; each = each->next) {
        const char *word;
        int n;

        if (!conf_is(each, "ServerName") && !conf_is(each, "ServerAlias")) {
            continue;
        }
        for (n = 0; *(word = conf_arg(each, n)); n++) {
            const char *scheme = strstr(word, "://");
            char *name = apr_pstrdup(pool, scheme ? scheme + 3 : word);
            char *port = *name == '[' ? NULL : strrchr(name, ':');

            if (port) {
                *port = '\0';
            }
            if (apr_fnmatch(name, host, APR_FNM_CASE_BLIND) == APR_SUCCESS) {
                return 1;
            }
        }
    }
    return 0;
}

/* ADDRESS[:PORT] of <VirtualHost>. */
static int has_address(explain_t *explain, const conf_node_t *server)
{
    const char *word;
    int n;

    for (n = 0; *(word = conf_arg(server, n)); n++) {
        char *address = apr_pstrdup(explain->pool, word);
        char *port = strrchr(address, ':');

        if (port && !strchr(port, ']')) {
            *port++ = '\0';
        }
        else {
            port = NULL;
        }
        if (port && strcmp(port, "*") != 0 && explain->port
            && atoi(port) != explain->port) {
            continue;
        }
        if (strcmp(address, "*") != 0 && strcasecmp(address, "_default_") != 0
            && strcasecmp(address, explain->host) != 0) {
            conf_unknown(explain->tree, "%s: whether %s is %s; taken as it "
                         "is", server->where, explain->host, address);
        }
        return 1;
    }
    return 0;
}

static cli_exit_e find_server(explain_t *explain)
{
    const conf_node_t *each, *first = NULL, *named = NULL;
    int count = 0;

    for (each = explain->tree->root->first; each; each = each->next) {
        if (!conf_is(each, "<VirtualHost") || !has_address(explain, each)) {
            continue;
        }
        count++;
        first = first ? first : each;
        if (!named && has_name(each, explain->host, explain->pool)) {
            named = each;
        }
    }
    if (!*explain->host && count > 1) {
        return cli_usage(explain->cli, "--url %s may be of any of %d virtual "
                         "hosts: write http://HOST:PORT before it",
                         explain->path, count);
    }
    explain->server = named ? named : first ? first : explain->tree->root;
    return CLI_DONE;
}

const conf_node_t *explain_of_server(explain_t *explain, const char *name)
{
    const conf_node_t *found = conf_last(explain->server, name);

    return found ? found : conf_last(explain->tree->root, name);
}

const conf_node_t *explain_section(const explain_t *explain, int i)
{
    return APR_ARRAY_IDX(explain->sections, i, const conf_node_t *);
}

const conf_node_t *explain_of_sections(explain_t *explain, const char *name)
{
    const conf_node_t *found = NULL, *here;
    int i;

    for (i = 0; i < explain->sections->nelts; i++) {
        here = conf_last(explain_section(explain, i), name);
        found = here ? here : found;
    }
    return found;
}

/* ---- Sections ---- */

static void take(explain_t *explain, const conf_node_t *node)
{
    APR_ARRAY_PUSH(explain->sections, const conf_node_t *) = node;
}

/* By a regular expression; what cannot be told is left out, and said. */
static void take_matching(explain_t *explain, const conf_node_t *node,
                          const char *pattern, const char *text)
{
    int found = explain_matches(pattern, text, explain->pool);

    if (found == 1) {
        take(explain, node);
    }
    else if (found < 0 && conf_has(node, EXPLAIN_GUARDS)) {
        conf_unknown(explain->tree, "%s: whether \"%s\" matches; the section "
                     "is left out", node->where, pattern);
        explain->doubtful = 1;
    }
}

/* A prefix that ends at a '/', or a pattern. */
static int covers(const char *prefix, const char *path)
{
    apr_size_t len = strlen(prefix);

    if (apr_fnmatch_test(prefix)) {
        return apr_fnmatch(prefix, path, APR_FNM_PATHNAME) == APR_SUCCESS;
    }
    return strncmp(prefix, path, len) == 0
           && (len == 0 || prefix[len - 1] == '/' || path[len] == '/'
               || path[len] == '\0');
}

static void take_locations(explain_t *explain, const conf_node_t *server)
{
    const conf_node_t *each;

    for (each = server->first; each; each = each->next) {
        const char *pattern;

        if (strncasecmp(each->name, "<Location", 9) != 0) {
            continue;
        }
        pattern = regex_of(each);
        if (pattern) {
            take_matching(explain, each, pattern, explain->path);
        }
        else if (covers(conf_arg(each, 0), explain->path)) {
            take(explain, each);
        }
    }
}

static int by_pattern(explain_t *explain, const conf_node_t *node)
{
    if (explain_matches(conf_arg(node, 0), explain->path,
                        explain->pool) == 0) {
        return 0;
    }
    explain->file_unknown = apr_pstrcat(explain->pool, node->where, ": ",
                                        node->name, NULL);
    return 1;
}

/* Another URL has other sections. */
static void note_rewriting(explain_t *explain)
{
    const conf_node_t *each;

    for (each = explain->server->first; each; each = each->next) {
        if (conf_is(each, "RewriteRule")
            && strcmp(conf_arg(each, 1), "-") != 0
            && by_pattern(explain, each)) {
            conf_unknown(explain->tree, "%s: which URL RewriteRule makes of "
                         "this one", each->where);
            explain->doubtful = 1;
        }
    }
}

static int goes_to_proxy(explain_t *explain, const conf_node_t *node)
{
    const char *from = conf_arg(node, 0);

    if (conf_is(node, "<Location")) {
        return conf_last(node, "ProxyPass") && covers(from, explain->path);
    }
    return conf_is(node, "ProxyPass") && covers(from, explain->path)
           && strcmp(conf_arg(node, 1), "!") != 0;
}

/* The file behind the path, as Alias and DocumentRoot have it; NULL: there is
 * none, or it is not known. */
static const char *file_of(explain_t *explain)
{
    const conf_node_t *servers[] = { explain->server, explain->tree->root };
    const conf_node_t *each, *root;
    apr_pool_t *pool = explain->pool;
    int i;

    for (i = 0; i < 2; i++) {
        for (each = servers[i]->first; each; each = each->next) {
            const char *from = conf_arg(each, 0);

            if (goes_to_proxy(explain, each)
                || ((conf_is(each, "AliasMatch")
                     || conf_is(each, "ScriptAliasMatch")
                     || conf_is(each, "ProxyPassMatch"))
                    && by_pattern(explain, each))) {
                return NULL;
            }
            if ((conf_is(each, "Alias") || conf_is(each, "ScriptAlias"))
                && covers(from, explain->path)) {
                return apr_pstrcat(pool, conf_arg(each, 1),
                                   explain->path + strlen(from), NULL);
            }
        }
    }
    root = explain_of_server(explain, "DocumentRoot");
    return root ? apr_pstrcat(pool, conf_arg(root, 0), explain->path, NULL)
                : NULL;
}

static int depth_of(const conf_node_t *node)
{
    const char *at = conf_arg(node, 0);
    int depth = 0;

    for (; *at; at++) {
        depth += *at == '/' && at[1] != '\0';
    }
    return depth;
}

/* A pattern may be of any of the folders above the file. */
static int covers_folder(const char *folder, const char *file,
                         apr_pool_t *pool)
{
    char *above = apr_pstrdup(pool, file), *slash;

    if (!apr_fnmatch_test(folder)) {
        return covers(folder, file);
    }
    while ((slash = strrchr(above, '/')) != NULL) {
        *slash = '\0';
        if (apr_fnmatch(folder, above, APR_FNM_PATHNAME) == APR_SUCCESS) {
            return 1;
        }
    }
    return 0;
}

/* Shorter ones first, then the patterns; the main server's before ours. */
static void take_folders(explain_t *explain, const conf_node_t *const *from,
                         int servers, const char *file)
{
    const conf_node_t *each;
    int depth, i;

    for (depth = 0; depth <= 64; depth++) {
        for (i = 0; i < servers; i++) {
            for (each = from[i]->first; each; each = each->next) {
                const char *folder = conf_arg(each, 0);

                if (conf_is(each, "<Directory")
                    && !regex_of(each)
                    && depth_of(each) == depth
                    && covers_folder(folder, file, explain->pool)) {
                    take(explain, each);
                }
            }
        }
    }
    for (i = 0; i < servers; i++) {
        for (each = from[i]->first; each; each = each->next) {
            if (strncasecmp(each->name, "<Directory", 10) == 0
                && regex_of(each)) {
                take_matching(explain, each, regex_of(each), file);
            }
        }
    }
}

static void take_files(explain_t *explain, const conf_node_t *within)
{
    const char *name = strrchr(explain->path, '/');
    const conf_node_t *each;

    name = name ? name + 1 : explain->path;
    for (each = within->first; each; each = each->next) {
        const char *pattern;

        if (strncasecmp(each->name, "<Files", 6) != 0) {
            continue;
        }
        pattern = regex_of(each);
        if (!*name && conf_has(each, EXPLAIN_GUARDS)) {
            conf_unknown(explain->tree, "%s: which file answers for a "
                         "folder; the section is left out", each->where);
        }
        else if (pattern) {
            take_matching(explain, each, pattern, name);
        }
        else if (apr_fnmatch(conf_arg(each, 0), name, 0)
                 == APR_SUCCESS) {
            take(explain, each);
        }
    }
}

/* <If> is asked at each request, .htaccess read at each. */
static void doubt(explain_t *explain, const conf_node_t *within)
{
    const conf_node_t *each;

    for (each = within->first; each; each = each->next) {
        if ((conf_is(each, "<If") || conf_is(each, "<ElseIf")
             || conf_is(each, "<Else")) && conf_has(each, EXPLAIN_GUARDS)) {
            conf_unknown(explain->tree, "%s: whether %s %s> holds; the "
                         "section is left out", each->where, each->name,
                         each->args);
            explain->doubtful = 1;
        }
    }
}

static void take_all(explain_t *explain)
{
    const conf_node_t *servers[] = { explain->tree->root, explain->server };
    int count = 1 + (servers[0] != servers[1]), folders, i;
    const conf_node_t *override;
    const char *file = file_of(explain);

    note_rewriting(explain);
    if (file) {
        take_folders(explain, servers, count, file);
    }
    override = explain_of_sections(explain, "AllowOverride");
    if (override && strcasecmp(override->args, "None") != 0) {
        conf_unknown(explain->tree, "%s: what .htaccess files say there",
                     override->where);
    }
    folders = explain->sections->nelts;
    for (i = 0; i < count; i++) {
        take_files(explain, servers[i]);
    }
    for (i = 0; i < folders; i++) {
        take_files(explain, explain_section(explain, i));
    }
    for (i = 0; i < count; i++) {
        take_locations(explain, servers[i]);
        doubt(explain, servers[i]);
        explain->doubtful |= conf_unknown_in(explain->tree, servers[i]);
    }
    for (i = 0; i < explain->sections->nelts; i++) {
        const conf_node_t *each = explain_section(explain, i);

        doubt(explain, each);
        explain->doubtful |= conf_unknown_in(explain->tree, each);
    }
}

cli_exit_e explain_place(explain_t *explain, const char *url)
{
    apr_pool_t *pool = explain->pool;
    apr_uri_t uri;
    apr_status_t status;
    char *path;
    cli_exit_e code;

    if (apr_uri_parse(pool, url, &uri) != APR_SUCCESS
        || (!uri.hostname && *url != '/')) {
        return cli_usage(explain->cli, "--url wants http://HOST/PATH or "
                         "/PATH, not \"%s\"", url);
    }
    explain->host = uri.hostname ? uri.hostname : "";
    explain->port = uri.port ? uri.port
                  : !uri.scheme ? 0 : apr_uri_port_of_scheme(uri.scheme);
    path = apr_pstrdup(pool, uri.path && *uri.path ? uri.path : "/");
    status = apr_unescape_url(path, path, APR_ESCAPE_STRING, NULL, NULL, 0,
                              NULL);
    if ((status != APR_SUCCESS && status != APR_NOTFOUND)
        || strstr(path, "//") || strstr(path, "/./")
        || strstr(path, "/../")) {
        return cli_usage(explain->cli, "write the path of --url as httpd sees "
                         "it, without \"//\", \"/./\" and \"/../\"");
    }
    explain->path = path;
    explain->sections = apr_array_make(pool, 8, sizeof(conf_node_t *));
    code = find_server(explain);
    if (code == CLI_DONE) {
        take_all(explain);
    }
    return code;
}
