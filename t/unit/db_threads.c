/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Database threads, db/threads.h: which callers wait, which are refused at
 * once, and which may probe. Takes some three seconds. */

#include "threads_fixture.h"

static void test_errors(void)
{
    int i, failed = 0;

    fresh(2);
    set(0, 0, APIKEY_EDATABASE);
    for (i = 0; i < 10; i++) {
        failed += ask() == APIKEY_EDATABASE;
    }
    is_int(failed, 10, "ten errors in a row are returned to their callers");
    is_int(count_of(&db.asked), 10,
           "the database is asked each time in spite of errors");
    set(0, 0, APR_SUCCESS);
    is_int(ask(), APR_SUCCESS,
           "the first caller after the database is back has an answer");
    set(0, 0, APR_NOTFOUND);
    is_int(ask(), APR_NOTFOUND, "an unknown key is an answer of the database");
}

static void test_many(void)
{
    apr_thread_t *threads[MANY];
    apr_status_t answers[MANY];

    fresh(8);
    set(1, 0, APR_SUCCESS);
    start(MANY, threads, answers);
    await_jobs(MANY - 8, 8);
    set(0, 0, APR_SUCCESS);
    is_int(finish(MANY, threads, answers, APR_SUCCESS), MANY,
           "a hundred callers at once, more than threads, all have an answer");
    is_int(db.threads->running, 8,
           "a hundred callers are answered by eight threads");
}

static void test_silence(void)
{
    int i;

    fresh(BREAKER_TRIPS);
    hang(APIKEY_EDATABASE);
    is_int(count_of(&db.asked), BREAKER_TRIPS,
           "look-ups that block are abandoned");
    probed_now();
    is_int(ask(), APR_TIMEUP,
           "with the breaker open a caller gets APR_TIMEUP at once");
    is_int(count_of(&db.asked), BREAKER_TRIPS,
           "with the breaker open the database is not asked");
    probed_now();
    set(1, BREAKER_TRIPS, APIKEY_EDATABASE);
    await_jobs_abandoned(0, 0, 0);
    for (i = 0; i < 100000 && count_of(&db.closed) < BREAKER_TRIPS; i++) {
        apr_sleep(1000);
    }
    is_int(count_of(&db.closed), BREAKER_TRIPS,
           "the connection of an abandoned task is closed when the task ends");
    set(0, 0, APR_SUCCESS);
    is_int(ask(), APR_SUCCESS,
           "once the database answers, the next caller may probe");
    is_int(ask(), APR_SUCCESS,
           "after a probe that succeeded all callers are answered");
}

/* An error that comes late lets one caller probe and keeps the breaker
 * open. */
static void test_late_error(void)
{
    apr_thread_t *probe;
    apr_status_t answer;

    fresh(BREAKER_TRIPS + 1);
    hang(APIKEY_EDATABASE);
    set(1, BREAKER_TRIPS, APIKEY_EDATABASE);
    await_jobs_abandoned(0, 0, 0);
    start(1, &probe, &answer);
    await_jobs(0, 1);
    probed_now();
    is_int(ask(), APR_TIMEUP, "while one caller probes, others get APR_TIMEUP");
    is_int(count_of(&db.asked), BREAKER_TRIPS + 1,
           "the database is not asked for the others");
    set(0, 0, APR_SUCCESS);
    is_int(finish(1, &probe, &answer, APR_SUCCESS), 1,
           "the caller that probes has its answer once the database is back");
}

/* Established connections block without end, new ones work. */
static void test_replaced(void)
{
    fresh(BREAKER_TRIPS);
    fine_from(BREAKER_TRIPS + 1);
    hang(APR_SUCCESS);
    apikey_mutex_lock(db.threads->lock);
    db.queue->probed = 0;
    apikey_mutex_unlock(db.threads->lock);
    is_int(ask(), APR_SUCCESS,
           "a probe gets another thread and a new connection");
    is_int(ask(), APR_SUCCESS, "a probe that succeeded closes the breaker");
    is_int(db.queue->abandoned, BREAKER_TRIPS,
           "the first connections still block then");
    set(0, 0, APR_SUCCESS);
    await_jobs_abandoned(0, 0, 0);
}

