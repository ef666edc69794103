/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Authentication: which credential counts, whose key it is, and whether the
 * key is good. */

#include <http_core.h>
#include <http_log.h>

#include "../verify/find.h"
#include "../config/log.h"
#include "../respond/caching.h"
#include "../respond/export.h"
#include "../respond/refuse.h"
#include "authn.h"
#include "require.h"

APLOG_USE_MODULE(apikey);

/* A scheme in Authorization is for the origin, and one in Proxy-Authorization
 * for a forward proxy alone. */
static int allowed(request_rec *r, const apikey_presented_t *one)
{
    return apikey_source_allowed(apikey_dir_conf(r)->from, one->source)
           && (one->source->from == APIKEY_FROM_HEADER
               || one->to_proxy == apikey_is_forward_proxy(r));
}

static int same_key(const apikey_presented_t *a, const apikey_presented_t *b)
{
    return a->key_len == b->key_len
           && apikey_equal(a->key, b->key, a->key_len);
}

/* Whether they are the two halves of one credential, of which the second is
 * asked for if the database does not know the first. */
static int is_other_half(const apikey_presented_t *one,
                         const apikey_presented_t *chosen)
{
    return chosen && chosen->half == 1 && one == chosen + 1;
}

/* The one credential that counts: ours, wherever it stands and however often;
 * foreign ones beside it are the application's business. */
static apikey_result_e choose(request_rec *r, const apikey_request_t *state,
                              apikey_presented_t **chosen)
{
    apikey_result_e result = APIKEY_MISSING;
    int i;

    *chosen = NULL;
    for (i = 0; state->presented && i < state->presented->nelts; i++) {
        apikey_presented_t *one =
            &APR_ARRAY_IDX(state->presented, i, apikey_presented_t);

        if (!allowed(r, one) || is_other_half(one, *chosen)) {
            continue;
        }
        if (one->repeated
            || (one->shape && *chosen && !same_key(one, *chosen))) {
            return APIKEY_AMBIGUOUS;
        }
        if (one->shape) {
            *chosen = one;
        }
        result = APIKEY_INVALID;
    }
    return *chosen ? APIKEY_GRANTED : result;
}

/* The record of the chosen key. Asked once for a client's request: redirects
 * and sub-requests of one request see one state of the database. */
static apikey_result_e identify(request_rec *r, apikey_request_t *state,
                                const apikey_presented_t *chosen)
{
    apr_pool_t *pool = state->decisions->pool;
    apikey_result_e result;

    if (state->looked_up && same_key(state->looked_up, chosen)) {
        return state->record ? APIKEY_GRANTED : APIKEY_INVALID;
    }
    result = apikey_find(r, chosen->shape, chosen->key, chosen->key_len,
                         &state->record, pool);
    if (result != APIKEY_UNAVAILABLE) {
        state->looked_up = chosen;
    }
    return result;
}

/* Where the server only logs, check_authz goes on with nobody: what has
 * nothing to do with keys must still be met. */
static int refuse(request_rec *r, apikey_result_e result,
                  apikey_record_t *record)
{
    apikey_decision_t *decision = apikey_decision_make(r, result, record);

    if (!apikey_only_logs(r->server)) {
        if (result == APIKEY_MISSING) {
            decision->wanted_scope = apikey_require_scope(r);
        }
        return apikey_refuse(r, decision);
    }
    r->user = (char *)"";
    return OK;
}

/* A key in the request line has been refused already, wherever it was sent,
 * unless the server only logs: then it is an ErrorDocument that comes by. In
 * the path it refuses nobody, in Referer nobody but here: of an open page a
 * browser sends that header with each picture. */
static int exposed(request_rec *r, const apikey_request_t *state)
{
    return state->exposed_places & APIKEY_IN_REFERER
           || (state->exposed_places & APIKEY_EXPOSED_FOR_ALL
               && apikey_only_logs(r->server));
}

/* Whether the client (behind a proxy, mod_remoteip's) is where the key may be
 * used.  Who is nowhere is in no network. */
static int is_from_network(const request_rec *r, const apikey_record_t *record)
{
    const apr_sockaddr_t *client = r->useragent_addr;
    unsigned char address[APIKEY_ADDRESS_LEN];

    return !record->network_count
           || (client
               && apikey_address_from_bytes(address, client->ipaddr_ptr,
                                            (apr_size_t)client->ipaddr_len)
               && apikey_networks_contain(record->networks,
                                          record->network_count, address));
}

static void tell_no_secrets(request_rec *r)
{
    apikey_event_t event = { APIKEY_LOG_NO_SECRETS, r->server, r, r->server,
                             NULL, NULL, NULL };

    if (apikey_log_is_due(&event)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "APIKEY0103: AuthType ApiKey in a server without "
                      "secrets: add ApiKeySecretFile to it");
    }
}

int apikey_check_authn(request_rec *r)
{
    apikey_request_t *state;
    apikey_presented_t *chosen;
    apikey_result_e result;
    apikey_record_t *record;

    if (!apikey_in_area(r)) {
        return DECLINED;
    }
    r->ap_auth_type = (char *)APIKEY_AUTH_TYPE;
    apikey_restrict_caching(r);
    state = apikey_request_make(r);
    if (!apikey_server_conf(r->server)->policy.secrets) {
        tell_no_secrets(r);
        return refuse(r, APIKEY_UNAVAILABLE, NULL);
    }
    if (exposed(r, state)) {
        return refuse(r, APIKEY_EXPOSED, NULL);
    }
    result = choose(r, state, &chosen);
    if (result == APIKEY_GRANTED) {
        result = identify(r, state, chosen);
        if (result == APIKEY_INVALID && chosen->half == 1) {
            result = identify(r, state, ++chosen);
        }
    }
    if (result != APIKEY_GRANTED) {
        return refuse(r, result, NULL);
    }
    record = state->record;
    result = apikey_record_result(record,
                                  apikey_server_conf(r->server)->keyspace,
                                  apr_time_sec(apr_time_now()));
    /* Nothing may tell that a key of another keyspace exists. */
    if (result == APIKEY_INVALID) {
        return refuse(r, result, NULL);
    }
    if (result == APIKEY_GRANTED && !is_from_network(r, record)) {
        result = APIKEY_NETWORK;
    }
    if (result != APIKEY_GRANTED) {
        return refuse(r, result, record);
    }
    apikey_decision_make(r, APIKEY_GRANTED, record);
    chosen->masked->accepted = 1;
    /* httpd wants a user; an ErrorDocument of a refusal is told none. */
    if (apikey_refused_before(r)) {
        r->user = (char *)"";
        return OK;
    }
    r->user = apikey_export_user(r, record);
    apikey_export_early(r, record);
    return OK;
}

int apikey_force_authn(request_rec *r)
{
    apikey_request_t *state = apikey_request_get(r);
    apikey_presented_t *chosen;

    if (!state || !state->presented || !apikey_in_area(r)) {
        return DECLINED;
    }
    return choose(r, state, &chosen) == APIKEY_MISSING ? DECLINED : OK;
}
