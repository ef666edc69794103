/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file exposed_keys.h
 * @brief Records keys that were in a URL or a Referer, so that administrators
 *        can replace them.
 */
#ifndef APIKEY_EXPOSED_KEYS_H
#define APIKEY_EXPOSED_KEYS_H

#include "../request/state.h"

/**
 * log_transaction, after apikey_mask_for_log(): adds the exposures of the
 * request to the next batch of uses (usage.h). Does not wait for the database.
 */
int apikey_record_exposed_keys(request_rec *r);

#endif
