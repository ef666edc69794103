/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file workers.h
 * @brief Look-ups on threads of their own, so that a database that does not
 *        answer holds none of httpd's.
 *
 * A crew belongs to one database in one child process.  Its threads are
 * started when there is work for them; each has its own connection, or
 * borrows one of mod_dbd's for a look-up.  Whoever asks waits to a deadline
 * and then goes away: the answer, should it come, is thrown away.
 *
 * The breaker: after three deadlines in a row nobody waits any more, but one
 * look-up each half second tries whether the database is back, and another as
 * soon as one that hung has ended.  Errors that come at once open nothing: each
 * asker asks the database, and the first one after it is back has its answer.
 */
#ifndef APIKEY_WORKERS_H
#define APIKEY_WORKERS_H

#include <apr_pools.h>

#include "../core/key.h"
#include "../core/record.h"

typedef struct apikey_crew_t apikey_crew_t;

/**
 * One look-up, on a worker's thread.
 * @param baton   the crew's
 * @param who     the asker's, valid for the child's life (a server_rec)
 * @param held    what this thread keeps from look-up to look-up (its
 *                connection); NULL at first, and again after an error that
 *                the callee could not heal
 * @param thread_pool as long-lived as the thread
 * @param pool    for the record and the error
 */
typedef apr_status_t (*apikey_look_fn)(void *baton, void *who, void **held,
                                       const apikey_candidates_t *candidates,
                                       apikey_record_t **record,
                                       apr_pool_t *thread_pool,
                                       apr_pool_t *pool, const char **error);

/**
 * Makes a crew; no thread is started yet. Its threads end with @a pool; one
 * that hangs in the database then is left behind.
 */
apr_status_t apikey_crew_make(apikey_crew_t **crew, int threads,
                              apikey_look_fn look, void *baton,
                              apr_pool_t *pool);

/**
 * Asks and waits, for at most the deadline. Any thread may call.
 * @param record,error live in @a pool or as long as it
 * @return what look() returned, or APR_TIMEUP: no answer in time, or none to
 *         be expected (the breaker is open)
 */
apr_status_t apikey_crew_ask(apikey_crew_t *crew, void *who,
                             const apikey_candidates_t *candidates,
                             apikey_record_t **record, apr_pool_t *pool,
                             const char **error);

#endif
