/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The state of a client's request, and the decisions about it. */

#include <http_core.h>

#include "state.h"

request_rec *apikey_request_before(const request_rec *r)
{
    return r->prev ? r->prev : r->main;
}

apikey_request_t *apikey_request_get(request_rec *r)
{
    apikey_request_t *state;

    for (; r; r = apikey_request_before(r)) {
        state = ap_get_module_config(r->request_config, &apikey_module);
        if (state) {
            return state;
        }
    }
    return NULL;
}

apikey_request_t *apikey_request_make(request_rec *r)
{
    apikey_request_t *state = apikey_request_get(r);

    if (!state) {
        while (apikey_request_before(r)) {
            r = apikey_request_before(r);
        }
        state = apr_pcalloc(r->pool, sizeof(*state));
        state->decisions = apr_array_make(r->pool, 2,
                                          sizeof(apikey_decision_t *));
        ap_set_module_config(r->request_config, &apikey_module, state);
    }
    return state;
}

int apikey_in_area(request_rec *r)
{
    const char *type = ap_auth_type(r);

    /* Nearly always "ApiKey": strcmp() is the quicker way to that. */
    return type && (!strcmp(type, APIKEY_AUTH_TYPE)
                    || !ap_cstr_casecmp(type, APIKEY_AUTH_TYPE));
}

int apikey_is_forward_proxy(const request_rec *r)
{
    while (apikey_request_before(r)) {
        r = apikey_request_before(r);
    }
    return r->proxyreq == PROXYREQ_PROXY;
}

/* The pool of a sub-request is cleared: the next sub-request may get the same
 * addresses for its request_rec and its merged configuration, and must not
 * find this decision by them. */
static apr_status_t detach_decision(void *data)
{
    apikey_decision_t *decision = data;

    decision->r = NULL;
    decision->per_dir_config = NULL;
    if (decision->in_htaccess) {
        decision->granted_by = NULL;
        decision->refused_by = NULL;
    }
    return APR_SUCCESS;
}

apikey_decision_t *apikey_decision_make(request_rec *r, apikey_result_e result,
                                        apikey_record_t *record)
{
    apikey_request_t *state = apikey_request_make(r);
    apr_pool_t *pool = state->decisions->pool;
    apikey_decision_t *decision = apr_pcalloc(pool, sizeof(*decision));

    decision->r = r;
    decision->per_dir_config = r->per_dir_config;
    decision->result = result;
    decision->record = record;
    APR_ARRAY_PUSH(state->decisions, apikey_decision_t *) = decision;
    if (r->pool != pool) {
        apr_pool_cleanup_register(r->pool, decision, detach_decision,
                                  apr_pool_cleanup_null);
    }
    return decision;
}

int apikey_refused_before(request_rec *r)
{
    const apikey_decision_t *decision = apikey_decision(r);

    return decision && decision->r != r
           && decision->result != APIKEY_GRANTED;
}

/* The newest decision.
 * @param r      for this request; NULL: for any
 * @param config under this configuration; NULL: under any. A fast redirect
 *               changes the configuration of a request_rec, which then has two
 *               decisions */
static apikey_decision_t *newest_decision(const apikey_request_t *state,
                                          const request_rec *r,
                                          const ap_conf_vector_t *config)
{
    int i;

    for (i = state->decisions->nelts - 1; i >= 0; i--) {
        apikey_decision_t *decision =
            APR_ARRAY_IDX(state->decisions, i, apikey_decision_t *);

        if ((!r || decision->r == r)
            && (!config || decision->per_dir_config == config)) {
            return decision;
        }
    }
    return NULL;
}

apikey_decision_t *apikey_decision_own(request_rec *r)
{
    const apikey_request_t *state = apikey_request_get(r);
    apikey_decision_t *decision;

    if (!state) {
        return NULL;
    }
    decision = newest_decision(state, r, r->per_dir_config);
    return decision ? decision
                    : newest_decision(state, NULL, r->per_dir_config);
}

apikey_decision_t *apikey_decision(request_rec *r)
{
    const apikey_request_t *state = apikey_request_get(r);
    apikey_decision_t *found, *decision;
    request_rec *ancestor;

    if (!state || !state->decisions->nelts) {
        return NULL;
    }
    found = apikey_decision_own(r);
    for (ancestor = r; ancestor; ancestor = apikey_request_before(ancestor)) {
        decision = newest_decision(state, ancestor, NULL);
        if (!decision) {
            continue;
        }
        if (!found || (decision->result != APIKEY_GRANTED
                       && found->result == APIKEY_GRANTED)) {
            found = decision;
        }
    }
    return found;
}
