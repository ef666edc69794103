/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Uses of keys, counted until they are written. */

#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "usage/batch.c"
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

static void test_merge(void)
{
    apikey_batch_t *new = apikey_batch_make(), *old = apikey_batch_make();

    apikey_batch_add(new, "both", 2, 200, MOST);
    apikey_batch_add(new, "new", 1, 210, MOST);
    apikey_batch_add(old, "both", 3, 100, MOST);
    apikey_batch_add(old, "old", 5, 110, MOST);
    is_int(apikey_batch_merge(new, old, MOST), 0, "all of it finds a place");
    apikey_batch_free(old);
    is_str(use(new, "both"), "5 200", "counts add up, the last time stays");
    is_str(use(new, "old"), "5 110", "what is new to it is copied");
    is_str(use(new, "new"), "1 210", "the rest is as it was");
    is_int(new->total, 11, "the sum of both");
    old = apikey_batch_make();
    apikey_batch_add(old, "both", 1, 1, MOST);
    apikey_batch_add(old, "last", 7, 1, MOST);
    is_int(apikey_batch_merge(new, old, 3), 7, "what finds none is told");
    is_int(new->total, 12, "and not counted");
    apikey_batch_free(old);
    apikey_batch_free(new);
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_add();
    test_merge();
    apr_pool_destroy(pool);
    apr_terminate();
    return done();
}
