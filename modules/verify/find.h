/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file find.h
 * @brief Finds a key's record: in the caches if it is certainly current there,
 *        else in the database.
 *
 * Known and unknown keys are cached apart, so that a flood of wrong keys does
 * not displace right ones.
 */
#ifndef APIKEY_FIND_H
#define APIKEY_FIND_H

#include "../config/config.h"
#include "../core/record.h"
#include "../core/result.h"

/**
 * Finds the record of a key.  It can be exported as it is; whether it has
 * expired, is revoked and so on is for the caller to check.
 * @param shape  what apikey_key_shape() says of the key
 * @param record out, in @a pool; NULL unless GRANTED
 * @return GRANTED (there is a record), INVALID (there is none), UNAVAILABLE
 *         (it is not known; logged)
 */
apikey_result_e apikey_find(request_rec *r, apikey_format_e shape,
                            const char *key, apr_size_t key_len,
                            apikey_record_t **record, apr_pool_t *pool);

#endif
