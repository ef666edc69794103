/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file prune.h
 * @brief Retention: old changes and audit entries go.
 */
#ifndef APIKEY_PRUNE_H
#define APIKEY_PRUNE_H

#include "connection.h"

/** What is to go, and how far it has come.  All zero but for what the caller
 * sets; kept by the caller from call to call until it is done. */
typedef struct apikey_prune_t {
    apr_int64_t before;         /**< what is older, in epoch seconds, goes; what
                                 * is not after 1970 deletes nothing */
    int audit;                  /**< of the audit, too; then at most once a day:
                                 * where not another day has grown old since
                                 * the last time, only that is found out */
    apr_interval_time_t budget; /**< of a call; 0: one step */
    int able;                   /**< out: the database answers and is ours: what
                                 * failed is the removal itself */
    int done;                   /**< out: nothing old is left */
    /* apikey_store_prune()'s own: */
    int begun;
    int table;                  /* where it is at, and behind which row */
    apr_int64_t since;
    int rows;                   /* of a step */
} apikey_prune_t;

/**
 * Deletes changes, and audit entries, from before a time: in steps of at most
 * a thousand rows, each in a transaction of its own, fewer where a step takes
 * longer than 50 ms; after each it waits for as long as the step has taken, so
 * that others who write are never held up for long.  Several may do it at the
 * same time.  A reader of changes that has missed some is told:
 * apikey_changes_since().
 * @return APR_SUCCESS also where the budget is used up before it is done
 */
apr_status_t apikey_store_prune(apikey_store_t *store, apikey_prune_t *prune,
                                apr_pool_t *pool, const char **error);

#endif
