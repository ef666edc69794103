/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file credentials.h
 * @brief Finds the credentials of a request and masks keys in it before
 *        another module sees it. A foreign credential stays as it is.
 */
#ifndef APIKEY_CREDENTIALS_H
#define APIKEY_CREDENTIALS_H

#include "state.h"

/**
 * post_read_request, before every other module: puts the keys of this server
 * and near misses (core/key_class.h) into the request's state, writes their
 * hints in their places, and masks keys in the request line and the Referer
 * (mask.h). From here on no log, variable or expression holds a key, with two
 * exceptions: a key in the path, and with ApiKeyPassKey the accepted one while
 * the handler runs (masked_headers.h).
 */
int apikey_find_credentials(request_rec *r);

/**
 * insert_error_filter, before all others: as apikey_find_credentials(), for a
 * request that httpd could not parse and that has not had post_read_request.
 * Its keys are masked before the response and the log line are written.
 */
void apikey_find_credentials_unparsed(request_rec *r);

/** log_transaction, before any log is written: masks keys that the handler
 * needed, in the path or by ApiKeyPassKey; also as
 * apikey_find_credentials_unparsed(). */
int apikey_mask_for_log(request_rec *r);

#endif
