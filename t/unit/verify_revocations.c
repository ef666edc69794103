/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Which records are current, by the shared segment. */

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <apr_general.h>
#include <apr_thread_proc.h>

#include "segment_fixture.h"

#define MINUTE apr_time_from_sec(60)

/* Lets so many seconds pass: each time that the segment holds is as much
 * earlier.  Nothing here waits, or is over because the machine is busy. */
static void pass(apikey_segment_t *segment, int seconds)
{
    shared_t *shared = segment->shared;
    apikey_word_t *times[] = { &shared->polled, &shared->poll_claimed,
                               &shared->used, &shared->older };
    size_t i;

    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        if (*times[i]) {
            *times[i] -= apr_time_from_sec(seconds);
        }
    }
    for (i = 0; i < MISS_SLOTS; i++) {
        if (shared->miss[i].until) {
            shared->miss[i].until -= apr_time_from_sec(seconds);
        }
    }
    for (i = 0; i < CLAIM_SLOTS; i++) {
        if (shared->lookup[i]) {
            shared->lookup[i] = (shared->lookup[i] & ~(apr_uint64_t)0xffffffff)
                               | ((shared->lookup[i] - seconds * 1000)
                                  & 0xffffffff);
        }
    }
}

static void answers(void)
{
    apikey_segment_t *segment = make();
    apikey_stamp_t none = { 0, 0 }, before, after, ahead;
    apikey_poll_t poll;

    ok(!read_stamp(segment, &none), "nothing is known: no stamp");
    ok(!holds(segment, none, key_a, "T"), "and nothing holds");
    ok(apikey_segment_is_used(segment, MINUTE),
       "a new segment is wanted at first");
    segment->shared->used -= 2 * MINUTE;
    ok(!apikey_segment_is_used(segment, MINUTE), "but not for ever");
    apikey_segment_mark_used(segment);
    ok(apikey_segment_is_used(segment, MINUTE),
       "until a request wants it again");
    ok(apikey_poll_age(segment) == APR_INT64_MAX, "no poll has been");
    ok(apikey_era_begun(segment) == 0, "and no era");

    find(segment, 77, 10);
    before = stamp(segment);
    ok(before.identity == 77 && before.number == 10, "a stamp is its last");
    ok(holds(segment, before, key_a, "T"), "what was asked for holds");
    ok(apikey_poll_age(segment) < apr_time_from_sec(60), "a poll has been");
    ok(apikey_era_begun(segment) > 0
       && apikey_era_begun(segment) <= apr_time_now(), "and an era began");

    apikey_poll_begin(segment, &poll);
    apikey_poll_add_change(segment, &poll, 11, key_a, NULL);
    ok(!holds(segment, before, key_a, "T"),
       "a change voids before the poll that notes it is over");
    apikey_poll_finish(segment, &poll, 11, 0);
    ok(!holds(segment, before, key_a, "T"), "and behind it");
    ok(holds(segment, before, key_b, "T"), "another key is not concerned");
    after = stamp(segment);
    ok(holds(segment, after, key_a, "T"), "what is asked for later holds");

    change(segment, 12, NULL, "T");
    ok(!holds(segment, after, key_a, "T"), "a tenant's change voids its keys");
    ok(holds(segment, after, key_a, "U"), "and no other's");
    ok(holds(segment, after, key_a, NULL), "or those without one");
    after = stamp(segment);
    ok(holds(segment, after, key_a, "T"), "what is asked for behind it holds");
    change(segment, 13, NULL, NULL);
    ok(!holds(segment, after, key_a, "U"), "a change of everything voids all");
    after = stamp(segment);
    ok(holds(segment, after, key_a, "U"), "up to then");

    ahead = after;
    ahead.number++;
    ok(!holds(segment, ahead, key_b, "U"),
       "what another machine has asked for later than we know waits");
    change(segment, 14, key_a, NULL);
    ok(holds(segment, ahead, key_b, "U"), "until we know");
    ok(holds(segment, ahead, key_a, "U"), "and then it has that change");
}

