/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Authorization fields, and the base64 of Basic. */

#include <openssl/evp.h>

#include "../../modules/core/base64.h"
#include "../../modules/core/credential.h"
#include "fuzz.h"

/** What is decoded is encoded to the same text: every value has just one
 * spelling. */
static void check_base64(const char *text, size_t len)
{
    size_t room = APIKEY_BASE64_ROOM(len);
    unsigned char *bytes = malloc(room ? room : 1);
    unsigned char *again = malloc(room / 3 * 4 + 1);
    apr_size_t size;

    must(bytes && again);
    if (apikey_base64_decode(bytes, &size, text, len) == APR_SUCCESS) {
        must(size <= room);
        must((size_t)EVP_EncodeBlock(again, bytes, (int)size) == len);
        must(memcmp(again, text, len) == 0);
    }
    free(bytes);
    free(again);
}

static void check_credential(apikey_scheme_e scheme, const char *value,
                             apr_pool_t *pool)
{
    const char *end = value + strlen(value);
    apikey_credential_t found;
    int there = apikey_credential_parse(&found, scheme, "Token", value,
                                        pool);

    must(found.token && strlen(found.token) == found.token_len);
    must(found.token_len <= strlen(value));
    must(!found.repeated == !strchr(value, ','));
    if (!there) {
        must(found.token_len == 0 && !found.password);
    }
    else if (scheme == APIKEY_SCHEME_BEARER) {
        must(!found.password);
        must(found.token < value || found.token > end
             || found.token + found.token_len == end);
        must(found.token_len == 0
             || (!strchr(" \t", found.token[0])
                 && !strchr(" \t", found.token[found.token_len - 1])));
        must(strstr(value, found.token));
    }
    else if (scheme != APIKEY_SCHEME_BASIC) {
        must(!found.password);
    }
    else {
        must(found.password && !strchr(found.token, ':'));
        must(found.token_len + strlen(found.password) <= strlen(value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *value = fuzz_copy(data, size, 1);
    char *text = fuzz_copy(data, size, 0);
    apr_pool_t *pool;

    must(apr_pool_create(&pool, fuzz_pool()) == APR_SUCCESS);
    check_credential(APIKEY_SCHEME_BEARER, value, pool);
    check_credential(APIKEY_SCHEME_BASIC, value, pool);
    check_credential(APIKEY_SCHEME_NAMED, value, pool);
    check_credential(APIKEY_SCHEME_NONE, value, pool);
    check_base64(text, size);
    apr_pool_destroy(pool);
    free(value);
    free(text);
    return 0;
}
