/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* core/log_limit.h: how often a message is logged. A cause is logged in full
 * when it is met first, then once a minute with a count, and a last time when
 * it is over; causes do not affect each other, and any number of threads and
 * processes share them. */

#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_general.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

#include "core/atomics.h"
#include "core/log_limit.h"
#include "tap.h"

#define KINDS 3
#define FULL APIKEY_LIMIT_FULL
#define COUNTED APIKEY_LIMIT_COUNTED
#define MORE APIKEY_LIMIT_MORE
#define BEGIN 1000              /* second of the clock */

enum { AWAY, FAULTY, OTHER };

static const apikey_limit_end_e ends[KINDS] = {
    APIKEY_LIMIT_SUCCESS, APIKEY_LIMIT_QUIET, APIKEY_LIMIT_QUIET
};
static const int one, two;      /* two databases */
static apikey_limit_t *limit;
static apr_pool_t *pool;

/* What sweep() and hit() returned last. */
static apr_uint64_t more;
static int swept;
static apikey_limit_report_t last;
static apikey_limit_e said;
static char label[APIKEY_LIMIT_LABEL];

static void fresh(void)
{
    limit = apikey_limit_create(apr_pcalloc(pool, apikey_limit_size(KINDS)),
                                KINDS, ends);
}

static apikey_cause_t cause_of(int kind, const void *owner, const char *what)
{
    apikey_cause_t cause = { kind, apikey_limit_hash(owner, what), owner,
                             what };

    return cause;
}

static apikey_limit_e hit(int kind, const void *owner, const char *what,
                          apr_uint64_t now)
{
    apikey_cause_t cause = cause_of(kind, owner, what);

    apikey_limit_e which;
    apikey_limit_report_t report;

    report.more = 0;
    which = apikey_limit_count(limit, &cause, 1, now, &report);
    more = report.more;
    return which;
}

static int is_over(const void *owner, apr_uint64_t now)
{
    apikey_cause_t cause = cause_of(AWAY, owner, NULL);

    return apikey_limit_end(limit, &cause, now, &last);
}

static void keep_report(void *baton, apikey_limit_e what,
                 const apikey_limit_report_t *report)
{
    (void)baton;
    swept++;
    said = what;
    last = *report;
    apr_cpystrn(label, report->cause.label, sizeof(label));
}

static int sweep(apr_uint64_t now)
{
    swept = 0;
    apikey_limit_sweep(limit, now, keep_report, NULL);
    return swept;
}

/* An outage: 100 requests a second, and a sweep of the watchdog once a
 * second. */
static void outage(void)
{
    int full = 0, minutes = 0, sweeps = 0, second, i;
    apr_uint64_t counted = 0;

    fresh();
    for (second = 0; second < 150; second++) {
        for (i = 0; i < 100; i++) {
            apikey_limit_e what = hit(AWAY, &one, NULL, BEGIN + second);

            full += what == FULL;
            minutes += what == MORE;
            counted += more;
        }
        sweeps += sweep(BEGIN + second);
    }
    is_int(full, 1, "an outage of 150 s is logged in full once");
    is_int(minutes, 2,
           "an outage of 150 s is logged twice more, once a minute");
    is_int(sweeps, 0, "a sweep logs nothing of an outage that requests log");
    is_int(counted, 12000,
           "the lines of an outage count all since the line before");
    ok(is_over(&one, BEGIN + 150), "the end of an outage is to be logged");
    is_int(last.total, 15000, "the end of an outage has the total");
    is_int(last.seconds, 150, "the end of an outage has its seconds");
    ok(!is_over(&one, BEGIN + 150), "the end of an outage is logged once");
    is_int(sweep(BEGIN + 211), 0, "a sweep after the end logs nothing");
    is_int(hit(AWAY, &one, NULL, BEGIN + 212), FULL,
           "the next outage is logged in full");
}

static void logged_without_a_request(void)
{
    int i;

    fresh();
    for (i = 0; i < 10; i++) {
        hit(AWAY, &one, "x", BEGIN);
    }
    is_int(sweep(BEGIN + 60), 0, "without requests nothing is logged for 60 s");
    is_int(sweep(BEGIN + 61), 1,
           "without requests a sweep logs the cause after 61 s");
    ok(said == MORE && last.more == 9,
       "the sweep's line has how many more there were");
    ok(last.cause.kind == AWAY && last.cause.owner == &one
       && !strcmp(label, "x"),
       "the sweep's line has the kind, the owner and the label");
    is_int(sweep(BEGIN + 600), 0,
           "later sweeps log nothing without another request");
    is_int(sweep(BEGIN + 6000), 0, "a sweep does not end an outage");
}

