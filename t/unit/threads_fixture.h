/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Database threads, a queue, and a database that can be made to block, for the
 * programs that test them. */
#ifndef APIKEY_THREADS_FIXTURE_H
#define APIKEY_THREADS_FIXTURE_H

#include <stdlib.h>
#include <unistd.h>

#include <apr_strings.h>
#include <apr_time.h>

#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>

#include "db/threads_private.h"
#include "tap.h"

#define MANY 100
#define DEADLINE 1500000
/* The deadline of look-ups that are to be answered, however busy the machine
 * is. */
#define LONG apr_time_from_sec(120)

/* A database. While held is set, look-ups block, except the first let_go. */
static struct {
    apr_pool_t *pool;
    apr_thread_mutex_t *mutex;
    apr_thread_cond_t *change;
    apikey_threads_t *threads;
    apikey_queue_t *queue;
    int asked, held, let_go;
    int fine_from;              /* the first look-up that is
                                 * answered although it is held */
    int opened, closed;         /* connections */
    apr_status_t status;
} db;

static inline void need(int good, const char *what)
{
    if (!good) {
        printf("Bail out! %s\n", what);
        fflush(stdout);
        _exit(1);
    }
}

static inline void threads_fixture_init(void)
{
    apr_initialize();
    apr_pool_create(&db.pool, NULL);
    apr_thread_mutex_create(&db.mutex, APR_THREAD_MUTEX_DEFAULT, db.pool);
    apr_thread_cond_create(&db.change, db.pool);
}

static inline apr_status_t look(apikey_store_t *store, void *task,
                                apr_pool_t *pool, const char **error)
{
    apr_status_t status;
    int number;

    (void)store;
    apr_thread_mutex_lock(db.mutex);
    number = ++db.asked;
    apr_thread_cond_broadcast(db.change);
    while (db.held && db.let_go < number
           && !(db.fine_from && number >= db.fine_from)) {
        apr_thread_cond_wait(db.change, db.mutex);
    }
    status = db.status;
    apr_thread_mutex_unlock(db.mutex);
    if (status == APR_SUCCESS) {
        *(char **)task = apr_pstrdup(pool, "an answer");
    }
    else {
        *error = apr_pstrdup(pool, "no");
    }
    return status;
}

static inline apr_status_t connected(void *baton, void *server, void **mine,
                                     apikey_task_fn work, void *task,
                                     apr_pool_t *pool, const char **error)
{
    (void)baton, (void)server;
    if (!*mine) {
        apr_thread_mutex_lock(db.mutex);
        db.opened++;
        apr_thread_mutex_unlock(db.mutex);
    }
    *mine = &db;
    return work(NULL, task, pool, error);
}

static inline void disconnect(void *connection)
{
    need(connection == &db, "a connection");
    apr_thread_mutex_lock(db.mutex);
    db.closed++;
    apr_thread_mutex_unlock(db.mutex);
}

static inline void set(int held, int let_go, apr_status_t status)
{
    apr_thread_mutex_lock(db.mutex);
    db.held = held;
    db.let_go = let_go;
    db.status = status;
    apr_thread_cond_broadcast(db.change);
    apr_thread_mutex_unlock(db.mutex);
}

static inline void fine_from(int number)
{
    apr_thread_mutex_lock(db.mutex);
    db.fine_from = number;
    apr_thread_mutex_unlock(db.mutex);
}

static inline int count_of(const int *counter)
{
    int number;

    apr_thread_mutex_lock(db.mutex);
    number = *counter;
    apr_thread_mutex_unlock(db.mutex);
    return number;
}

static inline apr_status_t ask(void)
{
    char *answer = NULL;
    const char *error = NULL;
    apr_pool_t *pool;
    apr_status_t status;

    apr_pool_create(&pool, NULL);
    status = apikey_queue_run(db.queue, NULL, look, &answer, sizeof(answer),
                             pool, &error);
    if ((status == APR_SUCCESS) != (answer != NULL) || !error) {
        status = APR_EGENERAL;
    }
    apr_pool_destroy(pool);
    return status;
}

