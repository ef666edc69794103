/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* ApiKeyTenant is an expression whose value is the tenant that keys of a server
 * must belong to.  If the client could choose that value, every key would fit,
 * so what the expression reads is checked when httpd starts; what cannot be
 * known then is refused. */

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <util_cfgtree.h>
#include <apr_strings.h>

#include "../core/text.h"
#include "config_tree.h"
#include "required_tenant.h"

APLOG_USE_MODULE(apikey);

#define REFUSE(s, ...) \
    ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0, s, __VA_ARGS__)

typedef enum {
    CHOICE,                     /* the client chooses it */
    NAMED,                      /* the Host header without UseCanonicalName */
    HEADER,                     /* a request header */
    VARIABLE,                   /* an environment variable */
    FUNCTION_OF_SSL             /* its argument is one of all these */
} origin_e;

/* A variable or function of httpd's expressions that the client may choose, and
 * where it comes from. */
typedef struct {
    const char *name;
    origin_e origin;
    const char *source;         /* the header or variable; NULL: the argument
                                 * names it */
} expr_name_t;

/* httpd's variables.  A path is allowed although the client chooses it: the
 * tenant then belongs to the resource at that path.  REMOTE_HOST is answered
 * by the client's own name server, REMOTE_IDENT by the client. */
static const expr_name_t variables[] = {
    { "HTTP_HOST", HEADER, "Host" },
    { "HTTP_USER_AGENT", HEADER, "User-Agent" },
    { "HTTP_PROXY_CONNECTION", HEADER, "Proxy-Connection" },
    { "HTTP_REFERER", HEADER, "Referer" },
    { "HTTP_COOKIE", HEADER, "Cookie" },
    { "HTTP_FORWARDED", HEADER, "Forwarded" },
    { "HTTP_ACCEPT", HEADER, "Accept" },
    { "SERVER_NAME", NAMED, NULL }, { "SERVER_PORT", NAMED, NULL },
    { "DOCUMENT_URI", VARIABLE, "DOCUMENT_URI" },
    { "THE_REQUEST", CHOICE, NULL }, { "QUERY_STRING", CHOICE, NULL },
    { "REQUEST_METHOD", CHOICE, NULL }, { "REMOTE_HOST", CHOICE, NULL },
    { "REMOTE_IDENT", CHOICE, NULL }, { "REMOTE_PORT", CHOICE, NULL },
    { "SSL_TLS_SNI", CHOICE, NULL },
    { NULL, CHOICE, NULL }
};

/* httpd's other variables, which the client alone cannot choose. */
static const char *const fine_variables[] = {
    "HTTPS", "IPV6", "HTTP2", "CONN_LOG_ID", "CONN_REMOTE_ADDR",
    "REQUEST_SCHEME", "REQUEST_URI", "REQUEST_FILENAME", "REMOTE_USER",
    "SERVER_ADMIN", "SERVER_PROTOCOL", "SCRIPT_FILENAME", "PATH_INFO",
    "IS_SUBREQ", "DOCUMENT_ROOT", "AUTH_TYPE", "CONTENT_TYPE", "HANDLER",
    "REQUEST_LOG_ID", "SCRIPT_USER", "SCRIPT_GROUP", "LAST_MODIFIED",
    "CONTEXT_PREFIX", "CONTEXT_DOCUMENT_ROOT", "REQUEST_STATUS", "REMOTE_ADDR",
    "TIME_YEAR", "TIME_MON", "TIME_DAY", "TIME_HOUR", "TIME_MIN", "TIME_SEC",
    "TIME_WDAY", "TIME", "SERVER_SOFTWARE", "API_VERSION", NULL
};

/* httpd's functions, likewise. */
static const expr_name_t functions[] = {
    { "req", HEADER, NULL }, { "http", HEADER, NULL },
    { "req_novary", HEADER, NULL },
    { "env", VARIABLE, NULL }, { "reqenv", VARIABLE, NULL },
    { "note", VARIABLE, NULL },
    { "SSL", FUNCTION_OF_SSL, NULL },
    { NULL, CHOICE, NULL }
};

/* A function of other words is one of these: httpd looks those words up,
 * too. */
static const char *const fine_functions[] = {
    "osenv", "tolower", "toupper", "escape", "unescape", "base64", "unbase64",
    "sha1", "md5", "ldap", "file", "filesize", NULL
};

/* What apikey_expr_lookup() fills while an expression is parsed; else NULL.
 * Used by the one thread that starts httpd. */
static apikey_expr_reads_t *recording;

static const expr_name_t *find_known(const expr_name_t *known,
                                     const char *name)
{
    for (; known->name; known++) {
        if (!ap_cstr_casecmp(known->name, name)) {
            return known;
        }
    }
    return NULL;
}

static void add_read_header(apikey_expr_reads_t *reads, const char *name)
{
    char *plain = apr_pstrdup(reads->pool, name);

    apr_collapse_spaces(plain, plain);
    if (!ap_cstr_casecmp(plain, "Host")) {
        reads->choice = "the Host header";
    }
    APR_ARRAY_PUSH(reads->headers, const char *) = plain;
}

