/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <http_core.h>
#include <apr_strings.h>

#include "challenge.h"

/* RFC 9110, 11.6.1 and 11.7.1. */
static const char *field(request_rec *r)
{
    return apikey_is_forward_proxy(r) ? "Proxy-Authenticate"
                                      : "WWW-Authenticate";
}

void apikey_challenge_remove(request_rec *r)
{
    apr_table_unset(r->err_headers_out, field(r));
}

/* Whether one that comes before in the list says the same: an inner section's,
 * whose parameters come first. */
static int is_said(const apr_array_header_t *all, int at)
{
    const apikey_parameter_t *one = &APR_ARRAY_IDX(all, at,
                                                   apikey_parameter_t);
    int i;

    for (i = 0; i < at; i++) {
        const apikey_parameter_t *other = &APR_ARRAY_IDX(all, i,
                                                         apikey_parameter_t);

        if (!ap_cstr_casecmp(one->scheme, other->scheme)
            && !ap_cstr_casecmp(one->name, other->name)) {
            return 1;
        }
    }
    return 0;
}

/* ApiKeyChallenge's parameters. */
static const char *parameters(request_rec *r, const char *scheme,
                              const char *value, int has_scope)
{
    const apr_array_header_t *all = apikey_dir_conf(r)->challenge;
    int i;

    for (i = 0; all && i < all->nelts; i++) {
        const apikey_parameter_t *one = &APR_ARRAY_IDX(all, i,
                                                       apikey_parameter_t);

        if (!ap_cstr_casecmp(one->scheme, scheme)
            && !(has_scope && !ap_cstr_casecmp(one->name, "scope"))
            && !is_said(all, i)) {
            value = apr_pstrcat(r->pool, value, ", ", one->name, "=\"",
                                one->value, "\"", NULL);
        }
    }
    return value;
}

/* Adds a field.
 * @param more ", NAME=VALUE" and so on, or ""
 * @param scope or NULL */
static void challenge(request_rec *r, const char *scheme, const char *more,
                      const char *scope)
{
    const char *realm = ap_auth_name(r);
    const char *value = apr_pstrcat(r->pool, scheme, " realm=\"",
                                    realm ? realm : APIKEY_REALM_DEFAULT,
                                    "\"", more, NULL);

    if (scope) {
        value = apr_pstrcat(r->pool, value, ", scope=\"", scope, "\"", NULL);
    }
    apr_table_addn(r->err_headers_out, field(r),
                   parameters(r, scheme, value, scope != NULL));
}

/* Where the challenge of a source stands among the others. */
static int rank(const apikey_source_t *source)
{
    switch (source->from) {
    case APIKEY_FROM_BEARER:
        return 0;
    case APIKEY_FROM_HEADER:
    case APIKEY_FROM_AUTHORIZATION:
        return 1;
    case APIKEY_FROM_SCHEME:
        return ap_cstr_casecmp(source->scheme, APIKEY_AUTH_TYPE) ? 3 : 2;
    default:
        return 4;
    }
}
#define RANKS 5

static void challenge_source(request_rec *r, const apikey_source_t *source,
                             const char *scope)
{
    switch (source->from) {
    case APIKEY_FROM_BEARER:
        challenge(r, "Bearer", "", scope);
        break;
    case APIKEY_FROM_BASIC:
        challenge(r, "Basic", "", scope);
        break;
    case APIKEY_FROM_SCHEME:
        challenge(r, source->scheme, "", scope);
        break;
    default:
        challenge(r, APIKEY_AUTH_TYPE,
                  apr_pstrcat(r->pool, ", header=\"", source->header, "\"",
                              NULL), scope);
    }
}

void apikey_challenge_all(request_rec *r, const char *scope)
{
    const apr_array_header_t *all = apikey_server_conf(r->server)->from;
    int said = 0, named = 0, step, i;

    for (step = 0; step < RANKS; step++) {
        for (i = 0; i < all->nelts; i++) {
            const apikey_source_t *source =
                &APR_ARRAY_IDX(all, i, apikey_source_t);

            if (rank(source) != step
                || !apikey_source_allowed(apikey_dir_conf(r)->from, source)) {
                continue;
            }
            named |= step == 1;
            /* The scheme ApiKey has been named with a header. */
            if (step == 2 && named) {
                continue;
            }
            challenge_source(r, source, said++ ? NULL : scope);
        }
    }
}

void apikey_challenge_error(request_rec *r, const apikey_result_t *result,
                            const char *scope)
{
    const char *more = apr_pstrcat(r->pool, ", error=\"", result->error, "\"",
                                   NULL);

    if (result->describe) {
        more = apr_pstrcat(r->pool, more, ", error_description=\"",
                           result->message, "\"", NULL);
    }
    challenge(r, "Bearer", more, scope);
}
