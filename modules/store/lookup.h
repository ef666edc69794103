/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file lookup.h
 * @brief From a key's digest to what httpd must know of the key.
 */
#ifndef APIKEY_STORE_LOOKUP_H
#define APIKEY_STORE_LOOKUP_H

#include "../core/record.h"
#include "connection.h"

/** The state of the database that an answer was read from: read in the same
 * statement as the answer, so that both are of one server and one moment. */
typedef struct apikey_state_t {
    const char *uuid;           /**< of the database; NULL: not known */
    apr_int64_t epoch;
    apr_int64_t number;         /**< of the last change that is in it */
} apikey_state_t;

/**
 * Looks a digest up: what httpd and an application need of a key, its tenant's
 * state included, and nothing else of the record.  Prepares its statement at
 * the first call on a connection; after an error tries once more on a fresh
 * one.
 * @param digest lower-case hex, all of it
 * @param record lives in @a pool; what of its row cannot be read is its fault
 * @param state  out, in @a pool, where the digest is not found, too; may be
 *               NULL
 * @return APR_SUCCESS, APR_NOTFOUND, APIKEY_ESCHEMA, APIKEY_EANSWER or
 *         APIKEY_EDATABASE
 */
apr_status_t apikey_store_lookup(apikey_store_t *store, const char *digest,
                                 apikey_record_t **record,
                                 apikey_state_t *state, apr_pool_t *pool,
                                 const char **error);

/**
 * Whether no writer can delay a look-up on this connection while it is open.
 * Ask only after a look-up has been answered on it, or this may wait itself.
 */
int apikey_store_never_waits(apikey_store_t *store, apr_pool_t *pool);

/** Parses the texts of a row's networks and meta into @a record; a text that
 * cannot be parsed becomes the record's fault, unless it has one. */
void apikey_record_fill(apikey_record_t *record, const char *networks,
                        const char *meta, const char *tenant_meta,
                        apr_pool_t *pool);

#endif
