/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Database threads, a queue, and a database that says nothing while it is held;
 * for the programs that test them. */
#ifndef LOOKUP_CREW_H
#define LOOKUP_CREW_H

#include <stdlib.h>
#include <unistd.h>

#include <apr_time.h>

static long long idle = 10000000;
#define IDLE idle
static int lost_all = 256;
#define LOST_ALL lost_all

#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>

#include "db/queue.c"
#include "db/submit.c"
#include "db/threads.c"
#include "tap.h"

#define MANY 100
#define DEADLINE 1500000
/* Of what shall be answered, however busy the machine is. */
#define LONG apr_time_from_sec(120)

/* A database. Held, it says nothing until it is let go. */
static struct {
    apr_pool_t *pool;
    apr_thread_mutex_t *mutex;
    apr_thread_cond_t *change;
    apikey_threads_t *threads;
    apikey_queue_t *queue;
    int asked, held, let_go;
    int fine_from;              /* look-ups that are answered all the same */
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

static inline apr_status_t connected(void *baton, void *who, void **mine,
                                     apikey_task_fn work, void *task,
                                     apr_pool_t *pool, const char **error)
{
    (void)baton, (void)who;
    if (!*mine) {
        apr_thread_mutex_lock(db.mutex);
        db.opened++;
        apr_thread_mutex_unlock(db.mutex);
    }
    *mine = &db;
    return work(NULL, task, pool, error);
}

static inline void leave(void *held)
{
    need(held == &db, "a connection");
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

static inline int closed(void)
{
    int number;

    apr_thread_mutex_lock(db.mutex);
    number = db.closed;
    apr_thread_mutex_unlock(db.mutex);
    return number;
}

static inline int opened(void)
{
    int number;

    apr_thread_mutex_lock(db.mutex);
    number = db.opened;
    apr_thread_mutex_unlock(db.mutex);
    return number;
}

static inline int asked(void)
{
    int number;

    apr_thread_mutex_lock(db.mutex);
    number = db.asked;
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

/* How many had this answer. */
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

/* Looks at the queue until so many jobs wait, so many are under way, and so
 * many hang beside them. */
static inline void settle_lost(int waiting, int busy, int lost)
{
    int tries, good = 0;

    for (tries = 0; tries < 200000 && !good; tries++) {
        apikey_mutex_lock(db.threads->lock);
        good = db.queue->waiting == waiting && db.queue->running == busy
               && (lost < 0 || db.queue->lost == lost);
        apikey_mutex_unlock(db.threads->lock);
        apr_sleep(500);
    }
    need(good, "the threads do not settle");
}

static inline void settle(int waiting, int busy)
{
    settle_lost(waiting, busy, -1);
}

/* As if it had been just now, whenever that is asked. */
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
                             connected, leave, NULL, NULL)
             == APR_SUCCESS,
         "a queue");
    return queue;
}

static inline void fresh(int connections)
{
    need(apikey_threads_create(&db.threads, 16, db.pool) == APR_SUCCESS,
         "a threads");
    db.queue = queue_of(connections);
    set(0, 0, APR_SUCCESS);
    db.asked = db.opened = db.closed = db.fine_from = 0;
}

/* As many deadlines as open the breaker: all of them hang. */
static inline void hang(apr_status_t status)
{
    apr_thread_t *threads[TRIP];
    apr_status_t answers[TRIP];

    set(1, 0, status);
    db.queue->deadline = DEADLINE;
    start(TRIP, threads, answers);
    settle(0, TRIP);
    db.queue->deadline = LONG;
    is_int(finish(TRIP, threads, answers, APR_TIMEUP), TRIP,
           "nobody waits beyond the deadline");
    settle_lost(0, 0, TRIP);
}

static inline apr_status_t ask_boldly(void)
{
    apikey_mutex_lock(db.threads->lock);
    db.queue->silent = 0;
    apikey_mutex_unlock(db.threads->lock);
    return ask();
}

static struct {
    int times;
    apr_status_t status;
    char error[16];
    char *task;
} told;

static inline void tell(void *baton, void *task, apr_status_t status,
                        const char *error)
{
    (void)baton;
    apr_thread_mutex_lock(db.mutex);
    told.times++;
    told.status = status;
    apr_cpystrn(told.error, error ? error : "", sizeof(told.error));
    told.task = task;
    apr_thread_mutex_unlock(db.mutex);
}

static char *posted;

static inline apr_status_t post(apr_interval_time_t patience)
{
    apikey_post_t one = { NULL, look, &posted, 0, tell, &posted, 0 };

    one.timeout = patience;
    one.size = patience ? sizeof(posted) : 0;
    return apikey_queue_post(db.queue, &one);
}

#endif
