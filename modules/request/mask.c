/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Keys in URLs, masked. */

#include <apr_strings.h>

#include "mask.h"

#define MASK "***"
#define TRIES 8                 /* candidates in a text */

static void note_exposure(request_rec *r, const apikey_candidates_t *digests,
                          apikey_place_e place)
{
    apikey_request_t *state = apikey_request_make(r);
    apikey_exposure_t *exposure;

    if (!state->exposures) {
        state->exposures = apr_array_make(state->decisions->pool, 1,
                                          sizeof(apikey_exposure_t));
    }
    /* hex64 costs no try, so there may be many of them. */
    if (digests->count && state->exposures->nelts < TRIES) {
        exposure = &APR_ARRAY_PUSH(state->exposures, apikey_exposure_t);
        exposure->digests = *digests;
        exposure->places = place;
        exposure->when = apr_time_sec(r->request_time);
    }
}

/* @a text with *** for each value that holds a key; NULL if there is none.
 * @a place says where it stood, and that it is to be noted; 0: it has been. */
static char *mask(request_rec *r, const char *text, int place)
{
    const apikey_policy_t *policy = &apikey_server_conf(r->server)->policy;
    apr_size_t len = strlen(text), start, end = 0, from = 0;
    apikey_candidates_t digests;
    apr_pool_t *pool = r->pool;
    char *masked = NULL;
    int tries = TRIES;

    while (apikey_key_exposed(&start, &end, policy, text, len, from, &tries,
                              place ? &digests : NULL)) {
        if (place) {
            note_exposure(r, &digests, place);
        }
        masked = apr_pstrcat(pool, masked ? masked : "",
                             apr_pstrmemdup(pool, text + from, start - from),
                             MASK, NULL);
        from = end;
    }
    return masked ? apr_pstrcat(pool, masked, text + from, NULL) : NULL;
}

void apikey_mask_referer(request_rec *r, apikey_request_t *state,
                         const char *value)
{
    char *masked = value ? mask(r, value, APIKEY_IN_REFERER) : NULL;

    if (masked) {
        apr_table_setn(r->headers_in, "Referer", masked);
        state->exposed |= APIKEY_IN_REFERER;
    }
}

void apikey_mask_query(request_rec *r, apikey_request_t *state)
{
    char *masked = r->args ? mask(r, r->args, APIKEY_IN_QUERY) : NULL;

    if (!masked) {
        return;
    }
    state->exposed |= APIKEY_IN_QUERY;
    r->args = r->parsed_uri.query = masked;
    /* If what is around it hides it from us, no log needs it either. */
    masked = mask(r, r->the_request, 0);
    r->the_request = masked ? masked
                            : apr_pstrcat(r->pool, r->method, " " MASK " ",
                                          r->protocol, NULL);
    r->unparsed_uri = apr_uri_unparse(r->pool, &r->parsed_uri, 0);
}

void apikey_mask_unparsed(request_rec *r)
{
    const char *line = r->the_request;
    char *masked = line ? mask(r, line, APIKEY_IN_QUERY) : NULL;

    for (; masked && r; r = r->prev) {
        r->the_request = masked;
        if (!r->prev) {
            r->unparsed_uri = r->args = (char *)MASK;
        }
    }
}
