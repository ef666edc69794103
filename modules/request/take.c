/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Keys out of the request; foreign credentials stay in it. */

#include <apr_strings.h>

#include "../core/credential.h"
#include "mask.h"
#include "take.h"

#define TRIES 8                 /* candidates in a header */
#define TO_PROXY "Proxy-Authorization"

static apikey_presented_t *present(request_rec *r, apikey_request_t *state,
                                   const apikey_policy_t *policy,
                                   const apikey_source_t *source,
                                   const apikey_credential_t *credential)
{
    apikey_presented_t *one;

    if (!state->presented) {
        state->presented = apr_array_make(r->pool, 2,
                                          sizeof(apikey_presented_t));
    }
    one = &APR_ARRAY_PUSH(state->presented, apikey_presented_t);
    memset(one, 0, sizeof(*one));
    one->source = source;
    one->key = credential->token;
    one->key_len = credential->token_len;
    one->repeated = credential->repeated;
    one->shape = credential->repeated
                 || (credential->password && *credential->password)
                 ? APIKEY_FORMAT_NONE
                 : apikey_key_shape(policy, one->key, one->key_len);
    return one;
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

/* Every word in it is looked at: a list of two keys, a key behind another
 * scheme. Where more look like keys than we care to try, it is not foreign. */
static int word_is_ours(const apikey_policy_t *policy, const char *text)
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
        if (apikey_key_shape(policy, text, len) != APIKEY_FORMAT_NONE
            || apikey_key_checked_by(policy->ring, text, len) >= 0) {
            return 1;
        }
        text += len;
    }
    return 0;
}

static const char *prefix_of(const apikey_policy_t *policy)
{
    return policy->prefix ? policy->prefix : APIKEY_PREFIX_DEFAULT;
}

static int has_prefix(const apikey_policy_t *policy, const char *key)
{
    apr_size_t len = strlen(prefix_of(policy));

    return !strncmp(key, prefix_of(policy), len) && key[len] == '_';
}

/* A key with something before or behind it that does not belong there (a
 * zero-width space, the rest of a file) is a key in every log. */
static int is_inside(const apikey_policy_t *policy, const char *text)
{
    apr_size_t len = strlen(prefix_of(policy)) + 1 + APIKEY_RANDOM_LEN
                     + APIKEY_CHECK_LEN;
    int tries = TRIES;

    for (; (text = strstr(text, prefix_of(policy))); text++) {
        if (has_prefix(policy, text) && strlen(text) >= len
            && (--tries < 0
                || apikey_key_checked_by(policy->ring, text, len) >= 0)) {
            return 1;
        }
    }
    return 0;
}

static int holds_ours(const apikey_policy_t *policy, const char *text)
{
    return word_is_ours(policy, text) || is_inside(policy, text);
}

/* A Basic value hides its words from holds_ours(); either half may be a key
 * that somebody typed into the wrong field. */
static int basic_holds_ours(const apikey_policy_t *policy, const char *value,
                            apr_pool_t *pool)
{
    apikey_credential_t basic;

    return apikey_credential_parse(&basic, APIKEY_SCHEME_BASIC, value, pool)
           && (holds_ours(policy, basic.token)
               || holds_ours(policy, basic.password));
}

/* Whether a credential leaves the request: it has the shape or the prefix of
 * this server's keys, or there is such a key in it. */
static int is_ours(const apikey_policy_t *policy,
                   const apikey_presented_t *one,
                   const apikey_credential_t *credential,
                   const char *value, apr_pool_t *pool)
{
    if (one->shape || (has_prefix(policy, one->key)
                       && !(credential->password && *credential->password))) {
        return 1;
    }
    if (one->source->from == APIKEY_FROM_BASIC) {
        /* What does not decode is no other application's, and may be a key. */
        return (!*credential->token && !*credential->password)
               || basic_holds_ours(policy, value, pool);
    }
    return holds_ours(policy, value);
}

/* What stands in the place of a key that the application is to get: whether
 * it still does tells the last fixup what others want there. */
static const char *placeholder(const apikey_source_t *source)
{
    switch (source->from) {
    case APIKEY_FROM_BEARER:
        return "Bearer " APIKEY_MASK;
    case APIKEY_FROM_BASIC:
        return "Basic " APIKEY_MASK;
    default:
        return APIKEY_MASK;
    }
}

