/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Writes the challenges of a 401 or 407, and the errors of RFC 6750. */

#include <http_core.h>
#include <apr_strings.h>

#include "challenge.h"

/* RFC 9110, 11.6.1 and 11.7.1. */
static const char *challenge_header(request_rec *r)
{
    return apikey_is_forward_proxy(r) ? "Proxy-Authenticate"
                                      : "WWW-Authenticate";
}

void apikey_challenge_remove(request_rec *r)
{
    apr_table_unset(r->err_headers_out, challenge_header(r));
}

/* Whether an earlier parameter has the same scheme and name. Those of an inner
 * section come first, and win. */
static int is_overridden(const apr_array_header_t *all, int at)
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

/* Appends the parameters that ApiKeyChallenge has for this scheme to @a value,
 * in r->pool.
 * @param has_scope whether it has one already, which wins */
static const char *add_parameters(request_rec *r, const char *scheme,
                                  const char *value, int has_scope)
{
    const apr_array_header_t *all = apikey_dir_conf(r)->challenge;
    int i;

    for (i = 0; all && i < all->nelts; i++) {
        const apikey_parameter_t *one = &APR_ARRAY_IDX(all, i,
                                                       apikey_parameter_t);

        if (!ap_cstr_casecmp(one->scheme, scheme)
            && !(has_scope && !ap_cstr_casecmp(one->name, "scope"))
            && !is_overridden(all, i)) {
            value = apr_pstrcat(r->pool, value, ", ", one->name, "=\"",
                                one->value, "\"", NULL);
        }
    }
    return value;
}

/* Adds a challenge to the response headers.
 * @param more further parameters, ", NAME=VALUE" each; or ""
 * @param scope or NULL */
static void add_challenge(request_rec *r, const char *scheme, const char *more,
                          const char *scope)
{
    const char *realm = ap_auth_name(r);
    const char *value = apr_pstrcat(r->pool, scheme, " realm=\"",
                                    realm ? realm : APIKEY_REALM_DEFAULT,
                                    "\"", more, NULL);

    if (scope) {
        value = apr_pstrcat(r->pool, value, ", scope=\"", scope, "\"", NULL);
    }
    apr_table_addn(r->err_headers_out, challenge_header(r),
                   add_parameters(r, scheme, value, scope != NULL));
}

/* The order of the challenges; see challenge.h. */
static int source_rank(const apikey_source_t *source)
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

static void add_challenge_of_source(request_rec *r,
                                    const apikey_source_t *source,
                                    const char *scope)
{
    switch (source->from) {
    case APIKEY_FROM_BEARER:
        add_challenge(r, "Bearer", "", scope);
        break;
    case APIKEY_FROM_BASIC:
        add_challenge(r, "Basic", "", scope);
        break;
    case APIKEY_FROM_SCHEME:
        add_challenge(r, source->scheme, "", scope);
        break;
    default:
        add_challenge(r, APIKEY_AUTH_TYPE,
                      apr_pstrcat(r->pool, ", header=\"", source->header, "\"",
                                  NULL), scope);
    }
}

void apikey_challenge_all(request_rec *r, const char *scope)
{
    const apr_array_header_t *all = apikey_server_conf(r->server)->from;
    int added = 0, named = 0, step, i;

    for (step = 0; step < RANKS; step++) {
        for (i = 0; i < all->nelts; i++) {
            const apikey_source_t *source =
                &APR_ARRAY_IDX(all, i, apikey_source_t);

            if (source_rank(source) != step
                || !apikey_source_allowed(apikey_dir_conf(r)->from, source)) {
                continue;
            }
            named |= step == 1;
            /* There is a challenge of the scheme ApiKey already, with the
             * name of a header. */
            if (step == 2 && named) {
                continue;
            }
            add_challenge_of_source(r, source, added++ ? NULL : scope);
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
    add_challenge(r, "Bearer", more, scope);
}
