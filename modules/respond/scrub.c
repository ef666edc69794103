/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Forged headers and variables, removed. */

#include <apr_strings.h>
#include <util_filter.h>

#include "scrub.h"

static ap_filter_rec_t *body_filter;

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
    if (begins(name, "AJP_")) {
        /* mod_proxy_ajp makes an attribute of the rest of such a name. */
        name += sizeof("AJP_") - 1;
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
    const char *value = apr_table_get(r->headers_in, "Connection");

    remove_ours(r->headers_in, own, header_is_ours);
    if (!value) {
        return;
    }
    value = without_ours(r->pool,
                         apr_table_getm(r->pool, r->headers_in, "Connection"),
                         own);
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

static int same(const apr_table_entry_t *entries,
                const apr_table_entry_t *told, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        if (entries[i].key != told[i].key || entries[i].val != told[i].val) {
            return 0;
        }
    }
    return 1;
}

int apikey_scrub_env_is(request_rec *r, const apr_table_entry_t *told,
                        int count)
{
    const char *own = apikey_server_conf(r->server)->headers;
    const apr_array_header_t *elts = apr_table_elts(r->subprocess_env);
    const apr_table_entry_t *entries =
        (const apr_table_entry_t *)elts->elts;
    int found = 0, i = 0;

    while (i < elts->nelts) {
        if (!found && entries[i].key == told->key) {
            if (elts->nelts - i < count || !same(entries + i, told, count)) {
                return 0;
            }
            found = 1;
            i += count;
        }
        else if (variable_is_ours(entries[i].key, own)) {
            return 0;
        }
        else {
            i++;
        }
    }
    return found;
}

void apikey_scrub_users(request_rec *r)
{
    remove_ours(r->subprocess_env, "", variable_names_user);
}

/* What no trailer may say: RFC 9110, 6.5.1, has neither credentials nor what
 * the connection is about in one. */
static int no_trailer(const char *name, const char *own)
{
    return header_is_ours(name, own) || !ap_cstr_casecmp(name, "Connection")
           || !ap_cstr_casecmp(name, "Authorization");
}

static void scrub_trailers(request_rec *r)
{
    const apikey_server_t *conf = apikey_server_conf(r->server);
    int i;

    remove_ours(r->trailers_in, conf->headers, no_trailer);
    for (i = 0; i < conf->from->nelts; i++) {
        apr_table_unset(r->trailers_in,
                        APR_ARRAY_IDX(conf->from, i, apikey_source_t).header);
    }
}

/* With MergeTrailers, httpd makes headers of what stands behind the body,
 * whenever somebody reads it: mostly behind all checks. */
static apr_status_t read_body(ap_filter_t *f, apr_bucket_brigade *out,
                              ap_input_mode_t mode, apr_read_type_e block,
                              apr_off_t bytes)
{
    request_rec *r = f->r;
    apr_table_t *before = r->headers_in;
    apr_status_t rv = ap_get_brigade(f->next, out, mode, block, bytes);

    if (!apr_is_empty_table(r->trailers_in)) {
        scrub_trailers(r);
        if (r->headers_in != before) {
            r->headers_in = apr_table_overlay(r->pool, before,
                                              r->trailers_in);
        }
    }
    return rv;
}

/* Of the protocol's filters, the only ones that a fast redirect does not drop;
 * it comes to stand in front of HTTP_IN, which was there before. */
void apikey_scrub_register(void)
{
    body_filter = ap_register_input_filter("APIKEY_TRAILERS", read_body, NULL,
                                           AP_FTYPE_PROTOCOL);
}

static void watch_body(request_rec *r)
{
    const ap_filter_t *f;

    for (f = r->proto_input_filters; f; f = f->next) {
        if (f->frec == body_filter) {
            /* An internal redirect has the filters of before. */
            return;
        }
    }
    ap_add_input_filter_handle(body_filter, NULL, r, r->connection);
}

int apikey_scrub(request_rec *r)
{
    apikey_scrub_headers(r);
    /* mod_http2 sets it for a body of unknown length. */
    if (apr_table_get(r->headers_in, "Transfer-Encoding")) {
        watch_body(r);
    }
    return DECLINED;
}
