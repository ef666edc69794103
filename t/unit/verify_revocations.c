/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* verify/revocations.h, segment.h, counters.h: which records are current, and
 * which process polls, by the shared segment. */

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <apr_general.h>
#include <apr_thread_proc.h>

#include "segment_fixture.h"

static void new_segment(void)
{
    apikey_segment_t *segment = make();
    apikey_stamp_t none = { 0, 0 };

    ok(!read_stamp(segment, &none), "no stamp where nothing is known");
    ok(!holds(segment, none, key_a, "T"),
       "no record is current where nothing is known");
    ok(apikey_segment_is_used(segment, MINUTE),
       "a new segment counts as used");
    segment->shared->used -= 2 * MINUTE;
    ok(!apikey_segment_is_used(segment, MINUTE),
       "a segment not used for two minutes does not");
    apikey_segment_mark_used(segment);
    ok(apikey_segment_is_used(segment, MINUTE),
       "a segment counts as used after a request");
    ok(apikey_poll_age(segment) == APR_INT64_MAX,
       "no poll has been made of a new segment");
    ok(apikey_era_begun(segment) == 0, "no era has begun in a new segment");
}

static void answers(void)
{
    apikey_segment_t *segment = make();
    apikey_stamp_t before, after, ahead;
    apikey_poll_t poll;

    find(segment, 77, 10);
    before = stamp(segment);
    ok(before.identity == 77 && before.number == 10,
       "a stamp has the database's identity and last number");
    ok(holds(segment, before, key_a, "T"),
       "a record read after the poll is current");
    ok(apikey_poll_age(segment) < apr_time_from_sec(60),
       "the age of the last poll is known");
    ok(apikey_era_begun(segment) > 0
       && apikey_era_begun(segment) <= apr_time_now(),
       "the time at which the era began is known");

    apikey_poll_begin(segment, &poll);
    apikey_poll_add_change(segment, &poll, 11, key_a, NULL);
    ok(!holds(segment, before, key_a, "T"),
       "a change voids its key's record before its poll ends");
    apikey_poll_finish(segment, &poll, 11, 0);
    ok(!holds(segment, before, key_a, "T"),
       "a change voids its key's record after its poll");
    ok(holds(segment, before, key_b, "T"),
       "a change does not void another key's record");
    after = stamp(segment);
    ok(holds(segment, after, key_a, "T"),
       "a record read after the change is current");

    change(segment, 12, NULL, "T");
    ok(!holds(segment, after, key_a, "T"),
       "a tenant's change voids its keys' records");
    ok(holds(segment, after, key_a, "U"),
       "a tenant's change does not void another tenant's keys' records");
    ok(holds(segment, after, key_a, NULL),
       "a tenant's change does not void records without a tenant");
    after = stamp(segment);
    ok(holds(segment, after, key_a, "T"),
       "a record read after the tenant's change is current");
    change(segment, 13, NULL, NULL);
    ok(!holds(segment, after, key_a, "U"), "a change of all voids all records");
    after = stamp(segment);
    ok(holds(segment, after, key_a, "U"),
       "a record read after the change of all is current");

    ahead = after;
    ahead.number++;
    ok(!holds(segment, ahead, key_b, "U"),
       "a record newer than the known number is not current");
    change(segment, 14, key_a, NULL);
    ok(holds(segment, ahead, key_b, "U"),
       "a record is current once its number is known");
    ok(holds(segment, ahead, key_a, "U"),
       "a record that is as new as its key's change is current");
}

/* A record that is cached after a change, though read before. */
static void race(void)
{
    apikey_segment_t *segment = make();
    apikey_stamp_t begun;
    int i;

    find(segment, 77, 1);
    begun = stamp(segment);
    change(segment, 2, key_a, NULL);
    ok(!holds(segment, begun, key_a, "T"),
       "a record read before a change is void after it");
    for (i = 3; i < 40; i++) {
        change(segment, i, key_b, NULL);
    }
    ok(!holds(segment, begun, key_a, "T"),
       "a record read before a change stays void");
}

