/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file exposed.h
 * @brief Keys that stood in a URL or a Referer: recorded, to be replaced.
 */
#ifndef APIKEY_EXPOSED_H
#define APIKEY_EXPOSED_H

#include "../request/request.h"

/**
 * log_transaction, behind apikey_take_from_log(): what was found in the
 * request goes into the next batch of uses. Nobody is asked about it here.
 */
int apikey_record_exposed(request_rec *r);

#endif
