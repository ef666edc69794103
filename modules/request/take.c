/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Credentials out of the request, and foreign ones back into it. */

#include <apr_strings.h>

#include "../core/credential.h"
#include "take.h"

#define MASK "***"
#define TRIES 8                 /* candidates in a query or a header */

static void present(apikey_request_t *state, const apikey_policy_t *policy,
                    const apikey_source_t *source, apikey_taken_t *taken,
                    const apikey_credential_t *credential)
{
    apikey_presented_t *one = &APR_ARRAY_PUSH(state->presented,
                                              apikey_presented_t);

    memset(one, 0, sizeof(*one));
    one->source = source;
    one->taken = taken;
    one->key = credential->token;
    one->key_len = credential->token_len;
    one->repeated = credential->repeated;
    one->shape = credential->repeated
                 || (credential->password && *credential->password)
                 ? APIKEY_FORMAT_NONE
                 : apikey_key_shape(policy, one->key, one->key_len);
}

/* Whether a source takes its key from this Authorization value, or from a
 * header of its own; says what the key is. */
static int reads(const apikey_source_t *source, const char *value,
                 apikey_credential_t *credential, apr_pool_t *pool)
{
    if (source->from == APIKEY_FROM_HEADER) {
        memset(credential, 0, sizeof(*credential));
        credential->token = value;
        credential->token_len = strlen(value);
        credential->repeated = strchr(value, ',') != NULL;
        return 1;
    }
    return apikey_credential_parse(credential,
                                   source->from == APIKEY_FROM_BASIC
                                   ? APIKEY_SCHEME_BASIC
                                   : APIKEY_SCHEME_BEARER, value, pool);
}

static apikey_taken_t *take(request_rec *r, apikey_request_t *state,
                            const char *header, const char *value)
{
    apikey_taken_t *taken = apr_pcalloc(r->pool, sizeof(*taken));

    if (!state->taken) {
        state->taken = apr_array_make(r->pool, 2, sizeof(apikey_taken_t *));
        state->presented = apr_array_make(r->pool, 2,
                                          sizeof(apikey_presented_t));
    }
    taken->header = header;
    taken->value = value;
    APR_ARRAY_PUSH(state->taken, apikey_taken_t *) = taken;
    apr_table_unset(r->headers_in, header);
    return taken;
}

/* All of them, should a module before us have added one: httpd itself has
 * made one of those that came.  NULL: none. */
static const char *all_of(request_rec *r, const char *header)
{
    const apr_array_header_t *elts = apr_table_elts(r->headers_in);
    const char *first = apr_table_get(r->headers_in, header);
    int i = elts->nelts;

    /* Whether it is the only one is seen sooner than all are put together. */
    while (first && --i >= 0
           && APR_ARRAY_IDX(elts, i, apr_table_entry_t).val != first) {
        if (!ap_cstr_casecmp(APR_ARRAY_IDX(elts, i, apr_table_entry_t).key,
                             header)) {
            return apr_table_getm(r->pool, r->headers_in, header);
        }
    }
    return first;
}

static void take_headers(request_rec *r, apikey_request_t *state,
                         const apikey_server_t *conf)
{
    int i;

    for (i = 0; i < conf->from->nelts; i++) {
        const apikey_source_t *source =
            &APR_ARRAY_IDX(conf->from, i, apikey_source_t);
        apikey_credential_t credential;
        apikey_taken_t *taken;
        const char *value = all_of(r, source->header);

        if (value && reads(source, value, &credential, r->pool)) {
            taken = take(r, state, source->header, value);
            taken->foreign = APIKEY_UNSET;
            present(state, &conf->policy, source, taken, &credential);
        }
    }
}

static int ours_or_checked(const apikey_policy_t *policy, const char *text,
                           apr_size_t len)
{
    return apikey_key_shape(policy, text, len) != APIKEY_FORMAT_NONE
           || apikey_key_checked_by(policy->ring, text, len) >= 0;
}

/* Every word in it is looked at: a list of two keys, a key behind another
 * scheme. Where more look like keys than we care to try, it is not foreign. */
