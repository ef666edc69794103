/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* How often a message is said: in full, once a minute, and when it is over;
 * each cause for itself, by however many threads and processes. */

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

/* What sweep() and hit() gave last. */
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

static void tell(void *baton, apikey_limit_e what,
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
    apikey_limit_sweep(limit, now, tell, NULL);
    return swept;
}

/* 100 requests a second, and a watchdog that comes by each second. */
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
    is_int(full, 1, "an outage of 150 s is said once");
    is_int(minutes, 2, "and once a minute");
    is_int(sweeps, 0, "by a request, which knows why");
    is_int(counted, 12000, "with as many as there were since the last");
    ok(is_over(&one, BEGIN + 150), "its end is said");
    is_int(last.total, 15000, "with all that there were");
    is_int(last.seconds, 150, "and how long it took");
    ok(!is_over(&one, BEGIN + 150), "once");
    is_int(sweep(BEGIN + 211), 0, "after that nothing is left");
    is_int(hit(AWAY, &one, NULL, BEGIN + 212), FULL, "the next one is new");
}

static void told_without_a_request(void)
{
    int i;

    fresh();
    for (i = 0; i < 10; i++) {
        hit(AWAY, &one, "x", BEGIN);
    }
    is_int(sweep(BEGIN + 60), 0, "a minute long nothing is said");
    is_int(sweep(BEGIN + 61), 1, "then a sweep says it");
    ok(said == MORE && last.more == 9, "how many more there were");
    ok(last.cause.kind == AWAY && last.cause.owner == &one
       && !strcmp(label, "x"), "and of what");
    is_int(sweep(BEGIN + 600), 0, "nothing more without a request");
    is_int(sweep(BEGIN + 6000), 0, "and no end: it has not ended");
}

static void quiet(void)
{
    int i;

    fresh();
    for (i = 0; i < 10; i++) {
        hit(FAULTY, &one, "key a", BEGIN + i);
    }
    is_int(sweep(BEGIN + 60), 0, "of a row nothing is said for a minute");
    is_int(sweep(BEGIN + 61), 1, "then how many more there were");
    is_int(last.more, 9, "as many");
    is_int(sweep(BEGIN + 68), 0, "until a minute has gone without one");
    is_int(sweep(BEGIN + 69), 1, "when it is over");
    ok(said == APIKEY_LIMIT_OVER && last.total == 10 && last.seconds == 9,
       "with all that there were");
    is_int(sweep(BEGIN + 200), 0, "once");
    is_int(hit(FAULTY, &one, "key a", BEGIN + 201), FULL, "the next is new");
    is_int(hit(FAULTY, &one, "key a", BEGIN + 300), FULL,
           "even where no sweep has ended the one before");
    is_int(hit(FAULTY, &one, "key a", BEGIN + 301), COUNTED, "one more");
    is_int(hit(FAULTY, &one, "key a", BEGIN + 400), MORE,
           "without a sweep, a request says how many more");
    is_int(more, 2, "itself");
}

static void each_for_itself(void)
{
    fresh();
    hit(FAULTY, &one, "key a", BEGIN);
    is_int(hit(FAULTY, &one, "key a", BEGIN), COUNTED, "a row, again");
    is_int(hit(FAULTY, &one, "key b", BEGIN), FULL, "another row");
    is_int(hit(FAULTY, &two, "key a", BEGIN), FULL, "another database");
    is_int(hit(OTHER, &one, "key a", BEGIN), FULL, "another message");
    hit(AWAY, &one, NULL, BEGIN);
    is_int(hit(AWAY, &two, NULL, BEGIN), FULL, "another outage");
    ok(!is_over(&limit, BEGIN), "what was not, is not over");
    ok(is_over(&one, BEGIN), "one is over");
    is_int(hit(AWAY, &two, NULL, BEGIN), COUNTED, "the other is not");
    ok(apikey_limit_is_open(limit, AWAY), "which one read shows");
    ok(is_over(&two, BEGIN), "until it is, too");
    ok(!apikey_limit_is_open(limit, AWAY), "which one read shows");
}

/* Many causes: what is said and what is kept is bounded. */
static void too_many(void)
{
    int full = 0, i;

    fresh();
    for (i = 0; i < 10000; i++) {
        full += hit(FAULTY, &one, apr_psprintf(pool, "%d", i), BEGIN) == FULL;
    }
    is_int(full, APIKEY_LIMIT_SLOTS + 1, "10 000 causes make 257 lines");
    is_int(hit(FAULTY, &one, "10000", BEGIN), COUNTED, "no more of them");
    is_int(hit(OTHER, &one, "10000", BEGIN), FULL, "but other messages");
    is_int(sweep(BEGIN + 61), APIKEY_LIMIT_SLOTS + 2,
           "a minute later all are told of");
    is_int(hit(FAULTY, &one, "10000", BEGIN + 62), FULL, "and there is room");
}

/* Of a database that comes and goes. */
static void to_and_fro(void)
{
    int full = 0, over = 0, i;

    fresh();
    for (i = 0; i < 1000; i++) {
        full += hit(AWAY, &one, NULL, BEGIN) == FULL;
        over += is_over(&one, BEGIN);
    }
    is_int(full, APIKEY_LIMIT_FULL_LINES, "1000 ends in a minute: 5 begins");
    is_int(over, APIKEY_LIMIT_FULL_LINES, "and 5 ends are said");
    is_int(sweep(BEGIN + 61), 1, "the others are told of");
    is_int(last.more, 1000 - APIKEY_LIMIT_FULL_LINES, "all of them");
}

static void amounts(void)
{
    apikey_cause_t cause = cause_of(OTHER, &one, NULL);

    apikey_limit_report_t report;

    fresh();
    apikey_limit_count(limit, &cause, 7, BEGIN, &report);
    apikey_limit_count(limit, &cause, 20, BEGIN + 1, &report);
    is_int(apikey_limit_count(limit, &cause, 3, BEGIN + 60, &report), MORE,
           "amounts");
    is_int(report.more, 23, "are added up");
    ok(report.cause.owner == &one, "of this cause");
}

/* Whose maker was killed in the middle: the hash stands, the rest does not. */
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
    is_int(found, 1, "(the hash stands once)");
    memcpy(memory, before, size);
    /* It had said that there are places to look at. */
    hit(AWAY, &two, NULL, BEGIN);
    is_int(hit(FAULTY, &one, "key a", BEGIN), FULL,
           "a cause whose process was killed is said");
    is_int(hit(FAULTY, &one, "key a", BEGIN), COUNTED, "and limited");
    is_int(sweep(BEGIN + 61), 1, "a minute later it is told of");
    is_str(label, "key a", "by its name: it has the place");
}

/* ---- At the same time ---- */

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

/* All of them are the first, again and again. */
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
    is_int(full, FIRSTS, "200 causes that 8 threads meet first: a line each");
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
    is_int(full, 2, "8 threads, 2 causes: 2 lines");
    is_int(odd, 0, "and no other");
    ok(is_over(&one, BEGIN), "one is over");
    is_int(last.total, THREADS * ROUNDS / 2, "none was lost");
    sweep(BEGIN + 61);
    is_int(last.more, THREADS * ROUNDS / 2 - 1, "of the other neither");
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
    is_int(full, 1, "4 processes say it once");
    ok(is_over(&one, BEGIN) && last.total == 4000, "and count together");
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    outage();
    told_without_a_request();
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