static void take_header(request_rec *r, apikey_request_t *state,
                        const apikey_source_t *source, const char *header)
{
    const apikey_policy_t *policy = &apikey_server_conf(r->server)->policy;
    const char *value = all_of(r, header);
    apikey_credential_t credential;
    apikey_presented_t *one;

    if (!value || !reads(source, value, &credential, r->pool)) {
        return;
    }
    one = present(r, state, policy, source, &credential);
    one->to_proxy = header != source->header;
    if (is_ours(policy, one, &credential, value, r->pool)) {
        one->taken = take(r, state, header, value);
        /* Behind a forward proxy there are strangers. */
        one->taken->placeholder = one->to_proxy ? NULL : placeholder(source);
    }
}

/* RFC 9110, 11.7.2: a forward proxy has a field of its own for schemes. Whether
 * the request is for one is not known yet. */
static void take_headers(request_rec *r, apikey_request_t *state,
                         const apikey_server_t *conf)
{
    int proxy = apr_table_get(r->headers_in, TO_PROXY) != NULL;
    int i;

    for (i = 0; i < conf->from->nelts; i++) {
        const apikey_source_t *source =
            &APR_ARRAY_IDX(conf->from, i, apikey_source_t);

        take_header(r, state, source, source->header);
        if (proxy && source->from != APIKEY_FROM_HEADER) {
            take_header(r, state, source, TO_PROXY);
        }
    }
}

/* A key in a place that is not accepted (curl -u KEY: where Basic is off) is
 * no credential, but it is a key: it goes no further either. */
static void take_stray(request_rec *r, apikey_request_t *state,
                       const apikey_policy_t *policy)
{
    static const char *const likely[] = { "Authorization", "X-API-Key",
                                          TO_PROXY };
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

static int passes_keys(request_rec *r, const apikey_request_t *state)
{
    return state && state->taken
           && apikey_server_conf(r->server)->pass_key == 1;
}

/* Placeholders, where a key may be given back. */
static void hold_places(request_rec *r, const apikey_request_t *state)
{
    int i;

    for (i = 0; passes_keys(r, state) && i < state->taken->nelts; i++) {
        const apikey_taken_t *taken =
            APR_ARRAY_IDX(state->taken, i, apikey_taken_t *);

        if (taken->placeholder) {
            apr_table_setn(r->headers_in, taken->header, taken->placeholder);
        }
    }
}

void apikey_withhold(request_rec *r)
{
    const apikey_request_t *state = apikey_request_get(r);
    int i;

    for (i = 0; passes_keys(r, state) && i < state->taken->nelts; i++) {
        const apikey_taken_t *taken =
            APR_ARRAY_IDX(state->taken, i, apikey_taken_t *);
        const char *present = apr_table_get(r->headers_in, taken->header);

        if (!taken->accepted || !taken->placeholder) {
            continue;
        }
        if (present && !strcmp(present, taken->value)) {
            apr_table_setn(r->headers_in, taken->header, taken->placeholder);
        }
        unset_value(r->headers_in, taken->value);
        unset_value(r->subprocess_env, taken->value);
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
        apikey_withhold(r);
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
        hold_places(r, state);
        apikey_mask_line(r, state);
        apikey_mask_referer(r, state, all_of(r, "Referer"));
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
        apikey_mask_unparsed(r, state);
        apikey_mask_referer(r, state, all_of(r, "Referer"));
    }
}

int apikey_take_from_log(request_rec *r)
{
    const apikey_request_t *state = apikey_request_get(r);

    if (!state) {
        apikey_take_unparsed(r);
        return DECLINED;
    }
    apikey_mask_logged(r, state);
    for (; r; r = r->next) {
        apikey_withhold(r);
    }
    return DECLINED;
}

void apikey_settle_headers(request_rec *r, int granted)
{
    const apikey_request_t *state = apikey_request_get(r);
    int i;

    for (i = 0; passes_keys(r, state) && i < state->taken->nelts; i++) {
        const apikey_taken_t *taken =
            APR_ARRAY_IDX(state->taken, i, apikey_taken_t *);
        const char *present = apr_table_get(r->headers_in, taken->header);

        if (!present || !taken->placeholder
            || (strcmp(present, taken->placeholder)
                && strcmp(present, taken->value))) {
            continue;
        }
        if (granted && taken->accepted && r->proxyreq != PROXYREQ_PROXY) {
            apr_table_setn(r->headers_in, taken->header, taken->value);
        }
        else {
            apr_table_unset(r->headers_in, taken->header);
        }
    }
}
