/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Credentials in the headers of a request: found and masked in their places.
 * A foreign credential stays as it is. */

#include <apr_strings.h>

#include "../core/credential.h"
#include "../core/key_class.h"
#include "mask.h"
#include "masked_headers.h"
#include "credentials.h"

#define TO_PROXY "Proxy-Authorization"

static apikey_presented_t *add_presented(request_rec *r,
                                         apikey_request_t *state,
                                         const apikey_source_t *source,
                                         const apikey_credential_t *credential)
{
    const apikey_policy_t *policy = &apikey_server_conf(r->server)->policy;
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
    one->shape = credential->repeated ? APIKEY_FORMAT_NONE
                 : apikey_key_shape(policy, one->key, one->key_len);
    return one;
}

/* Basic: the key is the user or the password, whichever has the shape of a
 * key. If both have it, the one with right check characters. If a key may have
 * any shape, both are added as two halves, and the database decides. */
static void add_presented_basic(request_rec *r, apikey_request_t *state,
                                const apikey_source_t *source,
                                const apikey_credential_t *user)
{
    const apikey_policy_t *policy = &apikey_server_conf(r->server)->policy;
    apikey_credential_t password = { 0 };
    apikey_format_e of_user, of_password;
    int user_right, password_right;

    password.token = user->password;
    password.token_len = strlen(user->password);
    password.repeated = user->repeated;
    of_user = apikey_key_shape(policy, user->token, user->token_len);
    of_password = apikey_key_shape(policy, password.token,
                                   password.token_len);
    if (!of_user || !of_password) {
        add_presented(r, state, source, of_password ? &password : user);
        return;
    }
    user_right = apikey_key_checked_by(policy->secrets, user->token,
                                       user->token_len) >= 0;
    password_right = apikey_key_checked_by(policy->secrets, password.token,
                                           password.token_len) >= 0;
    if (user_right != password_right) {
        add_presented(r, state, source, user_right ? user : &password);
        return;
    }
    add_presented(r, state, source, user);
    add_presented(r, state, source, &password);
    if (!user_right && !policy->prefixes
        && (of_user | of_password) & APIKEY_FORMAT_OPAQUE) {
        apikey_presented_t *last =
            &APR_ARRAY_IDX(state->presented, state->presented->nelts - 1,
                           apikey_presented_t);

        last[-1].half = 1;
        last[0].half = 2;
    }
}

/* Whether the value holds a credential as the source wants it: the whole value
 * of a header, or what follows a scheme. */
static int read_credential(const apikey_source_t *source, const char *value,
                           apikey_credential_t *credential, apr_pool_t *pool)
{
    static const apikey_scheme_e schemes[] = {
        [APIKEY_FROM_BEARER] = APIKEY_SCHEME_BEARER,
        [APIKEY_FROM_SCHEME] = APIKEY_SCHEME_NAMED,
        [APIKEY_FROM_AUTHORIZATION] = APIKEY_SCHEME_NONE,
        [APIKEY_FROM_BASIC] = APIKEY_SCHEME_BASIC
    };

    if (source->from == APIKEY_FROM_HEADER) {
        memset(credential, 0, sizeof(*credential));
        credential->token = value;
        credential->token_len = strlen(value);
        credential->repeated = strchr(value, ',') != NULL;
        return 1;
    }
    return apikey_credential_parse(credential, schemes[source->from],
                                   source->scheme, value, pool);
}

/* The value of a header; NULL: none. httpd has joined fields of the same name;
 * if a module has added another one since, they are joined here. */
static const char *joined_header(request_rec *r, const char *header)
{
    const apr_array_header_t *elts = apr_table_elts(r->headers_in);
    const char *first = apr_table_get(r->headers_in, header);
    int i = elts->nelts;

    /* The usual case is one field: looking for a second costs less than
     * apr_table_getm(). */
    while (first && --i >= 0
           && APR_ARRAY_IDX(elts, i, apr_table_entry_t).val != first) {
        if (!ap_cstr_casecmp(APR_ARRAY_IDX(elts, i, apr_table_entry_t).key,
                             header)) {
            return apr_table_getm(r->pool, r->headers_in, header);
        }
    }
    return first;
}

/* Puts the hint in the place of the key, after the scheme if @a scheme is its
 * length. */