static void add_read_variable(apikey_expr_reads_t *reads, const char *name);

/* mod_ssl's function, which also reads httpd's own variables. */
static void add_read_ssl(apikey_expr_reads_t *reads, const char *arg)
{
    if (!ap_cstr_casecmpn(arg, "HTTP:", 5)) {
        add_read_header(reads, arg + 5);
    }
    else if (!ap_cstr_casecmpn(arg, "ENV:", 4)) {
        APR_ARRAY_PUSH(reads->variables, const char *) =
            apr_pstrdup(reads->pool, arg + 4);
    }
    else {
        add_read_variable(reads, arg);
    }
}

static void add_read(apikey_expr_reads_t *reads, const expr_name_t *known,
                     const char *arg)
{
    switch (known->origin) {
    case CHOICE:
        reads->choice = apr_pstrcat(reads->pool, "%{", known->name, "}", NULL);
        break;
    case NAMED:
        reads->named = 1;
        break;
    case HEADER:
        add_read_header(reads, known->source ? known->source : arg);
        break;
    case VARIABLE:
        APR_ARRAY_PUSH(reads->variables, const char *) =
            apr_pstrdup(reads->pool, known->source ? known->source : arg);
        break;
    case FUNCTION_OF_SSL:
        add_read_ssl(reads, arg);
        break;
    }
}

static void add_read_variable(apikey_expr_reads_t *reads, const char *name)
{
    const expr_name_t *known = find_known(variables, name);

    if (known) {
        add_read(reads, known, NULL);
    }
    else if (ap_cstr_casecmpn(name, "SSL_", 4)
             && !apikey_text_listed(fine_variables, name)) {
        reads->unknown = apr_pstrcat(reads->pool, "%{", name, "}", NULL);
    }
}

static void add_read_function(apikey_expr_reads_t *reads, const char *name,
                              const char *arg)
{
    const expr_name_t *known = find_known(functions, name);

    if (known && arg) {
        add_read(reads, known, arg);
    }
    else if (known || !apikey_text_listed(fine_functions, name)) {
        reads->unknown = apr_pstrcat(reads->pool, "%{", name, ":",
                                     arg ? arg : "...", "}", NULL);
    }
}

int apikey_expr_lookup(ap_expr_lookup_parms *parms)
{
    if (recording) {
        if (parms->type == AP_EXPR_FUNC_VAR) {
            add_read_variable(recording, parms->name);
        }
        else if (parms->type == AP_EXPR_FUNC_STRING) {
            add_read_function(recording, parms->name, parms->arg);
        }
        else if ((parms->type == AP_EXPR_FUNC_OP_UNARY
                  && !strcmp(parms->name, "R"))
                 || (parms->type == AP_EXPR_FUNC_OP_BINARY
                     && !ap_cstr_casecmp(parms->name, "ipmatch"))) {
            recording->address = 1;
        }
    }
    return DECLINED;
}

static apikey_expr_reads_t *start_recording(apr_pool_t *pool)
{
    apikey_expr_reads_t *reads = apr_pcalloc(pool, sizeof(*reads));

    reads->pool = pool;
    reads->headers = apr_array_make(pool, 1, sizeof(const char *));
    reads->variables = apr_array_make(pool, 1, sizeof(const char *));
    recording = reads;
    return reads;
}

ap_expr_info_t *apikey_required_tenant_parse(cmd_parms *cmd, const char *text,
                                             apikey_expr_reads_t **reads,
                                             const char **error)
{
    ap_expr_info_t *parsed;

    *reads = start_recording(cmd->pool);
    parsed = ap_expr_parse_cmd(cmd, text, AP_EXPR_FLAG_STRING_RESULT, error,
                               NULL);
    recording = NULL;
    return parsed;
}

/* Whether one of the lines is `RequestHeader set NAME VALUE early` with a
 * constant VALUE, which replaces what the client sent before it is read. */
static int is_set_early(const ap_directive_t *line, const char *name,
                        apr_pool_t *pool)
{
    for (; line; line = line->next) {
        const char *args = line->args;
        const char *value;

        if (ap_cstr_casecmp(line->directive, "RequestHeader")
            || ap_cstr_casecmp(ap_getword_conf(pool, &args), "set")
            || ap_cstr_casecmp(ap_getword_conf(pool, &args), name)) {
            continue;
        }
        value = ap_getword_conf(pool, &args);
        if (!strchr(value, '%') && strncmp(value, "expr=", 5) != 0
            && !ap_cstr_casecmp(ap_getword_conf(pool, &args), "early")
            && !*args) {
            return 1;
        }
    }
    return 0;
}

/* Whether the arguments set the variable by NAME=VALUE to what the line's
 * regular expression has matched ($1). */
static int takes_match(const char *args, const char *name, apr_pool_t *pool)
{
    while (*args) {
        const char *set = ap_getword_conf(pool, &args);
        const char *value = strchr(set, '=');

        if (value && (apr_size_t)(value - set) == strlen(name)
            && !ap_cstr_casecmpn(set, name, strlen(name))
            && strchr(value, '$')) {
            return 1;
        }
    }
    return 0;
}

