/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file usage.h
 * @brief Writing in batches how often keys were used, when last, and which were
 *        seen in URLs.
 */
#ifndef APIKEY_STORE_USAGE_H
#define APIKEY_STORE_USAGE_H

#include "../core/key.h"
#include "connection.h"

/** Keys of one statement. */
#define APIKEY_USED_AT_ONCE 200

typedef struct apikey_use_t {
    const char *id;             /**< the key's */
    apr_int64_t count;          /**< uses since the last batch; at least 1 */
    apr_int64_t last;           /**< epoch seconds */
} apikey_use_t;

/**
 * How many keys apikey_store_usage() takes, so that one transaction locks their
 * rows for a moment only: those of one statement on a server, where each is a
 * round trip, and of ten on a file, where a transaction costs more than its
 * statements.
 */
int apikey_store_usage_max(const apikey_store_t *store);

/**
 * Adds uses to apikey_usage in one transaction (four round trips to a server).
 * A time older than the row's changes nothing; a key that was deleted meanwhile
 * is ignored.  No table with triggers is written and no row of apikey is
 * locked, so a revocation does not wait for this.
 *
 * Any number of processes may do so at once: all lock the rows in the order of
 * the ids, so that no two wait for each other.
 * @param uses  in the order of the ids (strcmp); no id twice
 * @param count at most apikey_store_usage_max()
 * @return APR_SUCCESS: all are written.  APIKEY_EUNSURE: all or none are.
 *         Anything else: none is; after APIKEY_EREADONLY none will be
 */
apr_status_t apikey_store_usage(apikey_store_t *store,
                                const apikey_use_t *uses, int count,
                                apr_pool_t *pool, const char **error);

/**
 * Writes to apikey_usage when keys were seen in URLs, with an audit entry per
 * key and hour at most; a few per transaction, so that their rows are locked
 * for a moment only.  What is no key of this database is ignored; writing the
 * same twice changes nothing.
 */
apr_status_t apikey_store_exposed(apikey_store_t *store,
                                  const apikey_exposure_t *exposures,
                                  int count, apr_pool_t *pool,
                                  const char **error);

#endif
