/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Batches of uses and exposures of keys. */

#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "usage/batch.h"
#include "tap.h"

#define MOST 1000

static apr_pool_t *pool;

/* "count last" of a key; "" where it is not in the batch. */
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

    is_int(apikey_batch_keys(batch), 0, "an empty batch");
    apikey_batch_list(batch, &count, pool);
    is_int(count, 0, "lists nothing");
    is_int(apikey_batch_add(batch, id, 1, 100, MOST), 1, "a use");
    id[0] = 'x';
    is_str(use(batch, "one"), "1 100", "its id is copied");
    apikey_batch_add(batch, "one", 2, 50, MOST);
    is_str(use(batch, "one"), "3 100", "an older use counts");
    apikey_batch_add(batch, "two", 1, 200, MOST);
    is_int(batch->total, 4, "the sum of all");
    for (i = 0; i < 2 * MOST; i++) {
        apikey_batch_add(batch, apr_itoa(pool, i), 1, i, MOST);
    }
    is_int(apikey_batch_keys(batch), MOST, "there are no more than may be");
    is_int(batch->total, 4 + MOST - 2, "what found no place is not counted");
    is_int(apikey_batch_add(batch, "more", 1, 1, MOST), 0, "and is told");
    is_int(apikey_batch_add(batch, "one", 1, 300, MOST), 1,
           "a key that is there goes on");
    is_str(use(batch, "one"), "4 300", "as ever");
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
    is_str(order, "0 B Z a b ba ", "a list has the order of strcmp");
    apikey_batch_free(batch);
}

static void test_merge(void)
{
    apikey_batch_t *new = apikey_batch_make(), *old = apikey_batch_make();

    apikey_batch_add(new, "both", 2, 200, MOST);
    apikey_batch_add(new, "new", 1, 210, MOST);
    apikey_batch_add(old, "both", 3, 100, MOST);
    apikey_batch_add(old, "old", 5, 110, MOST);
    is_int(merge(new, old, MOST), 0, "all of it finds a place");
    apikey_batch_free(old);
    is_str(use(new, "both"), "5 200", "counts add up, the last time stays");
    is_str(use(new, "old"), "5 110", "what is new to it is copied");
    is_str(use(new, "new"), "1 210", "the rest is as it was");
    is_int(new->total, 11, "the sum of both");
    old = apikey_batch_make();
    apikey_batch_add(old, "both", 1, 1, MOST);
    apikey_batch_add(old, "last", 7, 1, MOST);
    is_int(merge(new, old, 3), 7, "what finds none is told");
    is_int(new->total, 12, "and not counted");
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

    is_int(apikey_batch_expose(batch, &one, 3), 1, "an exposed key");
    one = exposure_of(1, APIKEY_IN_REFERER, 50);
    is_int(apikey_batch_expose(old, &one, 3), 1, "in another batch, too");
    for (i = 2; i < 5; i++) {
        one = exposure_of(i, APIKEY_IN_QUERY, 60);
        apikey_batch_expose(old, &one, 4);
    }
    is_int(apikey_batch_exposed(old), 4, "as many as there may be");
    one = exposure_of(5, APIKEY_IN_QUERY, 60);
    is_int(apikey_batch_expose(old, &one, 4), 0, "one more finds no place");
    is_int(apikey_batch_merge_exposed(batch, old, 3), 1,
           "nor does one of those that are added");
    apikey_batch_free(old);
    list = apikey_batch_list_exposed(batch, &count, pool);
    is_int(count, 3, "each key is there once");
    for (i = 0; i < count; i++) {
        if (strcmp(list[i].digests.at[0].hex, exposure_of(1, 0, 0)
                   .digests.at[0].hex) == 0) {
            is_int(list[i].places, APIKEY_IN_QUERY | APIKEY_IN_REFERER,
                   "with all its places");
            is_int(list[i].when, 100, "and the last time");
        }
    }
    is_int(batch->total, 0, "it is no use");
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
