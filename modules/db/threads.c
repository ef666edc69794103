/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The database threads of a process; see threads.h and the lock rule of
 * threads_private.h.
 *
 * apr_thread_pool is not used because it joins all of its threads when its
 * pool is destroyed: a child process whose database is frozen would not end.
 *
 * Static functions are called with the lock held unless they say otherwise. */

#include "threads_private.h"

#define IDLE_TIMEOUT apr_time_from_sec(APIKEY_THREADS_IDLE)
#define POST_TIMEOUT apr_time_from_sec(10)  /* of a post without a timeout:
                                             * then its thread is abandoned */
#define END_TIMEOUT apr_time_from_msec(1000)    /* how long the end of the
                                                 * process waits for threads */
#define LOCK_TIMEOUT apr_time_from_msec(200)    /* and for the lock */
#define ABANDON_MAX_ALL 256     /* threads of all queues: they cost memory */

/* Without the lock: joins a thread that has nothing left to do but to return.
 * NULL: none. */
static void join_thread(apikey_thread_t *ended)
{
    apikey_threads_t *threads;
    apr_status_t status;

    if (ended) {
        threads = ended->threads;
        apr_thread_join(&status, ended->thread);
        apr_pool_destroy(ended->pool);
        apr_atomic_dec32(&threads->alive);
    }
}

/* Blocks this thread for ever if the process is ending and has stopped waiting
 * for its threads: what the thread would use may have been destroyed. */
static void wait_if_halted(apikey_threads_t *threads)
{
    while (threads->halted) {
        apikey_cond_wait(threads->wakeup, threads->lock, 0);
    }
}

/* The queues take turns, so that a long queue does not hold up the others.
 * NULL: no job can be started. */
static apikey_job_t *next_job(apikey_threads_t *threads)
{
    apikey_queue_t *queue = threads->next_queue;
    apikey_job_t *job;

    if (!threads->runnable) {
        return NULL;
    }
    while (!queue->runnable) {
        queue = queue->next;
    }
    threads->next_queue = queue->next;
    job = queue->first;
    apikey_queue_remove_job(job);
    return job;
}

/* The queues are a ring, which begins at next_queue; NULL after the last. */
static apikey_queue_t *queue_after(const apikey_threads_t *threads,
                                   const apikey_queue_t *queue)
{
    return queue->next == threads->next_queue ? NULL : queue->next;
}

/* The queue of a connection that was unused for the idle timeout; NULL:
 * none. */
static apikey_queue_t *queue_with_unused(const apikey_threads_t *threads)
{
    apikey_queue_t *queue = threads->next_queue;
    apr_time_t now = apikey_clock();

    while (queue && (!queue->idle_count || now - queue->idle_since[0]
                                           < threads->idle_timeout)) {
        queue = queue_after(threads, queue);
    }
    return queue;
}

/* Another thread is allowed so that other queues are served, another connection
 * so that this queue is. */
void apikey_job_abandon(apikey_job_t *job)
{
    apikey_queue_t *queue = job->queue;
    apikey_threads_t *threads = queue->threads;
    apr_time_t now = apikey_clock();

    if (!job->thread_abandoned && threads->abandoned < threads->abandon_max) {
        job->thread_abandoned = 1;
        threads->abandoned++;
        threads->running--;
    }
    if (!job->connection_abandoned
        && (queue->abandoned < ABANDON_AT_ONCE
            || (queue->abandoned < ABANDON_MAX
                && now - queue->abandoned_at >= ABANDON_INTERVAL))) {
        job->connection_abandoned = 1;
        apikey_queue_expire_idle(queue);
        queue->abandoned++;
        queue->abandoned_at = now;
        queue->running--;
        apikey_queue_update_runnable(queue);
    }
    if (threads->runnable) {
        apikey_threads_wake(threads, threads->runnable);
    }
}

/* Runs a job, without the lock meanwhile.  1: this thread was abandoned, and
 * has to end. */
