/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The tenant, told to the application: variables and request headers. */

#include <http_core.h>
#include <apr_strings.h>

#include "export.h"
#include "refuse.h"
#include "../request/reserved.h"

static char *user_under(const ap_conf_vector_t *config,
                        const apikey_record_t *record)
{
    const apikey_dir_t *dir = ap_get_module_config(config, &apikey_module);

    return (char *)(dir->user == APIKEY_USER_ID ? record->id
                                                : record->tenant);
}

char *apikey_export_user(request_rec *r, const apikey_record_t *record)
{
    return user_under(r->per_dir_config, record);
}

/* Where a redirect has led out of the area (an .htaccess's rewrite to a front
 * controller), or a fast redirect into it, httpd knows no user. Outside it is
 * named as in the area that was left; an area of another AuthType asks for
 * users of its own. */
static void keep_user(request_rec *r, const apikey_decision_t *decision)
{
    const ap_conf_vector_t *config = decision->per_dir_config;

    if (r->user) {
        return;
    }
    if (apikey_in_area(r)) {
        config = r->per_dir_config;
    }
    else if (ap_auth_type(r)) {
        return;
    }
    r->user = user_under(config, decision->record);
    r->ap_auth_type = (char *)APIKEY_AUTH_TYPE;
}

/* Not before the log is written: an .htaccess reads notes in expressions. */
static void export_notes(request_rec *r, const apikey_record_t *record)
{
    apr_table_setn(r->notes, "apikey-id", record->id);
    apr_table_setn(r->notes, "apikey-tenant", record->tenant);
}

void apikey_export_result(request_rec *r, apikey_result_e result)
{
    apr_table_setn(r->subprocess_env, "APIKEY_RESULT",
                   apikey_result(result)->code);
}

static int export_meta(void *data, const char *name, const char *value)
{
    request_rec *r = data;

    apr_table_addn(r->subprocess_env,
                   apr_pstrcat(r->pool, "APIKEY_META_", name, NULL), value);
    return 1;
}

/* Adds them: there must be none. */
static void export_env(request_rec *r, const apikey_record_t *record)
{
    apr_table_t *env = r->subprocess_env;

    apr_table_addn(env, "APIKEY_RESULT", apikey_result(APIKEY_GRANTED)->code);
    apr_table_addn(env, "APIKEY_ID", record->id);
    apr_table_addn(env, "APIKEY_TENANT", record->tenant);
    apr_table_addn(env, "APIKEY_NAME", record->name);
    apr_table_addn(env, "APIKEY_SCOPES", record->scopes);
    apr_table_addn(env, "APIKEY_ENV", record->env);
    apr_table_addn(env, "APIKEY_KEYSPACE", record->keyspace);
    if (record->expires) {
        apr_table_addn(env, "APIKEY_EXPIRES",
                       apr_off_t_toa(r->pool, record->expires));
    }
    if (record->meta) {
        apr_table_do(export_meta, r, record->meta, NULL);
    }
}

/* All that was ever said in our name goes; then it is as the record says.
 * How many variables that makes. */
static int tell(request_rec *r, const apikey_record_t *record)
{
    int before;

    apikey_remove_reserved_env(r);
    before = apr_table_elts(r->subprocess_env)->nelts;
    export_env(r, record);
    return apr_table_elts(r->subprocess_env)->nelts - before;
}

/* What they looked like, so that the last fixup can tell that nobody has had
 * a hand in them. Not in r->pool: it may be a sub-request's. */
static void remember(apikey_request_t *state, const apr_table_t *env,
                     const apikey_record_t *record, int count)
{
    const apr_array_header_t *elts = apr_table_elts(env);

    state->exported = record;
    state->exported_count = count;
    state->exported_entries = apr_pmemdup(state->decisions->pool,
                                 (apr_table_entry_t *)elts->elts
                                     + elts->nelts - count,
                                 count * sizeof(apr_table_entry_t));
}

static int as_told(request_rec *r, const apikey_record_t *record)
{
    const apikey_request_t *state = apikey_request_get(r);

    return state->exported == record
        && apikey_reserved_env_is(r, state->exported_entries,
                                  state->exported_count);
}