static void eras(void)
{
    apikey_segment_t *segment = make();
    apikey_stamp_t first, second;
    apr_time_t since;
    int i;

    find(segment, 77, 10);
    first = stamp(segment);
    since = apikey_era_begun(segment);
    find(segment, 88, 3);
    ok(!holds(segment, first, key_a, "T"),
       "another database voids all records");
    second = stamp(segment);
    ok(second.identity == 88 && second.number == 3,
       "the other database's number may be smaller");
    ok(holds(segment, second, key_a, "T"),
       "a record of the other database is current");
    ok(apikey_era_begun(segment) >= since,
       "the other database's era began later");
    second.number--;
    ok(!holds(segment, second, key_a, "T"),
       "a record of a number before the era began is void");
    change(segment, 4, key_a, NULL);
    ok(!holds(segment, second, key_a, "T"),
       "a record of a number before the era stays void after a change");
    for (i = 0; i < 3 * ERAS; i++) {
        find(segment, 100 + i, 10);
        second = stamp(segment);
        if (second.identity != (apr_uint64_t)(100 + i)
            || !holds(segment, second, key_a, "T")
            || holds(segment, first, key_a, "T")) {
            break;
        }
    }
    is_int(i, 3 * ERAS,
           "each further database voids the records of the ones before");
}

static void sleepers(void)
{
    apikey_segment_t *segment = make();
    apikey_poll_t slow, quick;
    apikey_stamp_t now;
    apr_time_t age;

    find(segment, 77, 10);
    apikey_poll_begin(segment, &slow);
    find(segment, 88, 3);
    now = stamp(segment);
    apikey_poll_add_change(segment, &slow, 99, key_a, NULL);
    apikey_poll_add_change(segment, &slow, 99, NULL, "T");
    apikey_poll_add_change(segment, &slow, 99, NULL, NULL);
    ok(holds(segment, now, key_a, "T"),
       "a poll that began before another era voids no record");
    apikey_poll_finish(segment, &slow, 99, 99);
    is_int(apikey_last_change(segment), 3,
           "a poll that began before another era does not set the number");
    apikey_poll_new_era(segment, &slow, 77, 1, 99, 99);
    is_int(apikey_last_change(segment), 3,
           "a poll that began before another era begins none");
    ok(holds(segment, now, key_a, "T"),
       "the new database's record is still current");

    apikey_poll_begin(segment, &slow);
    change(segment, 5, key_b, NULL);
    apikey_poll_finish(segment, &slow, 4, 4);
    apikey_poll_begin(segment, &quick);
    is_int(quick.number, 5,
           "a poll that was overtaken does not lower the number");
    is_int(quick.row, 5, "the last change's row stays with the number");

    change(segment, 5 + ROWS, key_b, NULL);
    apikey_poll_finish(segment, &quick, 5, 5);
    apikey_poll_begin(segment, &quick);
    is_int(quick.row, 5 + ROWS,
           "the last change's row is found for a much greater number");

    apikey_poll_begin(segment, &slow);
    pass(segment, 1);
    find(segment, 99, 1);
    age = apikey_poll_age(segment);
    apikey_poll_finish(segment, &slow, 4, 4);
    ok(apikey_poll_age(segment) >= age,
       "a poll of an earlier era does not count as recent");
}

