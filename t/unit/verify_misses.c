/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* verify/misses.h: which keys are known as absent, and which process looks a
 * key up while others wait for it. */

#include "verify/misses.h"
#include "segment_fixture.h"

static const char *other_digest(int i)
{
    static char text[APIKEY_DIGEST_HEX + 1];

    /* Spread over all slots, as digests are. */
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
    ok(!apikey_miss_is_known(segment, key_a),
       "a miss is not kept where nothing is known of the database");
    find(segment, 77, 10);
    now = stamp(segment);
    ok(!apikey_miss_is_known(segment, key_a),
       "a key that was not looked up is not known as absent");
    apikey_miss_add(segment, key_a, &none, PATIENCE);
    ok(!apikey_miss_is_known(segment, key_a),
       "a miss of another database is not kept");
    apikey_miss_add(segment, key_a, &now, PATIENCE);
    ok(apikey_miss_is_known(segment, key_a),
       "a key that was not found is known as absent");
    ok(!apikey_miss_is_known(segment, key_b),
       "another key is not known as absent");
    change(segment, 11, key_a, NULL);
    ok(!apikey_miss_is_known(segment, key_a),
       "a key that is made is not known as absent any more");
    apikey_miss_add(segment, key_a, &now, PATIENCE);
    ok(!apikey_miss_is_known(segment, key_a),
       "a miss read before the key was made is not kept");
    now = stamp(segment);
    apikey_miss_add(segment, key_a, &now, PATIENCE);
    change(segment, 12, NULL, NULL);
    ok(!apikey_miss_is_known(segment, key_a),
       "a change of all ends all misses");
    now = stamp(segment);
    apikey_miss_add(segment, key_a, &now, PATIENCE);
    find(segment, 88, 12);
    ok(!apikey_miss_is_known(segment, key_a),
       "another database ends all misses");
    now = stamp(segment);
    apikey_miss_add(segment, key_a, &now, 0);
    ok(!apikey_miss_is_known(segment, key_a), "a miss for no time is not kept");
    apikey_miss_add(segment, key_a, &now, MINUTE);
    ok(apikey_miss_is_known(segment, key_a), "a miss for a minute is kept");
    pass(segment, 61);
    ok(!apikey_miss_is_known(segment, key_a),
       "a miss for a minute has ended after a minute");

    for (i = 0; i < 100000; i++) {
        apikey_miss_add(segment, other_digest(i), &now,
                        apr_time_from_sec(3600));
    }
    ok(holds(segment, now, key_a, "T"), "misses do not void records");
    for (i = 0; i < 100000; i++) {
        kept += apikey_miss_is_known(segment, other_digest(i));
    }
    ok(kept > 0 && kept <= MISS_SLOTS,
       "misses displace each other and nothing else (%d kept)", kept);
}

static void asked(void)
{
    apikey_segment_t *segment = make();
    apikey_word_t *slot = &segment->shared->lookup[apikey_segment_tag(key_a)
                                                  % CLAIM_SLOTS];

    ok(!apikey_lookup_is_claimed(segment, key_a, PATIENCE),
       "no process looks the key up");
    ok(apikey_lookup_claim(segment, key_a, PATIENCE),
       "the first process may look the key up");
    ok(apikey_lookup_is_claimed(segment, key_a, PATIENCE),
       "the key is then being looked up");
    ok(!apikey_lookup_claim(segment, key_a, PATIENCE),
       "a second process waits");
    ok(apikey_lookup_claim(segment, key_b, PATIENCE),
       "another key may be looked up");
    ok(apikey_lookup_claim(segment, key_c, PATIENCE)
           && &segment->shared->lookup[apikey_segment_tag(key_c)
                                      % CLAIM_SLOTS] == slot,
       "another key of the same slot may be looked up");
    ok(apikey_lookup_claim(segment, key_a, PATIENCE),
       "two keys of the same slot displace each other");
    apikey_lookup_release(segment, key_a);
    ok(!apikey_lookup_is_claimed(segment, key_a, PATIENCE),
       "the key is not being looked up once its claim is released");
    apikey_lookup_release(segment, key_a);
    ok(apikey_lookup_claim(segment, key_a, PATIENCE),
       "the next process may look it up");
    /* Another process took the time a little later than this one and wrote it
     * earlier. */
    apikey_word_set(slot, apikey_word_get(slot) + 20);
    ok(!apikey_lookup_claim(segment, key_a, PATIENCE),
       "of two processes at the same time the slower one waits");
    ok(apikey_lookup_is_claimed(segment, key_a, PATIENCE),
       "the key is being looked up by the quicker one");
    apikey_word_set(slot, apikey_word_get(slot) + 100000);
    ok(apikey_lookup_claim(segment, key_a, PATIENCE),
       "a claim of a long time ago is ignored");
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    absent();
    asked();
    return done();
}
