/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* usage/batch.h: batches of uses and of exposures of keys. */

#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "usage/batch.h"
#include "tap.h"

#define MOST 1000

static apr_pool_t *pool;

/* "count last" of a key; "" where the batch does not have it. */
static const char *use(const apikey_batch_t *batch, const char *id)
{
    int count, i;
    apikey_use_t *uses = apikey_batch_list(batch, &count, pool);

    for (i = 0; i < count; i++) {
        if (strcmp(uses[i].id, id) == 0) {
            return apr_psprintf(pool, "%d %d", (int)uses[i].count,
                                (int)uses[i].last);
        }
    }
    return "";
}

static void test_add(void)
{
    apikey_batch_t *batch = apikey_batch_make();
    char id[] = "one";
    int i, count;

    is_int(apikey_batch_keys(batch), 0, "a new batch has no keys");
    apikey_batch_list(batch, &count, pool);
    is_int(count, 0, "a new batch lists nothing");
    is_int(apikey_batch_add(batch, id, 1, 100, MOST), 1, "a use is added");
    id[0] = 'x';
    is_str(use(batch, "one"), "1 100", "the batch has a copy of the key's id");
    apikey_batch_add(batch, "one", 2, 50, MOST);
    is_str(use(batch, "one"), "3 100",
           "an older use is counted and does not change the time");
    apikey_batch_add(batch, "two", 1, 200, MOST);
    is_int(batch->total, 4, "the total has the uses of all keys");
    for (i = 0; i < 2 * MOST; i++) {
        apikey_batch_add(batch, apr_itoa(pool, i), 1, i, MOST);
    }
    is_int(apikey_batch_keys(batch), MOST, "a full batch takes no new key");
    is_int(batch->total, 4 + MOST - 2,
           "uses of keys that a full batch does not take are not in the total");
    is_int(apikey_batch_add(batch, "more", 1, 1, MOST), 0,
           "adding a new key to a full batch returns 0");
    is_int(apikey_batch_add(batch, "one", 1, 300, MOST), 1,
           "a use of a key that is in the full batch is added");
    is_str(use(batch, "one"), "4 300",
           "a use of a key that is in the full batch is counted");
    apikey_batch_free(batch);
}

static apr_uint64_t merge(apikey_batch_t *batch, const apikey_batch_t *from,
                          unsigned most)
{
    int count;
    const apikey_use_t *uses = apikey_batch_list(from, &count, pool);

    return apikey_batch_merge(batch, uses, count, most);
}

static void test_order(void)
{
    static const char *const ids[] = { "b", "B", "a", "ba", "Z", "0" };
    apikey_batch_t *batch = apikey_batch_make();
    const apikey_use_t *uses;
    const char *order = "";
    int i, count;

    for (i = 0; i < 6; i++) {
        apikey_batch_add(batch, ids[i], 1, 1, MOST);
    }
    uses = apikey_batch_list(batch, &count, pool);
    for (i = 0; i < count; i++) {
        order = apr_pstrcat(pool, order, uses[i].id, " ", NULL);
    }
    is_str(order, "0 B Z a b ba ", "the list is in the order of strcmp()");
    apikey_batch_free(batch);
}

static void test_merge(void)
{
    apikey_batch_t *new = apikey_batch_make(), *old = apikey_batch_make();

    apikey_batch_add(new, "both", 2, 200, MOST);
    apikey_batch_add(new, "new", 1, 210, MOST);
    apikey_batch_add(old, "both", 3, 100, MOST);
    apikey_batch_add(old, "old", 5, 110, MOST);
    is_int(merge(new, old, MOST), 0,
           "merging a batch loses no use where there is room");
    apikey_batch_free(old);
    is_str(use(new, "both"), "5 200",
           "counts are added and the later time stays");
    is_str(use(new, "old"), "5 110",
           "a key that only the merged batch has is copied");
    is_str(use(new, "new"), "1 210",
           "a key that the merged batch does not have stays as it was");
    is_int(new->total, 11, "the total has the uses of both batches");
    old = apikey_batch_make();
    apikey_batch_add(old, "both", 1, 1, MOST);
    apikey_batch_add(old, "last", 7, 1, MOST);
    is_int(merge(new, old, 3), 7,
           "merging into a full batch returns the number of uses lost");
    is_int(new->total, 12, "uses that were lost are not in the total");
    apikey_batch_free(old);
    apikey_batch_free(new);
}

static apikey_exposure_t exposure_of(int number, unsigned int places,
                                     apr_int64_t when)
{
    apikey_exposure_t exposure;

    memset(&exposure, 0, sizeof(exposure));
    exposure.digests.count = 1;
    apr_snprintf(exposure.digests.at[0].hex, APIKEY_DIGEST_HEX + 1, "%064d",
                 number);
    exposure.places = places;
    exposure.when = when;
    return exposure;
}

static void test_expose(void)
{
    apikey_batch_t *batch = apikey_batch_make(), *old = apikey_batch_make();
    apikey_exposure_t one = exposure_of(1, APIKEY_IN_QUERY, 100), *list;
    int count, i;

    is_int(apikey_batch_expose(batch, &one, 3), 1, "an exposure is added");
    one = exposure_of(1, APIKEY_IN_REFERER, 50);
    is_int(apikey_batch_expose(old, &one, 3), 1,
           "an exposure of the same key is added to another batch");
    for (i = 2; i < 5; i++) {
        one = exposure_of(i, APIKEY_IN_QUERY, 60);
        apikey_batch_expose(old, &one, 4);
    }
    is_int(apikey_batch_exposed(old), 4,
           "a batch has as many exposures as it may");
    one = exposure_of(5, APIKEY_IN_QUERY, 60);
    is_int(apikey_batch_expose(old, &one, 4), 0,
           "an exposure beyond that is not added");
    is_int(apikey_batch_merge_exposed(batch, old, 3), 1,
           "merging exposures returns the number that did not fit");
    apikey_batch_free(old);
    list = apikey_batch_list_exposed(batch, &count, pool);
    is_int(count, 3, "each exposed key is listed once");
    for (i = 0; i < count; i++) {
        if (strcmp(list[i].digests.at[0].hex, exposure_of(1, 0, 0)
                   .digests.at[0].hex) == 0) {
            is_int(list[i].places, APIKEY_IN_QUERY | APIKEY_IN_REFERER,
                   "an exposed key has the places of both batches");
            is_int(list[i].when, 100, "an exposed key has the later time");
        }
    }
    is_int(batch->total, 0, "an exposure is not counted as a use");
    apikey_batch_free(batch);
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_add();
    test_order();
    test_merge();
    test_expose();
    apr_pool_destroy(pool);
    apr_terminate();
    return done();
}
