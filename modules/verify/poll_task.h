/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file poll_task.h
 * @brief One poll: reads what has changed in the database into the segment.
 */
#ifndef APIKEY_POLL_TASK_H
#define APIKEY_POLL_TASK_H

#include "../store/connection.h"
#include "revocations.h"
#include "database_state.h"

/** The identity of a database that has none (an ApiKeyQuery).  Records of two
 * such databases are kept apart by their contexts (apikey_codec_context()). */
#define APIKEY_POLL_UNNAMED 1

/** What a poll has found out about the database. */
typedef enum {
    APIKEY_POLL_NORMAL,         /**< the known database, maybe with changes */
    APIKEY_POLL_OLDER,          /**< an older state than the known one */
    APIKEY_POLL_STUCK,          /**< that for long, and it takes no new epoch */
    APIKEY_POLL_CAUGHT_UP,      /**< the known state again, after older ones */
    APIKEY_POLL_REPLACED,       /**< another database, or another history */
    APIKEY_POLL_SALTED          /**< another history, and it takes no new
                                 * epoch */
} apikey_poll_outcome_e;

/** The task; copied, since it may outlive its caller. */
typedef struct apikey_poll_task_t {
    apikey_segment_t *segment;
    const char *changes;        /**< ApiKeyChangesQuery; NULL: our tables */
    apr_uint64_t identity;      /**< with changes: of the database */
    apr_uint64_t origin;        /**< out: a hash of the database's UUID; 0 with
                                 * changes */
    apikey_poll_outcome_e outcome;      /**< out */
    apr_uint64_t known_number;  /**< out: the last change known before */
    char epoch_error[256];      /**< out, with STUCK and SALTED: why the
                                 * database took no new epoch; or "" */
} apikey_poll_task_t;

/**
 * apikey_task_fn: reads what has changed since the last poll of any process.
 *
 * If the database is another one, every record becomes void.  So it does if the
 * last known change is there no more and another one has its place: then the
 * database was restored from a backup and changed since, and a new epoch is
 * written to it, which the other servers see.
 *
 * If the database only lacks changes, it may have been restored, or it may be a
 * replica that lags: a replica has each state that its primary had.  Then no
 * record becomes void, and the poll does not count as a recent one.  The
 * database counts as restored when it has shown no other state for a while, and
 * takes a new epoch while it lacks that change: a replica takes none, and a
 * primary does not lack the change.
 *
 * With an ApiKeyChangesQuery, changes are read from the last number on; missing
 * ones are not noticed.
 * @param task an apikey_poll_task_t
 */
apr_status_t apikey_poll(apikey_store_t *store, void *task, apr_pool_t *pool,
                         const char **error);

#endif
