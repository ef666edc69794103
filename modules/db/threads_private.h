/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file threads_private.h
 * @brief What threads.h consists of: submit.c (callers) calls threads.c
 *        (threads) and queue.c (jobs, connections and breaker of one
 *        database); threads.c calls queue.c.
 *
 * Lock rule: apikey_threads_t.lock guards all queues, jobs and connections of
 * the process.  The functions below are called with that lock held.  It is not
 * held while a task runs, while a connection is opened or closed, or while
 * on_done is called.
 */
#ifndef APIKEY_THREADS_PRIVATE_H
#define APIKEY_THREADS_PRIVATE_H

#include <apr_atomic.h>
#include <apr_thread_proc.h>

#include "../core/mutex.h"
#include "threads.h"

#define BREAKER_TRIPS 3                     /* timeouts in a row */

/* Abandoned connections of a queue: so many without a pause, then one per
 * interval, up to the maximum. */
#define ABANDON_AT_ONCE 8
#define ABANDON_INTERVAL apr_time_from_sec(10)
#define ABANDON_MAX 64

/* A task and its caller.  It may outlive the caller, so it has a pool of its
 * own: destroyed by the caller's pool, or by the thread if it is detached. */
typedef struct apikey_job_t {
    struct apikey_job_t *next;  /* in queue->first or threads->active */
    apikey_queue_t *queue;
    apr_pool_t *pool;
    void *server;
    apikey_task_fn work;
    void *task;
    apikey_done_fn on_done;     /* of a post; NULL once it was called */
    void *baton;
    apr_interval_time_t timeout;
    const char *error;
    apr_status_t status;
    apr_time_t since;           /* when it was queued; then, started */
    int posted;
    int started;                /* it is in threads->active */
    int done;
    int detached;               /* no caller waits: the thread destroys it */
    int thread_abandoned;
    int connection_abandoned;
    apikey_cond_t *finished;    /* signalled when done, unless detached */
} apikey_job_t;

struct apikey_queue_t {
    apikey_queue_t *next;       /* all queues of the process form a ring */
    apikey_threads_t *threads;
    apikey_run_fn run;
    apikey_disconnect_fn disconnect;
    apikey_blocked_fn on_blocked;
    void *baton;
    int connections;            /* at most */
    apr_interval_time_t deadline;
    /* Guarded by threads->lock: */
    apikey_job_t *first, **last;        /* jobs that are not started */
    int queued;                 /* how many these are */
    int running;                /* tasks, without abandoned ones */
    int runnable;               /* queued jobs that have a connection to use */
    int abandoned;              /* connections */
    apr_time_t abandoned_at;    /* the last one */
    int timeouts;               /* in a row, counted up to BREAKER_TRIPS */
    apr_time_t probed;          /* when the last probe was let through */
    int inline_callers;         /* waiting for connection_freed */
    apikey_cond_t *connection_freed;
    void **idle;                /* connections; the one used last is last */
    apr_time_t *idle_since;     /* of each; 0: to be closed, not used */
    int idle_count;
};

/* A thread, in a pool of its own. */
typedef struct apikey_thread_t {
    apikey_threads_t *threads;
    apr_pool_t *pool;
    apr_thread_t *thread;
} apikey_thread_t;

struct apikey_threads_t {
    apr_pool_t *pool;           /* never destroyed: a blocked thread uses it */
    volatile apr_uint32_t ending;
    volatile apr_uint32_t alive;        /* threads that are not joined */
    apr_interval_time_t idle_timeout;   /* of threads and connections */
    int max;                    /* threads that run at once */
    int abandon_max;            /* threads that are abandoned at once */
    apikey_mutex_t *lock;       /* guards what follows, and the queues */
    apikey_cond_t *wakeup;      /* there is work, or the process ends */
    apikey_cond_t *thread_ended;
    apikey_queue_t *next_queue; /* the one to be served next */
    apikey_job_t *active;       /* jobs that are started and not done */
    int runnable;               /* the sum over the queues */
    int running;                /* threads, without abandoned ones */
    int idle;                   /* threads that wait for wakeup */
    int starting;               /* threads that do not run yet */
    int abandoned;              /* threads */
    apikey_thread_t *ended;     /* the one to be joined next; or NULL */
    int halted;                 /* the process ends, and blocked threads must
                                 * touch nothing any more */
};

#define IS_ENDING(threads) (apr_atomic_read32(&(threads)->ending) != 0)

/* ---- queue.c ---- */

/** Whether the breaker lets this caller ask; counts it as the probe if the
 * breaker is open. */
int apikey_breaker_allows(apikey_queue_t *queue);

/** Reports to the breaker that a task has ended.
 * @param began when it was started */
void apikey_breaker_job_ended(apikey_queue_t *queue, apr_status_t status,
                              apr_time_t began);

/** Reports to the breaker that a job has passed its deadline. */
void apikey_breaker_timed_out(apikey_queue_t *queue);

/** Counts anew how many queued jobs could be started now. */
void apikey_queue_update_runnable(apikey_queue_t *queue);

/** Takes a job that is not started out of its queue. */
void apikey_queue_remove_job(apikey_job_t *job);

/** Takes a job out of a list. */
void apikey_job_unlink(apikey_job_t **first, apikey_job_t *job);

/** Counts a running task, and takes an idle connection for it; NULL: the task
 * makes a new one. */
void *apikey_queue_take_connection(apikey_queue_t *queue);

/**
 * Counts a task that has ended, and keeps its connection if it can be used
 * again.
 * @param abandoned the connection was abandoned meanwhile
 * @return a connection to be closed by apikey_queue_disconnect(), or NULL
 */
void *apikey_queue_return_connection(apikey_queue_t *queue, void *connection,
                                     int abandoned);

/** Marks all idle connections: they are closed instead of used. */
void apikey_queue_expire_idle(apikey_queue_t *queue);

/** Takes out the idle connection that was not used for longest; there is
 * one. */
void *apikey_queue_remove_oldest(apikey_queue_t *queue);

/** Closes a connection, unless it is NULL; gives the lock up meanwhile. */
void apikey_queue_disconnect(apikey_queue_t *queue, void *connection);

/* ---- threads.c ---- */

/** Abandons the thread and the connection of a started job, each within its
 * bound, so that others take their places. */
void apikey_job_abandon(apikey_job_t *job);

/** Wakes an idle thread, and starts one if fewer than @a wanted are idle or
 * starting and the maximum is not reached. */
void apikey_threads_wake(apikey_threads_t *threads, int wanted);

#endif
