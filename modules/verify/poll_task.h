/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file poll_task.h
 * @brief One poll: what has changed in the database goes onto the segment.
 */
#ifndef APIKEY_POLL_TASK_H
#define APIKEY_POLL_TASK_H

#include "../store/connection.h"
#include "revocations.h"
#include "database_state.h"

/** What stands for a database that cannot say who it is.  Answers of two such
 * are kept apart as all are, by what they are kept under (entry.h). */
#define APIKEY_POLL_UNNAMED 1

/** What a poll found, beside changes. */
typedef enum {
    APIKEY_POLL_NORMAL,
    APIKEY_POLL_OLDER,          /**< an older state than the one known */
    APIKEY_POLL_STUCK,          /**< nothing else for long; it takes no epoch */
    APIKEY_POLL_CAUGHT_UP,      /**< the first that is no older one */
    APIKEY_POLL_REPLACED,       /**< another database, or another history */
    APIKEY_POLL_SALTED          /**< the same, and it takes no new epoch */
} apikey_poll_outcome_e;

/** What a poll is told; copied, since it may outlive who asked for it. */
typedef struct apikey_poll_task_t {
    apikey_segment_t *segment;
    const char *changes;        /**< ApiKeyChangesQuery; NULL: our tables */
    apr_uint64_t identity;      /**< with changes: what stands for the
                                 * database, which cannot say who it is */
    apr_uint64_t origin;        /**< out: a hash of the database's UUID; 0 with
                                 * changes */
    apikey_poll_outcome_e outcome; /**< out */
    apr_uint64_t known_number;  /**< out: the last change known before */
    char epoch_error[256];      /**< out: STUCK and SALTED: what the database
                                 * says to a new epoch; or "" */
} apikey_poll_task_t;

/**
 * Reads what has changed since the last poll, by whichever process.
 *
 * A database that is another than it was, or that has another change in the
 * place of the last one which had been seen (it was restored from a backup, and
 * changed since), voids every answer; the latter is told to the other servers
 * by a new epoch in the database, if that can be written.
 *
 * A database that has only lost changes may be restored, and may as well be
 * read through a replica that lags: a replica has each state that its primary
 * had.  Nothing becomes void then, and no answer becomes younger.  It counts as
 * restored when it has shown nothing else for a while, and itself takes a new
 * epoch while it lacks that change: a replica takes none, and a primary that is
 * ahead of it lacks nothing.
 *
 * Changes by a select of the administrator's own are read on from the
 * last number alone: what is gone there is not missed.  An apikey_task_fn of
 * lookup.h.
 * @param task an apikey_poll_task_t
 */
apr_status_t apikey_poll(apikey_store_t *store, void *task, apr_pool_t *pool,
                         const char **error);

#endif
