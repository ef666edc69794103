/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Turns a result into status, response headers and a line in the log. */

#include <http_core.h>
#include <http_log.h>
#include <apr_strings.h>

#include "../request/reserved.h"
#include "challenge.h"
#include "export.h"
#include "refuse.h"

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

/* Sets APIKEY_RESULT and removes what an ErrorDocument or an expression of
 * AuthName could read of the key: variables, and r->user along the
 * redirects. */
static void export_refusal(request_rec *r, const apikey_decision_t *decision)
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

    export_refusal(r, decision);
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
    export_refusal(r, decision);
    return status;
}

int apikey_let_through(request_rec *r, apikey_decision_t *decision)
{
    const apikey_result_t *result = apikey_result(decision->result);
    apikey_request_t *state = apikey_request_make(r);

    /* mod_authz_core has asked for a user by ap_note_auth_failure(). */
    apikey_challenge_remove(r);
    export_refusal(r, decision);
    decision->let_through = 1;
    /* Only the first one is logged: the client would have got that one. */
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

int apikey_refuse_exposed(request_rec *r)
{
    const apikey_request_t *state = apikey_request_get(r);
    apikey_decision_t *decision;

    /* r->prev: the ErrorDocument of this refusal, which must be served. */
    if (!state || !(state->exposed_places & APIKEY_EXPOSED_FOR_ALL)
        || r->prev) {
        return DECLINED;
    }
    decision = apikey_decision_make(r, APIKEY_EXPOSED, NULL);
    if (apikey_only_logs(r->server)) {
        apikey_let_through(r, decision);
        return DECLINED;
    }
    return apikey_refuse(r, decision);
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
