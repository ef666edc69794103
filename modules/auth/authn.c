/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Authentication: which credential counts, what record the key has, and whether
 * the key is good. */

#include <http_core.h>
#include <http_log.h>

#include "../verify/find.h"
#include "../config/limited_log.h"
#include "../respond/caching.h"
#include "../respond/export.h"
#include "../respond/refuse.h"
#include "authn.h"
#include "require.h"

APLOG_USE_MODULE(apikey);

/* A header of its own counts everywhere. A scheme in Authorization counts for
 * an origin server, one in Proxy-Authorization for a forward proxy. */
static int is_source_allowed(request_rec *r, const apikey_presented_t *one)
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

/* Two halves of one Basic credential are not two credentials. The second is
 * looked up if the database does not know the first. */
static int is_other_half(const apikey_presented_t *one,
                         const apikey_presented_t *chosen)
{
    return chosen && chosen->half == 1 && one == chosen + 1;
}

/* Finds the one credential that counts. It may stand in several places;
 * different ones are AMBIGUOUS. Foreign credentials are ignored, unless there
 * is no other: INVALID.
 * @return GRANTED if there is one */
static apikey_result_e choose_credential(request_rec *r,
                                         const apikey_request_t *state,
                                         apikey_presented_t **chosen)
{
    apikey_result_e result = APIKEY_MISSING;
    int i;

    *chosen = NULL;
    for (i = 0; state->presented && i < state->presented->nelts; i++) {
        apikey_presented_t *one =
            &APR_ARRAY_IDX(state->presented, i, apikey_presented_t);

        if (!is_source_allowed(r, one) || is_other_half(one, *chosen)) {
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

/* Looks the chosen key up, once per client's request: redirects and
 * sub-requests of one request see one state of the database. */
static apikey_result_e look_up_record(request_rec *r, apikey_request_t *state,
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

/* Under ApiKeyEnforce Log, go on with an empty user: check_authz still has to
 * evaluate the Require lines of other modules. */
static int refuse_authn(request_rec *r, apikey_result_e result,
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

/* A key in the query refuses every request, in post_read_request. It gets here
 * under ApiKeyEnforce Log only; else @a r is the ErrorDocument of that refusal.
 * A key in the Referer refuses requests of an area: of an open page, browsers
 * send it with each picture. A key in the path refuses none. */
static int is_exposed(request_rec *r, const apikey_request_t *state)
{
    return state->exposed_places & APIKEY_IN_REFERER
           || (state->exposed_places & APIKEY_EXPOSED_FOR_ALL
               && apikey_only_logs(r->server));
}

/* Whether the address of the client (as mod_remoteip has it) is in a network
 * where the key may be used. A client without an address is in none. */
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

static void log_no_secrets(request_rec *r)
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
        log_no_secrets(r);
        return refuse_authn(r, APIKEY_UNAVAILABLE, NULL);
    }
    if (is_exposed(r, state)) {
        return refuse_authn(r, APIKEY_EXPOSED, NULL);
    }
    result = choose_credential(r, state, &chosen);
    if (result == APIKEY_GRANTED) {
        result = look_up_record(r, state, chosen);
        if (result == APIKEY_INVALID && chosen->half == 1) {
            result = look_up_record(r, state, ++chosen);
        }
    }
    if (result != APIKEY_GRANTED) {
        return refuse_authn(r, result, NULL);
    }
    record = state->record;
    result = apikey_record_result(record,
                                  apikey_server_conf(r->server)->keyspace,
                                  apr_time_sec(apr_time_now()));
    /* A key of another keyspace is answered like one that does not exist:
     * without its record. */
    if (result == APIKEY_INVALID) {
        return refuse_authn(r, result, NULL);
    }
    if (result == APIKEY_GRANTED && !is_from_network(r, record)) {
        result = APIKEY_NETWORK;
    }
    if (result != APIKEY_GRANTED) {
        return refuse_authn(r, result, record);
    }
    apikey_decision_make(r, APIKEY_GRANTED, record);
    chosen->masked->accepted = 1;
    /* httpd needs a user; the ErrorDocument of a refusal gets an empty one. */
    if (apikey_refused_before(r)) {
        r->user = (char *)"";
        return OK;
    }
    r->user = apikey_export_user(r->per_dir_config, record);
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
    return choose_credential(r, state, &chosen) == APIKEY_MISSING ? DECLINED
                                                                  : OK;
}