/* What SetEnvIf reads that the client cannot choose; anything else is a header
 * or a variable that another SetEnvIf may have made from one. */
static int is_server_attribute(const char *attribute)
{
    static const char *const own[] = {
        "Remote_Addr", "Server_Addr", "Request_Protocol", "Request_URI", NULL
    };

    return apikey_text_listed(own, attribute);
}

/* What a SetEnvIfExpr takes from the client: one of what its expression reads.
 * NULL where it compares the client's address, since only clients with that
 * address can choose then. */
static const char *choice_in_expr(const char *text, apikey_expr_reads_t *reads,
                                  apr_pool_t *pool)
{
    ap_expr_info_t *info = apr_pcalloc(pool, sizeof(*info));
    apikey_expr_reads_t *inner = start_recording(pool);
    const char *error = ap_expr_parse(pool, pool, info, text, NULL);

    recording = NULL;
    reads->named |= inner->named;
    return error || inner->address ? NULL
           : inner->choice ? inner->choice
           : inner->unknown ? inner->unknown
           : inner->headers->nelts > 0
             ? APR_ARRAY_IDX(inner->headers, 0, const char *) : NULL;
}

/* What this line takes from the client to set the variable; NULL: nothing, or
 * it does not set it. */
static const char *choice_in_line(const ap_directive_t *line, const char *name,
                                  apikey_expr_reads_t *reads, apr_pool_t *pool)
{
    int plain = !ap_cstr_casecmpn(line->directive, "SetEnvIf", 8);
    int is_expr = !ap_cstr_casecmp(line->directive, "SetEnvIfExpr");
    const char *args = line->args;
    const char *first;

    if (!plain && ap_cstr_casecmpn(line->directive, "BrowserMatch", 12)) {
        return NULL;
    }
    first = ap_getword_conf(pool, &args);
    if (!plain) {
        return takes_match(args, name, pool) ? "User-Agent" : NULL;
    }
    if (!is_expr) {
        ap_getword_conf(pool, &args);
    }
    return !takes_match(args, name, pool) ? NULL
           : is_expr ? choice_in_expr(first, reads, pool)
           : is_server_attribute(first) ? NULL : first;
}

/* What of the headers and variables read the client can choose, for a message;
 * NULL: nothing. */
static const char *client_choice(server_rec *s, apikey_expr_reads_t *reads,
                                 apr_pool_t *pool)
{
    const ap_directive_t *own = apikey_tree_lines(s), *line;
    int i, outer;

    if (reads->choice) {
        return reads->choice;
    }
    for (i = 0; i < reads->headers->nelts; i++) {
        const char *name = APR_ARRAY_IDX(reads->headers, i, const char *);

        if (!is_set_early(own, name, pool)
            && !is_set_early(ap_conftree, name, pool)) {
            return apr_pstrcat(pool, "the ", name, " header", NULL);
        }
    }
    for (i = 0; i < reads->variables->nelts; i++) {
        const char *name = APR_ARRAY_IDX(reads->variables, i, const char *);

        for (outer = 0; outer <= (own != ap_conftree); outer++) {
            for (line = outer ? ap_conftree : own; line; line = line->next) {
                const char *from = choice_in_line(line, name, reads, pool);

                if (from) {
                    return apr_psprintf(pool, "the variable %s, which %s:%d "
                                        "takes from %s,", name, line->filename,
                                        line->line_num, from);
                }
            }
        }
    }
    return NULL;
}

int apikey_check_required_tenant(server_rec *s, const apikey_server_t *conf,
                                 int renamed, apr_pool_t *ptemp)
{
    const core_dir_config *core =
        ap_get_core_module_config(s->lookup_defaults);
    apikey_expr_reads_t reads;
    const char *choice;

    if (!conf->required_tenant_reads) {
        return OK;
    }
    reads = *conf->required_tenant_reads;
    choice = client_choice(s, &reads, ptemp);
    if (choice) {
        REFUSE(s, "APIKEY0002: ApiKeyTenant '%s': %s is the client's choice, "
               "and so would the tenant be; use %%{SERVER_NAME} with "
               "UseCanonicalName On", conf->required_tenant_text, choice);
        return !OK;
    }
    if (reads.unknown) {
        REFUSE(s, "APIKEY0190: ApiKeyTenant '%s': what %s reads cannot be "
               "known before a request comes; write the name that it reads, "
               "such as %%{env:CUSTOMER}, and say with SetEnvIf what that is",
               conf->required_tenant_text, reads.unknown);
        return !OK;
    }
    if (reads.named
        && (core->use_canonical_name != USE_CANONICAL_NAME_ON || renamed)) {
        REFUSE(s, "APIKEY0003: ApiKeyTenant '%s': without UseCanonicalName On "
               "in this server and in all its sections, %%{SERVER_NAME} is "
               "the client's Host header; write that line",
               conf->required_tenant_text);
        return !OK;
    }
    return OK;
}
