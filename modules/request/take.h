/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file take.h
 * @brief Keys: taken out of the request before anybody else sees it. A foreign
 *        credential stays where it is.
 */
#ifndef APIKEY_TAKE_H
#define APIKEY_TAKE_H

#include "request.h"

/**
 * post_read_request, ahead of every module: moves what may be a key of this
 * server from the headers into the request's state and masks keys in the
 * request line and the Referer (mask.h).  From here on no log, variable or
 * expression can hold a key, but for one in the path.  With ApiKeyPassKey a
 * placeholder stands where it stood.
 */
int apikey_take(request_rec *r);

/**
 * insert_error_filter, ahead of all others: a request that httpd could not
 * parse was never at post_read_request; its keys leave it before its answer
 * and its log line are written.
 */
void apikey_take_unparsed(request_rec *r);

/** log_transaction, ahead of every log: as apikey_take_unparsed(); and a key
 * that the application was to have, passed on or in the path, leaves the
 * request again. */
int apikey_take_from_log(request_rec *r);

/**
 * What apikey_settle_headers() gave back leaves the request again: an internal
 * redirect shares the headers of the request before it, a sub-request copies
 * them, and both have the variables that CGI made of them.
 */
void apikey_withhold(request_rec *r);

/**
 * ApiKeyPassKey, in the last fixup: the accepted key in the place of its
 * placeholder, or nothing. What others have put there, or removed, stands.
 * @param granted whether this request is, by a key
 */
void apikey_settle_headers(request_rec *r, int granted);

#endif
