/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Look-ups on threads of their own; see workers.h for why.
 *
 * apr_thread_pool has most of it, but joins all of its threads when its pool
 * goes: a child process whose database is frozen could then never end. */

#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_thread_proc.h>
#include <apr_time.h>

#include "../store/store.h"
#include "workers.h"

#ifndef DEADLINE                            /* a test has its own */
#define DEADLINE apr_time_from_msec(1500)   /* a 503 within two seconds */
#endif
#define TRIP 3                              /* deadlines in a row that open */
#define PROBE apr_time_from_msec(500)       /* how often one may try, then */
#define AT_ONCE apr_time_from_msec(500)     /* an error that is an answer */
#define PATIENCE apr_time_from_msec(1000)   /* at the end, for the threads */

/* A question. It may outlive its asker, so it has a pool of its own, which
 * goes with the last of the two that know it. */
typedef struct job_t {
    struct job_t *next;
    apr_pool_t *pool;
    void *who;
    apikey_task_fn work;
    apikey_told_fn told;            /* NULL: the asker waits, or has gone */
    void *task;
    const char *error;
    apr_status_t status;
    int taken;                      /* a thread has it: not in the list */
    int done;
    int abandoned;
    apr_thread_cond_t *answered;
} job_t;

struct apikey_crew_t {
    apr_thread_mutex_t *mutex;      /* guards all that follows */
    apr_thread_cond_t *work;
    apr_thread_cond_t *gone;
    job_t *first, **last;
    int waiting;                    /* jobs in the list, each with an asker */
    int threads, idle, threads_max;
    int stopping;
    int silent;                     /* deadlines in a row */
    apr_time_t probed;              /* when the breaker last let one through */
    apikey_connected_fn connected;
    apikey_leave_fn leave;
    void *baton;
};

/* With the mutex held: a look-up ended. An error at once (nobody listens, the
 * server is starting) is an answer, too: whoever asks next may ask by himself,
 * so that the first one after the server is back is served. An error after a
 * long silence says that something has changed: somebody shall try now. */
static void ended(apikey_crew_t *crew, apr_status_t status, apr_time_t began)
{
    apr_interval_time_t took = apr_time_now() - began;

    if (status != APIKEY_EDATABASE || (took >= 0 && took < AT_ONCE)) {
        crew->silent = 0;
    }
    crew->probed = 0;
}

/* With the mutex held. */
static int breaker_lets(apikey_crew_t *crew)
{
    apr_time_t now = apr_time_now();

    if (crew->silent < TRIP) {
        return 1;
    }
    /* A clock set back must not keep it shut. */
    if (now >= crew->probed && now - crew->probed < PROBE) {
        return 0;
    }
    crew->probed = now;
    return 1;
}

static job_t *take_job(apikey_crew_t *crew)
{
    job_t *job = crew->first;

    crew->first = job->next;
    if (!crew->first) {
        crew->last = &crew->first;
    }
    crew->waiting--;
    job->taken = 1;
    return job;
}

/* With the mutex held: nobody waits for it any more. */
static void drop_job(apikey_crew_t *crew, job_t *job)
{
    job_t **at;

    for (at = &crew->first; *at != job; at = &(*at)->next) {
    }
    *at = job->next;
    if (!job->next) {
        crew->last = at;
    }
    crew->waiting--;
}

/* With the mutex held, as it is again when this returns. */
static void do_job(apikey_crew_t *crew, job_t *job, void **held)
{
    apr_time_t began = apr_time_now();

    apr_thread_mutex_unlock(crew->mutex);
    job->status = crew->connected(crew->baton, job->who, held, job->work,
                                  job->task, job->pool, &job->error);
    if (job->told) {
        job->told(job->task, job->status, job->error);
    }
    apr_thread_mutex_lock(crew->mutex);
    ended(crew, job->status, began);
    job->done = 1;
    if (job->abandoned) {
        apr_pool_destroy(job->pool);
    }
    else {
        apr_thread_cond_signal(job->answered);
    }
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *data)
{
    apikey_crew_t *crew = data;
    void *held = NULL;

    (void)thread;
    apr_thread_mutex_lock(crew->mutex);
    while (!crew->stopping) {
        if (crew->first) {
            do_job(crew, take_job(crew), &held);
        }
        else {
            crew->idle++;
            apr_thread_cond_wait(crew->work, crew->mutex);
            crew->idle--;
        }
    }
    apr_thread_mutex_unlock(crew->mutex);
    /* Its connection is closed before the process goes on to end. */
    if (held) {
        crew->leave(held);
    }
    apr_thread_mutex_lock(crew->mutex);
    crew->threads--;
    apr_thread_cond_signal(crew->gone);
    apr_thread_mutex_unlock(crew->mutex);
    return NULL;
}

/* With the mutex held: one more, if all are busy and there may be more. */
static void call_worker(apikey_crew_t *crew)
{
    apr_threadattr_t *attr;
    apr_thread_t *thread;
    apr_pool_t *pool;

    if (crew->idle >= crew->waiting || crew->threads >= crew->threads_max) {
        apr_thread_cond_signal(crew->work);
        return;
    }
    /* Of its own, for a thread that hangs must keep it. */
    if (apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return;
    }
    if (apr_threadattr_create(&attr, pool) != APR_SUCCESS
        || apr_threadattr_detach_set(attr, 1) != APR_SUCCESS
        || apr_thread_create(&thread, attr, run, crew, pool)
               != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return;
    }
    crew->threads++;
}

