/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file refuse.h
 * @brief The one place that turns a result into status, challenge and body.
 */
#ifndef APIKEY_REFUSE_H
#define APIKEY_REFUSE_H

#include "../request/state.h"

/**
 * Refuses @a decision->r: response headers, APIKEY_RESULT, notes, a line in
 * the log; the user is forgotten, so that no ErrorDocument learns it.
 * @return the status for the hook to return
 */
int apikey_refuse(request_rec *r, const apikey_decision_t *decision);

/**
 * As apikey_refuse(), with an error of the server's in place of the result's
 * status, challenge and line in the log: that has been said.
 * @return @a status
 */
int apikey_refuse_with(request_rec *r, const apikey_decision_t *decision,
                       int status);

/**
 * Lets @a decision->r through, although it should be refused: ApiKeyEnforce
 * Log. APIKEY_RESULT says why, and a line in the log, one for all that a
 * client's request becomes; nobody is told any identity.
 * @return OK
 */
int apikey_let_through(request_rec *r, apikey_decision_t *decision);

/** "key ID of tenant 'T'", or "request" without a record; in r->pool. */
const char *apikey_subject(request_rec *r, const apikey_record_t *record);

/** The response headers of a refusal: challenge, Retry-After, no-store. */
void apikey_refuse_headers(request_rec *r, const apikey_decision_t *decision);

/** The status that the client gets: where a hook of a forward proxy returns
 * 401, httpd makes 407 of it. */
int apikey_refuse_status(request_rec *r, const apikey_result_t *result);

/** As apikey_refuse(), of a result that no key has yet been found for. */
int apikey_refuse_without_key(request_rec *r, apikey_result_e result);

/** post_read_request, behind all others: a key in the query string. */
int apikey_refuse_exposed(request_rec *r);

/**
 * header_parser, check_authn and the last fixup, in our areas: what the
 * client gets may depend on its key, so caches must keep clients apart. The
 * areas of sub-requests mark the request that has them.
 */
void apikey_restrict_caching(request_rec *r);

/** header_parser, the first hook that knows the area: apikey_restrict_caching()
 * in ours. */
int apikey_restrict_caching_in_area(request_rec *r);

/** note_auth_failure: another module wants a key from the client. */
int apikey_note_auth_failure(request_rec *r, const char *type);

#endif
