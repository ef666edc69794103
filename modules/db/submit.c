/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* How a caller has a task run: on a thread while it waits, on its own thread,
 * or later.  See threads.h and the lock rule of threads_private.h. */

#include <apr_strings.h>

#include "threads_private.h"

/* With the lock held. */
static void queue_job(apikey_job_t *job)
{
    apikey_queue_t *queue = job->queue;

    job->since = apikey_clock();
    *queue->last = job;
    queue->last = &job->next;
    queue->queued++;
    apikey_queue_update_runnable(queue);
    apikey_threads_wake(queue->threads, queue->threads->runnable);
}

static apikey_job_t *make_job(apikey_queue_t *queue, void *server,
                              apikey_task_fn work, const void *task,
                              apr_size_t size)
{
    apr_pool_t *pool;
    apikey_job_t *job;

    if (apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return NULL;
    }
    job = apr_pcalloc(pool, sizeof(*job));
    job->pool = pool;
    job->queue = queue;
    job->server = server;
    job->work = work;
    job->task = apr_pmemdup(pool, task, size);
    job->status = APR_TIMEUP;
    return job;
}

/* With the lock held: waits for a queued job until the deadline.  0: the job
 * was abandoned, and belongs to its thread; it may not exist any more once the
 * lock is given up. */
static int await_job(apikey_job_t *job)
{
    apikey_queue_t *queue = job->queue;
    apr_time_t end = apikey_clock() + queue->deadline;

    while (!job->done && apikey_cond_wait(job->finished, queue->threads->lock,
                                          end)) {
    }
    if (job->done) {
        return 1;
    }
    apikey_breaker_timed_out(queue);
    if (job->started) {
        job->detached = 1;
        apikey_job_abandon(job);
        return 0;
    }
    apikey_queue_remove_job(job);
    return 1;
}

static apr_status_t destroy_job(void *data)
{
    sigset_t signals;

    apikey_signals_hold(&signals);
    apr_pool_destroy(((apikey_job_t *)data)->pool);
    apikey_signals_release(&signals);
    return APR_SUCCESS;
}

apr_status_t apikey_queue_run(apikey_queue_t *queue, void *server,
                              apikey_task_fn work, void *task,
                              apr_size_t size, apr_pool_t *pool,
                              const char **error)
{
    apikey_job_t *job = make_job(queue, server, work, task, size);
    int owned = 1;

    if (job) {
        job->finished = apikey_cond_create(job->pool);
    }
    if (!job || !job->finished) {
        *error = "there is no memory for a look-up";
        return APR_ENOMEM;
    }
    *error = "the database has not answered, and is asked twice a second "
             "whether it is back";
    apikey_mutex_lock(queue->threads->lock);
    if (!apikey_threads_are_ending(queue->threads)
        && apikey_breaker_allows(queue)) {
        queue_job(job);
        *error = apr_psprintf(pool, "the database has not answered within "
                              "%.1f seconds", (double)queue->deadline
                                              / APR_USEC_PER_SEC);
        owned = await_job(job);
    }
    apikey_mutex_unlock(queue->threads->lock);
    if (!owned) {
        return APR_TIMEUP;
    }
    /* The result and the error live in the job's pool, which goes with the
     * caller's. */
    apr_pool_cleanup_register(pool, job, destroy_job, apr_pool_cleanup_null);
    memcpy(task, job->task, size);
    if (job->error) {
        *error = job->error;
    }
    return job->status;
}

apr_status_t apikey_queue_run_inline(apikey_queue_t *queue, void *server,
                                     apikey_task_fn work, void *task,
                                     apr_pool_t *pool, const char **error)
{
    apikey_threads_t *threads = queue->threads;
    apr_time_t end = apikey_clock() + queue->deadline;
    apr_status_t status = APR_TIMEUP;
    void *connection;

    *error = "all connections to the database are in use";
    apikey_mutex_lock(threads->lock);
    queue->inline_callers++;
    while (queue->running >= queue->connections
           && apikey_cond_wait(queue->connection_freed, threads->lock, end)) {
    }
    queue->inline_callers--;
    if (queue->running < queue->connections
        && !apikey_threads_are_ending(threads)) {
        connection = apikey_queue_take_connection(queue);
        apikey_mutex_unlock(threads->lock);
        status = queue->run(queue->baton, server, &connection, work, task,
                            pool, error);
        apikey_mutex_lock(threads->lock);
        connection = apikey_queue_return_connection(queue, connection, 0);
        apikey_queue_disconnect(queue, connection);
        if (threads->runnable) {
            apikey_threads_wake(threads, threads->runnable);
        }
    }
    apikey_mutex_unlock(threads->lock);
    return status;
}

apr_status_t apikey_queue_post(apikey_queue_t *queue,
                               const apikey_post_t *post)
{
    apikey_job_t *job = make_job(queue, post->server, post->work, post->task,
                                 post->size);
    int queued;

    if (!job) {
        return APR_ENOMEM;
    }
    if (!post->size) {
        job->task = post->task;
    }
    job->on_done = post->on_done;
    job->baton = post->baton;
    job->timeout = post->timeout;
    job->posted = job->detached = 1;
    apikey_mutex_lock(queue->threads->lock);
    queued = !apikey_threads_are_ending(queue->threads)
             && apikey_breaker_allows(queue);
    if (queued) {
        queue_job(job);
    }
    apikey_mutex_unlock(queue->threads->lock);
    if (!queued) {
        apr_pool_destroy(job->pool);
    }
    return queued ? APR_SUCCESS : APR_TIMEUP;
}
