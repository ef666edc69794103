/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* From a key's digests to its record. */

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_atomic.h>
#include <apr_hash.h>

#include "../config/config.h"
#include "../store/query.h"
#include "database.h"
#include "lookup.h"

APLOG_USE_MODULE(apikey);

typedef struct look_t {
    const server_rec *s;
    apikey_candidates_t candidates;
    apikey_record_t *record;
    apikey_state_t state;
} look_t;

/* Each digest is asked for by itself, and may be by another server: the answer
 * is of the oldest state among theirs. */
static void note_state(apikey_state_t *oldest, const apikey_state_t *state)
{
    if (!oldest->uuid || state->epoch < oldest->epoch
        || (state->epoch == oldest->epoch
            && state->number < oldest->number)) {
        *oldest = *state;
    }
}

/* apikey_task_fn: tries the digests in their order. */
static apr_status_t look(apikey_store_t *store, void *data, apr_pool_t *pool,
                         const char **error)
{
    look_t *task = data;
    const apikey_server_t *conf = apikey_server_conf(task->s);
    const apikey_query_t query = { conf->query, conf->keyspace,
                                   &conf->policy };
    apr_status_t status = APR_NOTFOUND;
    int i;

    for (i = 0; status == APR_NOTFOUND && i < task->candidates.count; i++) {
        const char *digest = task->candidates.at[i].hex;
        apikey_state_t state = { NULL, 0, 0 };

        status = query.sql
                 ? apikey_query_lookup(store, &query, digest, &task->record,
                                       pool, error)
                 : apikey_store_lookup(store, digest, &task->record,
                                       &state, pool, error);
        if (state.uuid) {
            note_state(&task->state, &state);
        }
    }
    return status;
}

/* Of each query at most once a minute in each process, not for each key. */
static void tell_withheld(request_rec *r, const char *columns)
{
    static volatile apr_uint32_t told[16];
    apr_ssize_t len = APR_HASH_KEY_STRING;
    unsigned int hash = apr_hashfunc_default(apikey_server_conf(r->server)
                                             ->query, &len);
    volatile apr_uint32_t *slot = &told[hash % 16];
    apr_uint32_t now = hash
                       + (apr_uint32_t)(apr_time_sec(r->request_time) / 60);
    apr_uint32_t before = apr_atomic_read32(slot);

    if (before != now && apr_atomic_cas32(slot, now, before) == before) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "APIKEY0230: ApiKeyQuery gives these columns, which hold "
                      "a key or its digest and are not handed on: %s; leave "
                      "them out of the query", columns);
    }
}

apikey_reason_e apikey_lookup(request_rec *r,
                              const apikey_candidates_t *candidates,
                              apikey_record_t **record,
                              apikey_state_t *state, apr_pool_t *pool)
{
    look_t task = { r->server, *candidates, NULL, { NULL, 0, 0 } };
    const char *error = "";
    apr_status_t rv;

    rv = apikey_database_run(r->server, look, &task, sizeof(task), pool,
                             &error);
    *record = rv == APR_SUCCESS ? task.record : NULL;
    *state = task.state;
    if (rv == APR_NOTFOUND) {
        return APIKEY_INVALID;
    }
    if (*record && (*record)->withheld) {
        tell_withheld(r, (*record)->withheld);
    }
    if (rv == APIKEY_ESCHEMA) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "APIKEY0105: the database has no tables for keys (or "
                      "those of another version): run `htapikey init`: %s",
                      error);
    }
    else if (rv == APIKEY_EANSWER) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "APIKEY0120: the database's answer cannot be used: %s",
                      error);
    }
    else if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "APIKEY0106: the database does not answer: %s", error);
    }
    return rv == APR_SUCCESS ? APIKEY_GRANTED : APIKEY_UNAVAILABLE;
}
