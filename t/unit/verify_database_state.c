/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* verify/database_state.h: an answer of the database names the state that it
 * was read from. Comparing that with the state of the last poll shows whether
 * the answer can be used and cached, and from which change on. */

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

/* A poll that has found the 100th change in the third epoch. */
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

    is_int(compare(UUID, 3, 100, &stamp), APIKEY_STATE_KNOWN,
           "the state of the last poll is known");
    ok(stamp.number == 100 && holds(&stamp, key_a),
       "a record of the known state is current from the known change on");
    is_int(compare(UUID, 3, 105, &stamp), APIKEY_STATE_KNOWN,
           "a newer state is known");
    ok(stamp.number == 100 && holds(&stamp, key_a),
       "a record of a newer state is current from the known change on");
    is_int(compare(NULL, 0, 0, &stamp), APIKEY_STATE_KNOWN,
           "a state that cannot be read counts as known");
    ok(stamp.number == 100,
       "a record of such a state is current from the known change on");
}

static void before(void)
{
    apikey_stamp_t stamp;

    is_int(compare(UUID, 3, 97, &stamp), APIKEY_STATE_OLDER,
           "a state with fewer changes is older");
    ok(!holds(&stamp, key_a),
       "a record of an older state is void where its key changed since");
    ok(holds(&stamp, key_b),
       "a record of an older state is current where its key did not change "
       "since");
    ok(apikey_stamp_is_current(segment, &stamp, key_b, "T"),
       "a record of an older state is current where its tenant changed before");
    is_int(compare(UUID, 3, 93, &stamp), APIKEY_STATE_OLDER,
           "a state with still fewer changes is older");
    ok(!apikey_stamp_is_current(segment, &stamp, key_b, "T"),
       "a record of that state is void where its tenant changed since");
    is_int(compare(UUID, 3, 89, &stamp), APIKEY_STATE_OLDER,
           "a state before all known changes is older");
    ok(!holds(&stamp, key_b),
       "no record of a state before all known changes is current");
    is_int(compare(UUID, 2, 200, &stamp), APIKEY_STATE_OLDER,
           "a state of an earlier epoch is older, whatever its number");
    ok(!holds(&stamp, key_b), "no record of an earlier epoch is current");
}

static void other(void)
{
    apikey_stamp_t stamp;

    is_int(compare(UUID, 4, 10, &stamp), APIKEY_STATE_OTHER,
           "a state of a later epoch is another one");
    ok(!stamp.identity && !holds(&stamp, key_b),
       "no record of a later epoch is cached");
    is_int(compare("another", 3, 10, &stamp), APIKEY_STATE_OTHER,
           "a state of another database is another one");
    is_int(compare("another", 2, 10, &stamp), APIKEY_STATE_OTHER,
           "a state of another database is another one in any epoch");
    seen.identity = 0;
    is_int(compare(UUID, 3, 10, &stamp), APIKEY_STATE_KNOWN,
           "any state is known where no poll has been made");
    ok(!stamp.identity, "no record is cached where no poll has been made");
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
