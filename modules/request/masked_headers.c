/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Masked headers, hidden from applications. */

#include <apr_strings.h>

#include "../core/reserved_names.h"
#include "masked_headers.h"

/* What the value of that name becomes, which holds the sought text; NULL:
 * nothing is left. */
typedef const char *(change_fn)(const char *name, const char *value,
                                const char *sought,
                                const apikey_masked_t *masked,
                                apr_pool_t *pool);

/* All entries stay in their order, as often and as they are spelt. */
static void change(apr_table_t *table, const char *sought, change_fn *becomes,
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
            val = becomes(entries[i].key, val, sought, masked, pool);
        }
        if (val) {
            apr_table_addn(table, entries[i].key, val);
        }
    }
}

/* The value without the sought text, and without the commas of a list that it
 * leaves at its ends. */
static const char *cut(const char *name APIKEY_UNUSED, const char *value,
                       const char *sought,
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

/* To the header, and to the variable that CGI makes of it, where another has
 * made that (Debian's PHP-FPM: HTTP_AUTHORIZATION). */
static const char *give_back(const char *name, const char *value,
                             const char *sought, const apikey_masked_t *masked,
                             apr_pool_t *pool APIKEY_UNUSED)
{
    return !strcmp(value, sought)
           && (!ap_cstr_casecmp(name, masked->header)
               || apikey_variable_is_header(name, masked->header))
           ? masked->value : value;
}

/* What CGI has made of the header goes. */
static const char *take_back(const char *name, const char *value,
                             const char *sought, const apikey_masked_t *masked,
                             apr_pool_t *pool APIKEY_UNUSED)
{
    return strcmp(value, sought) ? value
           : ap_cstr_casecmp(name, masked->header) ? NULL : masked->shown;
}

/* Behind a forward proxy there are strangers. */
static int is_passed(request_rec *r, const apikey_masked_t *masked)
{
    const apikey_decision_t *decision = apikey_decision(r);

    return masked->accepted && decision
           && decision->result == APIKEY_GRANTED
           && apikey_server_conf(r->server)->pass_key == 1
           && !apikey_is_forward_proxy(r);
}

/* Whether the application gets it; that others have put something else into
 * its place is not our doing. */
static void give_or_hide(request_rec *r, apikey_masked_t *masked)
{
    const char *value = apr_table_get(r->headers_in, masked->header);

    if (!value || strcmp(value, masked->shown)) {
        return;
    }
    if (is_passed(r, masked)) {
        change(r->headers_in, masked->shown, give_back, masked, r->pool);
        change(r->subprocess_env, masked->shown, give_back, masked, r->pool);
    }
    else {
        APR_ARRAY_PUSH(masked->hidden, const request_rec *) = r;
    }
}

/* The whole of it first: what is left of another's would be its scheme. */
static void cut_shown(request_rec *r, apikey_masked_t *masked)
{
    if (masked->shown != masked->hint) {
        change(r->headers_in, masked->shown, cut, masked, r->pool);
        change(r->subprocess_env, masked->shown, cut, masked, r->pool);
    }
}

static void cut_hint(request_rec *r, apikey_masked_t *masked)
{
    change(r->headers_in, masked->hint, cut, masked, r->pool);
    change(r->subprocess_env, masked->hint, cut, masked, r->pool);
}

/* Whether it was hidden from the application of @a r; forgets that. */
static int was_hidden(const apikey_masked_t *masked, const request_rec *r,
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

/* @a r has the headers that @a before had, or copies of them. */
static void show(request_rec *r, const request_rec *before,
                 const apikey_masked_t *masked)
{
    if (masked->accepted && apikey_server_conf(r->server)->pass_key == 1) {
        change(r->headers_in, masked->value, take_back, masked, r->pool);
        change(r->subprocess_env, masked->value, take_back, masked, r->pool);
    }
    if (was_hidden(masked, before, before != r->main)
        && !apr_table_get(r->headers_in, masked->header)) {
        apr_table_setn(r->headers_in, masked->header, masked->shown);
    }
}

typedef void (act_fn)(request_rec *r, apikey_masked_t *masked);

static void each(request_rec *r, act_fn *act)
{
    const apikey_request_t *state = apikey_request_get(r);
    int i;

    for (i = 0; state && state->masked && i < state->masked->nelts; i++) {
        act(r, APR_ARRAY_IDX(state->masked, i, apikey_masked_t *));
    }
}

/* mod_rewrite's handler, which does nothing but begin an internal redirect:
 * there is an application at its end, and the variables go there, too. */
static int leads_on(const request_rec *r)
{
    return r->handler && !strcmp(r->handler, "redirect-handler")
           && r->filename && !strncmp(r->filename, "redirect:", 9);
}

void apikey_hide_masked_headers(request_rec *r)
{
    if (leads_on(r)) {
        return;
    }
    each(r, give_or_hide);
    each(r, cut_shown);
    each(r, cut_hint);
}

static void show_to_sub(request_rec *r, apikey_masked_t *masked)
{
    /* It may stand where another sub-request stood that is over. */
    was_hidden(masked, r, 1);
    show(r, r->main, masked);
}

int apikey_restore_in_subrequest(request_rec *r)
{
    if (r->main && !r->prev) {
        each(r, show_to_sub);
    }
    return OK;
}

static void show_to_next(request_rec *r, apikey_masked_t *masked)
{
    show(r, r->prev, masked);
}

void apikey_restore_in_redirect(request_rec *r)
{
    each(r, show_to_next);
}

static void show_to_log(request_rec *r, apikey_masked_t *masked)
{
    show(r, r, masked);
}

void apikey_restore_for_log(request_rec *r)
{
    each(r, show_to_log);
}
