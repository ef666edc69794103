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

#include "../store/store.h"

typedef struct apikey_crew_t apikey_crew_t;

/**
 * What is done with a connection.
 * @param task the asker's, or a copy of it
 * @param pool for what goes back to him, and the error
 */
typedef apr_status_t (*apikey_task_fn)(apikey_store_t *store, void *task,
                                       apr_pool_t *pool, const char **error);

/**
 * Does it, on a worker's thread, with a connection.
 * @param baton the crew's
 * @param who   the asker's, valid for the child's life (a server_rec)
 * @param held  what this thread keeps from task to task (its connection);
 *              NULL at first, and again after an error that the callee could
 *              not heal
 */
typedef apr_status_t (*apikey_connected_fn)(void *baton, void *who,
                                            void **held, apikey_task_fn work,
                                            void *task, apr_pool_t *pool,
                                            const char **error);

/** A thread that ends gives back what it held. */
typedef void (*apikey_leave_fn)(void *held);

/**
 * Makes a crew; no thread is started yet. Its threads end with @a pool; one
 * that hangs in the database then is left behind.
 * @param leave NULL: nothing is ever held
 */
apr_status_t apikey_crew_make(apikey_crew_t **crew, int threads,
                              apikey_connected_fn connected,
                              apikey_leave_fn leave, void *baton,
                              apr_pool_t *pool);

/**
 * Asks and waits, for at most the deadline. Any thread may call.
 * @param task  of @a size bytes: copied, and copied back with the answer
 * @param error lives in @a pool or as long as it, as what the task made does
 * @return what @a work returned, or APR_TIMEUP: no answer in time, or none to
 *         be expected (the breaker is open)
 */
apr_status_t apikey_crew_ask(apikey_crew_t *crew, void *who,
                             apikey_task_fn work, void *task, apr_size_t size,
                             apr_pool_t *pool, const char **error);

/** Told on the worker's thread how it ended. */
typedef void (*apikey_told_fn)(void *task, apr_status_t status,
                               const char *error);

/**
 * Has it done some time, and does not wait.  A worker that is dismissed with
 * the crew, or that hangs for ever, does not tell anybody.
 * @param task not copied
 * @return anything but APR_SUCCESS: nobody does it (the breaker is open)
 */
apr_status_t apikey_crew_post(apikey_crew_t *crew, void *who,
                              apikey_task_fn work, apikey_told_fn told,
                              void *task);

/** Whether the breaker is open. */
int apikey_crew_is_silent(apikey_crew_t *crew);

#endif
