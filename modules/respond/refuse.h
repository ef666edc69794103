/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file refuse.h
 * @brief Refuses a request, or lets it through under ApiKeyEnforce Log. The
 *        only place that turns a result into a status and a challenge.
 */
#ifndef APIKEY_REFUSE_H
#define APIKEY_REFUSE_H

#include "../request/state.h"

/**
 * Refuses @a decision->r: response headers, APIKEY_RESULT, a line in the log.
 * Clears r->user along the redirects, so that an ErrorDocument cannot read it.
 * @return the status, for the hook to return
 */
int apikey_refuse(request_rec *r, const apikey_decision_t *decision);

/**
 * As apikey_refuse(), for an error of the server: the client gets its status in
 * place of that of the result, without a challenge. Whatever has failed has
 * logged that.
 * @return @a status
 */
int apikey_refuse_with(request_rec *r, const apikey_decision_t *decision,
                       int status);

/**
 * ApiKeyEnforce Log: lets @a decision->r through instead of refusing it.
 * APIKEY_RESULT is the reason, no other variable is set, and one line per
 * client's request is logged.
 * @return OK
 */
int apikey_let_through(request_rec *r, apikey_decision_t *decision);

/** "key ID of tenant 'T'", or "request" if @a record is NULL; in r->pool. */
const char *apikey_subject(request_rec *r, const apikey_record_t *record);

/** Sets the response headers of a refusal: challenge, Retry-After, no-store. */
void apikey_refuse_headers(request_rec *r, const apikey_decision_t *decision);

/** The status that the client gets: of a forward proxy, httpd turns a 401 that
 * a hook returns into 407. */
int apikey_refuse_status(request_rec *r, const apikey_result_t *result);

/** post_read_request, after all others: 400 if a key is in the query string or
 * elsewhere in the request line, but not in the path. */
int apikey_refuse_exposed(request_rec *r);

/** note_auth_failure: another module answers 401 in an area. Adds the
 * challenges. */
int apikey_note_auth_failure(request_rec *r, const char *type);

#endif
