/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Authorization: ApiKeyTenant, then the other auth_checker hooks, among them
 * mod_authz_core. Where these answer 401 for a good key, the answer is 403. */

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <http_request.h>

#include "../config/limited_log.h"
#include "../respond/refuse.h"
#include "../usage/usage.h"
#include "authn.h"
#include "authz.h"
#include "require.h"

APLOG_USE_MODULE(apikey);

static const char *tenant_value(request_rec *r, const ap_expr_info_t *expr)
{
    const char *error = NULL;
    const char *tenant = ap_expr_str_exec(r, expr, &error);
    apikey_event_t event = { APIKEY_LOG_TENANT, r->server, r, r->server, NULL,
                             NULL, NULL };

    if (!error) {
        return tenant;
    }
    if (apikey_log_is_due(&event)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "APIKEY0107: ApiKeyTenant cannot be evaluated, so no "
                      "key is let through: %s", error);
    }
    return "";
}

int apikey_evaluate_tenant(request_rec *r)
{
    const ap_expr_info_t *expr = apikey_server_conf(r->server)->required_tenant;
    apikey_request_t *state = apikey_request_get(r);
    apr_table_t *headers = r->headers_in;
    const char *tenant;

    if (!expr || !state || !state->presented) {
        return DECLINED;
    }
    if (!state->required_tenant) {
        state->required_tenant = tenant_value(r, expr);
        state->tenant_headers = apr_table_copy(r->pool, headers);
        return DECLINED;
    }
    /* An internal redirect: evaluate ApiKeyTenant for its URI, but with the
     * headers that the client sent. Sections (RequestHeader) may have changed
     * those of the redirect. */
    r->headers_in = state->tenant_headers;
    tenant = tenant_value(r, expr);
    r->headers_in = headers;
    if (strcmp(tenant, state->required_tenant) != 0) {
        state->required_tenant = "";
    }
    return DECLINED;
}

/* ApiKeyTenant lets only keys of its tenant through, whatever an .htaccess
 * requires. */
static int is_other_tenant(request_rec *r, const apikey_record_t *record)
{
    const char *tenant = apikey_request_get(r)->required_tenant;

    return apikey_server_conf(r->server)->required_tenant
           && (!tenant || !*tenant || strcmp(tenant, record->tenant) != 0);
}

/* Counts one use per client's request, whatever redirects and sub-requests it
 * becomes. The ErrorDocument of a refusal is no use. */
static void count_use(request_rec *r, const apikey_record_t *record)
{
    apikey_request_t *state = apikey_request_get(r);

    if (!state->counted && !apikey_refused_before(r)) {
        state->counted = 1;
        apikey_usage_count(r->server, record->id, r->request_time);
    }
}

static int run_auth_checker(request_rec *r, apikey_decision_t *decision,
                            apikey_require_mode_e how)
{
    int status;

    decision->require_mode = how;
    status = ap_run_auth_checker(r);
    decision->require_mode = APIKEY_REQUIRE_IDLE;
    return status;
}

static int is_refusal(int status)
{
    return status == HTTP_UNAUTHORIZED || status == HTTP_FORBIDDEN;
}

/* Whether a good key may make this request.
 * @return OK; else decision->result is the reason, or UNAVAILABLE if the server
 *         has failed */
static int authorize_key(request_rec *r, apikey_decision_t *decision)
{
    int status;

    if (is_other_tenant(r, decision->record)) {
        decision->result = APIKEY_TENANT;
        return HTTP_FORBIDDEN;
    }
    status = run_auth_checker(r, decision, APIKEY_REQUIRE_ALL);
    if (status == OK) {
        count_use(r, decision->record);
        return OK;
    }
    decision->result = is_refusal(status)
                           ? apikey_require_reason(r, decision)
                           : APIKEY_UNAVAILABLE;
    return decision->expression_failed ? HTTP_INTERNAL_SERVER_ERROR : status;
}

int apikey_check_authz(request_rec *r)
{
    int only_logs = apikey_only_logs(r->server);
    apikey_decision_t *decision;
    int status = HTTP_FORBIDDEN;

    /* Decisions are made in areas only and belong to one configuration, so the
     * AuthType need not be evaluated again. */
    decision = apikey_decision_own(r);
    if (!decision || decision->require_mode
        || (decision->result != APIKEY_GRANTED && !only_logs)) {
        return DECLINED;
    }
    if (decision->result == APIKEY_GRANTED) {
        status = authorize_key(r, decision);
        if (status == OK) {
            return OK;
        }
    }
    if (only_logs) {
        status = run_auth_checker(r, decision, APIKEY_REQUIRE_OTHERS);
        if (status == OK) {
            return apikey_let_through(r, decision);
        }
    }
    return is_refusal(status) ? apikey_refuse(r, decision)
                              : apikey_refuse_with(r, decision, status);
}

int apikey_check_presented_key(request_rec *r)
{
    apikey_decision_t *decision;
    int status;

    if (apikey_decision_own(r) || apikey_force_authn(r) != OK) {
        return DECLINED;
    }
    status = apikey_check_authn(r);
    decision = apikey_decision_own(r);
    if (status != OK) {
        return status;
    }
    if (decision->result == APIKEY_GRANTED) {
        if (!is_other_tenant(r, decision->record)) {
            count_use(r, decision->record);
            return OK;
        }
        decision->result = APIKEY_TENANT;
    }
    return apikey_only_logs(r->server) ? apikey_let_through(r, decision)
                                       : apikey_refuse(r, decision);
}