static void quiet(void)
{
    int i;

    fresh();
    for (i = 0; i < 10; i++) {
        hit(FAULTY, &one, "key a", BEGIN + i);
    }
    is_int(sweep(BEGIN + 60), 0, "ten faults of a row: nothing more for 60 s");
    is_int(sweep(BEGIN + 61), 1,
           "ten faults of a row: a sweep logs a line after 61 s");
    is_int(last.more, 9, "the line counts the nine faults after the first");
    is_int(sweep(BEGIN + 68), 0,
           "the cause is not over 59 s after its last fault");
    is_int(sweep(BEGIN + 69), 1, "the cause is over 60 s after its last fault");
    ok(said == APIKEY_LIMIT_OVER && last.total == 10 && last.seconds == 9,
       "the line of its end has the total and the seconds");
    is_int(sweep(BEGIN + 200), 0, "the end of a row's faults is logged once");
    is_int(hit(FAULTY, &one, "key a", BEGIN + 201), FULL,
           "a fault after the end is logged in full");
    is_int(hit(FAULTY, &one, "key a", BEGIN + 300), FULL,
           "a fault 99 s after the last is logged in full, with no sweep "
           "between");
    is_int(hit(FAULTY, &one, "key a", BEGIN + 301), COUNTED,
           "a second fault is counted");
    is_int(hit(FAULTY, &one, "key a", BEGIN + 400), MORE,
           "a fault 99 s after a counted one logs how many more there were");
    is_int(more, 2, "the line counts the one before and itself");
}

static void each_for_itself(void)
{
    fresh();
    hit(FAULTY, &one, "key a", BEGIN);
    is_int(hit(FAULTY, &one, "key a", BEGIN), COUNTED,
           "the same row and database is counted");
    is_int(hit(FAULTY, &one, "key b", BEGIN), FULL,
           "another row is logged in full");
    is_int(hit(FAULTY, &two, "key a", BEGIN), FULL,
           "another database is logged in full");
    is_int(hit(OTHER, &one, "key a", BEGIN), FULL,
           "another message is logged in full");
    hit(AWAY, &one, NULL, BEGIN);
    is_int(hit(AWAY, &two, NULL, BEGIN), FULL,
           "another database's outage is logged in full");
    ok(!is_over(&limit, BEGIN), "an outage that was not logged does not end");
    ok(is_over(&one, BEGIN), "the first database's outage ends");
    is_int(hit(AWAY, &two, NULL, BEGIN), COUNTED,
           "the second database's outage goes on");
    ok(apikey_limit_is_open(limit, AWAY),
       "an outage is open while one database is away");
    ok(is_over(&two, BEGIN), "the second database's outage ends");
    ok(!apikey_limit_is_open(limit, AWAY),
       "no outage is open when both have ended");
}

/* More causes than there is room for: the number of lines and the memory are
 * bounded. */
static void too_many(void)
{
    int full = 0, i;

    fresh();
    for (i = 0; i < 10000; i++) {
        full += hit(FAULTY, &one, apr_psprintf(pool, "%d", i), BEGIN) == FULL;
    }
    is_int(full, APIKEY_LIMIT_SLOTS + 1, "10 000 causes make 257 lines");
    is_int(hit(FAULTY, &one, "10000", BEGIN), COUNTED,
           "a cause beyond the room is counted");
    is_int(hit(OTHER, &one, "10000", BEGIN), FULL,
           "another message has room of its own");
    is_int(sweep(BEGIN + 61), APIKEY_LIMIT_SLOTS + 2,
           "a minute later a sweep logs all causes and the count of the "
           "others");
    is_int(hit(FAULTY, &one, "10000", BEGIN + 62), FULL,
           "after the sweep a new cause is logged in full");
}

/* A database that fails and recovers many times within a minute. */
static void to_and_fro(void)
{
    int full = 0, over = 0, i;

    fresh();
    for (i = 0; i < 1000; i++) {
        full += hit(AWAY, &one, NULL, BEGIN) == FULL;
        over += is_over(&one, BEGIN);
    }
    is_int(full, APIKEY_LIMIT_FULL_LINES,
           "1000 outages in a minute: 5 are logged in full");
    is_int(over, APIKEY_LIMIT_FULL_LINES,
           "1000 outages in a minute: 5 ends are logged");
    is_int(sweep(BEGIN + 61), 1,
           "a minute later one line is logged for the other outages");
    is_int(last.more, 1000 - APIKEY_LIMIT_FULL_LINES,
           "the line counts the other outages");
}

static void amounts(void)
{
    apikey_cause_t cause = cause_of(OTHER, &one, NULL);

    apikey_limit_report_t report;

    fresh();
    apikey_limit_count(limit, &cause, 7, BEGIN, &report);
    apikey_limit_count(limit, &cause, 20, BEGIN + 1, &report);
    is_int(apikey_limit_count(limit, &cause, 3, BEGIN + 60, &report), MORE,
           "after a minute a count is logged");
    is_int(report.more, 23, "the count adds up the amounts");
    ok(report.cause.owner == &one, "the report names the owner");
}

/* A process was killed while it made an entry: the hash is written, the rest
 * is not. */
