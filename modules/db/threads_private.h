/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file threads_private.h
 * @brief What threads.c (threads) and queue.c (askers) share; theirs alone.
 *
 * All functions are called with the lock of the threads held.
 */
#ifndef APIKEY_THREADS_PRIVATE_H
#define APIKEY_THREADS_PRIVATE_H

#include <apr_atomic.h>
#include <apr_thread_proc.h>

#include "../core/mutex.h"
#include "threads.h"

/* A question. It may outlive its asker, so it has a pool of its own, which
 * goes with the last of the two that know it. */
typedef struct apikey_job_t {
    struct apikey_job_t *next; /* in the queue's list, or in threads->busy */
    apikey_queue_t *queue;
    apr_pool_t *pool;
    void *who;
    apikey_task_fn work;
    void *task;
    apikey_done_fn told;            /* of a post, until it has been called */
    void *baton;
    apr_interval_time_t timeout;
    const char *error;
    apr_status_t status;
    apr_time_t since;               /* when it was queued, then begun */
    int posted;
    int taken;                      /* a thread has it: in threads->busy */
    int done;
    int abandoned;                  /* the thread destroys it */
    int lost;                       /* its thread has been given up */
    int replaced;                   /* and its connection */
    apikey_cond_t *answered;
} apikey_job_t;

struct apikey_queue_t {
    apikey_queue_t *next;           /* of the threads, in a circle */
    apikey_threads_t *threads;
    apikey_run_fn connected;
    apikey_disconnect_fn leave;
    apikey_blocked_fn hung;
    void *baton;
    int connections;
    apr_interval_time_t deadline;
    /* Guarded by threads->lock: */
    apikey_job_t *first, **last;
    int waiting;                    /* jobs in the list */
    int running;                    /* jobs under way, given up ones aside */
    int runnable;                   /* of those in the list, now */
    int lost;                       /* connections that are given up */
    apr_time_t lost_at;
    int silent;                     /* deadlines in a row */
    apr_time_t probed;              /* when the breaker last let one through */
    int here;                       /* callers that wait for a connection */
    apikey_cond_t *freed;
    void **idle;                    /* connections, the longest unused first */
    apr_time_t *used;               /* when they last were; 0: long ago */
    int idle_count;
};

/* A thread that has ended but for its return, and is to be joined. */
typedef struct apikey_thread_t {
    apikey_threads_t *threads;
    apr_pool_t *pool;               /* what it lives in, itself included */
    apr_thread_t *thread;
} apikey_thread_t;

struct apikey_threads_t {
    apr_pool_t *pool;               /* never destroyed */
    volatile apr_uint32_t ending;
    volatile apr_uint32_t alive;    /* threads that are not joined */
    apikey_mutex_t *lock;            /* guards all that follows */
    apikey_cond_t *work;
    apikey_cond_t *gone;
    apikey_queue_t *turn;           /* the queue to be looked at next */
    apikey_job_t *busy;
    int runnable;
    int running, most;
    int idle;                       /* of threads: they wait for work */
    int starting;                   /* of threads: they do not run yet */
    int lost;                       /* threads that are given up, beside them */
    apikey_thread_t *over;          /* the last that has ended; NULL: none */
    int left;                       /* the process ends without those that
                                     * hang: they do nothing any more */
};

#define IS_ENDING(threads) (apr_atomic_read32(&(threads)->ending) != 0)

/** Whether the breaker lets a caller ask now; a probe is counted. */
int apikey_breaker_allows(apikey_queue_t *queue);

/** Counts anew how many of its jobs could be done at once. */
void apikey_queue_update_runnable(apikey_queue_t *queue);

/** Takes a job that was not begun out of its queue. */
void apikey_queue_remove_job(apikey_job_t *job);

/** A job has ended; the breaker. */
void apikey_breaker_job_ended(apikey_queue_t *queue, apr_status_t status,
                              apr_time_t began);

/** A job has passed its deadline; the breaker. */
void apikey_breaker_timed_out(apikey_queue_t *queue);

/** A connection to use, or NULL for a new one. */
void *apikey_queue_take_connection(apikey_queue_t *queue);

/** One connection is silent: those that are idle may be so, too, and are closed
 * instead of used. */
void apikey_queue_expire_idle(apikey_queue_t *queue);

/**
 * The connection was used.
 * @param lost it had been given up
 * @return what is to be closed (apikey_queue_disconnect()), or NULL
 */
void *apikey_queue_return_connection(apikey_queue_t *queue, void *held,
                                     int lost);

/** Takes out the connection that was not used for longest. */
void *apikey_queue_remove_oldest(apikey_queue_t *queue);

/** Closes a connection (NULL: none), without the lock for as long. */
void apikey_queue_disconnect(apikey_queue_t *queue, void *held);

void apikey_job_unlink(apikey_job_t **first, apikey_job_t *job);

/** The thread that does this job hangs: another takes its place, with another
 * connection unless too many of the queue's are given up already. */
void apikey_job_abandon(apikey_job_t *job);

/** Wakes a thread, or starts one if fewer than @a wanted are idle and there may
 * be more. */
void apikey_threads_wake(apikey_threads_t *threads, int wanted);

#endif
