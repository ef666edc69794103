/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file threads.h
 * @brief Threads that ask databases, so that a database that does not answer
 *        holds none of httpd's.
 *
 * apikey_threads_t is the database threads of one child process; a queue is
 * what is asked of one database, with its connections.  The threads serve all
 * queues in turn.  A
 * thread is started when there is work for it and ends when it had none for
 * some seconds; a connection is kept by its queue, and closed when it was not
 * used for some seconds.
 *
 * Whoever asks waits to a deadline and then goes away; the answer, should it
 * come, is thrown away.  A thread that hangs in the database beyond that is
 * given up: another takes its place, with another connection, so that a
 * database whose established connections are silent and whose new ones work is
 * asked again at once.  The number of those that are given up is bounded.
 *
 * The breaker of a queue: after three deadlines in a row nobody waits any more,
 * but one look-up each half second tries whether the database is back, and
 * another as soon as one that hung has ended.  Errors that come at once open
 * nothing: each asker asks the database, and the first one after it is back has
 * its answer.
 *
 * All times are of apikey_clock().  APR only.
 */
#ifndef APIKEY_THREADS_H
#define APIKEY_THREADS_H

#include <apr_pools.h>

#include "../store/connection.h"

/** Seconds after which a thread without work ends, and a connection that was
 * not used is closed: longer than from one batch of uses to the next. */
#define APIKEY_CREW_IDLE 15

typedef struct apikey_threads_t apikey_threads_t;
typedef struct apikey_queue_t apikey_queue_t;

/**
 * What is done with a connection.
 * @param task the asker's, or a copy of it
 * @param pool for what goes back to the asker, and the error
 */
typedef apr_status_t (*apikey_task_fn)(apikey_store_t *store, void *task,
                                       apr_pool_t *pool, const char **error);

/**
 * Does it, with a connection.
 * @param baton the queue's
 * @param who   the asker's, valid for the child's life (a server_rec)
 * @param held  the connection, which the queue keeps from task to task; NULL:
 *              there is none yet, and where it is NULL again afterwards there
 *              is none any more
 */
typedef apr_status_t (*apikey_run_fn)(void *baton, void *who,
                                      void **held, apikey_task_fn work,
                                      void *task, apr_pool_t *pool,
                                      const char **error);

/** Closes what was held. */
typedef void (*apikey_disconnect_fn)(void *held);

/** The process ends, and so many threads still hang in this queue's
 * database. */
typedef void (*apikey_blocked_fn)(void *baton, int threads);

/**
 * Makes the object; no thread is started yet.  Before @a pool goes, its threads
 * end; one that hangs in a database then is left behind.
 * @param most how many work at once
 */
apr_status_t apikey_threads_create(apikey_threads_t **threads, int most,
                                   apr_pool_t *pool);

/**
 * Adds a queue.
 * @param connections the most that are open, and so the most that are asked at
 *                    once, given up ones aside
 * @param deadline    of an asker
 * @param leave       NULL: nothing is ever held
 * @param hung        NULL: nothing is to be done about it
 */
apr_status_t apikey_queue_create(apikey_queue_t **queue,
                                 apikey_threads_t *threads, int connections,
                                 apr_interval_time_t deadline,
                                 apikey_run_fn connected,
                                 apikey_disconnect_fn leave,
                                 apikey_blocked_fn hung, void *baton);

/**
 * Asks and waits, for at most the deadline.  Any thread may call.
 * @param task  of @a size bytes: copied, and copied back with the answer
 * @param error lives in @a pool or as long as it, as what the task made does
 * @return what @a work returned, or APR_TIMEUP: no answer in time, or none to
 *         be expected (the breaker is open, the process ends)
 */
apr_status_t apikey_queue_run(apikey_queue_t *queue, void *who,
                              apikey_task_fn work, void *task,
                              apr_size_t size, apr_pool_t *pool,
                              const char **error);

/**
 * The same on the caller's own thread, for a database that always answers at
 * once; it waits for a connection where all are in use.
 */
apr_status_t apikey_queue_run_inline(apikey_queue_t *queue, void *who,
                                     apikey_task_fn work, void *task,
                                     apr_pool_t *pool, const char **error);

/**
 * Called on the worker's thread: how it ended.
 * @param task as it was posted, or the copy; NULL with APR_TIMEUP
 */
typedef void (*apikey_done_fn)(void *baton, void *task, apr_status_t status,
                               const char *error);

/** What is posted; copied. */
typedef struct apikey_post_t {
    void *who;
    apikey_task_fn work;
    void *task;
    apr_size_t size;            /**< 0: the task is not copied */
    apikey_done_fn told;
    void *baton;                /**< told's */
    apr_interval_time_t timeout;        /**< 0: told waits for the end; else
                                 * it is called with APR_TIMEUP after that,
                                 * and the answer is thrown away */
} apikey_post_t;

/**
 * Has it done some time, and does not wait.  Where the process ends before it
 * was begun, told is not called.
 * @return anything but APR_SUCCESS: it is not done (the breaker is open)
 */
apr_status_t apikey_queue_post(apikey_queue_t *queue,
                               const apikey_post_t *post);

/** To be called every now and then, by one thread: gives up what was posted
 * and hangs, and closes connections that are not used. */
void apikey_threads_tick(apikey_threads_t *threads);

/** Whether the breaker is open. */
int apikey_queue_breaker_is_open(apikey_queue_t *queue);

/** Whether the process has begun to end: nothing more is begun. */
int apikey_threads_are_ending(const apikey_threads_t *threads);

/** Whether one of its threads may still run; it needs no lock. */
int apikey_threads_exist(const apikey_threads_t *threads);

/** Whether the lock of the threads can be had: what a cleanup asks first (see
 * apikey_mutex_lock_within()). */
int apikey_threads_are_usable(apikey_threads_t *threads,
                              apr_interval_time_t patience);

#endif
