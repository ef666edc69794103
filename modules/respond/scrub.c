/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Forged headers and variables, removed. */

#include <apr_lib.h>
#include <apr_strings.h>

#include "scrub.h"

/*
 * Says whether a name would arrive as one that begins with @a prefix: CGI
 * makes '_' of all that is no letter or digit and folds the case of headers,
 * and applications read X_Apikey_Tenant and X-Apikey-Tenant alike.
 */
static int begins(const char *name, const char *prefix)
{
    for (; *prefix; name++, prefix++) {
        int n = apr_isalnum(*name) ? apr_tolower(*name) : '_';
        int p = apr_isalnum(*prefix) ? apr_tolower(*prefix) : '_';

        if (!*name || n != p) {
            return 0;
        }
    }
    return 1;
}

static int header_is_ours(const char *name, const char *own)
{
    return begins(name, APIKEY_HEADERS_DEFAULT)
           || (*own && begins(name, own));
}

static int variable_is_ours(const char *name, const char *own)
{
    while (begins(name, "REDIRECT_")) {
        name += sizeof("REDIRECT_") - 1;
    }
    return begins(name, "APIKEY_")
           || (begins(name, "HTTP_")
               && header_is_ours(name + sizeof("HTTP_") - 1, own));
}

static int variable_names_user(const char *name,
                               const char *own APIKEY_UNUSED)
{
    int redirected = 0;

    while (begins(name, "REDIRECT_")) {
        name += sizeof("REDIRECT_") - 1;
        redirected = 1;
    }
    return redirected && begins(name, "REMOTE_USER");
}

/* Two passes, for a table must not be changed while it is walked; the second
 * one is for the rare request that has something to remove. */
static void remove_ours(apr_table_t *table, const char *own,
                        int (*is_ours)(const char *, const char *))
{
    const apr_array_header_t *elts = apr_table_elts(table);
    int i;

    for (i = 0; i < elts->nelts; i++) {
        const char *name = APR_ARRAY_IDX(elts, i, apr_table_entry_t).key;

        if (name && is_ours(name, own)) {
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

/* The value without our tokens; NULL if none of them was in it. */
static const char *without_ours(apr_pool_t *pool, const char *value,
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

            if (header_is_ours(token, own)) {
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

void apikey_scrub_headers(request_rec *r)
{
    const char *own = apikey_server_conf(r->server)->headers;
    const char *value = apr_table_getm(r->pool, r->headers_in, "Connection");

    remove_ours(r->headers_in, own, header_is_ours);
    if (!value) {
        return;
    }
    value = without_ours(r->pool, value, own);
    if (value && *value) {
        apr_table_setn(r->headers_in, "Connection", value);
    }
    else if (value) {
        apr_table_unset(r->headers_in, "Connection");
    }
}

void apikey_scrub_env(request_rec *r)
{
    remove_ours(r->subprocess_env, apikey_server_conf(r->server)->headers,
                variable_is_ours);
}

void apikey_scrub_users(request_rec *r)
{
    remove_ours(r->subprocess_env, "", variable_names_user);
}

int apikey_scrub(request_rec *r)
{
    apikey_scrub_headers(r);
    return DECLINED;
}
