/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file lookup.h
 * @brief A key's record from the server's database, within a deadline.
 */
#ifndef APIKEY_LOOKUP_H
#define APIKEY_LOOKUP_H

#include "../config/config.h"
#include "../core/record.h"
#include "../core/verdict.h"

/** Of mod_dbd's hooks, the one that is needed. */
void apikey_lookup_hooks(void);

/** post_config: which servers share a database. */
int apikey_lookup_init(apr_pool_t *pconf, apr_pool_t *plog,
                       apr_pool_t *ptemp, server_rec *s);

/** child_init: the threads that may wait for it. No connection is made yet,
 * so that a database that is away does not keep httpd from starting. */
void apikey_lookup_child(apr_pool_t *pchild, server_rec *s);

/**
 * The record of a key: prefix, shape and check characters first, the
 * database last.
 * @param record out, in @a pool; NULL unless GRANTED
 * @return GRANTED (a record is there, not yet judged), INVALID (there is
 *         none), UNAVAILABLE (the database did not say; logged)
 */
apikey_reason_e apikey_lookup(request_rec *r, const char *key,
                              apr_size_t key_len, apikey_record_t **record,
                              apr_pool_t *pool);

#endif
