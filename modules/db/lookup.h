/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file lookup.h
 * @brief A key's record from the server's database, within a deadline.
 */
#ifndef APIKEY_LOOKUP_H
#define APIKEY_LOOKUP_H

#include <httpd.h>

#include "../core/key.h"
#include "../core/record.h"
#include "../core/result.h"
#include "../store/lookup.h"

/**
 * The record of a key.
 * @param candidates what it may be stored under; at least one
 * @param record out, in @a pool; NULL unless GRANTED
 * @param state  out, in @a pool: what of the database said it; its uuid is NULL
 *               where that cannot be known (an ApiKeyQuery)
 * @return GRANTED (a record is there, not yet judged), INVALID (there is
 *         none), UNAVAILABLE (the database did not say; logged)
 */
apikey_result_e apikey_lookup(request_rec *r,
                              const apikey_candidates_t *candidates,
                              apikey_record_t **record,
                              apikey_state_t *state, apr_pool_t *pool);

#endif
