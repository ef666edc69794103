/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Looks a key's digests up in the database, and logs why there is no record. */

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include "../config/config.h"
#include "../config/limited_log.h"
#include "../store/custom_query.h"
#include "connections.h"
#include "lookup.h"

APLOG_USE_MODULE(apikey);

typedef struct lookup_task_t {
    const server_rec *s;
    apikey_candidates_t candidates;
    apikey_record_t *record;
    apikey_state_t state;
} lookup_task_t;

/* Each digest is a query of its own, and a load balancer may send each query to
 * another server: the result counts as of the oldest state. */
static void keep_oldest_state(apikey_state_t *oldest,
                              const apikey_state_t *state)
{
    if (!oldest->uuid || state->epoch < oldest->epoch
        || (state->epoch == oldest->epoch
            && state->number < oldest->number)) {
        *oldest = *state;
    }
}

/* apikey_task_fn: tries the digests in their order, until one is found. */
static apr_status_t look_up(apikey_store_t *store, void *data, apr_pool_t *pool,
                            const char **error)
{
    lookup_task_t *task = data;
    const apikey_server_t *conf = apikey_server_conf(task->s);
    const apikey_custom_query_t query = { conf->query, conf->keyspace,
                                          &conf->policy };
    apr_status_t status = APR_NOTFOUND;
    int i;

    for (i = 0; status == APR_NOTFOUND && i < task->candidates.count; i++) {
        const char *digest = task->candidates.at[i].hex;
        apikey_state_t state = { NULL, 0, 0 };

        status = query.sql ? apikey_custom_query_lookup(
                     store, &query, digest, &task->record, pool, error)
                           : apikey_store_lookup(store, digest, &task->record,
                                                 &state, pool, error);
        if (state.uuid) {
            keep_oldest_state(&task->state, &state);
        }
    }
    return status;
}

/* Limited per database and query, not per key. */
static int is_lookup_logged(request_rec *r, apikey_log_e kind,
                            const char *error)
{
    const apikey_server_t *conf = apikey_server_conf(r->server);
    apikey_event_t event = { kind, r->server, r, conf->database, conf->query,
                             NULL, error };

    return apikey_log_is_due(&event);
}

static void log_withheld(request_rec *r, const char *columns)
{
    if (is_lookup_logged(r, APIKEY_LOG_WITHHELD, NULL)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "APIKEY0230: ApiKeyQuery gives these columns, which hold "
                      "a key or its digest and are not handed on: %s; leave "
                      "them out of the query", columns);
    }
}

static void log_lookup_failed(request_rec *r, apr_status_t status,
                              const char *error)
{
    if (status == APIKEY_ESCHEMA) {
        if (is_lookup_logged(r, APIKEY_LOG_NO_TABLES, error)) {
            ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                          "APIKEY0105: the database has no tables for keys "
                          "(or those of another version): run `htapikey "
                          "init`: %s", error);
        }
    }
    else if (is_lookup_logged(r, APIKEY_LOG_AWAY, error)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "APIKEY0106: the database does not answer: %s", error);
    }
}

/* Limited per error: it may be about a row or about the query. */
static void log_unusable(request_rec *r, const char *error)
{
    apikey_event_t event = { APIKEY_LOG_ANSWER, r->server, r,
                             apikey_server_conf(r->server)->database,
                             error, NULL, error };

    if (apikey_log_is_due(&event)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "APIKEY0120: the database's answer cannot be used: %s",
                      error);
    }
}

/* The database has answered, with the key or without: the end of an outage is
 * logged, if its begin was. */
static void log_recovered(server_rec *s)
{
    static const apikey_log_e kinds[] = { APIKEY_LOG_AWAY,
                                          APIKEY_LOG_NO_TABLES };
    const apikey_server_t *conf = apikey_server_conf(s);
    unsigned int i;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        apikey_limit_report_t report;

        if (apikey_log_end(kinds[i], conf->database, conf->query, &report)) {
            ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                         "APIKEY0310: the database answers again; for %"
                         APR_UINT64_T_FMT " seconds it did not, and %"
                         APR_UINT64_T_FMT " requests got no answer",
                         report.seconds, report.total);
        }
    }
}

apikey_result_e apikey_lookup(request_rec *r,
                              const apikey_candidates_t *candidates,
                              apikey_record_t **record,
                              apikey_state_t *state, apr_pool_t *pool)
{
    lookup_task_t task = { r->server, *candidates, NULL, { NULL, 0, 0 } };
    const char *error = "";
    apr_status_t status;

    status = apikey_database_run(r->server, look_up, &task, sizeof(task), pool,
                                 &error);
    *record = status == APR_SUCCESS ? task.record : NULL;
    *state = task.state;
    if (status == APR_SUCCESS || status == APR_NOTFOUND) {
        log_recovered(r->server);
    }
    if (status == APR_NOTFOUND) {
        return APIKEY_INVALID;
    }
    if (*record && (*record)->withheld) {
        log_withheld(r, (*record)->withheld);
    }
    if (status == APIKEY_EANSWER) {
        log_unusable(r, error);
    }
    else if (status != APR_SUCCESS) {
        log_lookup_failed(r, status, error);
    }
    return status == APR_SUCCESS ? APIKEY_GRANTED : APIKEY_UNAVAILABLE;
}
