/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* A result, turned into status, challenge and log line. */

#include <http_core.h>
#include <http_log.h>
#include <apr_strings.h>

#include "challenge.h"
#include "export.h"
#include "refuse.h"
#include "../request/reserved.h"

APLOG_USE_MODULE(apikey);

#define RETRY_AFTER "5"         /* seconds */

int apikey_refuse_status(request_rec *r, const apikey_result_t *result)
{
    return result->status == HTTP_UNAUTHORIZED && apikey_is_forward_proxy(r)
               ? HTTP_PROXY_AUTHENTICATION_REQUIRED : result->status;
}

void apikey_refuse_headers(request_rec *r, const apikey_decision_t *decision)
{
    const apikey_result_t *result = apikey_result(decision->result);

    apikey_challenge_remove(r);
    if (result->error) {
        apikey_challenge_error(r, result, decision->wanted_scope);
    }
    else if (result->status == HTTP_UNAUTHORIZED) {
        apikey_challenge_all(r, decision->wanted_scope);
    }
    if (result->status == HTTP_SERVICE_UNAVAILABLE) {
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
    apikey_remove_reserved_env(r);
    apikey_export_result(r, decision->result);
}

const char *apikey_subject(request_rec *r, const apikey_record_t *record)
{
    return record ? apr_pstrcat(r->pool, "key ", record->id, " of tenant '",
                                record->tenant, "'", NULL) : "request";
}

int apikey_refuse(request_rec *r, const apikey_decision_t *decision)
{
    const apikey_result_t *result = apikey_result(decision->result);

    tell_reason(r, decision);
    apikey_refuse_headers(r, decision);
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                  "APIKEY0101: %s refused, %s: %s",
                  apikey_subject(r, decision->record), result->code,
                  result->message);
    return result->status;
}

int apikey_refuse_with(request_rec *r, const apikey_decision_t *decision,
                       int status)
{
    tell_reason(r, decision);
    return status;
}

int apikey_let_through(request_rec *r, apikey_decision_t *decision)
{
    const apikey_result_t *result = apikey_result(decision->result);
    apikey_request_t *state = apikey_request_make(r);

    /* The chain has asked for a user before it was left alone. */
    apikey_challenge_remove(r);
    tell_reason(r, decision);
    decision->let_through = 1;
    /* The first is what the client would have been told. */
    if (!state->let_through) {
        state->let_through = 1;
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "APIKEY0172: %s let through by ApiKeyEnforce Log; it "
                      "would be refused, %s: %s",
                      apikey_subject(r, decision->record), result->code,
                      result->message);
    }
    return OK;
}

int apikey_refuse_without_key(request_rec *r, apikey_result_e result)
{
    return apikey_refuse(r, apikey_decision_make(r, result, NULL));
}

int apikey_refuse_exposed(request_rec *r)
{
    const apikey_request_t *state = apikey_request_get(r);

    /* An ErrorDocument of this very refusal must be let through. */
    if (!state || !(state->exposed_places & APIKEY_EXPOSED_FOR_ALL)
        || r->prev) {
        return DECLINED;
    }
    if (apikey_only_logs(r->server)) {
        apikey_let_through(r, apikey_decision_make(r, APIKEY_EXPOSED, NULL));
        return DECLINED;
    }
    return apikey_refuse_without_key(r, APIKEY_EXPOSED);
}

void apikey_restrict_caching(request_rec *r)
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
    if (!state->in_area) {
        /* err_headers_out is what errors, redirects and applications'
         * answers have in common. */
        apr_table_mergen(r->err_headers_out, "Vary",
                         apikey_server_conf(r->server)->vary);
        state->in_area = 1;
    }
}

int apikey_restrict_caching_in_area(request_rec *r)
{
    if (apikey_in_area(r)) {
        apikey_restrict_caching(r);
    }
    return DECLINED;
}

int apikey_note_auth_failure(request_rec *r, const char *type)
{
    const apikey_decision_t *decision;

    if (ap_cstr_casecmp(type, APIKEY_AUTH_TYPE)) {
        return DECLINED;
    }
    decision = apikey_decision_own(r);
    if (!decision || decision->result == APIKEY_GRANTED) {
        apikey_challenge_remove(r);
        apikey_challenge_all(r, NULL);
    }
    return OK;
}
