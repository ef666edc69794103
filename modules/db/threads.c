/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The database threads of a process; threads.h says why there are any.
 *
 * apr_thread_pool has most of it, but joins all of its threads when its pool
 * goes: a child process whose database is frozen could then never end.
 *
 * Unless "any" is said, functions are called with the lock held. */

#include "threads_private.h"

#ifndef IDLE                                /* a test has its own */
#define IDLE apr_time_from_sec(APIKEY_CREW_IDLE)
#endif
#define HANGS apr_time_from_sec(10)         /* a post without patience */
#define PATIENCE apr_time_from_msec(1000)   /* at the end, for the threads */
#define PATIENCE_LOCK apr_time_from_msec(200)   /* and for the lock */

/* Connections of one queue that are given up: so many at once, then one more
 * in so long. */
#define LOST 8
#define LOST_EACH apr_time_from_sec(10)
#define LOST_MOST 64
#ifndef LOST_ALL
#define LOST_ALL 256            /* of all queues: threads cost memory */
#endif

static void *APR_THREAD_FUNC run_thread(apr_thread_t *thread, void *data);

void apikey_threads_wake(apikey_threads_t *threads, int wanted)
{
    apikey_thread_t *self;
    apr_pool_t *pool;

    if (threads->idle) {
        apikey_cond_signal(threads->work);
    }
    if (wanted <= threads->idle + threads->starting
        || threads->running >= threads->most
        || apikey_threads_are_ending(threads)) {
        return;
    }
    /* Of its own, for a thread that hangs must keep it. */
    if (apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return;
    }
    self = apr_palloc(pool, sizeof(*self));
    self->threads = threads;
    self->pool = pool;
    if (apr_thread_create(&self->thread, NULL, run_thread, self, pool)
            != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return;
    }
    apr_atomic_inc32(&threads->alive);
    threads->running++;
    threads->starting++;
}

/* Any, without the lock: waits for the little that the thread still does. */
static void join(apikey_thread_t *over)
{
    apikey_threads_t *threads;
    apr_status_t status;

    if (over) {
        threads = over->threads;
        apr_thread_join(&status, over->thread);
        apr_pool_destroy(over->pool);
        apr_atomic_dec32(&threads->alive);
    }
}

/* Where the process has begun to end without this thread, it must touch nothing
 * any more: what it would call may be gone. */
static void stay_away(apikey_threads_t *threads)
{
    while (threads->left) {
        apikey_cond_wait(threads->work, threads->lock, 0);
    }
}

/* The queues take turns, so that none waits for another's long list. */
static apikey_job_t *next_job(apikey_threads_t *threads)
{
    apikey_queue_t *queue = threads->turn;
    apikey_job_t *job;

    if (!threads->runnable) {
        return NULL;
    }
    while (!queue->runnable) {
        queue = queue->next;
    }
    threads->turn = queue->next;
    job = queue->first;
    apikey_queue_remove_job(job);
    return job;
}

/* The queue of a connection that was not used for long; NULL: there is none. */
static apikey_queue_t *unused(const apikey_threads_t *threads)
{
    apikey_queue_t *queue = threads->turn;
    apr_time_t now = apikey_clock();

    if (!queue) {
        return NULL;
    }
    do {
        if (queue->idle_count && now - queue->used[0] >= IDLE) {
            return queue;
        }
        queue = queue->next;
    } while (queue != threads->turn);
    return NULL;
}

/* The thread is replaced so that other queues have theirs, the connection so
 * that this one has; both within their bounds. */
void apikey_job_abandon(apikey_job_t *job)
{
    apikey_queue_t *queue = job->queue;
    apikey_threads_t *threads = queue->threads;
    apr_time_t now = apikey_clock();

    if (!job->lost && threads->lost < LOST_ALL) {
        job->lost = 1;
        threads->lost++;
        threads->running--;
    }
    if (!job->replaced
        && (queue->lost < LOST || (queue->lost < LOST_MOST
                                   && now - queue->lost_at >= LOST_EACH))) {
        job->replaced = 1;
        apikey_queue_expire_idle(queue);
        queue->lost++;
        queue->lost_at = now;
        queue->running--;
        apikey_queue_update_runnable(queue);
    }
    if (threads->runnable) {
        apikey_threads_wake(threads, threads->runnable);
    }
}

/* With the lock held, as it is again when this returns; 1: this thread has
 * been given up meanwhile. */
static int do_job(apikey_job_t *job)
{
    apikey_queue_t *queue = job->queue;
    apikey_threads_t *threads = queue->threads;
    void *held = apikey_queue_take_connection(queue);
    apikey_done_fn told;
    int lost;

    job->taken = 1;
    job->since = apikey_clock();
    job->next = threads->busy;
    threads->busy = job;
    apikey_mutex_unlock(threads->lock);
    job->status = queue->connected(queue->baton, job->who, &held, job->work,
                                   job->task, job->pool, &job->error);
    apikey_mutex_lock(threads->lock);
    stay_away(threads);
    told = job->told;
    job->told = NULL;
    if (told) {
        apikey_mutex_unlock(threads->lock);
        told(job->baton, job->task, job->status, job->error);
        apikey_mutex_lock(threads->lock);
        stay_away(threads);
    }
    apikey_job_unlink(&threads->busy, job);
    lost = job->lost;
    apikey_breaker_job_ended(queue, job->status, job->since);
    held = apikey_queue_return_connection(queue, held, job->replaced);
    job->done = 1;
    if (job->abandoned) {
        apr_pool_destroy(job->pool);
    }
    else {
        apikey_cond_signal(job->answered);
    }
    apikey_queue_disconnect(queue, held);
    return lost;
}

