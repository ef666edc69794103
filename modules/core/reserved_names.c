/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "reserved_names.h"

#include <apr_strings.h>

/* What a character of a name becomes on its way to an application: CGI makes
 * '_' of all but letters and digits, and folds the case of headers.  Bytes are
 * compared in ASCII, whatever the locale. */
static char arrives_as(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char)(c - 'A' + 'a');
    }
    return c == '\0' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c
                                                                        : '_';
}

/* Whether an application may take the name for one with this prefix. */
static int arrives_with_prefix(const char *name, const char *prefix)
{
    for (; *prefix; name++, prefix++) {
        if (arrives_as(*name) != arrives_as(*prefix)) {
            return 0;
        }
    }
    return 1;
}

int apikey_reserved_header(const char *name, const char *own)
{
    return arrives_with_prefix(name, APIKEY_HEADERS_DEFAULT)
           || (*own && arrives_with_prefix(name, own));
}

int apikey_header_is_same(const char *name, const char *other)
{
    return arrives_with_prefix(name, other) && arrives_with_prefix(other, name);
}

int apikey_variable_is_header(const char *name, const char *header)
{
    while (arrives_with_prefix(name, "REDIRECT_")) {
        name += sizeof("REDIRECT_") - 1;
    }
    return arrives_with_prefix(name, "HTTP_")
           && apikey_header_is_same(name + sizeof("HTTP_") - 1, header);
}

int apikey_reserved_variable(const char *name, const char *own)
{
    char first = arrives_as(*name);

    /* Every variable of a request is tested, several times; most end here. */
    if (first != 'a' && first != 'h' && first != 'r') {
        return 0;
    }
    while (arrives_with_prefix(name, "REDIRECT_")) {
        name += sizeof("REDIRECT_") - 1;
    }
    if (arrives_with_prefix(name, "AJP_")) {
        /* mod_proxy_ajp sends AJP_NAME as an attribute NAME. */
        name += sizeof("AJP_") - 1;
    }
    return arrives_with_prefix(name, "APIKEY_")
           || (arrives_with_prefix(name, "HTTP_")
               && apikey_reserved_header(name + sizeof("HTTP_") - 1, own));
}

int apikey_reserved_user(const char *name, const char *own)
{
    int redirected = 0;

    (void)own;                  /* apikey_reserved_fn has it */
    while (arrives_with_prefix(name, "REDIRECT_")) {
        name += sizeof("REDIRECT_") - 1;
        redirected = 1;
    }
    return redirected && arrives_with_prefix(name, "REMOTE_USER");
}

void apikey_reserved_remove(apr_table_t *table, const char *own,
                            apikey_reserved_fn is_reserved)
{
    const apr_array_header_t *elts = apr_table_elts(table);
    int i;

    for (i = 0; i < elts->nelts; i++) {
        const char *name = APR_ARRAY_IDX(elts, i, apr_table_entry_t).key;

        if (name && is_reserved(name, own)) {
            apr_table_unset(table, name);
            /* The entries after it have moved up. */
            i--;
        }
    }
}

static int is_separator(char c)
{
    return c == ',' || c == ' ' || c == '\t' || c == ';';
}

const char *apikey_reserved_connection(apr_pool_t *pool, const char *value,
                                       const char *own)
{
    apr_array_header_t *kept = apr_array_make(pool, 4, sizeof(char *));
    int found = 0;

    while (*value) {
        apr_size_t len = 0;

        while (value[len] && !is_separator(value[len])) {
            len++;
        }
        if (len) {
            char *token = apr_pstrmemdup(pool, value, len);

            if (apikey_reserved_header(token, own)) {
                found = 1;
            }
            else {
                APR_ARRAY_PUSH(kept, char *) = token;
            }
        }
        value += len + (value[len] != '\0');
    }
    if (!found) {
        return NULL;
    }
    return apr_array_pstrcat(pool, kept, ',');
}
