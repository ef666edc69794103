/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file threads.h
 * @brief Runs tasks on a database, on threads of its own, so that a database
 *        that does not answer blocks none of httpd's threads.
 *
 * apikey_threads_t is the thread pool of a child process.  An apikey_queue_t
 * is what one database has: its waiting jobs, its connections and its breaker.
 * The threads serve the queues in turn.  A thread is started when there is
 * work and none is idle; an idle thread, and an unused connection, goes after
 * APIKEY_THREADS_IDLE seconds.
 *
 * A caller waits until the queue's deadline.  After that its job is detached:
 * the thread destroys the job, and its result is not used.  If the task was
 * already running, its thread and its connection are abandoned: they count no
 * longer, and others may take their place.  So a database whose established
 * connections are dead, but which accepts new ones, is asked again at once.
 * How many are abandoned is bounded.
 *
 * The breaker: after three timeouts in a row, callers get APR_TIMEUP at once.
 * Every half second one caller is let through as a probe, and another one when
 * an abandoned task has ended.  An error that comes fast does not trip the
 * breaker: the next caller asks the database again.
 *
 * All times are of apikey_clock(), in microseconds.  APR only.
 */
#ifndef APIKEY_THREADS_H
#define APIKEY_THREADS_H

#include <apr_pools.h>

#include "../store/connection.h"

/** Seconds after which an idle thread ends and an unused connection is closed:
 * longer than the default interval between batches of uses. */
#define APIKEY_THREADS_IDLE 15

typedef struct apikey_threads_t apikey_threads_t;
typedef struct apikey_queue_t apikey_queue_t;

/**
 * A task.
 * @param task the caller's, or a copy of it
 * @param pool for the result and @a error
 */
typedef apr_status_t (*apikey_task_fn)(apikey_store_t *store, void *task,
                                       apr_pool_t *pool, const char **error);

/**
 * Runs a task with a connection.
 * @param baton      the queue's
 * @param server     the caller's server_rec; valid while the process lives
 * @param connection in: an idle connection of the queue, or NULL: make one;
 *                   out: the connection to keep, or NULL: none
 */
typedef apr_status_t (*apikey_run_fn)(void *baton, void *server,
                                      void **connection, apikey_task_fn work,
                                      void *task, apr_pool_t *pool,
                                      const char **error);

/** Closes a connection. */
typedef void (*apikey_disconnect_fn)(void *connection);

/** Called when the process ends and @a threads threads are still blocked in
 * this queue's database. */
typedef void (*apikey_blocked_fn)(void *baton, int threads);

/**
 * Makes the pool of threads, without any thread.  A cleanup of @a pool ends
 * the threads; one that is blocked in a database is left to the end of the
 * process.
 * @param max threads that run at once, without abandoned ones
 */
apr_status_t apikey_threads_create(apikey_threads_t **threads, int max,
                                   apr_pool_t *pool);

/**
 * Adds a queue; it lives as long as the process.
 * @param connections at most, and so tasks at once; without abandoned ones
 * @param deadline    how long a caller waits
 * @param disconnect  NULL: @a run never returns a connection
 * @param on_blocked  may be NULL
 */
apr_status_t apikey_queue_create(apikey_queue_t **queue,
                                 apikey_threads_t *threads, int connections,
                                 apr_interval_time_t deadline,
                                 apikey_run_fn run,
                                 apikey_disconnect_fn disconnect,
                                 apikey_blocked_fn on_blocked, void *baton);

/**
 * Runs a task on one of the threads and waits for it, until the deadline at
 * most.  Any thread may call.
 * @param task  of @a size bytes: copied, and copied back with the result
 * @param error in @a pool, or living as long as it; so is what the task made
 * @return what @a work returned, or APR_TIMEUP: not in time, the breaker is
 *         open, or the process ends
 */
apr_status_t apikey_queue_run(apikey_queue_t *queue, void *server,
                              apikey_task_fn work, void *task,
                              apr_size_t size, apr_pool_t *pool,
                              const char **error);

/**
 * Runs a task on the caller's thread, for a database that cannot block; waits
 * for a connection until the deadline if all are in use.
 */
apr_status_t apikey_queue_run_inline(apikey_queue_t *queue, void *server,
                                     apikey_task_fn work, void *task,
                                     apr_pool_t *pool, const char **error);

/**
 * Called on the thread that ran a posted task, when it has ended.
 * @param task the posted one, or its copy; NULL with APR_TIMEUP
 */
typedef void (*apikey_done_fn)(void *baton, void *task, apr_status_t status,
                               const char *error);

/** A task to be posted; the structure is copied. */
typedef struct apikey_post_t {
    void *server;
    apikey_task_fn work;
    void *task;
    apr_size_t size;            /**< 0: the task is not copied */
    apikey_done_fn on_done;
    void *baton;                /**< on_done's */
    apr_interval_time_t timeout; /**< 0: on_done is called when the
                                  * task ends; else at the latest after this,
                                  * with APR_TIMEUP, by apikey_threads_tick(),
                                  * and the result is not used */
} apikey_post_t;

/**
 * Has a task run later, and does not wait.  If the process ends before the
 * task was started, on_done is not called.
 * @return other than APR_SUCCESS: it will not run (the breaker is open, the
 *         process ends, or there is no memory), and on_done is not called
 */
apr_status_t apikey_queue_post(apikey_queue_t *queue,
                               const apikey_post_t *post);

/** Abandons tasks that take too long, and has unused connections closed.  To
 * be called regularly, by one thread. */
void apikey_threads_tick(apikey_threads_t *threads);

/** Whether the breaker is open: three timeouts in a row. */
int apikey_queue_breaker_is_open(apikey_queue_t *queue);

/** Whether the process ends: no task is started any more. */
int apikey_threads_are_ending(const apikey_threads_t *threads);

/** Whether a thread may still run; takes no lock. */
int apikey_threads_exist(const apikey_threads_t *threads);

/** Whether the lock can be taken within @a patience.  A cleanup asks this
 * first, because prefork's may run in a signal handler that has interrupted
 * the holder of the lock (apikey_mutex_lock_within()). */
int apikey_threads_are_usable(apikey_threads_t *threads,
                              apr_interval_time_t patience);

#endif
