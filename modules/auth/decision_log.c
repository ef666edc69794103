/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Logs what was decided and by which Require. */

#include <http_core.h>
#include <http_log.h>
#include <util_cfgtree.h>
#include <apr_strings.h>

#include "../respond/refuse.h"
#include "decision_log.h"

APLOG_USE_MODULE(apikey);

static int is_refused(const apikey_decision_t *decision)
{
    return decision->result != APIKEY_GRANTED;
}

/* The decision that the client's response depends on: the first refusal along
 * the redirects; else a refusal of a sub-request with the status of the
 * response; else the last decision along the redirects. NULL: none. */
static const apikey_decision_t *find_decision(request_rec *r,
                                              const apikey_request_t *state)
{
    const apikey_decision_t *decision = NULL, *other;
    int status = r->status;
    int i;

    for (; r; r = r->next) {
        other = apikey_decision_own(r);
        if (other && is_refused(other)) {
            return other;
        }
        decision = other ? other : decision;
        status = r->status;
    }
    for (i = state->decisions->nelts - 1; i >= 0; i--) {
        other = APR_ARRAY_IDX(state->decisions, i, apikey_decision_t *);
        if (is_refused(other)
            && apikey_result(other->result)->status == status) {
            return other;
        }
    }
    return decision;
}

/* What has granted or refused: a Require apikey-... line, ApiKeyTenant, the
 * networks of the key. If it is none of these, it is a Require of another
 * module, or an .htaccess that only a sub-request has read. NULL: the key
 * itself was refused, before any line was evaluated. */
static const char *decided_by(request_rec *r,
                              const apikey_decision_t *decision)
{
    const ap_directive_t *line = is_refused(decision) ? decision->refused_by
                                                      : decision->granted_by;

    if (line) {
        return apr_psprintf(r->pool, "Require %s (%s:%d)", line->args,
                            line->filename, line->line_num);
    }
    switch (decision->result) {
    case APIKEY_NETWORK:
        return "the networks of the key";
    case APIKEY_TENANT:
        return decision->in_htaccess ? "an .htaccess" : "ApiKeyTenant";
    case APIKEY_ENV:
    case APIKEY_ID:
    case APIKEY_META:
    case APIKEY_SCOPE:
        return "an .htaccess";
    case APIKEY_GRANTED:
    case APIKEY_FORBIDDEN:
    case APIKEY_DENIED:
        return "no Require apikey-...";
    default:
        return NULL;
    }
}

static const char *describe_outcome(request_rec *r,
                                    const apikey_decision_t *decision)
{
    const char *code = apikey_result(decision->result)->code;
    const char *line = decided_by(r, decision);

    if (!is_refused(decision)) {
        return apr_pstrcat(r->pool, code, " by ", line, NULL);
    }
    return apr_pstrcat(r->pool, "refused, ", code, line ? ", by " : "", line,
                       NULL);
}

int apikey_log_decision(request_rec *r)
{
    const apikey_request_t *state;
    const apikey_decision_t *decision;
    request_rec *last = r;

    if (!APLOGrdebug(r)) {
        return DECLINED;
    }
    while (last->next) {
        last = last->next;
    }
    state = apikey_request_get(r);
    decision = state ? find_decision(r, state) : NULL;
    if (!decision && !apikey_in_area(last)) {
        return DECLINED;
    }
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r,
                  "APIKEY0200: %s %s; status %d%s",
                  decision ? apikey_subject(r, decision->record) : "request",
                  decision ? describe_outcome(r, decision)
                           : "decided without asking for a key",
                  last->status,
                  decision && decision->let_through
                      ? ", let through by ApiKeyEnforce Log" : "");
    return DECLINED;
}
