/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file usage.h
 * @brief How often a key was used, and when last; which were exposed: written
 *        in batches.
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
 * How many keys apikey_store_usage() takes: as many as one transaction writes
 * without holding their rows for more than a moment.  With a server, whose
 * answers take their time, that is one statement; with a file, where a
 * transaction costs more than what it writes, it is ten.
 */
int apikey_store_usage_max(const apikey_store_t *store);

/**
 * Adds these to what apikey_usage has, in one transaction (with a server, of
 * four round trips);
 * a time that is older than the one there changes nothing. A key that was
 * deleted meanwhile is ignored. Tables with triggers are not written to, and
 * no row of apikey is locked: a revocation never waits for a count.
 *
 * Any number of processes may do so at once: all take the rows in the order of
 * the ids, so that none waits for one that waits for it.
 * @param uses  in the order of the ids (strcmp); no id twice
 * @param count at most apikey_store_usage_max()
 * @return APR_SUCCESS: all are written. APIKEY_EUNSURE: they are, or are not.
 *         Anything else: none of them is; APIKEY_EREADONLY: nor will be
 */
apr_status_t apikey_store_usage(apikey_store_t *store,
                                const apikey_use_t *uses, int count,
                                apr_pool_t *pool, const char **error);

/**
 * Notes in apikey_usage when these keys were seen where they must not stand,
 * and says so in the audit, of each key once an hour at most; a few in one
 * transaction, so that their rows are held for a moment only.  What is no key
 * of the database is ignored.  To write the same twice changes nothing.
 */
apr_status_t apikey_store_exposed(apikey_store_t *store,
                                  const apikey_exposure_t *exposures,
                                  int count, apr_pool_t *pool,
                                  const char **error);

#endif
