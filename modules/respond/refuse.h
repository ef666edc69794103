/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file refuse.h
 * @brief The one place that turns a reason into status, challenge and body.
 */
#ifndef APIKEY_REFUSE_H
#define APIKEY_REFUSE_H

#include "../request/request.h"

/**
 * Refuses @a decision->r: response headers, APIKEY_RESULT, notes, a line in
 * the log; the user is forgotten, so that no ErrorDocument learns it.
 * @return the status for the hook to return
 */
int apikey_refuse(request_rec *r, const apikey_decision_t *decision);

/** As apikey_refuse(), of a reason that no key has yet been found for. */
int apikey_refuse_unseen(request_rec *r, apikey_reason_e reason);

/** post_read_request, behind all others: a key in the query string. */
int apikey_refuse_exposed(request_rec *r);

/** header_parser: caches beyond httpd must keep clients apart. */
int apikey_vary(request_rec *r);

/** note_auth_failure: another module wants a key from the client. */
int apikey_note_failure(request_rec *r, const char *type);

#endif
