/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Secret files. */

#include "fuzz.h"

static const char id_characters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "abcdefghijklmnopqrstuvwxyz_.-";

static void check_ring(const apikey_secrets_t *secrets)
{
    unsigned char digest[APIKEY_DIGEST_LEN], again[APIKEY_DIGEST_LEN];
    int i, j;

    must(apikey_secrets_count(secrets) >= 1);
    must(apikey_secrets_count(secrets) <= APIKEY_SECRETS_MAX);
    for (i = 0; i < apikey_secrets_count(secrets); i++) {
        const char *id = apikey_secrets_id(secrets, i);
        size_t len = strlen(id);

        must(len >= 1 && len <= APIKEY_SECRET_ID_MAX);
        must(strspn(id, id_characters) == len);
        for (j = 0; j < i; j++) {
            must(strcmp(id, apikey_secrets_id(secrets, j)) != 0);
        }
        memset(digest, 0, sizeof(digest));
        memset(again, 1, sizeof(again));
        must(apikey_secrets_sign(digest, secrets, i, id, len) == APR_SUCCESS);
        must(apikey_secrets_sign(again, secrets, i, id, len) == APR_SUCCESS);
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
    apikey_secrets_t *secrets = NULL;
    const char *error = NULL;
    apr_pool_t *pool;

    must(apr_pool_create(&pool, fuzz_pool()) == APR_SUCCESS);
    if (apikey_secrets_parse(&secrets, text, size, pool, &error)
        == APR_SUCCESS) {
        free(text);     /* the secrets must not need it */
        text = NULL;
        check_ring(secrets);
        must(!error);
    }
    else {
        must(!secrets);
        check_error(error);
    }
    apr_pool_destroy(pool);
    free(text);
    return 0;
}
