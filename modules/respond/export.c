/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The tenant, told to the application: variables and request headers. */

#include <apr_strings.h>

#include "../request/take.h"
#include "export.h"
#include "refuse.h"
#include "scrub.h"

char *apikey_export_user(request_rec *r, const apikey_record_t *record)
{
    return (char *)(apikey_dir_conf(r)->user == APIKEY_USER_ID
                        ? record->id : record->tenant);
}

void apikey_export_result(request_rec *r, apikey_reason_e reason,
                          const apikey_record_t *record)
{
    apr_table_setn(r->subprocess_env, "APIKEY_RESULT",
                   apikey_reason(reason)->code);
    if (record) {
        apr_table_setn(r->notes, "apikey-id", record->id);
        apr_table_setn(r->notes, "apikey-tenant", record->tenant);
    }
}

static int export_meta(void *data, const char *name, const char *value)
{
    request_rec *r = data;

    apr_table_setn(r->subprocess_env,
                   apr_pstrcat(r->pool, "APIKEY_META_", name, NULL), value);
    return 1;
}

static void export_env(request_rec *r, const apikey_record_t *record)
{
    apr_table_t *env = r->subprocess_env;

    apr_table_setn(env, "APIKEY_ID", record->id);
    apr_table_setn(env, "APIKEY_TENANT", record->tenant);
    apr_table_setn(env, "APIKEY_NAME", record->name);
    apr_table_setn(env, "APIKEY_SCOPES", record->scopes);
    apr_table_setn(env, "APIKEY_ENV", record->env);
    apr_table_setn(env, "APIKEY_KEYSPACE", record->keyspace);
    if (record->expires) {
        apr_table_setn(env, "APIKEY_EXPIRES",
                       apr_psprintf(r->pool, "%" APR_INT64_T_FMT,
                                    record->expires));
    }
    if (record->meta) {
        apr_table_do(export_meta, r, record->meta, NULL);
    }
}

/* RequestHeader, RewriteCond and the like read the variables in fixups. */
int apikey_authorized(request_rec *r)
{
    apikey_request_t *state = apikey_request_get(r);
    const apikey_decision_t *decision = apikey_decision(r);

    if (state) {
        state->authorized = r;
    }
    if (decision && decision->reason == APIKEY_GRANTED) {
        apikey_export_result(r, APIKEY_GRANTED, decision->record);
        export_env(r, decision->record);
    }
    return DECLINED;
}

/* mod_proxy_* and suEXEC carry request headers only. */
static void export_headers(request_rec *r, const char *prefix,
                           const apikey_record_t *record)
{
    const struct {
        const char *name, *value;
    } headers[] = {
        { "Tenant", record->tenant }, { "Id", record->id },
        { "Scopes", record->scopes }, { "Env", record->env }
    };
    apr_size_t i;

    for (i = 0; *prefix && i < sizeof(headers) / sizeof(headers[0]); i++) {
        apr_table_setn(r->headers_in,
                       apr_pstrcat(r->pool, prefix, headers[i].name, NULL),
                       headers[i].value);
    }
}

/* A refusal's ErrorDocument, which may lie in an area of its own. */
static void forget_user(request_rec *r, int area)
{
    apikey_scrub_users(r);
    if (area) {
        r->user = NULL;
        r->ap_auth_type = NULL;
    }
}

int apikey_export(request_rec *r)
{
    const apikey_decision_t *decision = apikey_decision(r);
    int granted = decision && decision->reason == APIKEY_GRANTED;
    int area = apikey_area(r);

    apikey_scrub_headers(r);
    apikey_scrub_env(r);
    apikey_settle_headers(r, granted);
    if (decision) {
        apikey_export_result(r, decision->reason, decision->record);
        if (!granted) {
            forget_user(r, area);
        }
    }
    else if (area) {
        apikey_export_result(r, APIKEY_MISSING, NULL);
    }
    if (granted) {
        export_env(r, decision->record);
        export_headers(r, apikey_server_conf(r->server)->headers,
                       decision->record);
        if (area && !r->user) {
            /* A fast redirect has brought us into this area. */
            r->user = apikey_export_user(r, decision->record);
            r->ap_auth_type = (char *)APIKEY_AUTH_TYPE;
        }
    }
    if (area || granted) {
        apikey_guard(r);
    }
    return DECLINED;
}
