/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The directives that say how a request is read and refused: ApiKeyFrom,
 * ApiKeyChallenge, ApiKeyUser, ApiKeyErrorFormat, ApiKeyErrorBody. */

#include <apr_lib.h>
#include <apr_strings.h>

#include "../core/result.h"
#include "../core/text.h"
#include "section_sources.h"
#include "directives.h"

#define HEADER_DEFAULT "X-API-Key"

/* RFC 9110, 5.6.2: the characters of the name of a header or a scheme. */
static const char *token_fault(const char *name)
{
    int i;

    if (!*name) {
        return "has no name after the ':'";
    }
    for (i = 0; name[i]; i++) {
        if (!apr_isalnum(name[i]) && !strchr("!#$%&'*+-.^_`|~", name[i])) {
            return "has a character that no such name has (RFC 9110, 5.6.2)";
        }
    }
    return NULL;
}

/* A key's header must not be one that httpd, a proxy or a browser gives a
 * meaning of its own, or that an application may take for one of those. */
static const char *header_fault(const char *name)
{
    static const char *const taken[] = {
        "Authorization", "Connection", "Content-Length", "Content-Type",
        "Cookie", "Host", "Proxy-Authorization", "Referer", "TE",
        "Transfer-Encoding", "Upgrade", "User-Agent", NULL
    };
    const char *fault = token_fault(name);
    int i;

    for (i = 0; !fault && taken[i]; i++) {
        if (apikey_header_is_same(name, taken[i])) {
            fault = "names a header with a meaning of its own (for "
                    "Authorization write 'bearer', 'scheme:NAME', "
                    "'authorization' or 'basic')";
        }
    }
    if (!fault && apikey_reserved_header(name, "")) {
        fault = "names a header that the tenant is exported in";
    }
    return fault;
}

/* A key's scheme must not be one whose credentials are something else. */
static const char *scheme_fault(const char *name)
{
    static const char *const other[] = { "Digest", "Negotiate", "NTLM", NULL };
    const char *fault = token_fault(name);

    if (!fault && !ap_cstr_casecmp(name, "Basic")) {
        return "is read otherwise than other schemes: write 'basic'";
    }
    return fault || !apikey_text_listed(other, name)
           ? fault : "names a scheme in which no key can stand";
}

/* The words of ApiKeyFrom that have no NAME of the administrator's. */
static const struct { const char *word; apikey_source_t source; } words[] = {
    { "header", { APIKEY_FROM_HEADER, HEADER_DEFAULT, "" } },
    { "bearer", { APIKEY_FROM_BEARER, "Authorization", "" } },
    { "scheme:Bearer", { APIKEY_FROM_BEARER, "Authorization", "" } },
    { "authorization", { APIKEY_FROM_AUTHORIZATION, "Authorization", "" } },
    { "basic", { APIKEY_FROM_BASIC, "Authorization", "" } }
};

static const char *parse_source(apikey_source_t *source, cmd_parms *cmd,
                                const char *word)
{
    const char *fault;
    apr_size_t i;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!ap_cstr_casecmp(word, words[i].word)) {
            *source = words[i].source;
            return NULL;
        }
    }
    memset(source, 0, sizeof(*source));
    if (!ap_cstr_casecmpn(word, "header:", 7)) {
        source->from = APIKEY_FROM_HEADER;
        source->header = word + 7;
        source->scheme = "";
        fault = header_fault(word + 7);
    }
    else if (!ap_cstr_casecmpn(word, "scheme:", 7)) {
        source->from = APIKEY_FROM_SCHEME;
        source->header = "Authorization";
        source->scheme = word + 7;
        fault = scheme_fault(word + 7);
    }
    else {
        fault = "is none of 'header', 'header:NAME', 'bearer', 'scheme:NAME', "
                "'authorization', 'basic'";
    }
    return fault ? apr_psprintf(cmd->pool, "ApiKeyFrom: '%s' %s", word, fault)
                 : NULL;
}

/* In the configuration files the server's ApiKeyFrom may follow the section's,
 * so they are compared in check_config; an .htaccess is compared at once. */
static const char *section_from_fault(cmd_parms *cmd,
                                      const apr_array_header_t *from)
{
    if (cmd->pool == cmd->server->process->pconf) {
        apikey_section_sources_add(cmd, from);
        return NULL;
    }
    return apikey_section_sources_fault(cmd->pool, cmd->server, from);
}

const char *apikey_set_from(cmd_parms *cmd, void *dir, int argc,
                            char *const argv[])
{
    apr_array_header_t *from;
    int i;

    if (argc < 1) {
        return "ApiKeyFrom: name where keys may stand: 'header', "
               "'header:NAME', 'bearer', 'scheme:NAME', 'authorization', "
               "'basic'";
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
        return section_from_fault(cmd, from);
    }
    apikey_server_own(cmd->server, cmd->pool)->from = from;
    apikey_server_own(cmd->server, cmd->pool)->used = 1;
    return NULL;
}

