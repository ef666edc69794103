/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* How a caller has a task run: see threads.h. */

#include <apr_strings.h>

#include "threads_private.h"

static void add_job(apikey_job_t *job)
{
    apikey_queue_t *queue = job->queue;

    job->since = apikey_clock();
    *queue->last = job;
    queue->last = &job->next;
    queue->waiting++;
    apikey_queue_update_runnable(queue);
    apikey_threads_wake(queue->threads, queue->threads->runnable);
}

static apikey_job_t *make_job(apikey_queue_t *queue, void *who,
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
    job->who = who;
    job->work = work;
    job->task = apr_pmemdup(pool, task, size);
    job->status = APR_TIMEUP;
    return job;
}

/* The job is done, or is not the caller's any more. */
static int await_job(apikey_job_t *job)
{
    apikey_queue_t *queue = job->queue;
    apr_time_t end = apikey_clock() + queue->deadline;

    while (!job->done && apikey_cond_wait(job->answered, queue->threads->lock,
                                          end)) {
    }
    if (job->done) {
        return 1;
    }
    apikey_breaker_timed_out(queue);
    if (job->taken) {
        job->abandoned = 1;
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

apr_status_t apikey_queue_run(apikey_queue_t *queue, void *who,
                              apikey_task_fn work, void *task,
                              apr_size_t size, apr_pool_t *pool,
                              const char **error)
{
    apikey_job_t *job = make_job(queue, who, work, task, size);
    int ours = 1;

    if (job) {
        job->answered = apikey_cond_create(job->pool);
    }
    if (!job || !job->answered) {
        *error = "there is no memory for a look-up";
        return APR_ENOMEM;
    }
    *error = "the database has not answered, and is asked twice a second "
             "whether it is back";
    apikey_mutex_lock(queue->threads->lock);
    if (!apikey_threads_are_ending(queue->threads)
        && apikey_breaker_allows(queue)) {
        add_job(job);
        *error = apr_psprintf(pool, "the database has not answered within "
                              "%.1f seconds", (double)queue->deadline
                                              / APR_USEC_PER_SEC);
        ours = await_job(job);
    }
    apikey_mutex_unlock(queue->threads->lock);
    /* What was abandoned is the thread's, and may be gone already. */
    if (!ours) {
        return APR_TIMEUP;
    }
    /* What the task made and the error live in the job's pool. */
    apr_pool_cleanup_register(pool, job, destroy_job, apr_pool_cleanup_null);
    memcpy(task, job->task, size);
    if (job->error) {
        *error = job->error;
    }
    return job->status;
}

apr_status_t apikey_queue_run_inline(apikey_queue_t *queue, void *who,
                                     apikey_task_fn work, void *task,
                                     apr_pool_t *pool, const char **error)
{
    apikey_threads_t *threads = queue->threads;
    apr_time_t end = apikey_clock() + queue->deadline;
    apr_status_t status = APR_TIMEUP;
    void *held;

    *error = "all connections to the database are in use";
    apikey_mutex_lock(threads->lock);
    queue->here++;
    while (queue->running >= queue->connections
           && apikey_cond_wait(queue->freed, threads->lock, end)) {
    }
    queue->here--;
    if (queue->running < queue->connections
        && !apikey_threads_are_ending(threads)) {
        held = apikey_queue_take_connection(queue);
        apikey_mutex_unlock(threads->lock);
        status = queue->connected(queue->baton, who, &held, work, task, pool,
                                  error);
        apikey_mutex_lock(threads->lock);
        apikey_queue_disconnect(queue,
                                apikey_queue_return_connection(queue, held, 0));
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
    apikey_job_t *job = make_job(queue, post->who, post->work, post->task,
                          post->size);
    int queued;

    if (!job) {
        return APR_ENOMEM;
    }
    if (!post->size) {
        job->task = post->task;
    }
    job->told = post->told;
    job->baton = post->baton;
    job->timeout = post->timeout;
    job->posted = job->abandoned = 1;
    apikey_mutex_lock(queue->threads->lock);
    queued = !apikey_threads_are_ending(queue->threads)
          && apikey_breaker_allows(queue);
    if (queued) {
        add_job(job);
    }
    apikey_mutex_unlock(queue->threads->lock);
    if (!queued) {
        apr_pool_destroy(job->pool);
    }
    return queued ? APR_SUCCESS : APR_TIMEUP;
}
