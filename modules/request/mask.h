/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file mask.h
 * @brief Keys in URLs: masked where logs see them, and noted, so that they
 *        are recorded.
 */
#ifndef APIKEY_MASK_H
#define APIKEY_MASK_H

#include "request.h"

/** post_read_request: the query string, wherever the request has it. */
void apikey_mask_query(request_rec *r, apikey_request_t *state);

/** @a value is that of all of the request's Referer; NULL: it has none. */
void apikey_mask_referer(request_rec *r, apikey_request_t *state,
                         const char *value);

/** httpd could not parse the client's request; @a r is that, or comes from
 * it: an ErrorDocument, which has the same request line. */
void apikey_mask_unparsed(request_rec *r);

#endif
