/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Blocked threads: how many are abandoned, what happens to the other
 * connections, and to threads that are blocked when the process ends. */

#include <unistd.h>

#include "threads_fixture.h"

/* A busy machine does not begin each look-up before its deadline; one that was
 * begun is abandoned then. */
static void block_one(void)
{
    int abandoned;

    do {
        is_int(ask_anyway(), APR_TIMEUP, "one look-up blocks");
        apikey_mutex_lock(db.threads->lock);
        abandoned = db.queue->abandoned;
        apikey_mutex_unlock(db.threads->lock);
    } while (abandoned < 1);
    await_jobs_abandoned(0, 0, 1);
}

/* One of three idle connections blocks. */
static void test_suspect(void)
{
    apr_thread_t *threads[3];
    apr_status_t answers[3];
    int i;

    fresh(3);
    set(1, 0, APR_SUCCESS);
    start(3, threads, answers);
    await_jobs(0, 3);
    set(0, 0, APR_SUCCESS);
    is_int(finish(3, threads, answers, APR_SUCCESS), 3, "three connections");
    is_int(opened(), 3, "were made");
    set(1, 0, APR_SUCCESS);
    db.queue->deadline = 50000;
    block_one();
    db.queue->deadline = LONG;
    fine_from(asked() + 1);
    is_int(ask(), APR_SUCCESS, "the next look-up has its answer");
    is_int(opened(), 4, "over a new connection, not over an idle one");
    for (i = 0; i < 12000 && closed() < 2; i++) {
        apr_sleep(10000);
        apikey_threads_tick(db.threads);
    }
    is_int(closed(), 2, "the idle ones are closed");
    is_int(ask(), APR_SUCCESS, "another look-up");
    is_int(opened(), 4, "uses the new one");
    set(0, 0, APR_SUCCESS);
    await_jobs_abandoned(0, 0, 0);
}

/* Abandoned threads are bounded over all queues. */
static void test_bound_of_all(void)
{
    apikey_queue_t *first;
    int i;

    fresh(1);
    db.threads->abandon_max = 1;
    set(1, 0, APR_SUCCESS);
    first = db.queue;
    for (i = 0; i < 2; i++) {
        db.queue->deadline = 50000;
        while (asked() <= i) {
            ask_anyway();
        }
        db.queue = queue_of(1);
    }
    db.queue = first;
    is_int(db.threads->abandoned, 1, "of two blocked threads one is abandoned");
    is_int(db.threads->running, 1, "the other counts as running");
    db.threads->abandon_max = 256;
    set(0, 0, APR_SUCCESS);
    await_jobs_abandoned(0, 0, 0);
}

static void test_bound(void)
{
    int i;

    fresh(1);
    set(1, 0, APR_SUCCESS);
    db.queue->deadline = 50000;
    /* On a busy machine not each of them starts before its deadline. */
    for (i = 0; i < 500 && asked() < ABANDON_AT_ONCE + 1; i++) {
        ask_anyway();
    }
    await_jobs_abandoned(0, 1, ABANDON_AT_ONCE);
    ok(1, "so many are abandoned, the next one is not");
    is_int(ask_anyway(), APR_TIMEUP, "one more");
    is_int(asked(), ABANDON_AT_ONCE + 1, "has no connection");
    apikey_mutex_lock(db.threads->lock);
    db.queue->abandoned_at -= ABANDON_INTERVAL;
    apikey_mutex_unlock(db.threads->lock);
    apr_sleep(db.queue->deadline + 1000);
    apikey_threads_tick(db.threads);
    is_int(db.queue->abandoned, ABANDON_AT_ONCE + 1,
           "one more is abandoned after the interval");
    fine_from(ABANDON_AT_ONCE + 2);
    db.queue->deadline = LONG;
    is_int(ask_anyway(), APR_SUCCESS,
           "and its connection is free for another look-up");
    set(0, 0, APR_SUCCESS);
    await_jobs_abandoned(0, 0, 0);
}

/* A thread that is blocked when the process ends is halted. */
static void test_left(void)
{
    apr_pool_t *pool;

    apr_pool_create(&pool, db.pool);
    need(apikey_threads_create(&db.threads, 2, pool) == APR_SUCCESS,
         "a pool of threads");
    db.queue = queue_of(2);
    set(0, 0, APR_SUCCESS);
    fine_from(0);
    is_int(ask(), APR_SUCCESS, "a look-up");
    apr_pool_destroy(pool);
    is_int(apikey_threads_exist(db.threads), 0,
           "its thread has ended and is joined");

    apr_pool_create(&pool, db.pool);
    need(apikey_threads_create(&db.threads, 2, pool) == APR_SUCCESS,
         "a pool of threads");
    db.queue = queue_of(2);
    told.times = 0;
    set(1, 0, APR_SUCCESS);
    is_int(post(0), APR_SUCCESS, "a post");
    await_jobs(0, 1);
    apr_pool_destroy(pool);
    is_int(apikey_threads_exist(db.threads), 1, "its thread is still there");
    set(0, 0, APR_SUCCESS);
    apr_sleep(100000);
    is_int(told.times, 0, "and calls nothing when the database answers");
    is_int(db.queue->running, 1, "and changes no counter");
}

int main(void)
{
    int failed;

    apr_initialize();
    apr_pool_create(&db.pool, NULL);
    apr_thread_mutex_create(&db.mutex, APR_THREAD_MUTEX_DEFAULT, db.pool);
    apr_thread_cond_create(&db.change, db.pool);
    test_suspect();
    test_bound_of_all();
    test_bound();
    test_left();
    apr_pool_destroy(db.pool);
    failed = done();
    /* As httpd's processes do with a halted thread: what it uses is not
     * destroyed. */
    _exit(failed);
}
