/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The functions behind the directives that say how a request is read and
 * refused: ApiKeyFrom, ApiKeyUser, ApiKeyErrorFormat, ApiKeyErrorBody. */

#include <apr_lib.h>
#include <apr_strings.h>

#include "../core/verdict.h"
#include "check.h"
#include "directives.h"

#define HEADER_DEFAULT "X-API-Key"

/* A header that httpd, a proxy or a browser gives a meaning of its own. */
static const char *header_fault(const char *name)
{
    static const char *const taken[] = {
        "Authorization", "Connection", "Content-Length", "Content-Type",
        "Cookie", "Host", "Proxy-Authorization", "Referer", "TE",
        "Transfer-Encoding", "Upgrade", "User-Agent", NULL
    };
    int i;

    if (!*name) {
        return "has no name behind 'header:'";
    }
    for (i = 0; name[i]; i++) {
        if (!apr_isalnum(name[i]) && name[i] != '-') {
            return "has a character other than letters, digits and '-'";
        }
    }
    for (i = 0; taken[i]; i++) {
        if (!ap_cstr_casecmp(name, taken[i])) {
            return "names a header with a meaning of its own (for "
                   "Authorization write 'bearer' or 'basic')";
        }
    }
    if (!ap_cstr_casecmpn(name, APIKEY_HEADERS_DEFAULT,
                          sizeof(APIKEY_HEADERS_DEFAULT) - 1)) {
        return "names a header that tells the application its tenant";
    }
    return NULL;
}

static const char *parse_source(apikey_source_t *source, cmd_parms *cmd,
                                const char *word)
{
    const char *fault;

    source->header = "Authorization";
    if (!ap_cstr_casecmp(word, "bearer")) {
        source->from = APIKEY_FROM_BEARER;
        return NULL;
    }
    if (!ap_cstr_casecmp(word, "basic")) {
        source->from = APIKEY_FROM_BASIC;
        return NULL;
    }
    source->from = APIKEY_FROM_HEADER;
    if (!ap_cstr_casecmp(word, "header")) {
        source->header = HEADER_DEFAULT;
        return NULL;
    }
    if (ap_cstr_casecmpn(word, "header:", 7)) {
        return apr_psprintf(cmd->pool, "ApiKeyFrom: '%s' is none of 'header', "
                            "'header:NAME', 'bearer', 'basic'", word);
    }
    source->header = word + 7;
    fault = header_fault(source->header);
    return fault ? apr_psprintf(cmd->pool, "ApiKeyFrom: '%s' %s", word, fault)
                 : NULL;
}

/* Beside each other in a configuration file the server's list may come
 * behind the section, so check.c compares them at the end; an .htaccess is
 * read when all is known. */
static const char *narrowed(cmd_parms *cmd, const apr_array_header_t *from)
{
    if (cmd->pool == cmd->server->process->pconf) {
        apikey_check_from_later(cmd, from);
        return NULL;
    }
    return apikey_from_fault(cmd->pool, cmd->server, from);
}

const char *apikey_set_from(cmd_parms *cmd, void *dir, int argc,
                            char *const argv[])
{
    apr_array_header_t *from;
    int i;

    if (argc < 1) {
        return "ApiKeyFrom: name where keys may stand: 'header', "
               "'header:NAME', 'bearer', 'basic'";
    }
    from = apr_array_make(cmd->pool, argc, sizeof(apikey_source_t));
    for (i = 0; i < argc; i++) {
        apikey_source_t source;
        const char *error = parse_source(&source, cmd, argv[i]);

        if (error) {
            return error;
        }
        if (!from->nelts || !apikey_source_allowed(from, &source)) {
            APR_ARRAY_PUSH(from, apikey_source_t) = source;
        }
    }
    if (cmd->path) {
        ((apikey_dir_t *)dir)->from = from;
        return narrowed(cmd, from);
    }
    apikey_server_own(cmd->server, cmd->pool)->from = from;
    apikey_server_own(cmd->server, cmd->pool)->used = 1;
    return NULL;
}

const char *apikey_set_user(cmd_parms *cmd APIKEY_UNUSED, void *dirv,
                            const char *what)
{
    apikey_dir_t *dir = dirv;

    if (!ap_cstr_casecmp(what, "tenant")) {
        dir->user = APIKEY_USER_TENANT;
    }
    else if (!ap_cstr_casecmp(what, "id")) {
        dir->user = APIKEY_USER_ID;
    }
    else {
        return "ApiKeyUser: write 'tenant' or 'id'";
    }
    return NULL;
}

const char *apikey_set_error_format(cmd_parms *cmd APIKEY_UNUSED, void *dirv,
                                    const char *what)
{
    apikey_dir_t *dir = dirv;

    if (!ap_cstr_casecmp(what, "problem")) {
        dir->errors = APIKEY_ERRORS_PROBLEM;
    }
    else if (!ap_cstr_casecmp(what, "none")) {
        dir->errors = APIKEY_ERRORS_NONE;
    }
    else {
        return "ApiKeyErrorFormat: write 'problem' (RFC 9457) or 'none' "
               "(httpd's own page)";
    }
    return NULL;
}

/* A type/subtype with parameters and nothing that could end the field. */
static int media_type(const char *type)
{
    const char *slash = strchr(type, '/');
    const char *c;

    for (c = type; *c; c++) {
        if (!apr_isprint(*c)) {
            return 0;
        }
    }
    return slash && slash > type && slash[1] && slash[1] != ';';
}

static int known_variable(const char *name)
{
    static const char *const known[] = {
        "%{reason}", "%{message}", "%{status}", "%{request_id}", NULL
    };
    int i;

    for (i = 0; known[i]; i++) {
        if (!strncmp(name, known[i], strlen(known[i]))) {
            return 1;
        }
    }
    return 0;
}

const char *apikey_set_error_body(cmd_parms *cmd, void *dirv,
                                  const char *status, const char *type,
                                  const char *text)
{
    apikey_dir_t *dir = dirv;
    apikey_body_t body;
    const char *c;
    int i;

    body.status = atoi(status);
    for (i = APIKEY_GRANTED + 1; i < APIKEY_REASONS; i++) {
        if (apikey_reason(i)->status == body.status) {
            break;
        }
    }
    if (i == APIKEY_REASONS || strlen(status) != 3) {
        return apr_psprintf(cmd->pool, "ApiKeyErrorBody: '%s' is no status "
                            "that this module answers: write 400, 401, 403 "
                            "or 503", status);
    }
    if (!media_type(type)) {
        return apr_psprintf(cmd->pool, "ApiKeyErrorBody: '%s' is no content "
                            "type such as application/json", type);
    }
    for (c = strstr(text, "%{"); c; c = strstr(c + 2, "%{")) {
        if (!known_variable(c)) {
            return apr_psprintf(cmd->pool, "ApiKeyErrorBody: '%.20s...' is not "
                                "filled in: only %%{reason}, %%{message}, "
                                "%%{status} and %%{request_id} are", c);
        }
    }
    body.type = type;
    body.text = text;
    if (!dir->bodies) {
        dir->bodies = apr_array_make(cmd->pool, 2, sizeof(apikey_body_t));
    }
    for (i = 0; i < dir->bodies->nelts; i++) {
        if (APR_ARRAY_IDX(dir->bodies, i, apikey_body_t).status
            == body.status) {
            APR_ARRAY_IDX(dir->bodies, i, apikey_body_t) = body;
            return NULL;
        }
    }
    APR_ARRAY_PUSH(dir->bodies, apikey_body_t) = body;
    return NULL;
}
