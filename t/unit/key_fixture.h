/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* CONTRACT's example of a key, its secret and its digest; and policies, which
 * say what keys a server accepts. */
#ifndef APIKEY_KEY_FIXTURE_H
#define APIKEY_KEY_FIXTURE_H

#include <stdlib.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "../../modules/core/key.h"
#include "tap.h"

#define LINE "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
#define TAIL "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"
#define KEY "ak_" TAIL "0UJlm6"
#define KEY_DIGEST \
    "1ab3f7aa1600fac4273c98287cca75923cabc7f2fd82e8687cea546a78344ab6"
/* With a prefix before it this is a hex64 key. */
#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* Not every test needs every one. */
#define HELPER static __attribute__((unused))

static apr_pool_t *pool;
static apikey_secrets_t *secrets;       /* those of LINE */

/* Makes the pool and reads the secret of LINE. */
HELPER void key_fixture_init(void)
{
    const char *error;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    if (apikey_secrets_parse(&secrets, LINE, strlen(LINE), pool, &error)) {
        printf("Bail out! %s\n", error);
        exit(1);
    }
}

/* A policy with this ApiKeyPrefix; NULL: none is set. */
HELPER apikey_policy_t a_policy(unsigned int formats, const char *prefix)
{
    apikey_policy_t policy = { formats, APIKEY_DIGEST_HMAC, NULL, secrets,
                               NULL };
    const char *fault;

    if (prefix) {
        policy.prefixes = apikey_prefixes_parse(1, &prefix, pool, &fault);
    }
    return policy;
}

HELPER int shape(const apikey_policy_t *policy, const char *key)
{
    return apikey_key_shape(policy, key, strlen(key));
}

/* The number of digests that this key would be looked up by; -1: an error. */
HELPER int candidates(const apikey_policy_t *policy, const char *key)
{
    apikey_candidates_t found;

    return apikey_key_candidates(&found, policy, key, strlen(key))
           == APR_SUCCESS ? found.count : -1;
}

#endif