/* A process is killed between writing two words. */
static void killed(void)
{
    apikey_segment_t *segment = make();
    apikey_stamp_t before, after;
    apikey_poll_t poll;
    miss_t *slot;

    find(segment, 77, 10);
    before = stamp(segment);
    /* The first half of apikey_poll_new_era(). */
    apikey_word_set(&segment->shared->era[2].identity, 88);
    ok(holds(segment, before, key_a, "T"),
       "killed before an era began: records are current");
    apikey_word_raise(&segment->shared->floor, IN_ERA(2, 0));
    ok(!holds(segment, before, key_a, "T"),
       "killed while an era began: no record is current");
    apikey_poll_begin(segment, &poll);
    ok(poll.identity == 0, "the next poll finds an era that is not complete");
    apikey_poll_new_era(segment, &poll, 88, 1, 3, 0);
    ok(!holds(segment, before, key_a, "T"),
       "records of the earlier era are void once the era has begun");
    after = stamp(segment);
    ok(after.identity == 88 && holds(segment, after, key_a, "T"),
       "a record of the new era is current");

    slot = &segment->shared->miss[apikey_segment_tag(key_a)
                                      % MISS_SLOTS];
    apikey_miss_add(segment, key_a, &after, PATIENCE);
    apikey_word_set(&slot->sequence, apikey_word_get(&slot->sequence) + 1);
    ok(!apikey_miss_is_known(segment, key_a),
       "a writer that was killed leaves no known miss");
    apikey_miss_add(segment, key_a, &after, PATIENCE);
    ok(!apikey_miss_is_known(segment, key_a),
       "the slot of a writer that was killed is not used again");
    apikey_miss_add(segment, key_b, &after, PATIENCE);
    ok(apikey_miss_is_known(segment, key_b), "other slots are used");

    ok(apikey_lookup_claim(segment, key_a, MINUTE),
       "the first process may look a key up");
    ok(!apikey_lookup_claim(segment, key_a, MINUTE),
       "a second process waits for the first");
    pass(segment, 61);
    ok(!apikey_lookup_is_claimed(segment, key_a, MINUTE),
       "a process that was killed is not waited for after a minute");
    ok(apikey_lookup_claim(segment, key_a, MINUTE),
       "another process may look the key up then");

    ok(apikey_poll_claim(segment, MINUTE), "the first process may poll");
    ok(!apikey_poll_claim(segment, MINUTE),
       "a second process may not poll at the same time");
    pass(segment, 61);
    ok(apikey_poll_claim(segment, MINUTE),
       "another process may poll after a minute");
    apikey_poll_release(segment);
    ok(apikey_poll_claim(segment, MINUTE),
       "another process may poll once the claim is released");
    ok(!apikey_poll_claim(segment, MINUTE),
       "a third process may not poll then");
}

static void counters(void)
{
    apikey_segment_t *segment = make();
    int i;

    for (i = 0; i < 2 * STRIPES; i++) {
        segment->stripe = i % STRIPES;
        apikey_counter_add(segment, APIKEY_COUNT_HITS, 3);
    }
    is_int(apikey_counter_sum(segment, APIKEY_COUNT_HITS), 6 * STRIPES,
           "the counts of all processes are added up");
    is_int(apikey_counter_sum(segment, APIKEY_COUNT_ERRORS), 0,
           "each counter is counted by itself");
    find(segment, 77, APIKEY_NUMBER_MAX);
    ok(apikey_last_change(segment) == APIKEY_NUMBER_MAX,
       "the greatest number is known as it is");
}

/* ---- Threads and processes ---- */

#define CHANGES 6000
#define HAMMERS 3               /* processes, of as many threads each */
#define ROUNDS 20000
#define KEYS 40

/* A database in memory that all processes share: the key that each change was
 * of. */
typedef struct truth_t {
    volatile apr_uint64_t last;
    volatile int changed[CHANGES + 1];
    volatile int broken, held, claims;
} truth_t;

typedef struct hammer_t {
    apikey_segment_t *segment;
    truth_t *truth;
    unsigned int random;
} hammer_t;

static void digest_of(char digest[APIKEY_DIGEST_HEX + 1], int key)
{
    snprintf(digest, APIKEY_DIGEST_HEX + 1, "%016llx%048d",
             (unsigned long long)(key + 1) * 0x9e3779b97f4a7c15ULL, 0);
}

static void poll_truth(hammer_t *hammer)
{
    apr_uint64_t last, i;
    char digest[APIKEY_DIGEST_HEX + 1];
    apikey_poll_t poll;

    apikey_poll_begin(hammer->segment, &poll);
    last = apikey_word_get(&hammer->truth->last);
    for (i = poll.number + 1; i <= last; i++) {
        digest_of(digest, hammer->truth->changed[i]);
        apikey_poll_add_change(hammer->segment, &poll, i, digest, NULL);
    }
    apikey_poll_finish(hammer->segment, &poll, last, last);
}

/* Looks a key up, lets some time pass, and checks that the record is not
 * current where a known change of the key came after the look-up. */
static void *APR_THREAD_FUNC hammer_on(apr_thread_t *thread, void *data)
{
    hammer_t *hammer = data;
    truth_t *truth = hammer->truth;
    char digest[APIKEY_DIGEST_HEX + 1];
    int round;

    (void)thread;
    for (round = 0; round < ROUNDS; round++) {
        apikey_stamp_t begun = stamp(hammer->segment);
        apr_uint64_t read, known, i;
        int key;

        hammer->random = hammer->random * 1103515245 + 12345;
        key = (int)(hammer->random >> 16) % KEYS;
        digest_of(digest, key);
        read = apikey_word_get(&truth->last);
        if (hammer->random % 8 == 0) {
            poll_truth(hammer);
        }
        known = apikey_last_change(hammer->segment);
        if (!holds(hammer->segment, begun, digest, "T")) {
            continue;
        }
        __atomic_fetch_add(&truth->held, 1, __ATOMIC_RELAXED);
        for (i = read + 1; i <= known; i++) {
            if (truth->changed[i] == key) {
                __atomic_fetch_add(&truth->broken, 1, __ATOMIC_RELAXED);
            }
        }
    }
    return NULL;
}

