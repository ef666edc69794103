/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Exports the key and its tenant to the application: REMOTE_USER, variables
 * and request headers. */

#include <http_core.h>
#include <apr_strings.h>

#include "../request/reserved.h"
#include "caching.h"
#include "export.h"

char *apikey_export_user(const ap_conf_vector_t *config,
                         const apikey_record_t *record)
{
    const apikey_dir_t *dir = ap_get_module_config(config, &apikey_module);

    return (char *)(dir->user == APIKEY_USER_ID ? record->id
                                                : record->tenant);
}

/* r->user is set by check_authn. It is missing after a redirect out of the area
 * (an .htaccess rewrites to a front controller) or a fast redirect into it.
 * Outside of the area, ApiKeyUser of the area that was left applies; an area
 * of another AuthType has users of its own. */
static void set_user_after_redirect(request_rec *r,
                                    const apikey_decision_t *decision)
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
    r->user = apikey_export_user(config, decision->record);
    r->ap_auth_type = (char *)APIKEY_AUTH_TYPE;
}

/* For %{apikey-id}n in the log. They are set only then, because expressions of
 * an .htaccess can read notes. */
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

static int export_meta_variable(void *data, const char *name, const char *value)
{
    request_rec *r = data;

    apr_table_addn(r->subprocess_env,
                   apr_pstrcat(r->pool, "APIKEY_META_", name, NULL), value);
    return 1;
}

/* Adds the variables of a granted key; none of them may be set already. */
static void add_variables(request_rec *r, const apikey_record_t *record)
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
        apr_table_do(export_meta_variable, r, record->meta, NULL);
    }
}

/* Replaces all APIKEY_* variables; returns how many are set now. */
static int set_variables(request_rec *r, const apikey_record_t *record)
{
    int before;

    apikey_remove_reserved_env(r);
    before = apr_table_elts(r->subprocess_env)->nelts;
    add_variables(r, record);
    return apr_table_elts(r->subprocess_env)->nelts - before;
}

/* Keeps the addresses of the variables' names and values, so that later hooks
 * can see that they are unchanged and need not replace them. With all hooks
 * replacing them, a request with a cached key took 14 000 instructions more
 * than its 56 000 (t/bench/instructions, row "cached"). The entries are not in
 * r->pool, which may be that of a sub-request. */
static void remember_exported(apikey_request_t *state, const apr_table_t *env,
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

static int is_exported_unchanged(request_rec *r, const apikey_record_t *record)
{
    const apikey_request_t *state = apikey_request_get(r);

    return state->exported == record
           && apikey_reserved_env_is(r, state->exported_entries,
                                     state->exported_count);
}

void apikey_export_early(request_rec *r, const apikey_record_t *record)
{
    remember_exported(apikey_request_get(r), r->subprocess_env, record,
                      set_variables(r, record));
}

int apikey_export_authorized(request_rec *r)
{
    apikey_request_t *state = apikey_request_get(r);
    const apikey_decision_t *decision = apikey_decision(r);

    if (state) {
        state->authorized = r;
    }
    if (decision && decision->result == APIKEY_GRANTED) {
        if (!is_exported_unchanged(r, decision->record)) {
            apikey_export_early(r, decision->record);
        }
        set_user_after_redirect(r, decision);
    }
    return DECLINED;
}

/* mod_proxy_* and suEXEC pass request headers, but no variables. */
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

/* The ErrorDocument of a refusal. If that is in an area, check_authn has set a
 * user. */
static void remove_user(request_rec *r, int area)
{
    apikey_remove_redirect_users(r);
    if (area) {
        r->user = NULL;
        r->ap_auth_type = NULL;
    }
}

static void export_granted(request_rec *r, const apikey_decision_t *decision)
{
    /* A forward proxy would send them to servers of other people. */
    if (r->proxyreq != PROXYREQ_PROXY) {
        export_headers(r, apikey_server_conf(r->server)->exported_names,
                       decision->record);
    }
    set_user_after_redirect(r, decision);
}

int apikey_export(request_rec *r)
{
    const apikey_decision_t *decision = apikey_decision(r);
    int granted = decision && decision->result == APIKEY_GRANTED;
    /* Granted under this configuration: it must be an area, and the AuthType
     * need not be evaluated again. */
    int area = (granted && decision->per_dir_config == r->per_dir_config)
               || apikey_in_area(r);

    apikey_remove_reserved_headers(r);
    if (!granted) {
        apikey_remove_reserved_env(r);
    }
    else if (!is_exported_unchanged(r, decision->record)) {
        set_variables(r, decision->record);
    }
    if (granted) {
        export_granted(r, decision);
    }
    else if (decision) {
        apikey_export_result(r, decision->result);
        remove_user(r, area);
    }
    else if (area) {
        apikey_export_result(r, APIKEY_MISSING);
    }
    if (area || granted) {
        apikey_restrict_caching(r);
    }
    return DECLINED;
}

/* Sets the variables as apikey_export() does: the request may not have got to
 * fixups, or its handler may have changed them since. */
static void correct_variables(request_rec *r, const apikey_decision_t *decision)
{
    const apikey_request_t *state = apikey_request_get(r);

    if (decision && decision->result == APIKEY_GRANTED
        && state->authorized && state->exported == decision->record) {
        if (!is_exported_unchanged(r, decision->record)) {
            set_variables(r, decision->record);
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
    correct_variables(r, apikey_decision(r));
}

int apikey_export_to_log(request_rec *r)
{
    for (; r; r = r->next) {
        const apikey_decision_t *decision = apikey_decision(r);

        correct_variables(r, decision);
        if (decision && decision->record) {
            export_notes(r, decision->record);
        }
    }
    return DECLINED;
}