/* A record that is cached late, after a change. */
static void race(void)
{
    apikey_segment_t *segment = make();
    apikey_stamp_t begun;
    int i;

    find(segment, 77, 1);
    begun = stamp(segment);
    change(segment, 2, key_a, NULL);
    ok(!holds(segment, begun, key_a, "T"),
       "a look-up that began before a change is void behind it");
    for (i = 3; i < 40; i++) {
        change(segment, i, key_b, NULL);
    }
    ok(!holds(segment, begun, key_a, "T"), "for ever");
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
    ok(!holds(segment, first, key_a, "T"), "another database voids all");
    second = stamp(segment);
    ok(second.identity == 88 && second.number == 3,
       "its number may be smaller");
    ok(holds(segment, second, key_a, "T"), "and what it says holds");
    ok(apikey_era_begun(segment) >= since, "the era began later");
    second.number--;
    ok(!holds(segment, second, key_a, "T"),
       "what was asked of it before its era is unknown");
    change(segment, 4, key_a, NULL);
    ok(!holds(segment, second, key_a, "T"), "until it changes");
    for (i = 0; i < 3 * ERAS; i++) {
        find(segment, 100 + i, 10);
        second = stamp(segment);
        if (second.identity != (apr_uint64_t)(100 + i)
            || !holds(segment, second, key_a, "T")
            || holds(segment, first, key_a, "T")) {
            break;
        }
    }
    is_int(i, 3 * ERAS, "as often as it is replaced");
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
       "a poller that slept through a switch voids nothing");
    apikey_poll_finish(segment, &slow, 99, 99);
    is_int(apikey_last_change(segment), 3, "and raises nothing");
    apikey_poll_new_era(segment, &slow, 77, 1, 99, 99);
    is_int(apikey_last_change(segment), 3, "nor begins an era");
    ok(holds(segment, now, key_a, "T"), "the new database's answers hold");

    apikey_poll_begin(segment, &slow);
    change(segment, 5, key_b, NULL);
    apikey_poll_finish(segment, &slow, 4, 4);
    apikey_poll_begin(segment, &quick);
    is_int(quick.number, 5, "a poller that was overtaken takes nothing back");
    is_int(quick.row, 5, "and the last number keeps its change");

    change(segment, 5 + ROWS, key_b, NULL);
    apikey_poll_finish(segment, &quick, 5, 5);
    apikey_poll_begin(segment, &quick);
    is_int(quick.row, 5 + ROWS, "whichever number that was");

    apikey_poll_begin(segment, &slow);
    pass(segment, 1);
    find(segment, 99, 1);
    age = apikey_poll_age(segment);
    apikey_poll_finish(segment, &slow, 4, 4);
    ok(apikey_poll_age(segment) >= age, "nor is the last poll later for it");
}

/* A process that is killed between two words. */
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
    ok(holds(segment, before, key_a, "T"), "killed before an era: all holds");
    apikey_word_raise(&segment->shared->floor, IN_ERA(2, 0));
    ok(!holds(segment, before, key_a, "T"),
       "killed as an era began: nothing holds");
    apikey_poll_begin(segment, &poll);
    ok(poll.identity == 0, "the next poll finds that out");
    apikey_poll_new_era(segment, &poll, 88, 1, 3, 0);
    ok(!holds(segment, before, key_a, "T"), "begins the era");
    after = stamp(segment);
    ok(after.identity == 88 && holds(segment, after, key_a, "T"),
       "and all is well");

    slot = &segment->shared->miss[apikey_segment_tag(key_a)
                                      % MISS_SLOTS];
    apikey_miss_add(segment, key_a, &after, PATIENCE);
    apikey_word_set(&slot->sequence, apikey_word_get(&slot->sequence) + 1);
    ok(!apikey_miss_is_known(segment, key_a),
       "a writer that was killed leaves no known miss");
    apikey_miss_add(segment, key_a, &after, PATIENCE);
    ok(!apikey_miss_is_known(segment, key_a), "nor ever");
    apikey_miss_add(segment, key_b, &after, PATIENCE);
    ok(apikey_miss_is_known(segment, key_b), "and all others may be");

    ok(apikey_lookup_claim(segment, key_a, MINUTE), "one asks, and is killed");
    ok(!apikey_lookup_claim(segment, key_a, MINUTE), "he is waited for");
    pass(segment, 61);
    ok(!apikey_lookup_is_claimed(segment, key_a, MINUTE), "not for ever");
    ok(apikey_lookup_claim(segment, key_a, MINUTE), "and another asks");

    ok(apikey_poll_claim(segment, MINUTE), "one polls, and is killed");
    ok(!apikey_poll_claim(segment, MINUTE), "nobody else does meanwhile");
    pass(segment, 61);
    ok(apikey_poll_claim(segment, MINUTE), "the next poll is on time");
    apikey_poll_release(segment);
    ok(apikey_poll_claim(segment, MINUTE), "one that cannot leaves it to "
       "another");
    ok(!apikey_poll_claim(segment, MINUTE), "which has it then");
}

static const char *other_digest(int i)
{
    static char text[APIKEY_DIGEST_HEX + 1];

    /* Spread over all places, as digests are. */
    snprintf(text, sizeof(text), "%016llx%048d",
             (unsigned long long)(i + 1) * 0x9e3779b97f4a7c15ULL, 0);
    return text;
}

