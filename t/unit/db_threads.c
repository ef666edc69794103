/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Database threads: which callers wait, which are refused at once, and which
 * may probe.  Takes some three seconds. */

#include "threads_fixture.h"

static void test_errors(void)
{
    int i, failed = 0;

    fresh(2);
    set(0, 0, APIKEY_EDATABASE);
    for (i = 0; i < 10; i++) {
        failed += ask() == APIKEY_EDATABASE;
    }
    is_int(failed, 10, "ten errors in a row reach their callers");
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
    set(1, 0, APR_SUCCESS);
    start(MANY, threads, answers);
    await_jobs(MANY - 8, 8);
    set(0, 0, APR_SUCCESS);
    is_int(finish(MANY, threads, answers, APR_SUCCESS), MANY,
           "a hundred at once, more than threads: all are answered");
    is_int(db.threads->running, 8, "by eight threads");
}

static void test_silence(void)
{
    int i;

    fresh(BREAKER_TRIPS);
    hang(APIKEY_EDATABASE);
    is_int(asked(), BREAKER_TRIPS, "look-ups that block are abandoned");
    probed_now();
    is_int(ask(), APR_TIMEUP, "the breaker is open: an answer at once");
    is_int(asked(), BREAKER_TRIPS,
           "the database is not asked while it is open");
    probed_now();
    set(1, BREAKER_TRIPS, APIKEY_EDATABASE);
    await_jobs_abandoned(0, 0, 0);
    for (i = 0; i < 100000 && closed() < BREAKER_TRIPS; i++) {
        apr_sleep(1000);
    }
    is_int(closed(), BREAKER_TRIPS,
           "an abandoned connection is closed when its task has ended");
    set(0, 0, APR_SUCCESS);
    is_int(ask(), APR_SUCCESS, "the next one may try at once");
    is_int(ask(), APR_SUCCESS, "and all others after it");
}

/* A slow error lets one more caller probe, and keeps the breaker open. */
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
    is_int(asked(), BREAKER_TRIPS + 1, "at once");
    set(0, 0, APR_SUCCESS);
    is_int(finish(1, &probe, &answer, APR_SUCCESS), 1, "it is back");
}

/* Established connections block for ever, new ones work. */
static void test_replaced(void)
{
    fresh(BREAKER_TRIPS);
    fine_from(BREAKER_TRIPS + 1);
    hang(APR_SUCCESS);
    apikey_mutex_lock(db.threads->lock);
    db.queue->probed = 0;
    apikey_mutex_unlock(db.threads->lock);
    is_int(ask(), APR_SUCCESS, "a probe has another thread and connection");
    is_int(ask(), APR_SUCCESS, "and the breaker is closed");
    is_int(db.queue->abandoned, BREAKER_TRIPS,
           "while the first ones still block");
    set(0, 0, APR_SUCCESS);
    await_jobs_abandoned(0, 0, 0);
}

/* Two threads are blocked in one database, and two is the maximum. */
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
    is_int(ask(), APR_SUCCESS, "another database has an answer");
    db.queue = frozen;
    is_int(finish(2, threads, answers, APR_TIMEUP), 2, "the frozen one none");
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
    is_int(ask(), APR_SUCCESS, "a look-up");
    is_int(db.queue->idle_count, 1, "its connection is kept");
    for (i = 0; i < 6000 && (closed() < 1 || count_threads()); i++) {
        apr_sleep(20000);
        apikey_threads_tick(db.threads);
    }
    is_int(closed(), 1, "a connection that is not used is closed");
    is_int(count_threads(), 0, "a thread without work ends");
    db.threads->idle_timeout = apr_time_from_sec(10);
    is_int(ask(), APR_SUCCESS, "there are others when they are needed");
}

/* apikey_queue_run_inline(): the caller's thread, the queue's connections. */
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
    is_int(db.threads->running, 0, "needs no thread");
    is_int(db.queue->idle_count, 1, "and its connection is kept");
    set(1, 0, APR_SUCCESS);
    start(1, &thread, &status);
    await_jobs(0, 1);
    db.queue->deadline = 50000;
    is_int(apikey_queue_run_inline(db.queue, NULL, look, &answer, db.pool,
                                   &error), APR_TIMEUP,
           "where all connections are in use, it waits for one");
    set(0, 0, APR_SUCCESS);
    finish(1, &thread, &status, APR_SUCCESS);
}

