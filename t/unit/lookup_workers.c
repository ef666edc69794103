/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The crew that asks a database: who waits, who is told at once, who may try.
 * Takes some three seconds. */

#include <stdlib.h>
#include <unistd.h>

#include <apr_time.h>

/* Longer where many threads must be under way before the first gives up. */
static apr_time_t deadline = 1500000;
#define DEADLINE deadline

#include "lookup/workers.c"
#include "tap.h"

#define MANY 100

/* A database. Held, it says nothing until it is let go. */
static struct {
    apr_pool_t *pool;
    apr_thread_mutex_t *mutex;
    apr_thread_cond_t *change;
    apikey_crew_t *crew;
    int asked, held, let_go;
    apr_status_t status;
} db;

static void need(int good, const char *what)
{
    if (!good) {
        printf("Bail out! %s\n", what);
        fflush(stdout);
        _exit(1);
    }
}

static apr_status_t look(apikey_store_t *store, void *task, apr_pool_t *pool,
                         const char **error)
{
    apr_status_t status;
    int number;

    (void)store;
    apr_thread_mutex_lock(db.mutex);
    number = ++db.asked;
    apr_thread_cond_broadcast(db.change);
    while (db.held && db.let_go < number) {
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

static apr_status_t connected(void *baton, void *who, void **mine,
                              apikey_task_fn work, void *task,
                              apr_pool_t *pool, const char **error)
{
    (void)baton, (void)who, (void)mine;
    return work(NULL, task, pool, error);
}

static void set(int held, int let_go, apr_status_t status)
{
    apr_thread_mutex_lock(db.mutex);
    db.held = held;
    db.let_go = let_go;
    db.status = status;
    apr_thread_cond_broadcast(db.change);
    apr_thread_mutex_unlock(db.mutex);
}

static int asked(void)
{
    int number;

    apr_thread_mutex_lock(db.mutex);
    number = db.asked;
    apr_thread_mutex_unlock(db.mutex);
    return number;
}

static apr_status_t ask(void)
{
    char *answer = NULL;
    const char *error = NULL;
    apr_pool_t *pool;
    apr_status_t status;

    apr_pool_create(&pool, NULL);
    status = apikey_crew_ask(db.crew, NULL, look, &answer, sizeof(answer),
                             pool, &error);
    if ((status == APR_SUCCESS) != (answer != NULL) || !error) {
        status = APR_EGENERAL;
    }
    apr_pool_destroy(pool);
    return status;
}

static void *APR_THREAD_FUNC asker(apr_thread_t *thread, void *data)
{
    (void)thread;
    *(apr_status_t *)data = ask();
    return NULL;
}

static void start(int count, apr_thread_t **threads, apr_status_t *answers)
{
    int i;

    for (i = 0; i < count; i++) {
        answers[i] = -1;
        need(apr_thread_create(&threads[i], NULL, asker, &answers[i], db.pool)
                 == APR_SUCCESS, "a thread");
    }
}

/* How many had this answer. */
static int finish(int count, apr_thread_t **threads,
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

/* Looks at the crew until so many wait and so many threads are busy. */
static void settle(int waiting, int busy)
{
    int tries, good = 0;

    for (tries = 0; tries < 100000 && !good; tries++) {
        apr_thread_mutex_lock(db.crew->mutex);
        good = db.crew->waiting == waiting
               && db.crew->threads - db.crew->idle == busy;
        apr_thread_mutex_unlock(db.crew->mutex);
        apr_sleep(500);
    }
    need(good, "the crew does not settle");
}

static void probed_now(void)
{
    apr_thread_mutex_lock(db.crew->mutex);
    db.crew->probed = apr_time_now();
    apr_thread_mutex_unlock(db.crew->mutex);
}

static void fresh(int threads)
{
    need(apikey_crew_make(&db.crew, threads, connected, NULL, NULL, db.pool)
             == APR_SUCCESS, "a crew");
    set(0, 0, APR_SUCCESS);
    db.asked = 0;
}

static void test_errors(void)
{
    int i, failed = 0;

    fresh(2);
    set(0, 0, APIKEY_EDATABASE);
    for (i = 0; i < 10; i++) {
        failed += ask() == APIKEY_EDATABASE;
    }
    is_int(failed, 10, "ten errors in a row");
    is_int(asked(), 10, "the database was asked each time");
    set(0, 0, APR_SUCCESS);
    is_int(ask(), APR_SUCCESS, "the first one after it is back is served");
    set(0, 0, APR_NOTFOUND);
    is_int(ask(), APR_NOTFOUND, "an unknown key is an answer");
}

static void test_many(void)
{
    apr_thread_t *threads[MANY];
    apr_status_t answers[MANY];

    fresh(8);
    deadline = apr_time_from_sec(120);
    set(1, 0, APR_SUCCESS);
    start(MANY, threads, answers);
    settle(MANY - 8, 8);
    set(0, 0, APR_SUCCESS);
    is_int(finish(MANY, threads, answers, APR_SUCCESS), MANY,
           "a hundred at once, more than threads: all are answered");
    is_int(db.crew->threads, 8, "by eight threads");
    deadline = 1500000;
}

/* Three deadlines, of which two never had a thread. */
static void test_silence(void)
{
    apr_thread_t *threads[TRIP];
    apr_status_t answers[TRIP];

    fresh(1);
    set(1, 0, APIKEY_EDATABASE);
    start(TRIP, threads, answers);
    settle(TRIP - 1, 1);
    is_int(finish(TRIP, threads, answers, APR_TIMEUP), TRIP,
           "nobody waits beyond the deadline");
    settle(0, 1);
    is_int(asked(), 1, "one look-up hangs, nobody is left in the queue");

    probed_now();
    is_int(ask(), APR_TIMEUP, "the breaker is open: an answer at once");
    is_int(asked(), 1, "without a look-up");
    probed_now();
    set(1, 1, APIKEY_EDATABASE);
    settle(0, 0);
    set(0, 0, APR_SUCCESS);
    is_int(ask(), APR_SUCCESS,
           "what hung has ended: the next one may try at once");
    is_int(ask(), APR_SUCCESS, "and all others behind it");
}

/* An error that took its time opens nothing for more than one. */
static void test_late_error(void)
{
    apr_thread_t *threads[TRIP], *probe;
    apr_status_t answers[TRIP], answer;

    fresh(TRIP + 1);
    set(1, 0, APIKEY_EDATABASE);
    start(TRIP, threads, answers);
    finish(TRIP, threads, answers, APR_TIMEUP);
    set(1, TRIP, APIKEY_EDATABASE);
    settle(0, 0);
    start(1, &probe, &answer);
    settle(0, 1);
    probed_now();
    is_int(ask(), APR_TIMEUP, "while one tries, the others do not");
    is_int(asked(), TRIP + 1, "and are told so at once");
    set(0, 0, APR_SUCCESS);
    is_int(finish(1, &probe, &answer, APR_SUCCESS), 1, "it is back");
}

static struct {
    int times;
    apr_status_t status;
    char error[16];
    char *task;
} told;

static void tell(void *task, apr_status_t status, const char *error)
{
    apr_thread_mutex_lock(db.mutex);
    told.times++;
    told.status = status;
    apr_cpystrn(told.error, error ? error : "", sizeof(told.error));
    told.task = task;
    apr_thread_mutex_unlock(db.mutex);
}

/* What nobody waits for. */
static void test_post(void)
{
    apr_thread_t *threads[TRIP];
    apr_status_t answers[TRIP];
    char *answer = NULL;

    fresh(1);
    set(1, 0, APR_SUCCESS);
    is_int(apikey_crew_post(db.crew, NULL, look, tell, &answer), APR_SUCCESS,
           "a post");
    settle(0, 1);
    is_int(told.times, 0, "is not done yet");
    set(0, 0, APR_SUCCESS);
    settle(0, 0);
    is_int(told.times, 1, "then it is told, once");
    is_int(told.status, APR_SUCCESS, "that it is done");
    ok(told.task == (char *)&answer && answer != NULL,
       "with the task itself, which was not copied");
    set(0, 0, APIKEY_EDATABASE);
    is_int(apikey_crew_post(db.crew, NULL, look, tell, &answer), APR_SUCCESS,
           "another");
    settle(0, 0);
    is_int(told.times, 2, "is told, too");
    is_str(told.error, "no", "and why it failed");

    set(1, 0, APIKEY_EDATABASE);
    start(TRIP, threads, answers);
    finish(TRIP, threads, answers, APR_TIMEUP);
    probed_now();
    is_int(apikey_crew_post(db.crew, NULL, look, tell, &answer), APR_TIMEUP,
           "the breaker is open: nobody does it");
    set(0, 0, APR_SUCCESS);
    settle(0, 0);
    is_int(told.times, 2, "and nobody is told");
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&db.pool, NULL);
    apr_thread_mutex_create(&db.mutex, APR_THREAD_MUTEX_DEFAULT, db.pool);
    apr_thread_cond_create(&db.change, db.pool);
    test_errors();
    test_many();
    test_silence();
    test_late_error();
    test_post();
    apr_pool_destroy(db.pool);
    return done();
}
