/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Comparison of states: which results can be used and cached. */

#include <stdlib.h>

#include <apr_general.h>

#include "verify/segment_private.h"
#include "verify/database_state.h"
#include "tap.h"

#define UUID "11111111-2222-3333-4444-555555555555"

static const char key_a[] = "aaaaaaaaaaaaaaaa1111111111111111"
                            "11111111111111111111111111111111";
static const char key_b[] = "bbbbbbbbbbbbbbbb1111111111111111"
                            "11111111111111111111111111111111";
static apikey_segment_t *segment;
static apikey_poll_t seen;

/* The database at its 100th change, in its third epoch. */
static void begin(void)
{
    apikey_poll_begin(segment, &seen);
    apikey_poll_new_era(segment, &seen, apikey_state_identity(UUID, 3, 0), 3,
                        90, 0);
    apikey_poll_begin(segment, &seen);
    apikey_poll_add_change(segment, &seen, 98, key_a, NULL);
    apikey_poll_add_change(segment, &seen, 94, NULL, "T");
    apikey_poll_finish(segment, &seen, 100, 0);
    apikey_poll_begin(segment, &seen);
}

static apikey_state_e compare(const char *uuid, int epoch, int number,
                              apikey_stamp_t *stamp)
{
    apikey_state_t state = { uuid, epoch, number };

    return apikey_state_compare(&seen, &state, stamp);
}

static int holds(const apikey_stamp_t *stamp, const char *key)
{
    return apikey_stamp_is_current(segment, stamp, key, "U");
}

static void same(void)
{
    apikey_stamp_t stamp;

    is_int(compare(UUID, 3, 100, &stamp), APIKEY_STATE_KNOWN, "this state");
    ok(stamp.number == 100 && holds(&stamp, key_a), "is kept");
    is_int(compare(UUID, 3, 105, &stamp), APIKEY_STATE_KNOWN, "a newer one");
    ok(stamp.number == 100 && holds(&stamp, key_a),
       "is kept as of what was known before it was asked for");
    is_int(compare(NULL, 0, 0, &stamp), APIKEY_STATE_KNOWN,
           "one that cannot be known");
    ok(stamp.number == 100, "is kept likewise");
}

static void before(void)
{
    apikey_stamp_t stamp;

    is_int(compare(UUID, 3, 97, &stamp), APIKEY_STATE_OLDER, "an older one");
    ok(!holds(&stamp, key_a), "does not hold for a key that was changed since");
    ok(holds(&stamp, key_b), "and does for any other");
    ok(apikey_stamp_is_current(segment, &stamp, key_b, "T"),
       "whose tenant was changed before that");
    is_int(compare(UUID, 3, 93, &stamp), APIKEY_STATE_OLDER, "an older still");
    ok(!apikey_stamp_is_current(segment, &stamp, key_b, "T"),
       "not where its tenant was changed since");
    is_int(compare(UUID, 3, 89, &stamp), APIKEY_STATE_OLDER,
           "older than all that is known");
    ok(!holds(&stamp, key_b), "holds for no key");
    is_int(compare(UUID, 2, 200, &stamp), APIKEY_STATE_OLDER,
           "before its present epoch, whatever its number");
    ok(!holds(&stamp, key_b), "holds for no key");
}

static void other(void)
{
    apikey_stamp_t stamp;

    is_int(compare(UUID, 4, 10, &stamp), APIKEY_STATE_OTHER,
           "a later epoch: no poll has seen it yet");
    ok(!stamp.identity && !holds(&stamp, key_b), "it is not kept");
    is_int(compare("another", 3, 10, &stamp), APIKEY_STATE_OTHER,
           "another database");
    is_int(compare("another", 2, 10, &stamp), APIKEY_STATE_OTHER,
           "whatever its epoch");
    seen.identity = 0;
    is_int(compare(UUID, 3, 10, &stamp), APIKEY_STATE_KNOWN,
           "nothing is known");
    ok(!stamp.identity, "nothing is kept");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    if (apikey_segment_create(&segment, pool) != APR_SUCCESS) {
        printf("Bail out! no shared memory\n");
        return 1;
    }
    apikey_segment_child_init(segment);
    begin();
    same();
    before();
    other();
    return done();
}