/* The text of a quoted-string (RFC 9110, 5.6.4): a backslash before each '"'
 * and '\'.  NULL: it has a character that no quoted-string has. */
static const char *quoted_string(apr_pool_t *pool, const char *text)
{
    char *to = apr_palloc(pool, 2 * strlen(text) + 1), *end = to;

    for (; *text; text++) {
        if (!apr_isprint(*text) || !apr_isascii(*text)) {
            return NULL;
        }
        if (*text == '"' || *text == '\\') {
            *end++ = '\\';
        }
        *end++ = *text;
    }
    *end = '\0';
    return to;
}

/* Why a parameter cannot be added to those of its section; NULL: it can. */
static const char *parameter_fault(const apr_array_header_t *all,
                                   const apikey_parameter_t *one)
{
    static const char *const ours[] = { "realm", "header", "error",
                                        "error_description", NULL };
    const char *fault = token_fault(one->name);
    int i;

    if (fault) {
        return "is no NAME=VALUE";
    }
    if (!one->value) {
        return "has a character that no header can carry: write printable "
               "ASCII";
    }
    if (apikey_text_listed(ours, one->name)) {
        return "names a parameter that this module sets itself (the realm is "
               "AuthName's)";
    }
    for (i = 0; i < all->nelts; i++) {
        const apikey_parameter_t *other =
            &APR_ARRAY_IDX(all, i, apikey_parameter_t);

        if (!ap_cstr_casecmp(one->scheme, other->scheme)
            && !ap_cstr_casecmp(one->name, other->name)) {
            return "names a parameter that this section has already";
        }
    }
    return NULL;
}

static const char *add_parameter(cmd_parms *cmd, apr_array_header_t *all,
                                 const char *scheme, const char *word)
{
    const char *value = strchr(word, '=');
    apr_size_t len = value ? strlen(++value) : 0;
    apikey_parameter_t one;
    const char *fault;

    /* NAME="VALUE", as it stands in the header, is VALUE. */
    if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
        value = apr_pstrmemdup(cmd->pool, value + 1, len - 2);
    }
    one.scheme = scheme;
    one.name = apr_pstrmemdup(cmd->pool, word, strcspn(word, "="));
    one.value = value ? quoted_string(cmd->pool, value) : NULL;
    fault = value ? parameter_fault(all, &one) : "is no NAME=VALUE";
    if (fault) {
        return apr_psprintf(cmd->pool, "ApiKeyChallenge: '%s' %s", word,
                            fault);
    }
    APR_ARRAY_PUSH(all, apikey_parameter_t) = one;
    return NULL;
}

const char *apikey_set_challenge(cmd_parms *cmd, void *dirv, int argc,
                                 char *const argv[])
{
    apikey_dir_t *dir = dirv;
    /* AllowOverrideList can allow any directive in an .htaccess. */
    const char *fault = ap_check_cmd_context(cmd, NOT_IN_HTACCESS);
    int i;

    if (fault) {
        return fault;
    }
    if (argc < 2) {
        return "ApiKeyChallenge: write a scheme and parameters, such as "
               "'Bearer resource_metadata=https://...'";
    }
    if (token_fault(argv[0])) {
        return apr_psprintf(cmd->pool, "ApiKeyChallenge: '%s' is no scheme: "
                            "write Bearer, ApiKey, Basic or a NAME of "
                            "ApiKeyFrom's scheme:NAME", argv[0]);
    }
    if (!dir->challenge) {
        dir->challenge = apr_array_make(cmd->pool, 2,
                                        sizeof(apikey_parameter_t));
    }
    for (i = 1; !fault && i < argc; i++) {
        fault = add_parameter(cmd, dir->challenge, argv[0], argv[i]);
    }
    return fault;
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

/* Type and subtype, perhaps with parameters; no character that could end the
 * header field. */
static int is_media_type(const char *type)
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

static int is_body_variable(const char *name)
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
    for (i = APIKEY_GRANTED + 1; i < APIKEY_RESULTS; i++) {
        if (apikey_result(i)->status == body.status) {
            break;
        }
    }
    if (i == APIKEY_RESULTS || strlen(status) != 3) {
        return apr_psprintf(cmd->pool, "ApiKeyErrorBody: '%s' is no status "
                            "that this module answers: write 400, 401, 403 "
                            "or 503", status);
    }
    if (!is_media_type(type)) {
        return apr_psprintf(cmd->pool, "ApiKeyErrorBody: '%s' is no content "
                            "type such as application/json", type);
    }
    for (c = strstr(text, "%{"); c; c = strstr(c + 2, "%{")) {
        if (!is_body_variable(c)) {
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
