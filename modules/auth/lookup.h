/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file lookup.h
 * @brief A key's record, through mod_dbd's connections.
 */
#ifndef APIKEY_LOOKUP_H
#define APIKEY_LOOKUP_H

#include "../request/request.h"

/** post_config: finds mod_dbd's functions. */
int apikey_lookup_init(apr_pool_t *pconf, apr_pool_t *plog,
                       apr_pool_t *ptemp, server_rec *s);

/**
 * The record of a key: prefix, shape and check characters first, the
 * database last. A connection is held for the look-up alone.
 * @param record out, in @a pool; NULL unless GRANTED
 * @return GRANTED (a record is there, not yet judged), INVALID (there is
 *         none), UNAVAILABLE (the database did not say; logged)
 */
apikey_reason_e apikey_lookup(request_rec *r, const char *key,
                              apr_size_t key_len, apikey_record_t **record,
                              apr_pool_t *pool);

#endif
