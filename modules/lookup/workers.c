/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The threads of a crew; see workers.h for why.
 *
 * apr_thread_pool has most of it, but joins all of its threads when its pool
 * goes: a child process whose database is frozen could then never end.
 *
 * Unless "any" is said, functions are called with the lock held. */

#include <apr_atomic.h>

#include "workers_parts.h"

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
#define LOST_ALL 256            /* of a crew: threads cost memory */
#endif

static void *APR_THREAD_FUNC run_thread(apr_thread_t *thread, void *data);

void apikey_crew_call(apikey_crew_t *crew, int wanted)
{
    apikey_thread_t *self;
    apr_pool_t *pool;

    if (crew->idle) {
        apikey_cond_signal(crew->work);
    }
    if (wanted <= crew->idle + crew->starting
        || crew->threads >= crew->threads_max || apikey_crew_is_ending(crew)) {
        return;
    }
    /* Of its own, for a thread that hangs must keep it. */
    if (apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return;
    }
    self = apr_palloc(pool, sizeof(*self));
    self->crew = crew;
    self->pool = pool;
    if (apr_thread_create(&self->thread, NULL, run_thread, self, pool)
            != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return;
    }
    apr_atomic_inc32(&crew->alive);
    crew->threads++;
    crew->starting++;
}

/* Any, without the lock: waits for the little that the thread still does. */
static void join(apikey_thread_t *over)
{
    apikey_crew_t *crew;
    apr_status_t status;

    if (over) {
        crew = over->crew;
        apr_thread_join(&status, over->thread);
        apr_pool_destroy(over->pool);
        apr_atomic_dec32(&crew->alive);
    }
}

/* Where the process has begun to end without this thread, it must touch nothing
 * any more: what it would call may be gone. */
static void stay_away(apikey_crew_t *crew)
{
    while (crew->left) {
        apikey_cond_wait(crew->work, crew->lock, 0);
    }
}

/* The queues take turns, so that none waits for another's long list. */
static apikey_job_t *next_job(apikey_crew_t *crew)
{
    apikey_queue_t *queue = crew->turn;
    apikey_job_t *job;

    if (!crew->runnable) {
        return NULL;
    }
    while (!queue->runnable) {
        queue = queue->next;
    }
    crew->turn = queue->next;
    job = queue->first;
    apikey_queue_remove(job);
    return job;
}

/* The queue of a connection that was not used for long; NULL: there is none. */
static apikey_queue_t *unused(const apikey_crew_t *crew)
{
    apikey_queue_t *queue = crew->turn;
    apr_time_t now = apikey_clock();

    if (!queue) {
        return NULL;
    }
    do {
        if (queue->idle_count && now - queue->used[0] >= IDLE) {
            return queue;
        }
        queue = queue->next;
    } while (queue != crew->turn);
    return NULL;
}

/* The thread is replaced so that other queues have theirs, the connection so
 * that this one has; both within their bounds. */
void apikey_job_give_up(apikey_job_t *job)
{
    apikey_queue_t *queue = job->queue;
    apikey_crew_t *crew = queue->crew;
    apr_time_t now = apikey_clock();

    if (!job->lost && crew->lost < LOST_ALL) {
        job->lost = 1;
        crew->lost++;
        crew->threads--;
    }
    if (!job->replaced
        && (queue->lost < LOST || (queue->lost < LOST_MOST
                                   && now - queue->lost_at >= LOST_EACH))) {
        job->replaced = 1;
        apikey_queue_suspect(queue);
        queue->lost++;
        queue->lost_at = now;
        queue->running--;
        apikey_queue_count(queue);
    }
    if (crew->runnable) {
        apikey_crew_call(crew, crew->runnable);
    }
}

/* With the lock held, as it is again when this returns; 1: this thread has
 * been given up meanwhile. */
static int do_job(apikey_job_t *job)
{
    apikey_queue_t *queue = job->queue;
    apikey_crew_t *crew = queue->crew;
    void *held = apikey_queue_begin_use(queue);
    apikey_told_fn told;
    int lost;

    job->taken = 1;
    job->since = apikey_clock();
    job->next = crew->busy;
    crew->busy = job;
    apikey_mutex_unlock(crew->lock);
    job->status = queue->connected(queue->baton, job->who, &held, job->work,
                                   job->task, job->pool, &job->error);
    apikey_mutex_lock(crew->lock);
    stay_away(crew);
    told = job->told;
    job->told = NULL;
    if (told) {
        apikey_mutex_unlock(crew->lock);
        told(job->baton, job->task, job->status, job->error);
        apikey_mutex_lock(crew->lock);
        stay_away(crew);
    }
    apikey_job_unlink(&crew->busy, job);
    lost = job->lost;
    apikey_queue_note_end(queue, job->status, job->since);
    held = apikey_queue_end_use(queue, held, job->replaced);
    job->done = 1;
    if (job->abandoned) {
        apr_pool_destroy(job->pool);
    }
    else {
        apikey_cond_signal(job->answered);
    }
    apikey_queue_close(queue, held);
    return lost;
}

