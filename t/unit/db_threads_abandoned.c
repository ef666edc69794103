/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Blocked threads: how many are abandoned, and what happens to other
 * connections and to threads that are blocked when the process ends. */

#include <unistd.h>

#include "threads_fixture.h"

/* Blocks one look-up and has it abandoned. On a busy machine the deadline may
 * pass before the look-up begins; then it is repeated. */
static void block_one(void)
{
    int abandoned;

    do {
        is_int(ask_anyway(), APR_TIMEUP,
               "a look-up that blocks gets APR_TIMEUP");
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
    is_int(finish(3, threads, answers, APR_SUCCESS), 3,
           "three callers at once have their answers");
    is_int(count_of(&db.opened), 3,
           "three callers at once use three connections");
    set(1, 0, APR_SUCCESS);
    db.queue->deadline = 50000;
    block_one();
    db.queue->deadline = LONG;
    fine_from(count_of(&db.asked) + 1);
    is_int(ask(), APR_SUCCESS,
           "a look-up after one that blocked has its answer");
    is_int(count_of(&db.opened), 4,
           "a look-up after one that blocked has a new connection");
    for (i = 0; i < 12000 && count_of(&db.closed) < 2; i++) {
        apr_sleep(10000);
        apikey_threads_tick(db.threads);
    }
    is_int(count_of(&db.closed), 2,
           "the two idle connections are closed after one has blocked");
    is_int(ask(), APR_SUCCESS, "another look-up has its answer");
    is_int(count_of(&db.opened), 4, "another look-up uses the new connection");
    set(0, 0, APR_SUCCESS);
    await_jobs_abandoned(0, 0, 0);
}

/* The number of abandoned threads is bounded over all queues. */
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
        while (count_of(&db.asked) <= i) {
            ask_anyway();
        }
        db.queue = queue_of(1);
    }
    db.queue = first;
    is_int(db.threads->abandoned, 1,
           "of two blocked threads one is abandoned, the most allowed");
    is_int(db.threads->running, 1,
           "the other blocked thread counts as running");
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
    /* On a busy machine the deadline may pass before a look-up begins. */
    for (i = 0; i < 500 && count_of(&db.asked) < ABANDON_AT_ONCE + 1; i++) {
        ask_anyway();
    }
    await_jobs_abandoned(0, 1, ABANDON_AT_ONCE);
    ok(1, "no more threads are abandoned at once than ABANDON_AT_ONCE");
    is_int(ask_anyway(), APR_TIMEUP, "a look-up after those gets APR_TIMEUP");
    is_int(count_of(&db.asked), ABANDON_AT_ONCE + 1,
           "a look-up after those has no connection");
    apikey_mutex_lock(db.threads->lock);
    db.queue->abandoned_at -= ABANDON_INTERVAL;
    apikey_mutex_unlock(db.threads->lock);
    apr_sleep(db.queue->deadline + 1000);
    apikey_threads_tick(db.threads);
    is_int(db.queue->abandoned, ABANDON_AT_ONCE + 1,
           "after ABANDON_INTERVAL one more thread is abandoned");
    fine_from(ABANDON_AT_ONCE + 2);
    db.queue->deadline = LONG;
    is_int(ask_anyway(), APR_SUCCESS,
           "the place of the abandoned thread serves another look-up");
    set(0, 0, APR_SUCCESS);
    await_jobs_abandoned(0, 0, 0);
}

/* A thread that is blocked when the process ends is left as it is. */
static void test_left(void)
{
    apr_pool_t *pool;

    apr_pool_create(&pool, db.pool);
    need(apikey_threads_create(&db.threads, 2, pool) == APR_SUCCESS,
         "a pool of threads");
    db.queue = queue_of(2);
    set(0, 0, APR_SUCCESS);
    fine_from(0);
    is_int(ask(), APR_SUCCESS, "a look-up is answered");
    apr_pool_destroy(pool);
    is_int(apikey_threads_exist(db.threads), 0,
           "destroying the pool joins the thread");

    apr_pool_create(&pool, db.pool);
    need(apikey_threads_create(&db.threads, 2, pool) == APR_SUCCESS,
         "a pool of threads");
    db.queue = queue_of(2);
    called.times = 0;
    set(1, 0, APR_SUCCESS);
    is_int(post(0), APR_SUCCESS, "a task that blocks is posted");
    await_jobs(0, 1);
    apr_pool_destroy(pool);
    is_int(apikey_threads_exist(db.threads), 1,
           "destroying the pool leaves the blocked thread");
    set(0, 0, APR_SUCCESS);
    apr_sleep(100000);
    is_int(called.times, 0,
           "on_done is not called when the database answers after that");
    is_int(db.queue->running, 1,
           "no counter changes when the database answers after that");
}

int main(void)
{
    int failed;

    threads_fixture_init();
    test_suspect();
    test_bound_of_all();
    test_bound();
    test_left();
    apr_pool_destroy(db.pool);
    failed = done();
    /* As a process of httpd's with a halted thread does: it exits, and nothing
     * that the thread uses is destroyed. */
    _exit(failed);
}