static void hammer_process(apikey_segment_t *segment, truth_t *truth,
                           int number)
{
    apr_thread_t *threads[HAMMERS];
    hammer_t hammers[HAMMERS];
    apr_status_t status;
    apr_pool_t *own;
    int i;

    apr_pool_create(&own, NULL);
    apikey_segment_child_init(segment);
    for (i = 0; i < HAMMERS; i++) {
        hammers[i].segment = segment;
        hammers[i].truth = truth;
        hammers[i].random = number * HAMMERS + i;
        if (apr_thread_create(&threads[i], NULL, hammer_on, &hammers[i], own)
            != APR_SUCCESS) {
            _exit(1);
        }
    }
    for (i = 0; i < HAMMERS; i++) {
        apr_thread_join(&status, threads[i]);
    }
    _exit(0);
}

static truth_t *make_truth(void)
{
    truth_t *truth = mmap(NULL, sizeof(*truth), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (truth == MAP_FAILED) {
        printf("Bail out! no memory\n");
        exit(1);
    }
    return truth;
}

static void hammered(void)
{
    apikey_segment_t *segment = make();
    truth_t *truth = make_truth();
    pid_t pids[HAMMERS + 1];
    int i, status, ended = 0;

    find(segment, 77, 0);
    for (i = 0; i <= HAMMERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            hammer_process(segment, truth, i);
        }
    }
    for (i = 1; i <= CHANGES; i++) {
        truth->changed[i] = rand() % KEYS;
        apikey_word_set(&truth->last, i);
        if (i % 16 == 0) {
            apr_sleep(100);
        }
        if (i == CHANGES / 2) {
            kill(pids[HAMMERS], SIGKILL);
        }
    }
    for (i = 0; i <= HAMMERS; i++) {
        waitpid(pids[i], &status, 0);
        ended += status == 0;
    }
    ok(ended >= HAMMERS,
       "processes have looked up all the while, and one was killed");
    is_int(truth->broken, 0, "no record was current against a known change");
    ok(truth->held > 1000, "more than 1000 records were current (%d)",
       truth->held);
    poll_truth(&(hammer_t){ segment, truth, 0 });
    is_int(apikey_last_change(segment), CHANGES, "all changes are known");
}

static void *APR_THREAD_FUNC claim(apr_thread_t *thread, void *data)
{
    hammer_t *hammer = data;

    (void)thread;
    __atomic_fetch_add(&hammer->truth->broken, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&hammer->truth->broken, __ATOMIC_SEQ_CST) < 8) {
    }
    if (apikey_poll_claim(hammer->segment, apr_time_from_sec(600))) {
        __atomic_fetch_add(&hammer->truth->claims, 1, __ATOMIC_RELAXED);
    }
    if (apikey_lookup_claim(hammer->segment, key_a, PATIENCE)) {
        __atomic_fetch_add(&hammer->truth->held, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void elected(void)
{
    int round, i, claims = 0, askers = 0;

    for (round = 0; round < 50; round++) {
        apr_thread_t *threads[8];
        hammer_t hammer = { make(), make_truth(), 0 };
        apr_status_t status;

        for (i = 0; i < 8; i++) {
            apr_thread_create(&threads[i], NULL, claim, &hammer, pool);
        }
        for (i = 0; i < 8; i++) {
            apr_thread_join(&status, threads[i]);
        }
        claims += hammer.truth->claims;
        askers += hammer.truth->held;
        munmap((void *)hammer.truth, sizeof(truth_t));
    }
    is_int(claims, 50, "of eight threads at the same time, one polls");
    is_int(askers, 50, "of eight threads at the same time, one looks up");
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    new_segment();
    answers();
    race();
    eras();
    sleepers();
    killed();
    counters();
    elected();
    hammered();
    return done();
}