static void *APR_THREAD_FUNC run_thread(apr_thread_t *thread, void *data)
{
    apikey_thread_t *self = data, *before;
    apikey_crew_t *crew = self->crew;
    int lost = 0, in_time = 1;

    (void)thread;
    /* Signals are for the thread that started the process. */
    apr_setup_signal_thread();
    apikey_mutex_lock(crew->lock);
    crew->starting--;
    while (!lost && !apikey_crew_is_ending(crew)) {
        apikey_job_t *job = next_job(crew);
        apikey_queue_t *queue = job ? NULL : unused(crew);

        if (job) {
            lost = do_job(job);
            in_time = 1;
        }
        else if (queue) {
            apikey_queue_close(queue, apikey_queue_oldest(queue));
        }
        else if (!in_time) {
            break;
        }
        else {
            crew->idle++;
            in_time = apikey_cond_wait(crew->work, crew->lock,
                                       apikey_clock() + IDLE);
            crew->idle--;
        }
    }
    if (lost) {
        crew->lost--;
    }
    else {
        crew->threads--;
    }
    stay_away(crew);
    /* Each joins the one before it; the crew, at its end, the last. */
    before = crew->over;
    crew->over = self;
    apikey_cond_signal(crew->gone);
    apikey_mutex_unlock(crew->lock);
    join(before);
    return NULL;
}

/* Any: the first post of a job that nothing is heard of is found, and is
 * taken out of where it is; NULL: there is none. */
static apikey_job_t *overdue(apikey_crew_t *crew, apr_time_t now)
{
    apikey_queue_t *queue = crew->turn;
    apikey_job_t *job;

    for (job = crew->busy; job; job = job->next) {
        if (job->told && job->patience && now - job->since > job->patience) {
            return job;
        }
        if (job->abandoned && now - job->since
                              > (job->posted ? HANGS
                                             : job->queue->deadline)) {
            apikey_job_give_up(job);
        }
    }
    do {
        for (job = queue->first; job; job = job->next) {
            if (job->told && job->patience
                && now - job->since > job->patience) {
                return job;
            }
        }
        queue = queue->next;
    } while (queue != crew->turn);
    return NULL;
}

void apikey_crew_tick(apikey_crew_t *crew)
{
    apr_time_t now = apikey_clock();
    apikey_job_t *job;

    apikey_mutex_lock(crew->lock);
    while (crew->turn && (job = overdue(crew, now)) != NULL) {
        apikey_told_fn told = job->told;
        void *baton = job->baton;

        job->told = NULL;
        /* What takes long says nothing of look-ups; what was not even begun
         * does. */
        if (job->taken) {
            apikey_job_give_up(job);
        }
        else {
            apikey_queue_note_silence(job->queue);
            apikey_queue_remove(job);
            apr_pool_destroy(job->pool);
        }
        apikey_mutex_unlock(crew->lock);
        told(baton, NULL, APR_TIMEUP, "the database has not answered in time");
        apikey_mutex_lock(crew->lock);
    }
    if (unused(crew)) {
        apikey_crew_call(crew, crew->runnable + 1);
    }
    apikey_mutex_unlock(crew->lock);
}

/* ---- The crew ---- */

static void close_idle(apikey_crew_t *crew)
{
    apikey_queue_t *queue = crew->turn;

    if (!queue) {
        return;
    }
    do {
        while (queue->idle_count) {
            apikey_queue_close(queue, apikey_queue_oldest(queue));
        }
        queue = queue->next;
    } while (queue != crew->turn);
}

static void tell_hung(const apikey_crew_t *crew)
{
    apikey_queue_t *queue = crew->turn;

    if (!queue) {
        return;
    }
    do {
        if (queue->hung && queue->running + queue->lost > 0) {
            queue->hung(queue->baton, queue->running + queue->lost);
        }
        queue = queue->next;
    } while (queue != crew->turn);
}

/* The threads that answer in time end; one that hangs in the database is left
 * to the end of the process, with all that it holds. Where prefork's signal
 * handler has interrupted the holder of the lock, all is left to that. */
static apr_status_t dismiss(void *data)
{
    apikey_crew_t *crew = data;
    apr_time_t end = apikey_clock() + PATIENCE;
    apikey_thread_t *last;

    apr_atomic_set32(&crew->ending, 1);
    if (!apikey_mutex_lock_within(crew->lock, PATIENCE_LOCK)) {
        tell_hung(crew);
        return APR_SUCCESS;
    }
    apikey_cond_broadcast(crew->work);
    while (crew->threads + crew->lost > 0
           && apikey_cond_wait(crew->gone, crew->lock, end)) {
    }
    crew->left = crew->threads + crew->lost > 0;
    close_idle(crew);
    tell_hung(crew);
    last = crew->over;
    crew->over = NULL;
    apikey_mutex_unlock(crew->lock);
    join(last);
    return APR_SUCCESS;
}

apr_status_t apikey_crew_make(apikey_crew_t **out, int threads,
                              apr_pool_t *pool)
{
    apikey_crew_t *crew;
    apr_pool_t *own;
    apr_status_t status;

    *out = NULL;
    /* Never destroyed: a thread that was left behind still looks into it. */
    status = apr_pool_create(&own, NULL);
    if (status != APR_SUCCESS) {
        return status;
    }
    crew = apr_pcalloc(own, sizeof(*crew));
    crew->pool = own;
    crew->threads_max = threads;
    crew->lock = apikey_mutex_make(own);
    crew->work = apikey_cond_make(own);
    crew->gone = apikey_cond_make(own);
    if (!crew->lock || !crew->work || !crew->gone) {
        return APR_ENOMEM;
    }
    apr_pool_pre_cleanup_register(pool, crew, dismiss);
    *out = crew;
    return APR_SUCCESS;
}

int apikey_crew_is_ending(const apikey_crew_t *crew)
{
    return apr_atomic_read32((volatile apr_uint32_t *)&crew->ending) != 0;
}

int apikey_crew_has_threads(const apikey_crew_t *crew)
{
    return apr_atomic_read32((volatile apr_uint32_t *)&crew->alive) != 0;
}

int apikey_crew_is_usable(apikey_crew_t *crew, apr_interval_time_t patience)
{
    int usable = apikey_mutex_lock_within(crew->lock, patience);

    if (usable) {
        apikey_mutex_unlock(crew->lock);
    }
    return usable;
}
