/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file credentials.h
 * @brief Keys: masked before anybody else sees the request. A foreign
 *        credential stays as it is.
 */
#ifndef APIKEY_CREDENTIALS_H
#define APIKEY_CREDENTIALS_H

#include "state.h"

/**
 * post_read_request, ahead of every module: takes the keys of this server and
 * near misses (core/key_class.h) into the request's state, puts their hints in
 * their places, and masks keys in the request line and the Referer (mask.h).
 * From here on no log, variable or expression can hold a key, but for one in
 * the path, and with ApiKeyPassKey while the handler runs (masked.h).
 */
int apikey_find_credentials(request_rec *r);

/**
 * insert_error_filter, ahead of all others: a request that httpd could not
 * parse was never at post_read_request; its keys are masked before its answer
 * and its log line are written.
 */
void apikey_find_credentials_unparsed(request_rec *r);

/** log_transaction, ahead of every log: as apikey_find_credentials_unparsed();
 * and a key that the application was to have, passed on or in the path, is
 * masked again. */
int apikey_mask_for_log(request_rec *r);

#endif
