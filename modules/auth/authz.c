/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Authorization: the tenant lock, then httpd's own chain, whose 401 for an
 * identified key is a 403. */

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <http_request.h>

#include "../respond/refuse.h"
#include "authz.h"

APLOG_USE_MODULE(apikey);

/* For the second look: what the first one logged need not be said again. */
static const struct ap_logconf quiet = { NULL, APLOG_EMERG };

/* ApiKeyTenant: no other tenant's key, whatever an .htaccess requires. */
static int locked_out(request_rec *r, const apikey_record_t *record)
{
    const ap_expr_info_t *expr = apikey_server_conf(r->server)->tenant;
    const char *error = NULL, *tenant;

    if (!expr) {
        return 0;
    }
    tenant = ap_expr_str_exec(r, expr, &error);
    if (error) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "APIKEY0107: ApiKeyTenant cannot be evaluated, so no "
                      "key is let through: %s", error);
        return 1;
    }
    return !*tenant || strcmp(tenant, record->tenant) != 0;
}

static apikey_reason_e first_failed(const apikey_decision_t *decision)
{
    static const apikey_reason_e order[] = {
        APIKEY_TENANT, APIKEY_ENV, APIKEY_ID, APIKEY_SCOPE
    };
    apr_size_t i;

    for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (decision->failed & (1u << order[i])) {
            return order[i];
        }
    }
    return APIKEY_FORBIDDEN;
}

/*
 * RequireAll ends at the first Require that fails, so the reason would hang
 * on the order in which they were written. A second look, in which our
 * providers fail without ending the section, finds the others. Only where
 * one of ours failed, and a weightier reason is possible.
 */
static void look_again(request_rec *r, apikey_decision_t *decision)
{
    const struct ap_logconf *log = r->log;

    if (!decision->failed || first_failed(decision) == APIKEY_TENANT) {
        return;
    }
    decision->checking = APIKEY_CHECKING_ALL;
    r->log = &quiet;
    ap_run_auth_checker(r);
    r->log = log;
}

int apikey_check_authz(request_rec *r)
{
    apikey_decision_t *decision;
    int status;

    if (!apikey_area(r)) {
        return DECLINED;
    }
    decision = apikey_decision_own(r);
    if (!decision || decision->checking
        || decision->reason != APIKEY_GRANTED) {
        return DECLINED;
    }
    if (locked_out(r, decision->record)) {
        decision->reason = APIKEY_TENANT;
        return apikey_refuse(r, decision);
    }
    decision->checking = APIKEY_CHECKING;
    status = ap_run_auth_checker(r);
    if (status == HTTP_UNAUTHORIZED || status == HTTP_FORBIDDEN) {
        look_again(r, decision);
        decision->reason = first_failed(decision);
        if (decision->reason != APIKEY_SCOPE) {
            decision->wanted_scope = NULL;
        }
        status = apikey_refuse(r, decision);
    }
    decision->checking = APIKEY_CHECKING_NOT;
    return status;
}
