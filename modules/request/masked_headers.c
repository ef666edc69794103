/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Masked headers: removed before a handler runs, and restored for what httpd
 * does with the request afterwards. */

#include <apr_strings.h>

#include "../core/reserved_names.h"
#include "masked_headers.h"

/* What to put in the place of a value that contains @a sought; NULL: remove
 * the entry. */
typedef const char *(value_fn)(const char *name, const char *value,
                               const char *sought,
                               const apikey_masked_t *masked,
                               apr_pool_t *pool);

/* Entries keep their order, their spelling and how often they occur. */
static void replace_in_table(apr_table_t *table, const char *sought,
                             value_fn *new_value,
                             const apikey_masked_t *masked, apr_pool_t *pool)
{
    const apr_array_header_t *elts = apr_table_elts(table);
    unsigned int count = (unsigned int)elts->nelts, i = 0;
    const apr_table_entry_t *entries;

    while (i < count && !strstr(APR_ARRAY_IDX(elts, i, apr_table_entry_t).val,
                                sought)) {
        i++;
    }
    if (i == count) {
        return;
    }
    entries = apr_pmemdup(pool, elts->elts, count * sizeof(*entries));
    apr_table_clear(table);
    for (i = 0; i < count; i++) {
        const char *val = entries[i].val;

        if (strstr(val, sought)) {
            val = new_value(entries[i].key, val, sought, masked, pool);
        }
        if (val) {
            apr_table_addn(table, entries[i].key, val);
        }
    }
}

/* In the request headers of @a r and in its variables. */
static void replace_values(request_rec *r, const char *sought,
                           value_fn *new_value, const apikey_masked_t *masked)
{
    replace_in_table(r->headers_in, sought, new_value, masked, r->pool);
    replace_in_table(r->subprocess_env, sought, new_value, masked, r->pool);
}

/* The value without the sought text; where it was a member of a list, without
 * the commas that this leaves at the ends. */
static const char *cut_sought(const char *name APIKEY_UNUSED,
                              const char *value, const char *sought,
                              const apikey_masked_t *masked APIKEY_UNUSED,
                              apr_pool_t *pool)
{
    static const char around[] = ", \t";
    char *left = apr_pstrdup(pool, value), *found = left, *end;

    while ((found = strstr(found, sought))) {
        memmove(found, found + strlen(sought),
                strlen(found + strlen(sought)) + 1);
    }
    left += strspn(left, around);
    for (end = left + strlen(left); end > left && strchr(around, end[-1]);) {
        *--end = '\0';
    }
    return *left ? left : NULL;
}

/* The key, in the header itself and in the CGI variable of that header, if a
 * module has made one (Debian's PHP-FPM: HTTP_AUTHORIZATION). */
static const char *key_if_header(const char *name, const char *value,
                                 const char *sought,
                                 const apikey_masked_t *masked,
                                 apr_pool_t *pool APIKEY_UNUSED)
{
    return !strcmp(value, sought)
           && (!ap_cstr_casecmp(name, masked->header)
               || apikey_variable_is_header(name, masked->header))
           ? masked->value : value;
}

/* The hint in the header; the CGI variable of it is removed. */
static const char *hint_if_header(const char *name, const char *value,
                                  const char *sought,
                                  const apikey_masked_t *masked,
                                  apr_pool_t *pool APIKEY_UNUSED)
{
    return strcmp(value, sought) ? value
           : ap_cstr_casecmp(name, masked->header) ? NULL : masked->shown;
}

/* ApiKeyPassKey: the application gets the accepted key. A forward proxy sends
 * requests to servers of other people, which never get it. */
static int is_key_passed(request_rec *r, const apikey_masked_t *masked)
{
    const apikey_decision_t *decision = apikey_decision(r);

    return masked->accepted && decision
           && decision->result == APIKEY_GRANTED
           && apikey_server_conf(r->server)->pass_key == 1
           && !apikey_is_forward_proxy(r);
}

