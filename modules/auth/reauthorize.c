/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Sub-requests and redirects that httpd would let in unasked. */

#include "reauthorize.h"

#define MATCHES "MATCH_"

static ap_conf_vector_t *copy_of(request_rec *r)
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

/* Whether this is the ErrorDocument of a refusal: by a decision of ours, or
 * by authorization before a key was asked for. */
static int tells_of_refusal(request_rec *r, const apikey_request_t *state)
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

static int put_back(void *env, const char *name, const char *value)
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

/* A redirect to the same path, such as one that adds a query: httpd matches
 * it with no section again, and so sets no variable named in a pattern. */
static void restore_matches(request_rec *r)
{
    if (r->prev && same_text(r->uri, r->prev->uri)
        && same_text(r->canonical_filename, r->prev->canonical_filename)) {
        apr_table_do(put_back, r->subprocess_env, r->prev->subprocess_env,
                     NULL);
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
    if (tells_of_refusal(r, state)) {
        if (same_settings(r->per_dir_config, r->prev->per_dir_config)) {
            r->per_dir_config = r->prev->per_dir_config;
        }
        return DECLINED;
    }
    restore_matches(r);
    r->per_dir_config = copy_of(r);
    return DECLINED;
}