/* Two threads, which is the maximum, are blocked in one database. */
static void test_shared(void)
{
    apr_thread_t *threads[2];
    apr_status_t answers[2];
    apikey_queue_t *frozen;

    need(apikey_threads_create(&db.threads, 2, db.pool) == APR_SUCCESS,
         "a pool of threads");
    db.queue = frozen = queue_of(2);
    frozen->deadline = DEADLINE;
    set(1, 0, APR_SUCCESS);
    db.asked = 0;
    start(2, threads, answers);
    await_jobs(0, 2);
    fine_from(3);
    db.queue = queue_of(2);
    is_int(ask(), APR_SUCCESS,
           "another database's caller has an answer while two threads are "
           "blocked");
    db.queue = frozen;
    is_int(finish(2, threads, answers, APR_TIMEUP), 2,
           "the callers of the blocked database get APR_TIMEUP");
    set(0, 0, APR_SUCCESS);
    await_jobs_abandoned(0, 0, 0);
    fine_from(0);
}

static int count_threads(void)
{
    int threads;

    apikey_mutex_lock(db.threads->lock);
    threads = db.threads->running + db.threads->abandoned;
    apikey_mutex_unlock(db.threads->lock);
    return threads;
}

static void test_idle(void)
{
    int i;

    fresh(2);
    db.threads->idle_timeout = 50000;
    is_int(ask(), APR_SUCCESS, "a look-up is answered");
    is_int(db.queue->idle_count, 1, "the connection is kept after a look-up");
    for (i = 0; i < 6000 && (count_of(&db.closed) < 1 || count_threads());
         i++) {
        apr_sleep(20000);
        apikey_threads_tick(db.threads);
    }
    is_int(count_of(&db.closed), 1,
           "an idle connection is closed after the timeout");
    is_int(count_threads(), 0, "an idle thread ends after the timeout");
    db.threads->idle_timeout = apr_time_from_sec(10);
    is_int(ask(), APR_SUCCESS,
           "a later look-up gets a new thread and connection");
}

/* apikey_queue_run_inline(): on the caller's thread, over the queue's
 * connections. */
static void test_inline(void)
{
    const char *error = "";
    char *answer = NULL;
    apr_thread_t *thread;
    apr_status_t status;

    fresh(1);
    is_int(
        apikey_queue_run_inline(db.queue, NULL, look, &answer, db.pool, &error),
        APR_SUCCESS, "a look-up on the caller's thread");
    is_int(db.threads->running, 0,
           "a look-up on the caller's thread needs no other thread");
    is_int(db.queue->idle_count, 1,
           "the connection is kept after a look-up on the caller's thread");
    set(1, 0, APR_SUCCESS);
    start(1, &thread, &status);
    await_jobs(0, 1);
    db.queue->deadline = 50000;
    is_int(apikey_queue_run_inline(db.queue, NULL, look, &answer, db.pool,
                                   &error), APR_TIMEUP,
           "a look-up on the caller's thread waits for a connection until "
           "its deadline");
    set(0, 0, APR_SUCCESS);
    finish(1, &thread, &status, APR_SUCCESS);
}

/* With prefork a signal handler may end the process while this thread has the
 * lock. */
static void test_end(void)
{
    apr_pool_t *pool;
    const char *error = "";
    char *answer = NULL;

    apr_pool_create(&pool, db.pool);
    need(apikey_threads_create(&db.threads, 2, pool) == APR_SUCCESS,
         "a pool of threads");
    db.queue = queue_of(2);
    apikey_mutex_lock(db.threads->lock);
    is_int(apikey_threads_are_usable(db.threads, 1000), 0,
           "the threads are not usable while the lock is held");
    apr_pool_destroy(pool);
    ok(1, "destroying the pool does not wait for the lock");
    apikey_mutex_unlock(db.threads->lock);
    is_int(apikey_threads_are_usable(db.threads, 1000), 1,
           "the lock is free again");
    is_int(ask(), APR_TIMEUP,
           "no look-up is begun after the pool was destroyed");
    is_int(
        apikey_queue_run_inline(db.queue, NULL, look, &answer, db.pool, &error),
        APR_TIMEUP, "no look-up is begun on the caller's thread either");
}