static void half_made(void)
{
    apikey_cause_t cause = cause_of(FAULTY, &one, "key a");
    apr_size_t size = apikey_limit_size(KINDS), i;
    char *memory = apr_pcalloc(pool, size), *before = apr_palloc(pool, size);
    int found = 0;

    limit = apikey_limit_create(memory, KINDS, ends);
    memcpy(before, memory, size);
    hit(FAULTY, &one, "key a", BEGIN);
    for (i = 0; i + 8 <= size; i += 8) {
        if (!memcmp(memory + i, &cause.hash, 8)) {
            found++;
            memcpy(before + i, &cause.hash, 8);
        }
    }
    is_int(found, 1, "the hash of the cause is found once in the memory");
    memcpy(memory, before, size);
    /* Another cause, so that the sweep has something to look at. */
    hit(AWAY, &two, NULL, BEGIN);
    is_int(hit(FAULTY, &one, "key a", BEGIN), FULL,
           "a cause with a half-made entry is logged in full");
    is_int(hit(FAULTY, &one, "key a", BEGIN), COUNTED,
           "a cause with a half-made entry is counted the second time");
    is_int(sweep(BEGIN + 61), 1, "a minute later a sweep logs the cause");
    is_str(label, "key a", "the cause has its entry and label then");
}

/* ---- Several threads and processes at the same time ---- */

#define THREADS 8
#define ROUNDS 20000
#define FIRSTS 200

static int counts[THREADS][3];

static apikey_limit_e hit_one(int kind, const char *what)
{
    apikey_cause_t cause = cause_of(kind, &one, what);
    apikey_limit_report_t report;

    return apikey_limit_count(limit, &cause, 1, BEGIN, &report);
}

static void hit_many(int *count)
{
    int i;

    for (i = 0; i < ROUNDS; i++) {
        apikey_limit_e what = hit_one(i % 2 ? AWAY : FAULTY, NULL);

        count[0] += what == FULL;
        count[1] += what != FULL && what != COUNTED;
    }
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *data)
{
    hit_many(data);
    (void)thread;
    return NULL;
}

/* All threads meet the same new cause at the same time, FIRSTS times. */
static apikey_word_t round_of, arrived;

static void hit_first(int *count)
{
    int i;

    for (i = 1; i <= FIRSTS; i++) {
        char what[16];

        apr_snprintf(what, sizeof(what), "%d", i);
        apikey_word_add(&arrived, 1);
        while (apikey_word_get(&round_of) < (apr_uint64_t)i) {
            if (apikey_word_get(&arrived) == (apr_uint64_t)(i * THREADS)) {
                apikey_word_swap(&round_of, i - 1, i);
            }
            sched_yield();
        }
        count[2] += hit_one(FAULTY, what) == FULL;
    }
}

static void *APR_THREAD_FUNC run_first(apr_thread_t *thread, void *data)
{
    hit_first(data);
    (void)thread;
    return NULL;
}

static void firsts(void)
{
    apr_thread_t *thread[THREADS];
    int full = 0, i;
    apr_status_t status;

    fresh();
    for (i = 0; i < THREADS; i++) {
        apr_thread_create(&thread[i], NULL, run_first, counts[i], pool);
    }
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&status, thread[i]);
        full += counts[i][2];
    }
    is_int(full, FIRSTS,
           "200 causes that 8 threads meet first: a line for each");
}

static void threads(void)
{
    apr_thread_t *thread[THREADS];
    int full = 0, odd = 0, i;
    apr_status_t status;

    fresh();
    for (i = 0; i < THREADS; i++) {
        apr_thread_create(&thread[i], NULL, run, counts[i], pool);
    }
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&status, thread[i]);
        full += counts[i][0];
        odd += counts[i][1];
    }
    is_int(full, 2, "2 causes of 8 threads: 2 lines in full");
    is_int(odd, 0, "2 causes of 8 threads within a minute: no other line");
    ok(is_over(&one, BEGIN), "the outage that 8 threads met ends");
    is_int(last.total, THREADS * ROUNDS / 2,
           "the outage's total has the hits of all threads");
    sweep(BEGIN + 61);
    is_int(last.more, THREADS * ROUNDS / 2 - 1,
           "the other cause's count has the hits of all threads");
}

static void processes(void)
{
    apr_size_t size = apikey_limit_size(KINDS);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int full = 0, i, status;

    limit = apikey_limit_create(memory, KINDS, ends);
    for (i = 0; i < 4; i++) {
        if (!fork()) {
            int mine = 0, k;

            for (k = 0; k < 1000; k++) {
                mine += hit(AWAY, &one, NULL, BEGIN) == FULL;
            }
            _exit(mine);
        }
    }
    for (i = 0; i < 4; i++) {
        wait(&status);
        full += WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
    }
    is_int(full, 1, "4 processes log an outage in full once");
    ok(is_over(&one, BEGIN) && last.total == 4000,
       "the outage's total has the hits of all processes");
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    outage();
    logged_without_a_request();
    quiet();
    each_for_itself();
    too_many();
    to_and_fro();
    amounts();
    half_made();
    threads();
    firsts();
    processes();
    return done();
}