void apikey_export_early(request_rec *r, const apikey_record_t *record)
{
    remember(apikey_request_get(r), r->subprocess_env, record,
             tell(r, record));
}

/* RequestHeader, RewriteCond and the like read the variables in fixups. */
int apikey_export_authorized(request_rec *r)
{
    apikey_request_t *state = apikey_request_get(r);
    const apikey_decision_t *decision = apikey_decision(r);

    if (state) {
        state->authorized = r;
    }
    if (decision && decision->result == APIKEY_GRANTED) {
        if (!as_told(r, decision->record)) {
            apikey_export_early(r, decision->record);
        }
        keep_user(r, decision);
    }
    return DECLINED;
}

/* mod_proxy_* and suEXEC carry request headers only. */
static void export_headers(request_rec *r, const char *const *names,
                           const apikey_record_t *record)
{
    const char *const values[APIKEY_EXPORTED_COUNT] = {
        [APIKEY_EXPORTED_TENANT] = record->tenant,
        [APIKEY_EXPORTED_ID] = record->id,
        [APIKEY_EXPORTED_SCOPES] = record->scopes,
        [APIKEY_EXPORTED_ENV] = record->env
    };
    int i;

    for (i = 0; i < APIKEY_EXPORTED_COUNT; i++) {
        if (names[i]) {
            apr_table_addn(r->headers_in, names[i], values[i]);
        }
    }
}

/* A refusal's ErrorDocument, which may lie in an area of its own. */
static void forget_user(request_rec *r, int area)
{
    apikey_remove_redirect_users(r);
    if (area) {
        r->user = NULL;
        r->ap_auth_type = NULL;
    }
}

/* What anybody said in our name is gone. */
static void export_granted(request_rec *r, const apikey_decision_t *decision)
{
    /* Behind a forward proxy there are strangers. */
    if (r->proxyreq != PROXYREQ_PROXY) {
        export_headers(r, apikey_server_conf(r->server)->exported_names,
                       decision->record);
    }
    keep_user(r, decision);
}

int apikey_export(request_rec *r)
{
    const apikey_decision_t *decision = apikey_decision(r);
    int granted = decision && decision->result == APIKEY_GRANTED;
    /* A key is granted in an area of ours and nowhere else. */
    int area = (granted && decision->per_dir_config == r->per_dir_config)
               || apikey_in_area(r);

    apikey_remove_reserved_headers(r);
    if (!granted) {
        apikey_remove_reserved_env(r);
    }
    else if (!as_told(r, decision->record)) {
        tell(r, decision->record);
    }
    if (granted) {
        export_granted(r, decision);
    }
    else if (decision) {
        apikey_export_result(r, decision->result);
        forget_user(r, area);
    }
    else if (area) {
        apikey_export_result(r, APIKEY_MISSING);
    }
    if (area || granted) {
        apikey_restrict_caching(r);
    }
    return DECLINED;
}

/* As apikey_export(), for a request that may not have come to it, or whose
 * answer has had a hand in its variables since. */
static void settle_env(request_rec *r, const apikey_decision_t *decision)
{
    const apikey_request_t *state = apikey_request_get(r);

    if (decision && decision->result == APIKEY_GRANTED
        && state->authorized && state->exported == decision->record) {
        if (!as_told(r, decision->record)) {
            tell(r, decision->record);
        }
        return;
    }
    apikey_remove_reserved_env(r);
    if (decision) {
        apikey_export_result(r, decision->result);
    }
    else if (state && apikey_in_area(r)) {
        apikey_export_result(r, APIKEY_MISSING);
    }
}

void apikey_export_to_error(request_rec *r)
{
    settle_env(r, apikey_decision(r));
}

int apikey_export_to_log(request_rec *r)
{
    for (; r; r = r->next) {
        const apikey_decision_t *decision = apikey_decision(r);

        settle_env(r, decision);
        if (decision && decision->record) {
            export_notes(r, decision->record);
        }
    }
    return DECLINED;
}
