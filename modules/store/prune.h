/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file prune.h
 * @brief Retention: old changes and audit entries go.
 */
#ifndef APIKEY_PRUNE_H
#define APIKEY_PRUNE_H

#include "store.h"

/**
 * Deletes changes and audit entries from before @a before, a thousand rows a
 * transaction, so that nobody waits for long.  At most once a day: where not
 * another day has grown old since the last time, only that is found out.
 * A reader of changes that has missed some is told: apikey_store_changes().
 * @param before epoch seconds; what is not after 1970 deletes nothing
 */
apr_status_t apikey_store_prune(apikey_store_t *store, apr_int64_t before,
                                apr_pool_t *pool, const char **error);

#endif