static int run_job(apikey_job_t *job)
{
    apikey_queue_t *queue = job->queue;
    apikey_threads_t *threads = queue->threads;
    void *connection = apikey_queue_take_connection(queue);
    apikey_done_fn on_done;
    int abandoned;

    job->started = 1;
    job->since = apikey_clock();
    job->next = threads->active;
    threads->active = job;
    apikey_mutex_unlock(threads->lock);
    job->status = queue->run(queue->baton, job->server, &connection, job->work,
                             job->task, job->pool, &job->error);
    apikey_mutex_lock(threads->lock);
    wait_if_halted(threads);
    on_done = job->on_done;
    job->on_done = NULL;
    if (on_done) {
        apikey_mutex_unlock(threads->lock);
        on_done(job->baton, job->task, job->status, job->error);
        apikey_mutex_lock(threads->lock);
        wait_if_halted(threads);
    }
    apikey_job_unlink(&threads->active, job);
    abandoned = job->thread_abandoned;
    apikey_breaker_job_ended(queue, job->status, job->since);
    connection = apikey_queue_return_connection(queue, connection,
                                                job->connection_abandoned);
    job->done = 1;
    if (job->detached) {
        apr_pool_destroy(job->pool);
    }
    else {
        apikey_cond_signal(job->finished);
    }
    apikey_queue_disconnect(queue, connection);
    return abandoned;
}

static void *APR_THREAD_FUNC thread_main(apr_thread_t *thread, void *data)
{
    apikey_thread_t *self = data, *before;
    apikey_threads_t *threads = self->threads;
    int abandoned = 0, in_time = 1;

    (void)thread;
    /* Signals are handled by the MPM's threads. */
    apr_setup_signal_thread();
    apikey_mutex_lock(threads->lock);
    threads->starting--;
    while (!abandoned && !apikey_threads_are_ending(threads)) {
        apikey_job_t *job = next_job(threads);
        apikey_queue_t *queue = job ? NULL : queue_with_unused(threads);

        if (job) {
            abandoned = run_job(job);
            in_time = 1;
        }
        else if (queue) {
            apikey_queue_disconnect(queue, apikey_queue_remove_oldest(queue));
        }
        else if (!in_time) {
            break;
        }
        else {
            threads->idle++;
            in_time = apikey_cond_wait(threads->wakeup, threads->lock,
                                       apikey_clock()
                                       + threads->idle_timeout);
            threads->idle--;
        }
    }
    if (abandoned) {
        threads->abandoned--;
    }
    else {
        threads->running--;
    }
    wait_if_halted(threads);
    /* Each thread joins the one that ended before it; end_threads() joins the
     * last one. */
    before = threads->ended;
    threads->ended = self;
    apikey_cond_signal(threads->thread_ended);
    apikey_mutex_unlock(threads->lock);
    join_thread(before);
    return NULL;
}

void apikey_threads_wake(apikey_threads_t *threads, int wanted)
{
    apikey_thread_t *self;
    apr_pool_t *pool;

    if (threads->idle) {
        apikey_cond_signal(threads->wakeup);
    }
    if (wanted <= threads->idle + threads->starting
        || threads->running >= threads->max
        || apikey_threads_are_ending(threads)) {
        return;
    }
    /* A pool without a parent: a blocked thread keeps it to the end. */
    if (apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return;
    }
    self = apr_palloc(pool, sizeof(*self));
    self->threads = threads;
    self->pool = pool;
    if (apr_thread_create(&self->thread, NULL, thread_main, self, pool)
            != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return;
    }
    apr_atomic_inc32(&threads->alive);
    threads->running++;
    threads->starting++;
}

/* The first posted job that has passed its timeout, whether it is started or
 * still queued; NULL: none.  Abandons other jobs that have passed theirs. */
static apikey_job_t *find_overdue_post(apikey_threads_t *threads,
                                       apr_time_t now)
{
    apikey_queue_t *queue;
    apikey_job_t *job;

    for (job = threads->active; job; job = job->next) {
        if (job->on_done && job->timeout && now - job->since > job->timeout) {
            return job;
        }
        if (job->detached && now - job->since
                              > (job->posted ? POST_TIMEOUT
                                             : job->queue->deadline)) {
            apikey_job_abandon(job);
        }
    }
    for (queue = threads->next_queue; queue;
         queue = queue_after(threads, queue)) {
        for (job = queue->first; job; job = job->next) {
            if (job->on_done && job->timeout
                && now - job->since > job->timeout) {
                return job;
            }
        }
    }
    return NULL;
}

