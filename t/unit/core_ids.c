/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Ids of keys: random ones, and those that follow each other in an import. */

#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "../../modules/core/key.h"
#include "tap.h"

static apr_pool_t *pool;
static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "abcdefghijklmnopqrstuvwxyz";

/* Twenty thousand ids have 240 000 characters: each of base62's is expected
 * 3871 times, and 12 % more or less are over seven standard deviations. A byte
 * modulo 62 would give the first eight 4687 times. */
static void test_bias(void)
{
    char id[APIKEY_ID_LEN + 1];
    int count[256] = { 0 };
    int i, c, wrong = 0, others = 240000;

    for (i = 0; i < 20000; i++) {
        apikey_id_make(id);
        for (c = 0; c < APIKEY_ID_LEN; c++) {
            count[(unsigned char)id[c]]++;
        }
    }
    for (i = 0; i < 62; i++) {
        int n = count[(unsigned char)base62[i]];

        wrong += n < 3407 || n > 4335;
        others -= n;
    }
    is_int(others, 0, "ids have no character but base62's");
    is_int(wrong, 0, "each character of base62 comes as often as the others");
    is_int(strlen(id), APIKEY_ID_LEN, "an id has twelve characters");
}

/* Twenty thousand steps of at most 62^4 are fewer than 62^7, so that the first
 * five characters stay. About five of the steps change the last two characters
 * alone. */
static void test_next(void)
{
    char id[APIKEY_ID_LEN + 1], before[APIKEY_ID_LEN + 1];
    int i, greater = 0, alike = 0, near = 0;

    memcpy(id, "0123456789AB", sizeof(id));
    for (i = 0; i < 20000; i++) {
        memcpy(before, id, sizeof(id));
        apikey_id_next(id);
        greater += strcmp(id, before) > 0;
        alike += strncmp(id, "01234", 5) == 0;
        near += strncmp(id, before, 10) == 0;
    }
    is_int(greater, 20000, "each id that follows another is greater");
    is_int(alike, 20000,
           "20 000 ids in a row keep their first five characters");
    ok(near < 60, "few ids differ from the one before in two characters alone");
    is_int(strspn(id, base62), APIKEY_ID_LEN,
           "an id that follows has characters of base62 alone");
    memcpy(id, "zzzzzzzzzzzz", sizeof(id));
    apikey_id_next(id);
    is_str(apr_pstrndup(pool, id, 8), "00000000",
           "the least id follows the greatest");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_bias();
    test_next();
    apr_terminate();
    return done();
}
