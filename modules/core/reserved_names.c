/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "reserved_names.h"

#include <apr_strings.h>

/* What a name's characters arrive as: CGI makes '_' of all that is no letter
 * or digit and folds the case of headers, and applications read
 * X_Apikey_Tenant and X-Apikey-Tenant alike. */
#define X16 '_', '_', '_', '_', '_', '_', '_', '_', \
            '_', '_', '_', '_', '_', '_', '_', '_'
static const char arrives[256] = {
    0, '_', '_', '_', '_', '_', '_', '_',
    '_', '_', '_', '_', '_', '_', '_', '_', X16, X16,
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9',
    '_', '_', '_', '_', '_', '_', '_',
    'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n',
    'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z',
    '_', '_', '_', '_', '_', '_',
    'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n',
    'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z',
    '_', '_', '_', '_', '_', X16, X16, X16, X16, X16, X16, X16, X16
};
#define ARRIVES(c) arrives[(unsigned char)(c)]

/* Whether a name would arrive as one that begins with @a prefix. */
static int begins(const char *name, const char *prefix)
{
    for (; *prefix; name++, prefix++) {
        /* The end of a name arrives as nothing that a prefix has. */
        if (ARRIVES(*name) != ARRIVES(*prefix)) {
            return 0;
        }
    }
    return 1;
}

int apikey_reserved_header(const char *name, const char *own)
{
    return begins(name, APIKEY_HEADERS_DEFAULT)
           || (*own && begins(name, own));
}

int apikey_header_is_same(const char *name, const char *other)
{
    return begins(name, other) && begins(other, name);
}

int apikey_variable_is_header(const char *name, const char *header)
{
    while (begins(name, "REDIRECT_")) {
        name += sizeof("REDIRECT_") - 1;
    }
    return begins(name, "HTTP_")
           && apikey_header_is_same(name + sizeof("HTTP_") - 1, header);
}

int apikey_reserved_variable(const char *name, const char *own)
{
    char first = ARRIVES(*name);

    /* Each request's variables are gone through several times; most of them
     * need no closer look. */
    if (first != 'a' && first != 'h' && first != 'r') {
        return 0;
    }
    while (begins(name, "REDIRECT_")) {
        name += sizeof("REDIRECT_") - 1;
    }
    if (begins(name, "AJP_")) {
        /* mod_proxy_ajp makes an attribute of the rest of such a name. */
        name += sizeof("AJP_") - 1;
    }
    return begins(name, "APIKEY_")
           || (begins(name, "HTTP_")
               && apikey_reserved_header(name + sizeof("HTTP_") - 1, own));
}

int apikey_reserved_user(const char *name, const char *own)
{
    int redirected = 0;

    (void)own;                  /* no prefix makes a user */
    while (begins(name, "REDIRECT_")) {
        name += sizeof("REDIRECT_") - 1;
        redirected = 1;
    }
    return redirected && begins(name, "REMOTE_USER");
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
            /* The entries behind it have moved up. */
            i--;
        }
    }
}

static int separates(char c)
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

        while (value[len] && !separates(value[len])) {
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
    /* apr_array_pstrcat() has no ", ", and needs none. */
    return apr_array_pstrcat(pool, kept, ',');
}
