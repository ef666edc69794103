/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file find.h
 * @brief A key's record from memory where that is certain to be true, from
 *        the database where it is not.
 *
 * segment.h says when an answer still holds; a provider of ap_socache keeps the
 * answers.  Keys that exist and keys that do not are kept apart: wrong ones,
 * however many, cannot push out right ones.
 */
#ifndef APIKEY_FIND_H
#define APIKEY_FIND_H

#include "../config/config.h"
#include "../core/record.h"
#include "../core/result.h"

/**
 * The record of a key: what this process has had lately, the check
 * characters, the cache, the database last.  What could not be exported is
 * never given.
 * @param shape  what apikey_key_shape() says of the key
 * @param record out, in @a pool; NULL unless GRANTED
 * @return GRANTED (a record is there, not yet judged), INVALID (there is
 *         none), UNAVAILABLE (the database did not say; logged)
 */
apikey_result_e apikey_find(request_rec *r, apikey_format_e shape,
                            const char *key, apr_size_t key_len,
                            apikey_record_t **record, apr_pool_t *pool);

#endif