static int holds_ours(const apikey_policy_t *policy, const char *text)
{
    static const char between[] = ", \t:;=\"";
    static const apikey_policy_t base62 = {
        APIKEY_FORMAT_BASE62, APIKEY_DIGEST_HMAC, NULL, 0, NULL
    };
    int tries = TRIES;

    while (*text) {
        apr_size_t len;

        text += strspn(text, between);
        len = strcspn(text, between);
        if (apikey_key_shape(&base62, text, len) != APIKEY_FORMAT_NONE
            && --tries < 0) {
            return 1;
        }
        if (ours_or_checked(policy, text, len)) {
            return 1;
        }
        text += len;
    }
    return 0;
}

/* A Basic value hides its words from holds_ours(); either half may be a key
 * that somebody typed into the wrong field. */
static int basic_holds_ours(const apikey_policy_t *policy, const char *value,
                            apr_pool_t *pool)
{
    apikey_credential_t basic;

    return apikey_credential_parse(&basic, APIKEY_SCHEME_BASIC, value, pool)
           && (ours_or_checked(policy, basic.token, basic.token_len)
               || ours_or_checked(policy, basic.password,
                                  strlen(basic.password)));
}

/* A key in a place that is not accepted (curl -u KEY: where Basic is off) is
 * no credential, but it is a key: it goes no further either. */
static void take_stray(request_rec *r, apikey_request_t *state,
                       const apikey_policy_t *policy)
{
    static const char *const likely[] = { "Authorization", "X-API-Key" };
    apikey_policy_t made = *policy;
    apr_size_t i;

    /* Whatever looks like an opaque key may be anything. */
    made.formats &= policy->prefix ? APIKEY_FORMAT_HEX64 : 0;
    for (i = 0; i < sizeof(likely) / sizeof(likely[0]); i++) {
        const char *value = all_of(r, likely[i]);

        if (value && (holds_ours(&made, value)
                      || basic_holds_ours(&made, value, r->pool))) {
            take(r, state, likely[i], value);
        }
    }
}

/* Asked only where somebody wants it back: an HMAC a secret is not spent on
 * the way of a key. */
static int foreign(request_rec *r, const apikey_request_t *state,
                   apikey_taken_t *taken)
{
    const apikey_policy_t *policy = &apikey_server_conf(r->server)->policy;
    int i;

    for (i = 0; taken->foreign == APIKEY_UNSET
                && i < state->presented->nelts; i++) {
        const apikey_presented_t *one =
            &APR_ARRAY_IDX(state->presented, i, apikey_presented_t);

        if (one->taken == taken) {
            taken->foreign =
                !one->shape
                && !(one->source->from == APIKEY_FROM_BASIC
                         ? basic_holds_ours(policy, taken->value, r->pool)
                         : holds_ours(policy, taken->value));
        }
    }
    return taken->foreign;
}

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

static void mask_referer(request_rec *r, apikey_request_t *state)
{
    const char *value = all_of(r, "Referer");
    char *masked = value ? mask(r, value, APIKEY_IN_REFERER) : NULL;

    if (masked) {
        apr_table_setn(r->headers_in, "Referer", masked);
        state->exposed |= APIKEY_IN_REFERER;
    }
}

static void mask_query(request_rec *r, apikey_request_t *state)
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

static void unset_value(apr_table_t *table, const char *value)
{
    const apr_array_header_t *elts = apr_table_elts(table);
    int i;

    for (i = 0; i < elts->nelts; i++) {
        const apr_table_entry_t *entry =
            &APR_ARRAY_IDX(elts, i, apr_table_entry_t);

        if (entry->key && !strcmp(entry->val, value)) {
            apr_table_unset(table, entry->key);
            /* The entries behind it have moved up. */
            i--;
        }
    }
}

/* What the last fixup put back for the application must not stay: an internal
 * redirect has the headers of the request before it, and the variables that
 * CGI made of them; so has the log. */
