/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Makes httpd authorize sub-requests and redirects that it would skip. */

#include "reauthorize.h"

#define MATCHES "MATCH_"

/* The same settings at another address. */
static ap_conf_vector_t *copy_of_config(request_rec *r)
{
    ap_conf_vector_t *copy = ap_create_request_config(r->pool);
    const module *each;

    for (each = ap_top_module; each; each = each->next) {
        ap_set_module_config(copy, each,
                             ap_get_module_config(r->per_dir_config, each));
    }
    return copy;
}

static int same_settings(const ap_conf_vector_t *a, const ap_conf_vector_t *b)
{
    const module *each;

    for (each = ap_top_module; each; each = each->next) {
        if (ap_get_module_config(a, each) != ap_get_module_config(b, each)) {
            return 0;
        }
    }
    return 1;
}

/* Whether @a r is the ErrorDocument of a refusal: by a decision, or by
 * mod_authz_core before a key was asked for. */
static int is_document_of_refusal(request_rec *r,
                                  const apikey_request_t *state)
{
    const apikey_decision_t *decision;

    if (!r->prev || r->prev->status == HTTP_OK || !state) {
        return 0;
    }
    decision = apikey_decision_own(r->prev);
    if (!decision) {
        return r->prev->status == HTTP_FORBIDDEN
               && state->authorized != r->prev;
    }
    return decision->r == r->prev && decision->result != APIKEY_GRANTED
           && !decision->let_through;
}

static int restore_variable(void *env, const char *name, const char *value)
{
    if (!strncmp(name, MATCHES, strlen(MATCHES))
        && !apr_table_get(env, name)) {
        apr_table_setn(env, name, value);
    }
    return 1;
}

static int same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

/* Sets MATCH_NAME variables as in the request before. For a redirect to the
 * same path, such as one that adds a query, httpd does not match sections
 * again, and so does not set them. */
static void restore_matches(request_rec *r)
{
    if (r->prev && same_text(r->uri, r->prev->uri)
        && same_text(r->canonical_filename, r->prev->canonical_filename)) {
        apr_table_do(restore_variable, r->subprocess_env,
                     r->prev->subprocess_env, NULL);
    }
}

int apikey_reauthorize(request_rec *r)
{
    const apikey_request_t *state;

    if ((!r->prev && !r->main) || !apikey_in_area(r)) {
        return DECLINED;
    }
    state = apikey_request_get(r);
    if (!apikey_dir_conf(r)->varies
        && (!state || !state->required_tenant || *state->required_tenant)) {
        return DECLINED;
    }
    if (is_document_of_refusal(r, state)) {
        if (same_settings(r->per_dir_config, r->prev->per_dir_config)) {
            r->per_dir_config = r->prev->per_dir_config;
        }
        return DECLINED;
    }
    restore_matches(r);
    r->per_dir_config = copy_of_config(r);
    return DECLINED;
}
