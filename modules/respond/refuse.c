/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* A reason, turned into status, challenge and log line. */

#include <http_core.h>
#include <http_log.h>
#include <apr_strings.h>

#include "export.h"
#include "refuse.h"
#include "scrub.h"

APLOG_USE_MODULE(apikey);

#define RETRY_AFTER "5"         /* seconds */

/* RFC 9110, 11.6.1 and 11.7.1. */
static const char *field(request_rec *r)
{
    return apikey_forward(r) ? "Proxy-Authenticate" : "WWW-Authenticate";
}

static void challenge(request_rec *r, const char *value)
{
    apr_table_addn(r->err_headers_out, field(r), value);
}

int apikey_refuse_status(request_rec *r, const apikey_reason_t *reason)
{
    return reason->status == HTTP_UNAUTHORIZED && apikey_forward(r)
               ? HTTP_PROXY_AUTHENTICATION_REQUIRED : reason->status;
}

static const char *realm(request_rec *r)
{
    const char *name = ap_auth_name(r);

    return name ? name : APIKEY_REALM_DEFAULT;
}

/* RFC 9110, 11.6.1: one challenge for each scheme that is accepted here. */
static void challenge_all(request_rec *r)
{
    const apr_array_header_t *all = apikey_server_conf(r->server)->from;
    int i;

    for (i = 0; i < all->nelts; i++) {
        const apikey_source_t *source =
            &APR_ARRAY_IDX(all, i, apikey_source_t);

        if (!apikey_source_allowed(apikey_dir_conf(r)->from, source)) {
            continue;
        }
        switch (source->from) {
        case APIKEY_FROM_HEADER:
            challenge(r, apr_pstrcat(r->pool, "ApiKey realm=\"", realm(r),
                                     "\", header=\"", source->header, "\"",
                                     NULL));
            break;
        case APIKEY_FROM_BEARER:
            challenge(r, apr_pstrcat(r->pool, "Bearer realm=\"", realm(r),
                                     "\"", NULL));
            break;
        case APIKEY_FROM_BASIC:
            challenge(r, apr_pstrcat(r->pool, "Basic realm=\"", realm(r),
                                     "\"", NULL));
            break;
        }
    }
}

/* RFC 6750, 3: what was wrong with the key. */
static void challenge_error(request_rec *r, const apikey_reason_t *reason,
                            const apikey_decision_t *decision)
{
    const char *value = apr_pstrcat(r->pool, "Bearer realm=\"", realm(r),
                                    "\", error=\"", reason->error, "\"",
                                    NULL);

    if (reason->describe) {
        value = apr_pstrcat(r->pool, value, ", error_description=\"",
                            reason->message, "\"", NULL);
    }
    if (decision->wanted_scope) {
        value = apr_pstrcat(r->pool, value, ", scope=\"",
                            decision->wanted_scope, "\"", NULL);
    }
    challenge(r, value);
}

void apikey_refuse_headers(request_rec *r, const apikey_decision_t *decision)
{
    const apikey_reason_t *reason = apikey_reason(decision->reason);

    apr_table_unset(r->err_headers_out, field(r));
    if (reason->error) {
        challenge_error(r, reason, decision);
    }
    else if (reason->status == HTTP_UNAUTHORIZED) {
        challenge_all(r);
    }
    if (reason->status == HTTP_SERVICE_UNAVAILABLE) {
        apr_table_setn(r->err_headers_out, "Retry-After", RETRY_AFTER);
    }
    apr_table_setn(r->err_headers_out, "Cache-Control", "no-store");
}

/* Nobody is who he said, or could not say. An ErrorDocument reads the users of
 * the requests before it, too, and an AuthName may be an expression. */
static void tell_reason(request_rec *r, const apikey_decision_t *decision)
{
    request_rec *each;

    for (each = r; each; each = each->prev) {
        each->user = NULL;
    }
    apikey_scrub_env(r);
    apikey_export_result(r, decision->reason);
}

const char *apikey_subject(request_rec *r, const apikey_record_t *record)
{
    return record ? apr_pstrcat(r->pool, "key ", record->id, " of tenant '",
                                record->tenant, "'", NULL) : "request";
}

int apikey_refuse(request_rec *r, const apikey_decision_t *decision)
{
    const apikey_reason_t *reason = apikey_reason(decision->reason);

    tell_reason(r, decision);
    apikey_refuse_headers(r, decision);
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                  "APIKEY0101: %s refused, %s: %s",
                  apikey_subject(r, decision->record), reason->code,
                  reason->message);
    return reason->status;
}

int apikey_refuse_with(request_rec *r, const apikey_decision_t *decision,
                       int status)
{
    tell_reason(r, decision);
    return status;
}

int apikey_pass(request_rec *r, apikey_decision_t *decision)
{
    const apikey_reason_t *reason = apikey_reason(decision->reason);
    apikey_request_t *state = apikey_request_make(r);

    /* The chain has asked for a user before it was left alone. */
    apr_table_unset(r->err_headers_out, field(r));
    tell_reason(r, decision);
    decision->passed = 1;
    /* The first is what the client would have been told. */
    if (!state->passed) {
        state->passed = 1;
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "APIKEY0172: %s let through by ApiKeyEnforce Log; it "
                      "would be refused, %s: %s",
                      apikey_subject(r, decision->record), reason->code,
                      reason->message);
    }
    return OK;
}

int apikey_refuse_unseen(request_rec *r, apikey_reason_e reason)
{
    return apikey_refuse(r, apikey_decide(r, reason, NULL));
}

int apikey_refuse_exposed(request_rec *r)
{
    const apikey_request_t *state = apikey_request_get(r);

    /* An ErrorDocument of this very refusal must be let through. */
    if (!state || !(state->exposed & APIKEY_EXPOSED_FOR_ALL) || r->prev) {
        return DECLINED;
    }
    if (apikey_only_logs(r->server)) {
        apikey_pass(r, apikey_decide(r, APIKEY_EXPOSED, NULL));
        return DECLINED;
    }
    return apikey_refuse_unseen(r, APIKEY_EXPOSED);
}

void apikey_guard(request_rec *r)
{
    apikey_request_t *state = apikey_request_make(r);

    /* mod_cache makes no difference between tenants: the key that
     * distinguishes them is no longer in the request's headers. */
    if (!apr_table_get(r->subprocess_env, "no-cache")) {
        apr_table_addn(r->subprocess_env, "no-cache", "1");
    }
    while (r->main) {
        r = r->main;
        /* Its answer may have begun: mod_cache looks at this at the end. */
        r->no_cache = 1;
    }
    if (!state->guarded) {
        /* err_headers_out is what errors, redirects and applications'
         * answers have in common. */
        apr_table_mergen(r->err_headers_out, "Vary",
                         apikey_server_conf(r->server)->vary);
        state->guarded = 1;
    }
}

int apikey_enter(request_rec *r)
{
    if (apikey_area(r)) {
        apikey_guard(r);
    }
    return DECLINED;
}

int apikey_note_failure(request_rec *r, const char *type)
{
    const apikey_decision_t *decision;

    if (ap_cstr_casecmp(type, APIKEY_AUTH_TYPE)) {
        return DECLINED;
    }
    decision = apikey_decision_own(r);
    if (!decision || decision->reason == APIKEY_GRANTED) {
        apr_table_unset(r->err_headers_out, field(r));
        challenge_all(r);
    }
    return OK;
}
