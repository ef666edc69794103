/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file mask.h
 * @brief Masks keys in URLs where logs would show them, and keeps them in
 *        apikey_request_t.exposures, to be written to the database.
 */
#ifndef APIKEY_MASK_H
#define APIKEY_MASK_H

#include "state.h"

/** Written in the place of a key. */
#define APIKEY_MASK "***"

/**
 * post_read_request: the request line and the fields that httpd has made of
 * it. A key in the path stays in r->uri, r->unparsed_uri and r->filename,
 * which map and proxy the request, until apikey_mask_path().
 */
void apikey_mask_request_line(request_rec *r, apikey_request_t *state);

/** post_read_request: the Referer.
 * @param value its whole value; NULL: there is none */
void apikey_mask_referer(request_rec *r, apikey_request_t *state,
                         const char *value);

/** insert_error_filter, for a request that httpd could not parse: its request
 * line, as far as httpd has read it.
 * @param r that request, or the ErrorDocument of it */
void apikey_mask_unparsed_line(request_rec *r, apikey_request_t *state);

/** log_transaction, before any log is written: a key in the path is masked in
 * @a r and in the requests that it was redirected to, with the headers,
 * variables and notes that were made of it. */
void apikey_mask_path(request_rec *r, const apikey_request_t *state);

#endif