static apikey_masked_t *mask_header(request_rec *r, apikey_request_t *state,
                                    const char *header, const char *value,
                                    const char *hint, apr_size_t scheme)
{
    apikey_masked_t *masked = apr_pcalloc(r->pool, sizeof(*masked));

    if (!state->masked) {
        state->masked = apr_array_make(r->pool, 2, sizeof(apikey_masked_t *));
    }
    masked->header = header;
    masked->value = value;
    masked->shown = scheme ? apr_pstrcat(r->pool, apr_pstrmemdup(r->pool,
                                         value, scheme), " ", hint, NULL)
                           : hint;
    masked->hint = hint;
    masked->hidden = apr_array_make(r->pool, 2, sizeof(request_rec *));
    APR_ARRAY_PUSH(state->masked, apikey_masked_t *) = masked;
    /* apr_table_setn() keeps the place and the spelling of the name. */
    apr_table_setn(r->headers_in, header, masked->shown);
    return masked;
}

/* Whether a source of ApiKeyFrom reads this header. Schemes may also stand in
 * Proxy-Authorization (RFC 9110, 11.7.2): whether httpd acts as a forward
 * proxy is not known yet. */
static int source_covers(const apikey_source_t *source, const char *header)
{
    return !ap_cstr_casecmp(source->header, header)
           || (source->from != APIKEY_FROM_HEADER
               && !ap_cstr_casecmp(header, TO_PROXY));
}

static int presented_count(const apikey_request_t *state)
{
    return state->presented ? state->presented->nelts : 0;
}

/* Adds what the sources find in this header to state->presented, and
 * classifies it. A value with the shape of a key is ours, however short. */
static void classify_by_sources(request_rec *r, apikey_request_t *state,
                                const char *header, const char *value,
                                apikey_classified_t *classified)
{
    const apr_array_header_t *from = apikey_server_conf(r->server)->from;
    apikey_credential_t credential;
    int at = presented_count(state), i;

    for (i = 0; i < from->nelts; i++) {
        const apikey_source_t *source =
            &APR_ARRAY_IDX(from, i, apikey_source_t);

        if (!source_covers(source, header)
            || !read_credential(source, value, &credential, r->pool)) {
            continue;
        }
        if (source->from == APIKEY_FROM_BASIC) {
            add_presented_basic(r, state, source, &credential);
        }
        else {
            const apikey_presented_t *one =
                add_presented(r, state, source, &credential);

            if (!one->shape) {
                apikey_classify_token(classified, one->key);
            }
        }
    }
    for (; at < presented_count(state); at++) {
        const apikey_presented_t *one =
            &APR_ARRAY_IDX(state->presented, at, apikey_presented_t);

        if (one->shape) {
            apikey_classify_token(classified, one->key);
        }
    }
}

/* No source accepts this value. A key in it (curl -u KEY: without the source
 * "basic") is no credential, but must be masked all the same. */
static void classify_stray(apikey_classified_t *classified,
                           apikey_policy_t *made, const char *value)
{
    apr_size_t scheme = apikey_classify_scheme(classified->policy, value);
    const char *token = value + scheme;

    token += strspn(token, " \t");
    *made = *classified->policy;
    /* Without a prefix, a word of the form of a key may be anything. */
    made->formats = made->prefixes ? made->formats : 0;
    classified->policy = made;
    if (!strpbrk(token, " \t,")) {
        apikey_classify_token(classified, token);
    }
    /* In the rest of the value, a word with the prefix may be a user name. */
    made->formats &= APIKEY_FORMAT_HEX64;
}

/* The length of the scheme to keep in front of the hint. A header of its own
 * has no scheme: if keys may have any form, a first word would be a part of
 * the key. */
static apr_size_t scheme_to_keep(const apikey_policy_t *policy,
                                 const char *header, const char *value)
{
    if ((policy->formats & APIKEY_FORMAT_OPAQUE) && !policy->prefixes
        && ap_cstr_casecmp(header, "Authorization")
        && ap_cstr_casecmp(header, TO_PROXY)) {
        return 0;
    }
    return apikey_classify_scheme(policy, value);
}

/* Adds the credentials in a header to state->presented, and masks its value if
 * that is ours or a near miss. */
