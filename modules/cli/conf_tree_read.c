/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Reads httpd's configuration, as httpd would. Whatever it is that stands in
 * these files, the reading of them ends: their depth and size are bounded. */

#include <glob.h>
#include <stdarg.h>
#include <unistd.h>

#include <apr_env.h>
#include <apr_file_info.h>
#include <apr_fnmatch.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "conf.h"
#include "conf_tree.h"

#define FILES_MAX 50            /* that include one another: httpd's limit */
#define SECTIONS_MAX 100        /* in one another */
#define SIZE_MAX_ALL (128 * 1024 * 1024)    /* bytes of all files */
#define SIZE_MIN 4096           /* what an empty one counts as */
#define BLANKS " \t\f\v\r"

typedef struct reader_t {
    conf_tree_t *tree;
    apr_pool_t *pool;
    const char *const *matters;
    const char *server_root;    /* ServerRoot, else the first file's folder */
    apr_table_t *defined;       /* Define; a value or "" */
    apr_table_t *harmless;      /* macros that write nothing that matters */
    int files, sections;        /* that are open */
    apr_size_t size;            /* read so far, values of Define included */
    const char *error;
} reader_t;

static apr_status_t fail(reader_t *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static apr_status_t fail(reader_t *reader, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    reader->error = apr_pvsprintf(reader->pool, format, args);
    va_end(args);
    return APR_EINVAL;
}

static apr_status_t count(reader_t *reader, apr_size_t size,
                          const char *where)
{
    reader->size += size;
    return reader->size <= SIZE_MAX_ALL ? APR_SUCCESS
           : fail(reader, "%s: the files included and what Define puts into "
                  "them are more than %d MiB, which htapikey does not read",
                  where, SIZE_MAX_ALL / 1024 / 1024);
}

/* ---- Lines ---- */

static void split_words(reader_t *reader, conf_node_t *node)
{
    apr_array_header_t *words = apr_array_make(reader->pool, 2,
                                               sizeof(char *));
    char *rest = apr_pstrdup(reader->pool, node->args);

    while (!cli_is_blank(rest)) {
        const char *word = cli_next_word(&rest);

        APR_ARRAY_PUSH(words, const char *) = word;
    }
    node->words = (const char *const *)words->elts;
    node->word_count = words->nelts;
}

static conf_node_t *add(reader_t *reader, conf_node_t *parent,
                        const char *name, const char *args,
                        const char *where)
{
    conf_node_t *node = apr_pcalloc(reader->pool, sizeof(*node));

    node->name = name;
    node->args = args;
    node->where = where;
    node->parent = parent;
    split_words(reader, node);
    if (parent->last) {
        parent->last->next = node;
    }
    else {
        parent->first = node;
    }
    parent->last = node;
    return node;
}

/* ${NAME}, where a Define or the environment says what that is. */
static apr_status_t expand(reader_t *reader, char **line, const char *where)
{
    apr_array_header_t *parts = apr_array_make(reader->pool, 4,
                                               sizeof(char *));
    const char *text = *line, *open, *close, *value;
    char *name, *set;
    apr_size_t size = 0;
    apr_status_t status;

    while ((open = strstr(text, "${")) && (close = strchr(open, '}'))) {
        name = apr_pstrmemdup(reader->pool, open + 2, close - open - 2);
        value = apr_table_get(reader->defined, name);
        if (!value && apr_env_get(&set, name, reader->pool) == APR_SUCCESS) {
            value = set;
        }
        if (!value) {
            value = apr_pstrmemdup(reader->pool, open, close + 1 - open);
        }
        APR_ARRAY_PUSH(parts, const char *)
            = apr_pstrmemdup(reader->pool, text, open - text);
        APR_ARRAY_PUSH(parts, const char *) = value;
        size += strlen(value);
        text = close + 1;
    }
    APR_ARRAY_PUSH(parts, const char *) = text;
    status = count(reader, size, where);
    if (status == APR_SUCCESS) {
        *line = apr_array_pstrcat(reader->pool, parts, '\0');
    }
    return status;
}

/* Whether a line that begins so may say something that the caller looks for:
 * itself, or by what it brings in. In a macro, $, % and @ stand for
 * anything. */
static int may_matter(reader_t *reader, const char *line)
{
    static const char *const brings[] = {
        "Include", "Use ", "Use\t", "$", "%", "@", NULL
    };

    return conf_begins(line, brings) || conf_begins(line, reader->matters);
}

/* ---- Conditions ---- */

/* These are built into httpd where nobody loads them; mpm_event where nobody
 * loads another MPM. */
static int usually_static(const reader_t *reader, const char *name)
{
    static const char *const all[] = {
        "core", "http", "so", "log_config", "logio", "unixd", "version",
        "watchdog", "mpm_event", NULL
    };
    const char *rest = strncmp(name, "mod_", 4) == 0 ? name + 4 : name;
    apr_table_t *modules = reader->tree->modules;
    int i;

    for (i = 0; all[i]; i++) {
        apr_size_t len = strlen(all[i]);

        if (strncmp(rest, all[i], len) == 0
            && (strcmp(rest + len, ".c") == 0
                || strcmp(rest + len, "_module") == 0)) {
            return *rest != 'm' || (!apr_table_get(modules,
                                                   "mpm_worker_module")
                                    && !apr_table_get(modules,
                                                      "mpm_prefork_module"));
        }
    }
    return 0;
}

static const char *whole_path(reader_t *reader, const char *path)
{
    return *path == '/' ? path : apr_pstrcat(reader->pool, reader->server_root,
                                             "/", path, NULL);
}

/* Whether <IfModule> and its like hold; -1: it is no such section. */
static int condition(reader_t *reader, conf_node_t *node)
{
    const char *what = conf_arg(node, 0);
    int negated = *what == '!', holds;

    what += negated;
    if (conf_is(node, "<IfDefine")) {
        holds = apr_table_get(reader->defined, what) != NULL;
        if (!holds) {
            node->unknown = apr_pstrcat(reader->pool, "whether httpd is "
                                        "started with -D ", what,
                                        "; taken as not", NULL);
        }
    }
    else if (conf_is(node, "<IfModule")) {
        holds = apr_table_get(reader->tree->modules, what) != NULL
                || usually_static(reader, what);
        if (!holds) {
            node->unknown = apr_pstrcat(reader->pool, "whether ", what, " is "
                                        "built into httpd; taken as not",
                                        NULL);
        }
    }
    else if (conf_is(node, "<IfFile")) {
        holds = access(whole_path(reader, what), F_OK) == 0;
    }
    else if (conf_is(node, "<IfVersion") || conf_is(node, "<IfDirective")
             || conf_is(node, "<IfSection")) {
        node->unknown = apr_pstrcat(reader->pool, "whether ", node->name, " ",
                                    node->args, "> holds; taken as it does",
                                    NULL);
        return 1;
    }
    else {
        return -1;
    }
    return negated ? !holds : holds;
}

/* ---- Directives that say something of the lines that follow ---- */

static apr_status_t read_text(reader_t *reader, conf_node_t *within,
                              const char *path, char *text);

/* A file's text, if it is one that httpd would read: a pipe might never
 * end. */
static apr_status_t text_of(reader_t *reader, const char *path, char **text,
                            const char **why)
{
    apr_finfo_t info;

    if (apr_stat(&info, path, APR_FINFO_TYPE, reader->pool) == APR_SUCCESS
        && info.filetype != APR_REG && strcmp(path, "/dev/null") != 0) {
        *why = apr_pstrcat(reader->pool, "the configuration ", path,
                           " is no file, but a folder, a pipe or the like",
                           NULL);
        return APR_EINVAL;
    }
    return cli_read_text(text, path, reader->pool, why);
}

/* What is to be done where a file cannot be read. */
static const char *cure(apr_status_t status, const char *missing)
{
    return status == APR_EINVAL ? "; htapikey does not read it"
           : APR_STATUS_IS_EACCES(status)
           ? "; run htapikey as one who may read it, root for example"
           : missing;
}

static apr_status_t include_all(reader_t *reader, conf_node_t *node,
                                const char *pattern, int *found);

/* A file, or a folder, which stands for all that is in it. What cannot be read
 * is no end of it all: the rest may say enough. */
static apr_status_t include_path(reader_t *reader, conf_node_t *node,
                                 const char *path)
{
    const char *inside = apr_pstrcat(reader->pool, path, "/", NULL);
    apr_status_t status = count(reader, SIZE_MIN, node->where);
    const char *why;
    char *text;
    int found;

    if (status != APR_SUCCESS) {
        return status;
    }
    if (access(inside, F_OK) == 0) {
        return include_all(reader, node, apr_pstrcat(reader->pool, inside,
                                                     "*", NULL), &found);
    }
    status = text_of(reader, path, &text, &why);
    if (status == APR_SUCCESS) {
        return read_text(reader, node->parent, path, text);
    }
    if (conf_is(node, "Include") || !APR_STATUS_IS_ENOENT(status)) {
        node->unknown = apr_pstrcat(reader->pool, "what it includes: ", why,
                                    cure(status, "; httpd does not start "
                                         "without it"), NULL);
    }
    return APR_SUCCESS;
}

static apr_status_t include_all(reader_t *reader, conf_node_t *node,
                                const char *pattern, int *found)
{
    apr_status_t status = APR_SUCCESS;
    glob_t paths;
    size_t i;

    *found = glob(pattern, 0, NULL, &paths) == 0;
    for (i = 0; *found && i < paths.gl_pathc && status == APR_SUCCESS; i++) {
        status = include_path(reader, node, apr_pstrdup(reader->pool,
                                                        paths.gl_pathv[i]));
    }
    if (*found) {
        globfree(&paths);
    }
    return status;
}

static apr_status_t include(reader_t *reader, conf_node_t *node)
{
    const char *path = whole_path(reader, conf_arg(node, 0));
    int found;
    apr_status_t status;

    if (node->unknown) {
        return APR_SUCCESS;     /* what its path is */
    }
    if (!*conf_arg(node, 0)) {
        return fail(reader, "%s: %s wants a path", node->where, node->name);
    }
    if (!apr_fnmatch_test(path)) {
        return include_path(reader, node, path);
    }
    status = include_all(reader, node, path, &found);
    if (!found && conf_is(node, "Include")) {
        node->unknown = apr_pstrcat(reader->pool, "what it includes: there is "
                                    "no ", path, "; httpd does not start "
                                    "without one", NULL);
    }
    return status;
}

static void load_module(reader_t *reader, const conf_node_t *node)
{
    apr_table_t *modules = reader->tree->modules;
    const char *name = conf_arg(node, 0);
    const char *end = strstr(name, "_module");

    apr_table_setn(modules, name, "");
    if (end) {
        apr_table_setn(modules, apr_pstrcat(reader->pool, "mod_",
                                            apr_pstrmemdup(reader->pool, name,
                                                           end - name),
                                            ".c", NULL), "");
    }
}

static apr_status_t obey(reader_t *reader, conf_node_t *node)
{
    const char *arg = conf_arg(node, 0);

    if (conf_is_include(node)) {
        return include(reader, node);
    }
    if (conf_is(node, "Define")) {
        apr_table_set(reader->defined, arg, conf_arg(node, 1));
    }
    else if (conf_is(node, "UnDefine")) {
        apr_table_unset(reader->defined, arg);
    }
    else if (conf_is(node, "LoadModule")) {
        load_module(reader, node);
    }
    else if (conf_is(node, "ServerRoot")) {
        reader->server_root = arg;
    }
    else if (conf_is(node, "Use") && !apr_table_get(reader->harmless, arg)) {
        node->unknown = apr_pstrcat(reader->pool, "what the macro ", arg,
                                    " writes there", NULL);
    }
    return APR_SUCCESS;
}

/* ---- Sections and files ---- */

static apr_status_t end_section(reader_t *reader, const conf_node_t *base,
                                conf_node_t **at, const char *name,
                                const char *where)
{
    const char *open = (*at)->name;
    apr_size_t len = strcspn(name + 2, ">");

    if (*at == base) {
        return fail(reader, "%s: %s ends what has not begun", where, name);
    }
    if (strlen(open + 1) != len || strncasecmp(open + 1, name + 2, len) != 0) {
        return fail(reader, "%s: %s does not end the %s> of %s", where, name,
                    open, (*at)->where);
    }
    *at = (*at)->parent;
    reader->sections--;
    return APR_SUCCESS;
}

/* What expand() has found nowhere. */
static void note_undefined(reader_t *reader, conf_node_t *node)
{
    const char *open = strstr(node->args, "${");
    const char *close = open ? strchr(open, '}') : NULL;

    if (close) {
        node->unknown = apr_psprintf(
            reader->pool, "what %.*s is: neither Define nor the environment "
            "says; run htapikey with httpd's environment (on Debian "
            "/etc/apache2/envvars)", (int)(close + 1 - open), open);
    }
}

/* One line within *at, which a section's begin and end move. */
static apr_status_t read_line(reader_t *reader, const conf_node_t *base,
                              conf_node_t **at, char *line, const char *where)
{
    char *name, *args;
    conf_node_t *node;
    apr_size_t len;
    apr_status_t status = expand(reader, &line, where);

    if (status != APR_SUCCESS) {
        return status;
    }
    name = cli_next_word(&line);
    if (name[0] == '<' && name[1] == '/') {
        return end_section(reader, base, at, name, where);
    }
    args = line + strspn(line, BLANKS);
    len = strlen(args);
    while (len && apr_isspace(args[len - 1])) {
        len--;
    }
    if (*name == '<') {
        len -= len && args[len - 1] == '>';
        name[strcspn(name, ">")] = '\0';
    }
    args[len] = '\0';
    node = add(reader, *at, name, args, where);
    if (may_matter(reader, name)) {
        note_undefined(reader, node);
    }
    if (*name != '<') {
        return obey(reader, node);
    }
    *at = node;
    return ++reader->sections <= SECTIONS_MAX ? APR_SUCCESS
           : fail(reader, "%s: more than %d sections stand in one another",
                  where, SECTIONS_MAX);
}

/* Everything up to the end of the section is passed over; whether there is
 * one. */
static int pass_over(reader_t *reader, char **text, int *number, int *matters)
{
    int depth = 1, lines;

    for (*matters = 0; **text && depth; *number += lines) {
        char *line = cli_next_line(text, &lines);

        line += strspn(line, BLANKS);
        if (*line == '<') {
            depth += line[1] == '/' ? -1 : 1;
        }
        *matters |= may_matter(reader, line);
    }
    return depth == 0;
}

/* Sections whose condition does not hold, and macros, belong to nothing. */
static apr_status_t enter(reader_t *reader, conf_node_t **at, char **text,
                          int *number)
{
    conf_node_t *section = *at;
    int macro = conf_is(section, "<Macro"), matters;

    if (!macro && condition(reader, section) != 0) {
        return APR_SUCCESS;
    }
    if (!pass_over(reader, text, number, &matters)) {
        return fail(reader, "%s: %s> has no end", section->where,
                    section->name);
    }
    if (!matters) {
        section->unknown = NULL;
        if (macro) {
            apr_table_setn(reader->harmless, conf_arg(section, 0), "");
        }
    }
    *at = section->parent;
    reader->sections--;
    return APR_SUCCESS;
}

static apr_status_t read_text(reader_t *reader, conf_node_t *within,
                              const char *path, char *text)
{
    conf_node_t *at = within;
    int number = 1, lines;
    apr_status_t status = count(reader, strlen(text), path);

    if (++reader->files > FILES_MAX) {
        return fail(reader, "%s: more than %d files include one another",
                    path, FILES_MAX);
    }
    while (status == APR_SUCCESS && *text) {
        int sections = reader->sections, here = number;
        char *line = cli_next_line(&text, &lines);

        number += lines;
        line += strspn(line, BLANKS);
        if (!*line || *line == '#') {
            continue;
        }
        status = read_line(reader, within, &at, line,
                           apr_psprintf(reader->pool, "%s:%d", path, here));
        if (status == APR_SUCCESS && reader->sections > sections) {
            status = enter(reader, &at, &text, &number);
        }
    }
    reader->files--;
    return status != APR_SUCCESS || at == within ? status
           : fail(reader, "%s: %s> has no end", at->where, at->name);
}

/* The lines of <IfModule> and its like belong to what these stand in; the
 * section itself stays before them, empty. */
static void unfold(reader_t *reader, conf_node_t *node)
{
    conf_node_t *each;

    for (each = node->first; each; each = each->next) {
        /* But not <If>, which is asked at each request. */
        if (strncasecmp(each->name, "<If", 3) == 0 && each->name[3]
            && each->first) {
            if (!conf_has(each, reader->matters)) {
                each->unknown = NULL;
            }
            each->last->next = each->next;
            each->next = each->first;
            each->first = each->last = NULL;
        }
        else {
            unfold(reader, each);
        }
    }
}

apr_status_t conf_tree_read(conf_tree_t **tree, const char *path,
                            const char *const *matters, apr_pool_t *pool,
                            const char **error)
{
    const char *slash = strrchr(path, '/');
    reader_t reader = { 0 };
    char *text;
    apr_status_t status;

    *tree = reader.tree = apr_pcalloc(pool, sizeof(**tree));
    (*tree)->pool = reader.pool = pool;
    (*tree)->root = apr_pcalloc(pool, sizeof(conf_node_t));
    (*tree)->root->name = (*tree)->root->args = (*tree)->root->where = "";
    (*tree)->modules = apr_table_make(pool, 32);
    (*tree)->unknown = apr_array_make(pool, 8, sizeof(char *));
    reader.matters = matters;
    reader.server_root = slash ? apr_pstrmemdup(pool, path, slash - path)
                               : ".";
    reader.defined = apr_table_make(pool, 8);
    reader.harmless = apr_table_make(pool, 8);
    status = text_of(&reader, path, &text, &reader.error);
    if (status == APR_SUCCESS) {
        status = read_text(&reader, (*tree)->root, path, text);
        unfold(&reader, (*tree)->root);
    }
    else {
        fail(&reader, "%s%s", reader.error,
             cure(status, "; --httpd wants the file that httpd reads first, "
                  "which `httpd -V` names"));
    }
    *error = reader.error;
    return status;
}
