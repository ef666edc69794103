/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The crew that asks a database: who waits, who is told at once, who may try.
 * Takes some five seconds. */

#include <stdlib.h>
#include <unistd.h>

#include <apr_time.h>

static long long idle = 10000000;
#define IDLE idle
static int lost_all = 256;
#define LOST_ALL lost_all

#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>

#include "lookup/queue.c"
#include "lookup/workers.c"
#include "tap.h"

#define MANY 100
#define DEADLINE 1500000

/* A database. Held, it says nothing until it is let go. */
static struct {
    apr_pool_t *pool;
    apr_thread_mutex_t *mutex;
    apr_thread_cond_t *change;
    apikey_crew_t *crew;
    apikey_queue_t *queue;
    int asked, held, let_go;
    int fine_from;              /* look-ups that are answered all the same */
    int opened, closed;         /* connections */
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

static apr_status_t connected(void *baton, void *who, void **mine,
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

static void leave(void *held)
{
    need(held == &db, "a connection");
    apr_thread_mutex_lock(db.mutex);
    db.closed++;
    apr_thread_mutex_unlock(db.mutex);
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

static void fine_from(int number)
{
    apr_thread_mutex_lock(db.mutex);
    db.fine_from = number;
    apr_thread_mutex_unlock(db.mutex);
}

static int closed(void)
{
    int number;

    apr_thread_mutex_lock(db.mutex);
    number = db.closed;
    apr_thread_mutex_unlock(db.mutex);
    return number;
}

static int opened(void)
{
    int number;

    apr_thread_mutex_lock(db.mutex);
    number = db.opened;
    apr_thread_mutex_unlock(db.mutex);
    return number;
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
    status = apikey_queue_ask(db.queue, NULL, look, &answer, sizeof(answer),
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

/* Looks at the queue until so many jobs wait, so many are under way, and so
 * many hang beside them. */
static void settle_lost(int waiting, int busy, int lost)
{
    int tries, good = 0;

    for (tries = 0; tries < 100000 && !good; tries++) {
        apikey_mutex_lock(db.crew->lock);
        good = db.queue->waiting == waiting && db.queue->running == busy
               && (lost < 0 || db.queue->lost == lost);
        apikey_mutex_unlock(db.crew->lock);
        apr_sleep(500);
    }
    need(good, "the crew does not settle");
}

static void settle(int waiting, int busy)
{
    settle_lost(waiting, busy, -1);
}

static void probed_now(void)
{
    apikey_mutex_lock(db.crew->lock);
    db.queue->probed = apikey_clock();
    apikey_mutex_unlock(db.crew->lock);
}

static apikey_queue_t *queue_of(int connections)
{
    apikey_queue_t *queue;

    need(apikey_queue_make(&queue, db.crew, connections, DEADLINE, connected,
                           leave, NULL, NULL) == APR_SUCCESS, "a queue");
    return queue;
}

static void fresh(int connections)
{
    need(apikey_crew_make(&db.crew, 16, db.pool) == APR_SUCCESS, "a crew");
    db.queue = queue_of(connections);
    set(0, 0, APR_SUCCESS);
    db.asked = db.opened = db.closed = db.fine_from = 0;
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
    db.queue->deadline = apr_time_from_sec(120);
    set(1, 0, APR_SUCCESS);
    start(MANY, threads, answers);
    settle(MANY - 8, 8);
    set(0, 0, APR_SUCCESS);
    is_int(finish(MANY, threads, answers, APR_SUCCESS), MANY,
           "a hundred at once, more than threads: all are answered");
    is_int(db.crew->threads, 8, "by eight threads");
}

/* As many deadlines as open the breaker: all of them hang. */
static void hang(apr_status_t status)
{
    apr_thread_t *threads[TRIP];
    apr_status_t answers[TRIP];

    set(1, 0, status);
    start(TRIP, threads, answers);
    settle(0, TRIP);
    is_int(finish(TRIP, threads, answers, APR_TIMEUP), TRIP,
           "nobody waits beyond the deadline");
    settle_lost(0, 0, TRIP);
}

static void test_silence(void)
{
    int i;

    fresh(TRIP);
    hang(APIKEY_EDATABASE);
    is_int(asked(), TRIP, "the look-ups hang and are given up");
    probed_now();
    is_int(ask(), APR_TIMEUP, "the breaker is open: an answer at once");
    is_int(asked(), TRIP, "without a look-up");
    probed_now();
    set(1, TRIP, APIKEY_EDATABASE);
    settle_lost(0, 0, 0);
    for (i = 0; i < 10000 && closed() < TRIP; i++) {
        apr_sleep(1000);
    }
    is_int(closed(), TRIP, "what hung has ended, its connections are closed");
    set(0, 0, APR_SUCCESS);
    is_int(ask(), APR_SUCCESS, "the next one may try at once");
    is_int(ask(), APR_SUCCESS, "and all others after it");
}

/* An error that took its time opens the breaker for one more alone. */
static void test_late_error(void)
{
    apr_thread_t *probe;
    apr_status_t answer;

    fresh(TRIP + 1);
    hang(APIKEY_EDATABASE);
    set(1, TRIP, APIKEY_EDATABASE);
    settle_lost(0, 0, 0);
    start(1, &probe, &answer);
    settle(0, 1);
    probed_now();
    is_int(ask(), APR_TIMEUP, "while one tries, the others do not");
    is_int(asked(), TRIP + 1, "and are told so at once");
    set(0, 0, APR_SUCCESS);
    is_int(finish(1, &probe, &answer, APR_SUCCESS), 1, "it is back");
}

/* Established connections are silent for ever, new ones work. */
static void test_replaced(void)
{
    fresh(TRIP);
    fine_from(TRIP + 1);
    hang(APR_SUCCESS);
    apikey_mutex_lock(db.crew->lock);
    db.queue->probed = 0;
    apikey_mutex_unlock(db.crew->lock);
    is_int(ask(), APR_SUCCESS, "a probe has another thread and connection");
    is_int(ask(), APR_SUCCESS, "and the breaker is shut");
    is_int(db.queue->lost, TRIP, "while the first ones hang on");
    set(0, 0, APR_SUCCESS);
    settle_lost(0, 0, 0);
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
    is_int(ask(), APR_TIMEUP, "one says nothing");
    settle_lost(0, 0, 1);
    db.queue->deadline = DEADLINE;
    fine_from(asked() + 1);
    is_int(ask(), APR_SUCCESS, "the next look-up has its answer");
    is_int(opened(), 4, "over a new connection, not over an idle one");
    for (i = 0; i < 1000 && closed() < 2; i++) {
        apr_sleep(10000);
        apikey_crew_tick(db.crew);
    }
    is_int(closed(), 2, "the idle ones are closed");
    is_int(ask(), APR_SUCCESS, "another look-up");
    is_int(opened(), 4, "uses the new one");
    set(0, 0, APR_SUCCESS);
    settle_lost(0, 0, 0);
}

static apr_status_t ask_boldly(void)
{
    apikey_mutex_lock(db.crew->lock);
    db.queue->silent = 0;
    apikey_mutex_unlock(db.crew->lock);
    return ask();
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
    is_int(db.crew->lost, 1, "two hang, one thread is replaced");
    is_int(db.crew->threads, 1, "the other is one of the crew's");
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
    apikey_mutex_lock(db.crew->lock);
    db.queue->lost_at -= LOST_EACH;
    apikey_mutex_unlock(db.crew->lock);
    apr_sleep(db.queue->deadline + 1000);
    apikey_crew_tick(db.crew);
    is_int(db.queue->lost, LOST + 1, "later one more is replaced");
    fine_from(LOST + 2);
    db.queue->deadline = DEADLINE;
    is_int(ask_boldly(), APR_SUCCESS, "and it goes on");
    set(0, 0, APR_SUCCESS);
    settle_lost(0, 0, 0);
}

/* Two threads hang in one database, and there are no more than two. */
static void test_shared(void)
{
    apr_thread_t *threads[2];
    apr_status_t answers[2];
    apikey_queue_t *frozen;

    need(apikey_crew_make(&db.crew, 2, db.pool) == APR_SUCCESS, "a crew");
    db.queue = frozen = queue_of(2);
    set(1, 0, APR_SUCCESS);
    db.asked = 0;
    start(2, threads, answers);
    settle(0, 2);
    fine_from(3);
    db.queue = queue_of(2);
    /* Its deadline shall be well after theirs. */
    apr_sleep(DEADLINE / 2);
    is_int(ask(), APR_SUCCESS, "another database has an answer in time");
    db.queue = frozen;
    is_int(finish(2, threads, answers, APR_TIMEUP), 2, "the frozen one none");
    set(0, 0, APR_SUCCESS);
    settle_lost(0, 0, 0);
    fine_from(0);
}

static int threads_of_crew(void)
{
    int threads;

    apikey_mutex_lock(db.crew->lock);
    threads = db.crew->threads + db.crew->lost;
    apikey_mutex_unlock(db.crew->lock);
    return threads;
}

static void test_idle(void)
{
    int i;

    fresh(2);
    idle = 50000;
    is_int(ask(), APR_SUCCESS, "a look-up");
    is_int(db.queue->idle_count, 1, "its connection is kept");
    for (i = 0; i < 1000 && (closed() < 1 || threads_of_crew()); i++) {
        apr_sleep(20000);
        apikey_crew_tick(db.crew);
    }
    is_int(closed(), 1, "a connection that is not used is closed");
    is_int(threads_of_crew(), 0, "a thread without work ends");
    idle = 10000000;
    is_int(ask(), APR_SUCCESS, "there are others when they are needed");
}

/* On the caller's thread, with the connections of the queue. */
static void test_here(void)
{
    const char *error = "";
    char *answer = NULL;
    apr_thread_t *thread;
    apr_status_t status;

    fresh(1);
    is_int(apikey_queue_ask_here(db.queue, NULL, look, &answer, db.pool,
                                 &error), APR_SUCCESS, "a look-up here");
    is_int(db.crew->threads, 0, "needs no thread");
    is_int(db.queue->idle_count, 1, "and leaves its connection");
    set(1, 0, APR_SUCCESS);
    start(1, &thread, &status);
    settle(0, 1);
    db.queue->deadline = 50000;
    is_int(apikey_queue_ask_here(db.queue, NULL, look, &answer, db.pool,
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
    need(apikey_crew_make(&db.crew, 2, pool) == APR_SUCCESS, "a crew");
    db.queue = queue_of(2);
    apikey_mutex_lock(db.crew->lock);
    is_int(apikey_crew_is_usable(db.crew, 1000), 0, "the lock is held");
    apr_pool_destroy(pool);
    ok(1, "the end does not wait for it");
    apikey_mutex_unlock(db.crew->lock);
    is_int(apikey_crew_is_usable(db.crew, 1000), 1, "it is free again");
    is_int(ask(), APR_TIMEUP, "and nothing more is begun");
    is_int(apikey_queue_ask_here(db.queue, NULL, look, &answer, db.pool,
                                 &error), APR_TIMEUP, "nor here");
}

static struct {
    int times;
    apr_status_t status;
    char error[16];
    char *task;
} told;

static void tell(void *baton, void *task, apr_status_t status,
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

static apr_status_t post(apr_interval_time_t patience)
{
    apikey_post_t one = { NULL, look, &posted, 0, tell, &posted, 0 };

    one.patience = patience;
    one.size = patience ? sizeof(posted) : 0;
    return apikey_queue_post(db.queue, &one);
}

/* What nobody waits for. */
static void test_post(void)
{
    fresh(TRIP);
    set(1, 0, APR_SUCCESS);
    is_int(post(0), APR_SUCCESS, "a post");
    settle(0, 1);
    is_int(told.times, 0, "is not done yet");
    set(0, 0, APR_SUCCESS);
    settle(0, 0);
    is_int(told.times, 1, "then it is told, once");
    is_int(told.status, APR_SUCCESS, "that it is done");
    ok(told.task == (char *)&posted && posted != NULL,
       "with the task itself, which was not copied");
    set(0, 0, APIKEY_EDATABASE);
    is_int(post(0), APR_SUCCESS, "another");
    settle(0, 0);
    is_int(told.times, 2, "is told, too");
    is_str(told.error, "no", "and why it failed");

    hang(APIKEY_EDATABASE);
    probed_now();
    is_int(post(0), APR_TIMEUP, "the breaker is open: it is not done");
    set(0, 0, APR_SUCCESS);
    settle_lost(0, 0, 0);
    is_int(told.times, 2, "and not told");
}

static void test_patience(void)
{
    fresh(1);
    told.times = 0;
    posted = NULL;
    set(1, 0, APR_SUCCESS);
    is_int(post(20000), APR_SUCCESS, "a post with patience");
    settle(0, 1);
    is_int(post(20000), APR_SUCCESS, "and one that has no connection");
    settle(1, 1);
    apr_sleep(30000);
    apikey_crew_tick(db.crew);
    is_int(told.times, 2, "both are told");
    is_int(told.status, APR_TIMEUP, "that the time is over");
    settle_lost(0, 0, 1);
    set(0, 0, APR_SUCCESS);
    settle_lost(0, 0, 0);
    is_int(told.times, 2, "once");
    ok(posted == NULL, "and the late answer is thrown away");
}

/* A thread that hangs when the process ends does nothing any more. */
static void test_left(void)
{
    apr_pool_t *pool;

    apr_pool_create(&pool, db.pool);
    need(apikey_crew_make(&db.crew, 2, pool) == APR_SUCCESS, "a crew");
    db.queue = queue_of(2);
    set(0, 0, APR_SUCCESS);
    fine_from(0);
    is_int(ask(), APR_SUCCESS, "a look-up");
    apr_pool_destroy(pool);
    is_int(apikey_crew_has_threads(db.crew), 0, "its thread ends, wholly");

    apr_pool_create(&pool, db.pool);
    need(apikey_crew_make(&db.crew, 2, pool) == APR_SUCCESS, "a crew");
    db.queue = queue_of(2);
    told.times = 0;
    set(1, 0, APR_SUCCESS);
    is_int(post(0), APR_SUCCESS, "a post");
    settle(0, 1);
    apr_pool_destroy(pool);
    is_int(apikey_crew_has_threads(db.crew), 1, "its thread is left behind");
    set(0, 0, APR_SUCCESS);
    apr_sleep(100000);
    is_int(told.times, 0, "and tells nothing when it comes back");
    is_int(db.queue->running, 1, "nor counts itself as one that is free");
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
    test_suspect();
    test_bound_of_all();
    test_bound();
    test_shared();
    test_idle();
    test_here();
    test_end();
    test_post();
    test_patience();
    test_left();
    apr_pool_destroy(db.pool);
    return done();
}