static void search_header(request_rec *r, apikey_request_t *state,
                          const char *header)
{
    const apikey_policy_t *policy = &apikey_server_conf(r->server)->policy;
    const char *value = joined_header(r, header);
    apikey_masked_t *masked = NULL;
    int at = presented_count(state);
    apikey_classified_t classified;
    apikey_policy_t made;

    if (!value) {
        return;
    }
    apikey_classify_init(&classified, policy, r->pool);
    classify_by_sources(r, state, header, value, &classified);
    if (at == presented_count(state)) {
        classify_stray(&classified, &made, value);
    }
    if (classified.class == APIKEY_FOREIGN) {
        apikey_classify_value(&classified, value);
    }
    if (classified.class != APIKEY_FOREIGN) {
        masked = mask_header(r, state, header, value, classified.hint,
                             scheme_to_keep(policy, header, value));
    }
    for (; at < presented_count(state); at++) {
        apikey_presented_t *one =
            &APR_ARRAY_IDX(state->presented, at, apikey_presented_t);

        one->masked = masked;
        one->to_proxy = ap_cstr_casecmp(one->source->header, header) != 0;
    }
}

/* Whether an application may read this header as one of those that keys stand
 * in, although httpd distinguishes them: api-key and api_key. */
static int is_lookalike(const apikey_server_t *conf, const char *name)
{
    int alike = 0, i;

    for (i = 0; i < conf->key_headers->nelts; i++) {
        const char *header = APR_ARRAY_IDX(conf->key_headers, i, const char *);

        if (apikey_header_is_same(name, header)) {
            if (!ap_cstr_casecmp(name, header)) {
                return 0;
            }
            alike = 1;
        }
    }
    return alike;
}

/* The names are collected first, because masking changes the table. */
static void search_lookalikes(request_rec *r, apikey_request_t *state,
                              const apikey_server_t *conf)
{
    const apr_array_header_t *elts = apr_table_elts(r->headers_in);
    apr_array_header_t *names = NULL;
    int i;

    for (i = 0; i < elts->nelts; i++) {
        const char *name = APR_ARRAY_IDX(elts, i, apr_table_entry_t).key;

        if (is_lookalike(conf, name)) {
            names = names ? names : apr_array_make(r->pool, 2,
                                                   sizeof(const char *));
            APR_ARRAY_PUSH(names, const char *) = name;
        }
    }
    for (i = 0; names && i < names->nelts; i++) {
        search_header(r, state, APR_ARRAY_IDX(names, i, const char *));
    }
}

static void search_headers(request_rec *r, apikey_request_t *state)
{
    const apikey_server_t *conf = apikey_server_conf(r->server);
    int i;

    for (i = 0; i < conf->key_headers->nelts; i++) {
        search_header(r, state,
                      APR_ARRAY_IDX(conf->key_headers, i, const char *));
    }
    search_lookalikes(r, state, conf);
}

/* When mod_http2 switches protocols, it makes the first stream from the
 * headers, in which the key is masked by now. So the request stays HTTP/1.1:
 * a server may ignore Upgrade. */
static void refuse_h2c_upgrade(request_rec *r)
{
    if (ap_find_token(r->pool, apr_table_get(r->headers_in, "Upgrade"),
                      "h2c")) {
        apr_table_unset(r->headers_in, "Upgrade");
    }
}

int apikey_find_credentials(request_rec *r)
{
    const apikey_server_t *conf = apikey_server_conf(r->server);
    apikey_request_t *state = apikey_request_get(r);

    if (state) {
        apikey_restore_in_redirect(r);
    }
    else if (conf->policy.secrets && r->prev) {
        /* The ErrorDocument of a request that httpd could not parse. */
        apikey_find_credentials_unparsed(r);
    }
    else if (conf->policy.secrets) {
        state = apikey_request_make(r);
        search_headers(r, state);
        if (state->masked) {
            refuse_h2c_upgrade(r);
        }
        apikey_mask_request_line(r, state);
        apikey_mask_referer(r, state, joined_header(r, "Referer"));
    }
    return DECLINED;
}

void apikey_find_credentials_unparsed(request_rec *r)
{
    apikey_request_t *state;

    if (apikey_server_conf(r->server)->policy.secrets
        && !apikey_request_get(r)) {
        state = apikey_request_make(r);
        search_headers(r, state);
        apikey_mask_unparsed_line(r, state);
        apikey_mask_referer(r, state, joined_header(r, "Referer"));
    }
}

int apikey_mask_for_log(request_rec *r)
{
    const apikey_request_t *state = apikey_request_get(r);

    if (!state) {
        /* httpd could not parse the request. */
        apikey_find_credentials_unparsed(r);
        return DECLINED;
    }
    apikey_mask_path(r, state);
    for (; r; r = r->next) {
        apikey_restore_for_log(r);
    }
    return DECLINED;
}