static void absent(void)
{
    apikey_segment_t *segment = make();
    apikey_stamp_t now, none = { 5, 10 };
    int i, kept = 0;

    apikey_miss_add(segment, key_a, &none, PATIENCE);
    ok(!apikey_miss_is_known(segment, key_a), "nothing is known: not kept");
    find(segment, 77, 10);
    now = stamp(segment);
    ok(!apikey_miss_is_known(segment, key_a), "not asked for: not absent");
    apikey_miss_add(segment, key_a, &none, PATIENCE);
    ok(!apikey_miss_is_known(segment, key_a), "another database's word");
    apikey_miss_add(segment, key_a, &now, PATIENCE);
    ok(apikey_miss_is_known(segment, key_a), "not found: absent");
    ok(!apikey_miss_is_known(segment, key_b), "and no other");
    change(segment, 11, key_a, NULL);
    ok(!apikey_miss_is_known(segment, key_a),
       "a key that was tried before it was created is there at once");
    apikey_miss_add(segment, key_a, &now, PATIENCE);
    ok(!apikey_miss_is_known(segment, key_a),
       "the look-up began before: not absent");
    now = stamp(segment);
    apikey_miss_add(segment, key_a, &now, PATIENCE);
    change(segment, 12, NULL, NULL);
    ok(!apikey_miss_is_known(segment, key_a), "an import: not absent");
    now = stamp(segment);
    apikey_miss_add(segment, key_a, &now, PATIENCE);
    find(segment, 88, 12);
    ok(!apikey_miss_is_known(segment, key_a), "another database");
    now = stamp(segment);
    apikey_miss_add(segment, key_a, &now, 0);
    ok(!apikey_miss_is_known(segment, key_a), "for no time at all");
    apikey_miss_add(segment, key_a, &now, MINUTE);
    ok(apikey_miss_is_known(segment, key_a), "for a while");
    pass(segment, 61);
    ok(!apikey_miss_is_known(segment, key_a), "which ends");

    for (i = 0; i < 100000; i++) {
        apikey_miss_add(segment, other_digest(i), &now,
                        apr_time_from_sec(3600));
    }
    ok(holds(segment, now, key_a, "T"), "wrong keys displace no right one");
    for (i = 0; i < 100000; i++) {
        kept += apikey_miss_is_known(segment, other_digest(i));
    }
    ok(kept > 0 && kept <= MISS_SLOTS, "only each other (%d)", kept);
}

static void asked(void)
{
    apikey_segment_t *segment = make();
    apikey_word_t *slot = &segment->shared->lookup[apikey_segment_tag(key_a)
                                                  % CLAIM_SLOTS];

    ok(!apikey_lookup_is_claimed(segment, key_a, PATIENCE), "nobody asks");
    ok(apikey_lookup_claim(segment, key_a, PATIENCE), "the first may");
    ok(apikey_lookup_is_claimed(segment, key_a, PATIENCE), "he does");
    ok(!apikey_lookup_claim(segment, key_a, PATIENCE), "the second waits");
    ok(apikey_lookup_claim(segment, key_b, PATIENCE), "for this key alone");
    ok(apikey_lookup_claim(segment, key_c, PATIENCE)
           && &segment->shared->lookup[apikey_segment_tag(key_c)
                                      % CLAIM_SLOTS] == slot,
       "whichever shares its slot");
    ok(apikey_lookup_claim(segment, key_a, PATIENCE), "the two take turns");
    apikey_lookup_release(segment, key_a);
    ok(!apikey_lookup_is_claimed(segment, key_a, PATIENCE),
       "he has his answer");
    apikey_lookup_release(segment, key_a);
    ok(apikey_lookup_claim(segment, key_a, PATIENCE), "who comes then may ask");
    /* Another process made its word a little later than this one, and was
     * quicker to write it. */
    apikey_word_set(slot, apikey_word_get(slot) + 20);
    ok(!apikey_lookup_claim(segment, key_a, PATIENCE),
       "of two at once the slower waits");
    ok(apikey_lookup_is_claimed(segment, key_a, PATIENCE), "for the other");
    apikey_word_set(slot, apikey_word_get(slot) + 100000);
    ok(apikey_lookup_claim(segment, key_a, PATIENCE),
       "what is left of weeks ago is waited for by nobody");
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
           "all processes' counts are summed up");
    is_int(apikey_counter_sum(segment, APIKEY_COUNT_ERRORS), 0,
           "each counter by itself");
    find(segment, 77, APIKEY_NUMBER_MAX);
    ok(apikey_last_change(segment) == APIKEY_NUMBER_MAX,
       "the greatest number stays what it is");
}

/* ---- Threads and processes ---- */

#define CHANGES 6000
#define HAMMERS 3               /* processes, of as many threads each */
#define ROUNDS 20000
#define KEYS 40

/* A database in memory that all processes share: who changed as the n-th. */
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

/* Looks a key up, lets some time pass, and sees whether the answer holds
 * although a change that is known speaks against it. */
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
    ok(ended >= HAMMERS, "processes have hammered on, one was killed");
    is_int(truth->broken, 0, "no answer held against what was known");
    ok(truth->held > 1000, "though many held (%d)", truth->held);
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
    is_int(claims, 50, "of eight at once, one polls");
    is_int(askers, 50, "and one asks");
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    answers();
    race();
    eras();
    sleepers();
    killed();
    absent();
    asked();
    counters();
    elected();
    hammered();
    return done();
}
