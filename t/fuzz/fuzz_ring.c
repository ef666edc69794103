/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Secret files. */

#include "fuzz.h"

static const char id_characters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "abcdefghijklmnopqrstuvwxyz_.-";

static void check_ring(const apikey_ring_t *ring)
{
    unsigned char digest[APIKEY_DIGEST_LEN], again[APIKEY_DIGEST_LEN];
    int i, j;

    must(apikey_ring_count(ring) >= 1);
    must(apikey_ring_count(ring) <= APIKEY_RING_MAX);
    for (i = 0; i < apikey_ring_count(ring); i++) {
        const char *id = apikey_ring_id(ring, i);
        size_t len = strlen(id);

        must(len >= 1 && len <= APIKEY_SECRET_ID_MAX);
        must(strspn(id, id_characters) == len);
        for (j = 0; j < i; j++) {
            must(strcmp(id, apikey_ring_id(ring, j)) != 0);
        }
        memset(digest, 0, sizeof(digest));
        memset(again, 1, sizeof(again));
        must(apikey_ring_sign(digest, ring, i, id, len) == APR_SUCCESS);
        must(apikey_ring_sign(again, ring, i, id, len) == APR_SUCCESS);
        must(memcmp(digest, again, sizeof(digest)) == 0);
    }
}

/** The error is a sentence about a line, and quotes nothing of it. */
static void check_error(const char *error)
{
    const char *c;

    must(error && strlen(error) < 200);
    for (c = error; *c; c++) {
        must(*c >= 0x20 && *c <= 0x7e);
    }
    must(strncmp(error, "line ", 5) == 0
         || strncmp(error, "there is no secret", 18) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_copy(data, size, 0);
    apikey_ring_t *ring = NULL;
    const char *error = NULL;
    apr_pool_t *pool;

    must(apr_pool_create(&pool, fuzz_pool()) == APR_SUCCESS);
    if (apikey_ring_parse(&ring, text, size, pool, &error) == APR_SUCCESS) {
        free(text);     /* the ring must not need it */
        text = NULL;
        check_ring(ring);
        must(!error);
    }
    else {
        must(!ring);
        check_error(error);
    }
    apr_pool_destroy(pool);
    free(text);
    return 0;
}