/* prefork: a signal handler ends the process while this thread has the lock. */
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
    is_int(apikey_threads_are_usable(db.threads, 1000), 0, "the lock is held");
    apr_pool_destroy(pool);
    ok(1, "the end does not wait for it");
    apikey_mutex_unlock(db.threads->lock);
    is_int(apikey_threads_are_usable(db.threads, 1000), 1, "it is free again");
    is_int(ask(), APR_TIMEUP, "and nothing more is begun");
    is_int(
        apikey_queue_run_inline(db.queue, NULL, look, &answer, db.pool, &error),
        APR_TIMEUP, "nor on the caller's thread");
}

/* apikey_queue_post(): no caller waits. */
static void test_post(void)
{
    fresh(BREAKER_TRIPS);
    set(1, 0, APR_SUCCESS);
    is_int(post(0), APR_SUCCESS, "a post");
    await_jobs(0, 1);
    is_int(told.times, 0, "is not done yet");
    set(0, 0, APR_SUCCESS);
    await_jobs(0, 0);
    is_int(told.times, 1, "then on_done is called once");
    is_int(told.status, APR_SUCCESS, "with APR_SUCCESS");
    ok(told.task == (char *)&posted && posted != NULL,
       "with the task itself, which was not copied");
    set(0, 0, APIKEY_EDATABASE);
    is_int(post(0), APR_SUCCESS, "another");
    await_jobs(0, 0);
    is_int(told.times, 2, "calls on_done, too");
    is_str(told.error, "no", "with the error");

    hang(APIKEY_EDATABASE);
    probed_now();
    is_int(post(0), APR_TIMEUP, "with an open breaker it is refused");
    set(0, 0, APR_SUCCESS);
    await_jobs_abandoned(0, 0, 0);
    is_int(told.times, 2, "and on_done is not called");
}

static void test_patience(void)
{
    fresh(1);
    told.times = 0;
    posted = NULL;
    set(1, 0, APR_SUCCESS);
    is_int(post(20000), APR_SUCCESS, "a post with a timeout");
    await_jobs(0, 1);
    is_int(post(20000), APR_SUCCESS, "and one that has no connection");
    await_jobs(1, 1);
    apr_sleep(30000);
    apikey_threads_tick(db.threads);
    is_int(told.times, 2, "on_done is called for both");
    is_int(told.status, APR_TIMEUP, "with APR_TIMEUP");
    await_jobs_abandoned(0, 0, 1);
    set(0, 0, APR_SUCCESS);
    await_jobs_abandoned(0, 0, 0);
    is_int(told.times, 2, "once");
    ok(posted == NULL, "and the late result is not used");
}

/* A posted task that runs for long does not trip the breaker; one that finds no
 * connection for as long does. */
static void test_long(void)
{
    int i;

    fresh(BREAKER_TRIPS + 1);
    told.times = 0;
    set(1, 0, APR_SUCCESS);
    for (i = 1; i <= BREAKER_TRIPS; i++) {
        is_int(post(20000), APR_SUCCESS, "a post that takes long");
        await_jobs(0, 1);
        apr_sleep(30000);
        apikey_threads_tick(db.threads);
        is_int(told.times, i, "is abandoned");
        await_jobs_abandoned(0, 0, i);
    }
    ok(!apikey_queue_breaker_is_open(db.queue),
       "does not trip the breaker");
    set(0, 0, APR_SUCCESS);
    await_jobs_abandoned(0, 0, 0);

    fresh(1);
    set(1, 0, APR_SUCCESS);
    is_int(post(0), APR_SUCCESS, "the one connection is in use");
    await_jobs(0, 1);
    for (i = 0; i < BREAKER_TRIPS; i++) {
        is_int(post(20000), APR_SUCCESS, "a post that finds none");
    }
    await_jobs(BREAKER_TRIPS, 1);
    apr_sleep(30000);
    apikey_threads_tick(db.threads);
    ok(apikey_queue_breaker_is_open(db.queue), "trips the breaker");
    set(0, 0, APR_SUCCESS);
    await_jobs(0, 0);
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