/* The threads that answer in time end; one that hangs in the database is left
 * to the end of the process, with all that it holds. */
static apr_status_t dismiss(void *data)
{
    apikey_crew_t *crew = data;
    apr_time_t end = apr_time_now() + PATIENCE;

    apr_thread_mutex_lock(crew->mutex);
    crew->stopping = 1;
    apr_thread_cond_broadcast(crew->work);
    while (crew->threads > 0) {
        apr_time_t left = end - apr_time_now();

        if (left <= 0 || apr_thread_cond_timedwait(crew->gone, crew->mutex,
                                                   left) != APR_SUCCESS) {
            break;
        }
    }
    apr_thread_mutex_unlock(crew->mutex);
    return APR_SUCCESS;
}

apr_status_t apikey_crew_make(apikey_crew_t **out, int threads,
                              apikey_connected_fn connected,
                              apikey_leave_fn leave, void *baton,
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
    crew->last = &crew->first;
    crew->threads_max = threads;
    crew->connected = connected;
    crew->leave = leave;
    crew->baton = baton;
    status = apr_thread_mutex_create(&crew->mutex, APR_THREAD_MUTEX_DEFAULT,
                                     own);
    if (status == APR_SUCCESS) {
        status = apr_thread_cond_create(&crew->work, own);
    }
    if (status == APR_SUCCESS) {
        status = apr_thread_cond_create(&crew->gone, own);
    }
    if (status == APR_SUCCESS) {
        apr_pool_pre_cleanup_register(pool, crew, dismiss);
        *out = crew;
    }
    return status;
}

static job_t *make_job(void *who, apikey_task_fn work)
{
    apr_pool_t *pool;
    job_t *job;

    if (apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return NULL;
    }
    job = apr_pcalloc(pool, sizeof(*job));
    job->pool = pool;
    job->who = who;
    job->work = work;
    if (apr_thread_cond_create(&job->answered, pool) != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return NULL;
    }
    return job;
}

/* With the mutex held. */
static void queue_job(apikey_crew_t *crew, job_t *job)
{
    *crew->last = job;
    crew->last = &job->next;
    crew->waiting++;
    call_worker(crew);
}

/* With the mutex held: the job is done, or is not ours any more. */
static int await(apikey_crew_t *crew, job_t *job)
{
    apr_time_t end = apr_time_now() + DEADLINE;

    while (!job->done) {
        apr_time_t left = end - apr_time_now();

        /* A clock set back must not make us wait for longer. */
        if (left <= 0 || left > DEADLINE
            || apr_thread_cond_timedwait(job->answered, crew->mutex, left)
                   == APR_TIMEUP) {
            break;
        }
    }
    if (job->done) {
        return 1;
    }
    if (crew->silent < TRIP) {
        crew->silent++;
    }
    if (job->taken) {
        job->abandoned = 1;
        return 0;
    }
    drop_job(crew, job);
    job->status = APR_TIMEUP;
    return 1;
}

static apr_status_t destroy_job(void *data)
{
    apr_pool_destroy(((job_t *)data)->pool);
    return APR_SUCCESS;
}

apr_status_t apikey_crew_ask(apikey_crew_t *crew, void *who,
                             apikey_task_fn work, void *task, apr_size_t size,
                             apr_pool_t *pool, const char **error)
{
    job_t *job = make_job(who, work);
    int ours = 1;

    if (!job) {
        *error = "there is no memory for a look-up";
        return APR_ENOMEM;
    }
    job->task = apr_pmemdup(job->pool, task, size);
    job->status = APR_TIMEUP;
    *error = "the database has not answered, and is asked twice a second "
             "whether it is back";
    apr_thread_mutex_lock(crew->mutex);
    if (!crew->stopping && breaker_lets(crew)) {
        queue_job(crew, job);
        *error = "the database has not answered within 1.5 seconds";
        ours = await(crew, job);
    }
    apr_thread_mutex_unlock(crew->mutex);
    /* What was abandoned is the worker's, and may be gone already. */
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

apr_status_t apikey_crew_post(apikey_crew_t *crew, void *who,
                              apikey_task_fn work, apikey_told_fn told,
                              void *task)
{
    job_t *job = make_job(who, work);
    int queued;

    if (!job) {
        return APR_ENOMEM;
    }
    job->task = task;
    job->told = told;
    job->abandoned = 1;
    apr_thread_mutex_lock(crew->mutex);
    queued = !crew->stopping && breaker_lets(crew);
    if (queued) {
        queue_job(crew, job);
    }
    apr_thread_mutex_unlock(crew->mutex);
    if (!queued) {
        apr_pool_destroy(job->pool);
    }
    return queued ? APR_SUCCESS : APR_TIMEUP;
}

int apikey_crew_is_silent(apikey_crew_t *crew)
{
    int silent;

    apr_thread_mutex_lock(crew->mutex);
    silent = crew->silent >= TRIP;
    apr_thread_mutex_unlock(crew->mutex);
    return silent;
}
