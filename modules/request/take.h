/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file take.h
 * @brief Credentials: taken out of the request before anybody else sees it,
 *        and given back where they are not ours.
 */
#ifndef APIKEY_TAKE_H
#define APIKEY_TAKE_H

#include "request.h"

/**
 * post_read_request, ahead of every module: moves the credentials from the
 * headers into the request's state and masks keys in the query string.  From
 * here on no log, variable or expression can hold a key.
 */
int apikey_take(request_rec *r);

/**
 * insert_error_filter, ahead of all others: a request that httpd could not
 * parse was never at post_read_request; its keys leave it before its answer
 * and its log line are written.
 */
void apikey_take_unparsed(request_rec *r);

/** log_transaction, ahead of every log: as apikey_take_unparsed(); and a key
 * that was passed on to the application leaves the request again. */
int apikey_take_from_log(request_rec *r);

/**
 * quick_handler, ahead of mod_cache and, where it had no answer, behind it:
 * it must not answer a client who shows another application's credential with
 * what it keeps for everybody, and looks for the answer by Vary.
 */
int apikey_lend(request_rec *r, int lookup);
int apikey_take_back(request_rec *r, int lookup);

/**
 * What the application is to see of the taken headers, as soon as the area is
 * known, and once more in the last fixup.  The foreign ones beside an accepted
 * key, or where a request is let through without one; the accepted key itself
 * if the server passes it on; nothing else.
 * @param granted whether this request is, by a key
 */
void apikey_settle_headers(request_rec *r, int granted);

#endif
