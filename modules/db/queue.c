/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The jobs, the connections and the breaker of one database; see threads.h and
 * the lock rule of threads_private.h. */

#include "threads_private.h"

#define PROBE_INTERVAL apr_time_from_msec(500)
#define FAST_ERROR apr_time_from_msec(500)  /* trips nothing: see below */
#define EXPIRED 0                           /* in idle_since */

/* ---- Breaker ---- */

/* A result closes the breaker, and so does an error that comes fast (no server
 * listens, or it is starting): callers lose no time, and the first one after
 * the server is back is served.  A slow error leaves the breaker as it is, but
 * lets the next caller probe at once, since something has changed. */
void apikey_breaker_job_ended(apikey_queue_t *queue, apr_status_t status,
                              apr_time_t began)
{
    if (status != APIKEY_EDATABASE || apikey_clock() - began < FAST_ERROR) {
        queue->timeouts = 0;
    }
    queue->probed = 0;
}

void apikey_breaker_timed_out(apikey_queue_t *queue)
{
    if (queue->timeouts < BREAKER_TRIPS) {
        queue->timeouts++;
    }
}

int apikey_breaker_allows(apikey_queue_t *queue)
{
    apr_time_t now = apikey_clock();

    if (queue->timeouts < BREAKER_TRIPS) {
        return 1;
    }
    if (now - queue->probed < PROBE_INTERVAL) {
        return 0;
    }
    queue->probed = now;
    return 1;
}

int apikey_queue_breaker_is_open(apikey_queue_t *queue)
{
    sigset_t signals;
    int silent;

    apikey_signals_hold(&signals);
    apikey_mutex_lock(queue->threads->lock);
    silent = queue->timeouts >= BREAKER_TRIPS;
    apikey_mutex_unlock(queue->threads->lock);
    apikey_signals_release(&signals);
    return silent;
}

/* ---- Jobs ---- */

void apikey_queue_update_runnable(apikey_queue_t *queue)
{
    int room = queue->connections - queue->running;
    int runnable = queue->queued < room ? queue->queued : room;

    queue->threads->runnable += runnable - queue->runnable;
    queue->runnable = runnable;
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
    queue->queued--;
    apikey_queue_update_runnable(queue);
}

/* ---- Connections ---- */

void *apikey_queue_take_connection(apikey_queue_t *queue)
{
    int last = queue->idle_count - 1;

    queue->running++;
    apikey_queue_update_runnable(queue);
    if (last < 0 || queue->idle_since[last] == EXPIRED) {
        return NULL;
    }
    queue->idle_count = last;
    return queue->idle[last];
}

void apikey_queue_expire_idle(apikey_queue_t *queue)
{
    int i;

    for (i = 0; i < queue->idle_count; i++) {
        queue->idle_since[i] = EXPIRED;
    }
}

void *apikey_queue_return_connection(apikey_queue_t *queue, void *connection,
                                     int abandoned)
{
    int kept = connection && !abandoned && !IS_ENDING(queue->threads)
               && queue->idle_count < queue->connections;

    if (abandoned) {
        queue->abandoned--;
    }
    else {
        queue->running--;
    }
    if (kept) {
        queue->idle[queue->idle_count] = connection;
        queue->idle_since[queue->idle_count++] = apikey_clock();
    }
    apikey_queue_update_runnable(queue);
    if (queue->inline_callers) {
        apikey_cond_signal(queue->connection_freed);
    }
    return kept ? NULL : connection;
}

void *apikey_queue_remove_oldest(apikey_queue_t *queue)
{
    void *connection = queue->idle[0];
    apr_size_t rest = (apr_size_t)--queue->idle_count;

    memmove(queue->idle, queue->idle + 1, rest * sizeof(*queue->idle));
    memmove(queue->idle_since, queue->idle_since + 1,
            rest * sizeof(*queue->idle_since));
    return connection;
}

void apikey_queue_disconnect(apikey_queue_t *queue, void *connection)
{
    if (connection) {
        apikey_mutex_unlock(queue->threads->lock);
        queue->disconnect(connection);
        apikey_mutex_lock(queue->threads->lock);
    }
}

/* ---- The queue ---- */

apr_status_t apikey_queue_create(apikey_queue_t **out,
                                 apikey_threads_t *threads, int connections,
                                 apr_interval_time_t deadline,
                                 apikey_run_fn run,
                                 apikey_disconnect_fn disconnect,
                                 apikey_blocked_fn on_blocked, void *baton)
{
    apikey_queue_t *queue = apr_pcalloc(threads->pool, sizeof(*queue));
    apr_size_t count = (apr_size_t)connections;

    *out = NULL;
    queue->threads = threads;
    queue->connections = connections;
    queue->deadline = deadline;
    queue->run = run;
    queue->disconnect = disconnect;
    queue->on_blocked = on_blocked;
    queue->baton = baton;
    queue->last = &queue->first;
    queue->idle = apr_pcalloc(threads->pool, count * sizeof(*queue->idle));
    queue->idle_since =
        apr_pcalloc(threads->pool, count * sizeof(*queue->idle_since));
    queue->connection_freed = apikey_cond_create(threads->pool);
    if (!queue->connection_freed) {
        return APR_ENOMEM;
    }
    apikey_mutex_lock(threads->lock);
    queue->next = threads->next_queue ? threads->next_queue->next : queue;
    if (threads->next_queue) {
        threads->next_queue->next = queue;
    }
    else {
        threads->next_queue = queue;
    }
    apikey_mutex_unlock(threads->lock);
    *out = queue;
    return APR_SUCCESS;
}
