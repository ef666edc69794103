/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file lookup.h
 * @brief Looks a key up in the server's database, with a deadline of 1.5 s.
 */
#ifndef APIKEY_LOOKUP_H
#define APIKEY_LOOKUP_H

#include <httpd.h>

#include "../core/key.h"
#include "../core/record.h"
#include "../core/result.h"
#include "../store/lookup.h"

/**
 * Looks up the record of a key.
 * @param candidates the digests that it may be stored under; at least one
 * @param record out, in @a pool; NULL unless GRANTED
 * @param state  out, in @a pool: the state of the database that was read; its
 *               uuid is NULL with an ApiKeyQuery, which has none
 * @return GRANTED (there is a record, which the caller has to check), INVALID
 *         (there is none), UNAVAILABLE (no answer; logged)
 */
apikey_result_e apikey_lookup(request_rec *r,
                              const apikey_candidates_t *candidates,
                              apikey_record_t **record,
                              apikey_state_t *state, apr_pool_t *pool);

#endif