static void withhold(request_rec *r, const apikey_request_t *state)
{
    int i;

    for (i = 0; state->taken && i < state->taken->nelts; i++) {
        const apikey_taken_t *taken =
            APR_ARRAY_IDX(state->taken, i, apikey_taken_t *);

        if (taken->accepted
            && apikey_server_conf(r->server)->pass_key == 1) {
            unset_value(r->headers_in, taken->value);
            unset_value(r->subprocess_env, taken->value);
        }
    }
}

/* httpd could not parse the client's request; @a r is that, or comes from it:
 * an ErrorDocument, which has the same request line. */
static void mask_unparsed(request_rec *r)
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

/* mod_http2 makes the first stream of what is left of the headers when it
 * switches protocols: without the key. A server need not switch. */
static void stay(request_rec *r)
{
    if (ap_find_token(r->pool, apr_table_get(r->headers_in, "Upgrade"),
                      "h2c")) {
        apr_table_unset(r->headers_in, "Upgrade");
    }
}

int apikey_take(request_rec *r)
{
    const apikey_server_t *conf = apikey_server_conf(r->server);
    apikey_request_t *state = apikey_request_get(r);

    if (state) {
        withhold(r, state);
    }
    else if (conf->policy.ring && r->prev) {
        apikey_take_unparsed(r);
    }
    else if (conf->policy.ring) {
        state = apikey_request_make(r);
        take_headers(r, state, conf);
        take_stray(r, state, &conf->policy);
        if (state->taken) {
            stay(r);
        }
        mask_query(r, state);
        mask_referer(r, state);
    }
    return DECLINED;
}

void apikey_take_unparsed(request_rec *r)
{
    const apikey_server_t *conf = apikey_server_conf(r->server);
    apikey_request_t *state;

    if (conf->policy.ring && !apikey_request_get(r)) {
        state = apikey_request_make(r);
        take_headers(r, state, conf);
        take_stray(r, state, &conf->policy);
        mask_unparsed(r);
        mask_referer(r, state);
    }
}

int apikey_take_from_log(request_rec *r)
{
    apikey_request_t *state = apikey_request_get(r);

    if (!state) {
        apikey_take_unparsed(r);
        return DECLINED;
    }
    for (; r; r = r->next) {
        withhold(r, state);
    }
    return DECLINED;
}

static int show_foreign(request_rec *r, int show)
{
    apikey_request_t *state = r->prev || r->main ? NULL
                                                 : apikey_request_get(r);
    int i;

    for (i = 0; state && state->taken && i < state->taken->nelts; i++) {
        apikey_taken_t *taken =
            APR_ARRAY_IDX(state->taken, i, apikey_taken_t *);

        if (!foreign(r, state, taken)) {
            continue;
        }
        if (show) {
            apr_table_setn(r->headers_in, taken->header, taken->value);
        }
        else {
            apr_table_unset(r->headers_in, taken->header);
        }
    }
    return DECLINED;
}

int apikey_lend(request_rec *r, int lookup APIKEY_UNUSED)
{
    return show_foreign(r, 1);
}

int apikey_take_back(request_rec *r, int lookup APIKEY_UNUSED)
{
    return show_foreign(r, 0);
}

void apikey_settle_headers(request_rec *r, int granted)
{
    apikey_request_t *state = apikey_request_get(r);
    const apikey_server_t *conf = apikey_server_conf(r->server);
    int open, i;

    if (!state || !state->taken) {
        return;
    }
    open = granted || apikey_passed(r) || !apikey_area(r);
    for (i = 0; i < state->taken->nelts; i++) {
        apikey_taken_t *taken =
            APR_ARRAY_IDX(state->taken, i, apikey_taken_t *);
        const char *present = apr_table_get(r->headers_in, taken->header);
        int wanted = taken->accepted ? granted && conf->pass_key == 1
                                     : open && foreign(r, state, taken);

        if (wanted && !present) {
            apr_table_setn(r->headers_in, taken->header, taken->value);
        }
        else if (!wanted && present && !strcmp(present, taken->value)) {
            apr_table_unset(r->headers_in, taken->header);
        }
    }
}
