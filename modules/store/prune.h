/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file prune.h
 * @brief Removing changes and audit entries that are older than the retention.
 */
#ifndef APIKEY_PRUNE_H
#define APIKEY_PRUNE_H

#include "connection.h"

/** A run of pruning.  The caller sets before, audit and budget, zeroes the
 * rest, and keeps it from call to call until it is done. */
typedef struct apikey_prune_t {
    apr_int64_t before;         /**< what is older than this, in epoch seconds,
                                 * is removed; 0 or less: nothing */
    int audit;                  /**< from the audit, too: a run ends at once
                                 * unless a day's entries have become old
                                 * since the last one */
    apr_interval_time_t budget; /**< of a call; 0: one step */
    int able;                   /**< out: reading worked, so an error is one of
                                 * the removal itself */
    int done;                   /**< out: nothing old is left */
    /* apikey_store_prune()'s own: */
    int begun;
    int table;                  /* the current one, and the row it is after */
    apr_int64_t since;
    int rows;                   /* of a step */
} apikey_prune_t;

/**
 * Removes old changes and audit entries in steps of at most a thousand rows,
 * fewer if a step takes longer than 50 ms.  Each is a transaction of its own,
 * and after it this waits as long as it has taken, so that other writers are
 * not delayed for long.  Several processes may prune at the same time.  A
 * reader of changes that has missed some finds that out
 * (apikey_changes_since()).
 * @return APR_SUCCESS also where the budget is used up before it is done
 */
apr_status_t apikey_store_prune(apikey_store_t *store, apikey_prune_t *prune,
                                apr_pool_t *pool, const char **error);

#endif
