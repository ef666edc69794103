/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* From a key to its record. */

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_dbd.h>
#include <apr_optional.h>
#include <mod_dbd.h>

#include "../store/store.h"
#include "lookup.h"

APLOG_USE_MODULE(apikey);

/* No label of DBDPrepareSQL can be this: it has a blank. */
#define STORE_LABEL "mod_apikey store"

static APR_OPTIONAL_FN_TYPE(ap_dbd_open) *dbd_open;
static APR_OPTIONAL_FN_TYPE(ap_dbd_close) *dbd_close;

int apikey_lookup_init(apr_pool_t *pconf APIKEY_UNUSED,
                       apr_pool_t *plog APIKEY_UNUSED,
                       apr_pool_t *ptemp APIKEY_UNUSED,
                       server_rec *s APIKEY_UNUSED)
{
    dbd_open = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open);
    dbd_close = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_close);
    return OK;
}

/* Our side of a connection is kept beside mod_dbd's prepared statements, and
 * dies with them. Whoever holds the connection is alone with it. */
static apikey_store_t *store_of(ap_dbd_t *dbd, const char **error)
{
    apikey_store_t *store = apr_hash_get(dbd->prepared, STORE_LABEL,
                                         sizeof(STORE_LABEL) - 1);

    if (!store
        && apikey_store_adopt(&store, NULL, dbd->driver, dbd->handle,
                              apr_hash_pool_get(dbd->prepared), error)
               == APR_SUCCESS) {
        apr_hash_set(dbd->prepared, STORE_LABEL, sizeof(STORE_LABEL) - 1,
                     store);
    }
    return store;
}

static apr_status_t ask(request_rec *r, const apikey_candidates_t *candidates,
                        apikey_record_t **record, apr_pool_t *pool,
                        const char **error)
{
    ap_dbd_t *dbd = dbd_open(r->pool, r->server);
    apr_status_t rv = APR_NOTFOUND;
    apikey_store_t *store;
    int i;

    if (!dbd) {
        *error = "mod_dbd gave no connection (its own message says why)";
        return APIKEY_EDATABASE;
    }
    store = store_of(dbd, error);
    if (!store) {
        rv = APIKEY_EDATABASE;
    }
    for (i = 0; rv == APR_NOTFOUND && i < candidates->count; i++) {
        rv = apikey_store_lookup(store, candidates->at[i].hex, record, pool,
                                 error);
    }
    dbd_close(r->server, dbd);
    return rv;
}

apikey_reason_e apikey_lookup(request_rec *r, const char *key,
                              apr_size_t key_len, apikey_record_t **record,
                              apr_pool_t *pool)
{
    apikey_candidates_t candidates;
    const char *error = "";
    apr_status_t rv;

    *record = NULL;
    rv = apikey_key_candidates(&candidates,
                               &apikey_server_conf(r->server)->policy,
                               key, key_len);
    if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, r,
                      "APIKEY0104: OpenSSL cannot make a digest; is a FIPS "
                      "policy or a lack of memory in the way?");
        return APIKEY_UNAVAILABLE;
    }
    if (!candidates.count) {
        return APIKEY_INVALID;
    }
    rv = ask(r, &candidates, record, pool, &error);
    if (rv == APR_NOTFOUND) {
        return APIKEY_INVALID;
    }
    if (rv == APIKEY_ESCHEMA) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "APIKEY0105: the database has no tables for keys (or "
                      "those of another version): run `htapikey init`: %s",
                      error);
    }
    else if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "APIKEY0106: the database does not answer: %s", error);
    }
    return rv == APR_SUCCESS ? APIKEY_GRANTED : APIKEY_UNAVAILABLE;
}