void apikey_threads_tick(apikey_threads_t *threads)
{
    apr_time_t now = apikey_clock();
    apikey_job_t *job;

    apikey_mutex_lock(threads->lock);
    while ((job = find_overdue_post(threads, now)) != NULL) {
        apikey_done_fn on_done = job->on_done;
        void *baton = job->baton;

        job->on_done = NULL;
        /* A task that runs for long is no sign that look-ups would time out;
         * one that found no connection for as long is. */
        if (job->started) {
            apikey_job_abandon(job);
        }
        else {
            apikey_breaker_timed_out(job->queue);
            apikey_queue_remove_job(job);
            apr_pool_destroy(job->pool);
        }
        apikey_mutex_unlock(threads->lock);
        on_done(baton, NULL, APR_TIMEUP,
                "the database has not answered in time");
        apikey_mutex_lock(threads->lock);
    }
    if (queue_with_unused(threads)) {
        apikey_threads_wake(threads, threads->runnable + 1);
    }
    apikey_mutex_unlock(threads->lock);
}

/* ---- Creation and end ---- */

static void disconnect_idle(apikey_threads_t *threads)
{
    apikey_queue_t *queue;

    for (queue = threads->next_queue; queue;
         queue = queue_after(threads, queue)) {
        while (queue->idle_count) {
            apikey_queue_disconnect(queue, apikey_queue_remove_oldest(queue));
        }
    }
}

static void report_blocked(const apikey_threads_t *threads)
{
    apikey_queue_t *queue;

    for (queue = threads->next_queue; queue;
         queue = queue_after(threads, queue)) {
        if (queue->on_blocked && queue->running + queue->abandoned > 0) {
            queue->on_blocked(queue->baton, queue->running + queue->abandoned);
        }
    }
}

/* Pool cleanup: waits for the threads to end; one that is blocked in a database
 * is halted, and stays until the process ends.  If the lock cannot be taken,
 * prefork's signal handler has interrupted its holder, and the process ends
 * without this. */
static apr_status_t end_threads(void *data)
{
    apikey_threads_t *threads = data;
    apr_time_t end = apikey_clock() + END_TIMEOUT;
    apikey_thread_t *last;

    apr_atomic_set32(&threads->ending, 1);
    if (!apikey_mutex_lock_within(threads->lock, LOCK_TIMEOUT)) {
        report_blocked(threads);
        return APR_SUCCESS;
    }
    apikey_cond_broadcast(threads->wakeup);
    while (threads->running + threads->abandoned > 0
           && apikey_cond_wait(threads->thread_ended, threads->lock, end)) {
    }
    threads->halted = threads->running + threads->abandoned > 0;
    disconnect_idle(threads);
    report_blocked(threads);
    last = threads->ended;
    threads->ended = NULL;
    apikey_mutex_unlock(threads->lock);
    join_thread(last);
    return APR_SUCCESS;
}

apr_status_t apikey_threads_create(apikey_threads_t **out, int max,
                                   apr_pool_t *pool)
{
    apikey_threads_t *threads;
    apr_pool_t *own;
    apr_status_t status;

    *out = NULL;
    /* Never destroyed: a halted thread still uses it. */
    status = apr_pool_create(&own, NULL);
    if (status != APR_SUCCESS) {
        return status;
    }
    threads = apr_pcalloc(own, sizeof(*threads));
    threads->pool = own;
    threads->max = max;
    threads->abandon_max = ABANDON_MAX_ALL;
    threads->idle_timeout = IDLE_TIMEOUT;
    threads->lock = apikey_mutex_create(own);
    threads->wakeup = apikey_cond_create(own);
    threads->thread_ended = apikey_cond_create(own);
    if (!threads->lock || !threads->wakeup || !threads->thread_ended) {
        return APR_ENOMEM;
    }
    apr_pool_pre_cleanup_register(pool, threads, end_threads);
    *out = threads;
    return APR_SUCCESS;
}

int apikey_threads_are_ending(const apikey_threads_t *threads)
{
    return apr_atomic_read32((volatile apr_uint32_t *)&threads->ending) != 0;
}

int apikey_threads_exist(const apikey_threads_t *threads)
{
    return apr_atomic_read32((volatile apr_uint32_t *)&threads->alive) != 0;
}

int apikey_threads_are_usable(apikey_threads_t *threads,
                              apr_interval_time_t patience)
{
    int usable = apikey_mutex_lock_within(threads->lock, patience);

    if (usable) {
        apikey_mutex_unlock(threads->lock);
    }
    return usable;
}