static inline void *APR_THREAD_FUNC asker(apr_thread_t *thread, void *data)
{
    (void)thread;
    *(apr_status_t *)data = ask();
    return NULL;
}

static inline void start(int count, apr_thread_t **threads,
                         apr_status_t *answers)
{
    int i;

    for (i = 0; i < count; i++) {
        answers[i] = -1;
        need(apr_thread_create(&threads[i], NULL, asker, &answers[i], db.pool)
                 == APR_SUCCESS, "a thread");
    }
}

/* Joins the threads; the number of callers that had this answer. */
static inline int finish(int count, apr_thread_t **threads,
                         const apr_status_t *answers, apr_status_t wanted)
{
    apr_status_t status;
    int i, found = 0;

    for (i = 0; i < count; i++) {
        apr_thread_join(&status, threads[i]);
        found += answers[i] == wanted;
    }
    return found;
}

/* Waits until these numbers of jobs are queued, running and abandoned. */
static inline void await_jobs_abandoned(int waiting, int busy, int lost)
{
    int tries, good = 0;

    for (tries = 0; tries < 200000 && !good; tries++) {
        apikey_mutex_lock(db.threads->lock);
        good = db.queue->queued == waiting && db.queue->running == busy
               && (lost < 0 || db.queue->abandoned == lost);
        apikey_mutex_unlock(db.threads->lock);
        apr_sleep(500);
    }
    need(good, "the jobs do not settle");
}

static inline void await_jobs(int waiting, int busy)
{
    await_jobs_abandoned(waiting, busy, -1);
}

/* As if a probe had been made just now, at whatever time that is asked. */
static inline void probed_now(void)
{
    apikey_mutex_lock(db.threads->lock);
    db.queue->probed = apikey_clock() + LONG;
    apikey_mutex_unlock(db.threads->lock);
}

static inline apikey_queue_t *queue_of(int connections)
{
    apikey_queue_t *queue;

    need(apikey_queue_create(&queue, db.threads, connections, LONG,
                             connected, disconnect, NULL, NULL)
             == APR_SUCCESS,
         "a queue");
    return queue;
}

static inline void fresh(int connections)
{
    need(apikey_threads_create(&db.threads, 16, db.pool) == APR_SUCCESS,
         "a pool of threads");
    db.queue = queue_of(connections);
    set(0, 0, APR_SUCCESS);
    db.asked = db.opened = db.closed = db.fine_from = 0;
}

/* Opens the breaker: as many look-ups block as that takes. */
static inline void hang(apr_status_t status)
{
    apr_thread_t *threads[BREAKER_TRIPS];
    apr_status_t answers[BREAKER_TRIPS];

    set(1, 0, status);
    db.queue->deadline = DEADLINE;
    start(BREAKER_TRIPS, threads, answers);
    await_jobs(0, BREAKER_TRIPS);
    db.queue->deadline = LONG;
    is_int(finish(BREAKER_TRIPS, threads, answers, APR_TIMEUP), BREAKER_TRIPS,
           "each caller waits until its deadline and no longer");
    await_jobs_abandoned(0, 0, BREAKER_TRIPS);
}

static inline apr_status_t ask_anyway(void)
{
    apikey_mutex_lock(db.threads->lock);
    db.queue->timeouts = 0;
    apikey_mutex_unlock(db.threads->lock);
    return ask();
}

/* The calls of on_done, and the arguments of the last one. */
static struct {
    int times;
    apr_status_t status;
    char error[16];
    char *task;
} called;

static inline void on_done(void *baton, void *task, apr_status_t status,
                           const char *error)
{
    (void)baton;
    apr_thread_mutex_lock(db.mutex);
    called.times++;
    called.status = status;
    apr_cpystrn(called.error, error ? error : "", sizeof(called.error));
    called.task = task;
    apr_thread_mutex_unlock(db.mutex);
}

static char *posted;

static inline apr_status_t post(apr_interval_time_t patience)
{
    apikey_post_t one = { NULL, look, &posted, 0, on_done, &posted, 0 };

    one.timeout = patience;
    one.size = patience ? sizeof(posted) : 0;
    return apikey_queue_post(db.queue, &one);
}

#endif