/* A header that a module has replaced since is left as it is. */
static void pass_or_record_hidden(request_rec *r, apikey_masked_t *masked)
{
    const char *value = apr_table_get(r->headers_in, masked->header);

    if (!value || strcmp(value, masked->shown)) {
        return;
    }
    if (is_key_passed(r, masked)) {
        replace_values(r, masked->shown, key_if_header, masked);
    }
    else {
        APR_ARRAY_PUSH(masked->hidden, const request_rec *) = r;
    }
}

/* "SCHEME HINT" before the hint alone, or copies of the header would keep the
 * scheme. */
static void cut_shown(request_rec *r, apikey_masked_t *masked)
{
    if (masked->shown != masked->hint) {
        replace_values(r, masked->shown, cut_sought, masked);
    }
}

static void cut_hint(request_rec *r, apikey_masked_t *masked)
{
    replace_values(r, masked->hint, cut_sought, masked);
}

/* Whether the header was hidden from the application of @a r.
 * @param forget if so, remove @a r from the list */
static int find_hidden(const apikey_masked_t *masked, const request_rec *r,
                       int forget)
{
    int i;

    for (i = masked->hidden->nelts - 1; i >= 0; i--) {
        const request_rec **one = &APR_ARRAY_IDX(masked->hidden, i,
                                                 const request_rec *);

        if (*one == r) {
            *one = forget ? NULL : r;
            return 1;
        }
    }
    return 0;
}

/* @param before whose headers @a r has, or copies of them; may be @a r */
static void restore_header(request_rec *r, const request_rec *before,
                           const apikey_masked_t *masked)
{
    if (masked->accepted && apikey_server_conf(r->server)->pass_key == 1) {
        replace_values(r, masked->value, hint_if_header, masked);
    }
    if (find_hidden(masked, before, before != r->main)
        && !apr_table_get(r->headers_in, masked->header)) {
        apr_table_setn(r->headers_in, masked->header, masked->shown);
    }
}

typedef void (masked_fn)(request_rec *r, apikey_masked_t *masked);

static void for_each_masked(request_rec *r, masked_fn *action)
{
    const apikey_request_t *state = apikey_request_get(r);
    int i;

    for (i = 0; state && state->masked && i < state->masked->nelts; i++) {
        action(r, APR_ARRAY_IDX(state->masked, i, apikey_masked_t *));
    }
}

/* mod_rewrite's redirect-handler only starts an internal redirect, which
 * inherits the variables. The application is the handler of that. */
static int is_rewrite_redirect(const request_rec *r)
{
    return r->handler && !strcmp(r->handler, "redirect-handler")
           && r->filename && !strncmp(r->filename, "redirect:", 9);
}

void apikey_hide_masked_headers(request_rec *r)
{
    if (is_rewrite_redirect(r)) {
        return;
    }
    for_each_masked(r, pass_or_record_hidden);
    for_each_masked(r, cut_shown);
    for_each_masked(r, cut_hint);
}

static void restore_from_parent(request_rec *r, apikey_masked_t *masked)
{
    /* An earlier sub-request may have had the same address. */
    find_hidden(masked, r, 1);
    restore_header(r, r->main, masked);
}

int apikey_restore_in_subrequest(request_rec *r)
{
    if (r->main && !r->prev) {
        for_each_masked(r, restore_from_parent);
    }
    return OK;
}

static void restore_from_previous(request_rec *r, apikey_masked_t *masked)
{
    restore_header(r, r->prev, masked);
}

void apikey_restore_in_redirect(request_rec *r)
{
    for_each_masked(r, restore_from_previous);
}

static void restore_own(request_rec *r, apikey_masked_t *masked)
{
    restore_header(r, r, masked);
}

void apikey_restore_for_log(request_rec *r)
{
    for_each_masked(r, restore_own);
}
