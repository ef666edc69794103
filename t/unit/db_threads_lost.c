/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Threads that hang: how many are given up, what becomes of the connections
 * beside them, and of those that hang when the process ends. */

#include <unistd.h>

#include "threads_fixture.h"

/* A busy machine does not begin each look-up before its deadline; one that was
 * begun is given up then. */
static void hang_one(void)
{
    int lost;

    do {
        is_int(ask_boldly(), APR_TIMEUP, "one says nothing");
        apikey_mutex_lock(db.threads->lock);
        lost = db.queue->lost;
        apikey_mutex_unlock(db.threads->lock);
    } while (lost < 1);
    settle_lost(0, 0, 1);
}

/* One of three connections that were used is silent. */
static void test_suspect(void)
{
    apr_thread_t *threads[3];
    apr_status_t answers[3];
    int i;

    fresh(3);
    set(1, 0, APR_SUCCESS);
    start(3, threads, answers);
    settle(0, 3);
    set(0, 0, APR_SUCCESS);
    is_int(finish(3, threads, answers, APR_SUCCESS), 3, "three connections");
    is_int(opened(), 3, "were made");
    set(1, 0, APR_SUCCESS);
    db.queue->deadline = 50000;
    hang_one();
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
    settle_lost(0, 0, 0);
}

/* All queues together: what is given up is bounded. */
static void test_bound_of_all(void)
{
    apikey_queue_t *first;
    int i;

    fresh(1);
    lost_all = 1;
    set(1, 0, APR_SUCCESS);
    first = db.queue;
    for (i = 0; i < 2; i++) {
        db.queue->deadline = 50000;
        while (asked() <= i) {
            ask_boldly();
        }
        db.queue = queue_of(1);
    }
    db.queue = first;
    is_int(db.threads->lost, 1, "two hang, one thread is replaced");
    is_int(db.threads->running, 1, "the other is one of the threads's");
    lost_all = 256;
    set(0, 0, APR_SUCCESS);
    settle_lost(0, 0, 0);
}

static void test_bound(void)
{
    int i;

    fresh(1);
    set(1, 0, APR_SUCCESS);
    db.queue->deadline = 50000;
    /* A busy machine does not begin each of them before its deadline. */
    for (i = 0; i < 500 && asked() < LOST + 1; i++) {
        ask_boldly();
    }
    settle_lost(0, 1, LOST);
    ok(1, "so many that hang are replaced, the next one is not");
    is_int(ask_boldly(), APR_TIMEUP, "one more");
    is_int(asked(), LOST + 1, "has no connection");
    apikey_mutex_lock(db.threads->lock);
    db.queue->lost_at -= LOST_EACH;
    apikey_mutex_unlock(db.threads->lock);
    apr_sleep(db.queue->deadline + 1000);
    apikey_threads_tick(db.threads);
    is_int(db.queue->lost, LOST + 1, "later one more is replaced");
    fine_from(LOST + 2);
    db.queue->deadline = LONG;
    is_int(ask_boldly(), APR_SUCCESS, "and it goes on");
    set(0, 0, APR_SUCCESS);
    settle_lost(0, 0, 0);
}

/* A thread that hangs when the process ends does nothing any more. */
static void test_left(void)
{
    apr_pool_t *pool;

    apr_pool_create(&pool, db.pool);
    need(apikey_threads_create(&db.threads, 2, pool) == APR_SUCCESS,
         "a threads");
    db.queue = queue_of(2);
    set(0, 0, APR_SUCCESS);
    fine_from(0);
    is_int(ask(), APR_SUCCESS, "a look-up");
    apr_pool_destroy(pool);
    is_int(apikey_threads_exist(db.threads), 0, "its thread ends, wholly");

    apr_pool_create(&pool, db.pool);
    need(apikey_threads_create(&db.threads, 2, pool) == APR_SUCCESS,
         "a threads");
    db.queue = queue_of(2);
    told.times = 0;
    set(1, 0, APR_SUCCESS);
    is_int(post(0), APR_SUCCESS, "a post");
    settle(0, 1);
    apr_pool_destroy(pool);
    is_int(apikey_threads_exist(db.threads), 1, "its thread is left behind");
    set(0, 0, APR_SUCCESS);
    apr_sleep(100000);
    is_int(told.times, 0, "and tells nothing when it comes back");
    is_int(db.queue->running, 1, "nor counts itself as one that is free");
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
    /* As httpd's processes do where a thread is left behind: nothing that it
     * may touch is taken down. */
    _exit(failed);
}
