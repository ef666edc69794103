/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file poll.h
 * @brief One poll: what has changed in the database goes onto the board.
 */
#ifndef APIKEY_POLL_H
#define APIKEY_POLL_H

#include "../store/store.h"
#include "board.h"

/** What stands for a database that cannot say who it is.  Answers of two such
 * are kept apart as all are, by what they are kept under (entry.h). */
#define APIKEY_POLL_UNNAMED 1

/** What a poll is told; copied, since it may outlive who asked for it. */
typedef struct apikey_poll_task_t {
    apikey_board_t *board;
    const char *changes;        /**< ApiKeyChangesQuery; NULL: our tables */
    apr_uint64_t identity;      /**< with changes: what stands for the
                                 * database, which cannot say who it is */
    apr_uint64_t origin;        /**< out: a hash of the database's UUID; 0 with
                                 * changes */
} apikey_poll_task_t;

/**
 * Reads what has changed since the last poll, by whichever process.  A
 * database that is another than it was, or that has lost changes which had
 * been seen (it was restored from a backup), voids every answer; the latter
 * is told to the other servers by a new epoch in the database, if that can be
 * written.  Changes by a select of the administrator's own are read on from the
 * last number alone: what is gone there is not missed.  An apikey_task_fn of
 * lookup.h.
 * @param task an apikey_poll_task_t
 */
apr_status_t apikey_poll(apikey_store_t *store, void *task, apr_pool_t *pool,
                         const char **error);

/** What stands for something that these words tell; never 0. */
apr_uint64_t apikey_poll_identity(const char *words);

#endif
