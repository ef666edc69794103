/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file exposed_keys.h
 * @brief Keys that stood in a URL or a Referer: recorded, to be replaced.
 */
#ifndef APIKEY_EXPOSED_KEYS_H
#define APIKEY_EXPOSED_KEYS_H

#include "../request/state.h"

/**
 * log_transaction, behind apikey_mask_for_log(): what was found in the
 * request goes into the next batch of uses. Nobody is asked about it here.
 */
int apikey_record_exposed_keys(request_rec *r);

#endif
