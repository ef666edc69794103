/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file mask.h
 * @brief Keys in URLs: masked where logs see them, and noted, so that they
 *        are recorded.
 */
#ifndef APIKEY_MASK_H
#define APIKEY_MASK_H

#include "state.h"

/** What stands in the place of a key. */
#define APIKEY_MASK "***"

/**
 * post_read_request: the request line, and what httpd has made of it.  A key
 * in its path stays in r->uri and r->unparsed_uri, by which httpd finds the
 * application and asks it, until apikey_mask_path().
 */
void apikey_mask_request_line(request_rec *r, apikey_request_t *state);

/** @a value is that of all of the request's Referer; NULL: it has none. */
void apikey_mask_referer(request_rec *r, apikey_request_t *state,
                         const char *value);

/** httpd could not parse the client's request; @a r is that, or comes from
 * it: an ErrorDocument, which has the same request line. */
void apikey_mask_unparsed_line(request_rec *r, apikey_request_t *state);

/** log_transaction, ahead of every log: a key in the path leaves @a r and
 * the requests that it was redirected to, and the headers, variables and notes
 * that were made of it. */
void apikey_mask_path(request_rec *r, const apikey_request_t *state);

#endif