static void *APR_THREAD_FUNC run_thread(apr_thread_t *thread, void *data)
{
    apikey_thread_t *self = data, *before;
    apikey_threads_t *threads = self->threads;
    int lost = 0, in_time = 1;

    (void)thread;
    /* Signals are for the thread that started the process. */
    apr_setup_signal_thread();
    apikey_mutex_lock(threads->lock);
    threads->starting--;
    while (!lost && !apikey_threads_are_ending(threads)) {
        apikey_job_t *job = next_job(threads);
        apikey_queue_t *queue = job ? NULL : unused(threads);

        if (job) {
            lost = do_job(job);
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
            in_time = apikey_cond_wait(threads->work, threads->lock,
                                       apikey_clock() + IDLE);
            threads->idle--;
        }
    }
    if (lost) {
        threads->lost--;
    }
    else {
        threads->running--;
    }
    stay_away(threads);
    /* Each joins the one before it; the threads, at its end, the last. */
    before = threads->over;
    threads->over = self;
    apikey_cond_signal(threads->gone);
    apikey_mutex_unlock(threads->lock);
    join(before);
    return NULL;
}

/* Any: the first post of a job that nothing is heard of is found, and is
 * taken out of where it is; NULL: there is none. */
static apikey_job_t *overdue(apikey_threads_t *threads, apr_time_t now)
{
    apikey_queue_t *queue = threads->turn;
    apikey_job_t *job;

    for (job = threads->busy; job; job = job->next) {
        if (job->told && job->timeout && now - job->since > job->timeout) {
            return job;
        }
        if (job->abandoned && now - job->since
                              > (job->posted ? HANGS
                                             : job->queue->deadline)) {
            apikey_job_abandon(job);
        }
    }
    do {
        for (job = queue->first; job; job = job->next) {
            if (job->told && job->timeout
                && now - job->since > job->timeout) {
                return job;
            }
        }
        queue = queue->next;
    } while (queue != threads->turn);
    return NULL;
}

void apikey_threads_tick(apikey_threads_t *threads)
{
    apr_time_t now = apikey_clock();
    apikey_job_t *job;

    apikey_mutex_lock(threads->lock);
    while (threads->turn && (job = overdue(threads, now)) != NULL) {
        apikey_done_fn told = job->told;
        void *baton = job->baton;

        job->told = NULL;
        /* What takes long says nothing of look-ups; what was not even begun
         * does. */
        if (job->taken) {
            apikey_job_abandon(job);
        }
        else {
            apikey_breaker_timed_out(job->queue);
            apikey_queue_remove_job(job);
            apr_pool_destroy(job->pool);
        }
        apikey_mutex_unlock(threads->lock);
        told(baton, NULL, APR_TIMEUP, "the database has not answered in time");
        apikey_mutex_lock(threads->lock);
    }
    if (unused(threads)) {
        apikey_threads_wake(threads, threads->runnable + 1);
    }
    apikey_mutex_unlock(threads->lock);
}

/* ---- The threads ---- */

static void close_idle(apikey_threads_t *threads)
{
    apikey_queue_t *queue = threads->turn;

    if (!queue) {
        return;
    }
    do {
        while (queue->idle_count) {
            apikey_queue_disconnect(queue, apikey_queue_remove_oldest(queue));
        }
        queue = queue->next;
    } while (queue != threads->turn);
}

static void tell_hung(const apikey_threads_t *threads)
{
    apikey_queue_t *queue = threads->turn;

    if (!queue) {
        return;
    }
    do {
        if (queue->hung && queue->running + queue->lost > 0) {
            queue->hung(queue->baton, queue->running + queue->lost);
        }
        queue = queue->next;
    } while (queue != threads->turn);
}

/* The threads that answer in time end; one that hangs in the database is left
 * to the end of the process, with all that it holds. Where prefork's signal
 * handler has interrupted the holder of the lock, all is left to that. */
static apr_status_t dismiss(void *data)
{
    apikey_threads_t *threads = data;
    apr_time_t end = apikey_clock() + PATIENCE;
    apikey_thread_t *last;

    apr_atomic_set32(&threads->ending, 1);
    if (!apikey_mutex_lock_within(threads->lock, PATIENCE_LOCK)) {
        tell_hung(threads);
        return APR_SUCCESS;
    }
    apikey_cond_broadcast(threads->work);
    while (threads->running + threads->lost > 0
           && apikey_cond_wait(threads->gone, threads->lock, end)) {
    }
    threads->left = threads->running + threads->lost > 0;
    close_idle(threads);
    tell_hung(threads);
    last = threads->over;
    threads->over = NULL;
    apikey_mutex_unlock(threads->lock);
    join(last);
    return APR_SUCCESS;
}

apr_status_t apikey_threads_create(apikey_threads_t **out, int most,
                                   apr_pool_t *pool)
{
    apikey_threads_t *threads;
    apr_pool_t *own;
    apr_status_t status;

    *out = NULL;
    /* Never destroyed: a thread that was left behind still looks into it. */
    status = apr_pool_create(&own, NULL);
    if (status != APR_SUCCESS) {
        return status;
    }
    threads = apr_pcalloc(own, sizeof(*threads));
    threads->pool = own;
    threads->most = most;
    threads->lock = apikey_mutex_create(own);
    threads->work = apikey_cond_create(own);
    threads->gone = apikey_cond_create(own);
    if (!threads->lock || !threads->work || !threads->gone) {
        return APR_ENOMEM;
    }
    apr_pool_pre_cleanup_register(pool, threads, dismiss);
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