/* apikey_queue_post(): the caller does not wait, and on_done is called. */
static void test_post(void)
{
    fresh(BREAKER_TRIPS);
    set(1, 0, APR_SUCCESS);
    is_int(post(0), APR_SUCCESS, "a task is posted");
    await_jobs(0, 1);
    is_int(called.times, 0, "on_done is not called while the task runs");
    set(0, 0, APR_SUCCESS);
    await_jobs(0, 0);
    is_int(called.times, 1, "on_done is called once when the task has ended");
    is_int(called.status, APR_SUCCESS, "on_done gets APR_SUCCESS");
    ok(called.task == (char *)&posted && posted != NULL,
       "on_done gets the task itself, not a copy");
    set(0, 0, APIKEY_EDATABASE);
    is_int(post(0), APR_SUCCESS, "a task that fails is posted");
    await_jobs(0, 0);
    is_int(called.times, 2, "on_done is called for a task that fails");
    is_str(called.error, "no", "on_done gets the task's error");

    hang(APIKEY_EDATABASE);
    probed_now();
    is_int(post(0), APR_TIMEUP, "a post is refused while the breaker is open");
    set(0, 0, APR_SUCCESS);
    await_jobs_abandoned(0, 0, 0);
    is_int(called.times, 2, "on_done is not called for a refused post");
}

static void test_patience(void)
{
    fresh(1);
    called.times = 0;
    posted = NULL;
    set(1, 0, APR_SUCCESS);
    is_int(post(20000), APR_SUCCESS, "a task with a timeout is posted");
    await_jobs(0, 1);
    is_int(post(20000), APR_SUCCESS,
           "a task with a timeout that has no connection is posted");
    await_jobs(1, 1);
    apr_sleep(30000);
    apikey_threads_tick(db.threads);
    is_int(called.times, 2,
           "on_done is called for both when the timeout is over");
    is_int(called.status, APR_TIMEUP, "on_done gets APR_TIMEUP");
    await_jobs_abandoned(0, 0, 1);
    set(0, 0, APR_SUCCESS);
    await_jobs_abandoned(0, 0, 0);
    is_int(called.times, 2, "on_done is not called again when the task ends");
    ok(posted == NULL, "the late result is not stored");
}

/* A posted task that runs for long does not trip the breaker; tasks that find
 * no connection until their timeout do. */
static void test_long(void)
{
    int i;

    fresh(BREAKER_TRIPS + 1);
    called.times = 0;
    set(1, 0, APR_SUCCESS);
    for (i = 1; i <= BREAKER_TRIPS; i++) {
        is_int(post(20000), APR_SUCCESS, "task %d, which takes long, is posted",
               i);
        await_jobs(0, 1);
        apr_sleep(30000);
        apikey_threads_tick(db.threads);
        is_int(called.times, i, "task %d is abandoned after its timeout", i);
        await_jobs_abandoned(0, 0, i);
    }
    ok(!apikey_queue_breaker_is_open(db.queue),
       "tasks that take long do not trip the breaker");
    set(0, 0, APR_SUCCESS);
    await_jobs_abandoned(0, 0, 0);

    fresh(1);
    set(1, 0, APR_SUCCESS);
    is_int(post(0), APR_SUCCESS,
           "a task that uses the one connection is posted");
    await_jobs(0, 1);
    for (i = 0; i < BREAKER_TRIPS; i++) {
        is_int(post(20000), APR_SUCCESS,
               "a task that finds no connection is posted");
    }
    await_jobs(BREAKER_TRIPS, 1);
    apr_sleep(30000);
    apikey_threads_tick(db.threads);
    ok(apikey_queue_breaker_is_open(db.queue),
       "tasks that find no connection trip the breaker");
    set(0, 0, APR_SUCCESS);
    await_jobs(0, 0);
}

int main(void)
{
    threads_fixture_init();
    atexit(apr_terminate);
    test_errors();
    test_many();
    test_silence();
    test_late_error();
    test_replaced();
    test_shared();
    test_idle();
    test_inline();
    test_end();
    test_post();
    test_patience();
    test_long();
    apr_pool_destroy(db.pool);
    return done();
}
