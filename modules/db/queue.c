/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* What is asked of one database: its jobs, connections and breaker; see
 * threads.h. */

#include "threads_private.h"

#define TRIP 3                              /* deadlines in a row that open */
#define PROBE apr_time_from_msec(500)       /* how often one may try, then */
#define SUSPECT 0                           /* not to be used any more */
#define AT_ONCE apr_time_from_msec(500)     /* an error that trips nothing */

/* ---- With the lock of the threads held ---- */

void apikey_queue_update_runnable(apikey_queue_t *queue)
{
    int room = queue->connections - queue->running;
    int runnable = queue->waiting < room ? queue->waiting : room;

    queue->threads->runnable += runnable - queue->runnable;
    queue->runnable = runnable;
}

/* A look-up ended. An error at once (no server listens, or it is starting) is
 * an answer, too: the next one asks again, so that the first one after the
 * server is back is served. An error after a long silence says that something
 * has changed: the next one tries now. */
void apikey_breaker_job_ended(apikey_queue_t *queue, apr_status_t status,
                     apr_time_t began)
{
    if (status != APIKEY_EDATABASE || apikey_clock() - began < AT_ONCE) {
        queue->silent = 0;
    }
    queue->probed = 0;
}

void apikey_breaker_timed_out(apikey_queue_t *queue)
{
    if (queue->silent < TRIP) {
        queue->silent++;
    }
}

int apikey_breaker_allows(apikey_queue_t *queue)
{
    apr_time_t now = apikey_clock();

    if (queue->silent < TRIP) {
        return 1;
    }
    if (now - queue->probed < PROBE) {
        return 0;
    }
    queue->probed = now;
    return 1;
}

void apikey_job_unlink(apikey_job_t **first, apikey_job_t *job)
{
    while (*first != job) {
        first = &(*first)->next;
    }
    *first = job->next;
    job->next = NULL;
}

void apikey_queue_remove_job(apikey_job_t *job)
{
    apikey_queue_t *queue = job->queue;
    apikey_job_t **at;

    apikey_job_unlink(&queue->first, job);
    for (at = &queue->first; *at; at = &(*at)->next) {
    }
    queue->last = at;
    queue->waiting--;
    apikey_queue_update_runnable(queue);
}

/* The last is the one that was used last. */
void *apikey_queue_take_connection(apikey_queue_t *queue)
{
    int last = queue->idle_count - 1;

    queue->running++;
    apikey_queue_update_runnable(queue);
    if (last < 0 || queue->used[last] == SUSPECT) {
        return NULL;
    }
    queue->idle_count = last;
    return queue->idle[last];
}

void apikey_queue_expire_idle(apikey_queue_t *queue)
{
    int i;

    for (i = 0; i < queue->idle_count; i++) {
        queue->used[i] = SUSPECT;
    }
}

/* Gives what is to be closed by the caller, without the lock; or NULL. */
void *apikey_queue_return_connection(apikey_queue_t *queue, void *held,
                                     int lost)
{
    int kept = held && !lost && queue->idle_count < queue->connections
               && !IS_ENDING(queue->threads);

    if (lost) {
        queue->lost--;
    }
    else {
        queue->running--;
    }
    if (kept) {
        queue->idle[queue->idle_count] = held;
        queue->used[queue->idle_count++] = apikey_clock();
    }
    apikey_queue_update_runnable(queue);
    if (queue->here) {
        apikey_cond_signal(queue->freed);
    }
    return kept ? NULL : held;
}

void *apikey_queue_remove_oldest(apikey_queue_t *queue)
{
    void *held = queue->idle[0];
    apr_size_t rest = (apr_size_t)--queue->idle_count;

    memmove(queue->idle, queue->idle + 1, rest * sizeof(*queue->idle));
    memmove(queue->used, queue->used + 1, rest * sizeof(*queue->used));
    return held;
}

/* Without the lock for a while. */
void apikey_queue_disconnect(apikey_queue_t *queue, void *held)
{
    if (held) {
        apikey_mutex_unlock(queue->threads->lock);
        queue->leave(held);
        apikey_mutex_lock(queue->threads->lock);
    }
}

/* ---- Any thread ---- */

apr_status_t apikey_queue_create(apikey_queue_t **out,
                                 apikey_threads_t *threads, int connections,
                                 apr_interval_time_t deadline,
                                 apikey_run_fn connected,
                                 apikey_disconnect_fn leave,
                                 apikey_blocked_fn hung, void *baton)
{
    apikey_queue_t *queue = apr_pcalloc(threads->pool, sizeof(*queue));
    apr_size_t count = (apr_size_t)connections;

    *out = NULL;
    queue->threads = threads;
    queue->connections = connections;
    queue->deadline = deadline;
    queue->connected = connected;
    queue->leave = leave;
    queue->hung = hung;
    queue->baton = baton;
    queue->last = &queue->first;
    queue->idle = apr_pcalloc(threads->pool, count * sizeof(*queue->idle));
    queue->used = apr_pcalloc(threads->pool, count * sizeof(*queue->used));
    queue->freed = apikey_cond_create(threads->pool);
    if (!queue->freed) {
        return APR_ENOMEM;
    }
    apikey_mutex_lock(threads->lock);
    queue->next = threads->turn ? threads->turn->next : queue;
    if (threads->turn) {
        threads->turn->next = queue;
    }
    else {
        threads->turn = queue;
    }
    apikey_mutex_unlock(threads->lock);
    *out = queue;
    return APR_SUCCESS;
}

int apikey_queue_breaker_is_open(apikey_queue_t *queue)
{
    sigset_t signals;
    int silent;

    apikey_signals_hold(&signals);
    apikey_mutex_lock(queue->threads->lock);
    silent = queue->silent >= TRIP;
    apikey_mutex_unlock(queue->threads->lock);
    apikey_signals_release(&signals);
    return silent;
}
