/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Shapes, check characters and candidates of whatever a client sends. */

#include "../../modules/core/key.h"
#include "fuzz.h"

static apikey_policy_t a_policy(unsigned int formats, unsigned int digests,
                                int several)
{
    static const apikey_prefix_t prefixes[] = {
        { "ak_", 3 }, { "glpat-", 6 }, { "SG.", 3 }, { NULL, 0 }
    };
    apikey_policy_t policy = { formats, digests, several ? prefixes : NULL,
                               fuzz_ring(), NULL };

    return policy;
}

static int is_printable(const char *key, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (key[i] < 0x21 || key[i] > 0x7e) {
            return 0;
        }
    }
    return 1;
}

/** The shape is one that was asked for.  Without that prefix a shape fits, too:
 * perhaps one with another prefix, which begins like this one. */
static void check_shape(const apikey_policy_t *policy, const char *key,
                        size_t len)
{
    apikey_format_e shape = apikey_key_shape(policy, key, len);
    apikey_policy_t wide = a_policy(policy->formats, policy->digests, 0);

    if (shape == APIKEY_FORMAT_NONE) {
        must(apikey_key_fault(policy, key, len) != NULL);
        return;
    }
    must(policy->formats & shape);
    must(len > 0 && len <= APIKEY_KEY_MAX && is_printable(key, len));
    must(apikey_key_shape(&wide, key, len) != APIKEY_FORMAT_NONE);
    must(!policy->prefixes || apikey_prefixes_find(policy->prefixes, key, len));
    must(!apikey_key_fault(policy, key, len));
    must(!memchr(key, ',', len));
}

static void check_candidates(const apikey_policy_t *policy, const char *key,
                             size_t len)
{
    apikey_format_e shape = apikey_key_shape(policy, key, len);
    int by = apikey_key_checked_by(policy->secrets, key, len);
    int all = apikey_secrets_count(policy->secrets)
              + (policy->digests & APIKEY_DIGEST_SHA256 ? 1 : 0);
    apikey_candidates_t found;
    int i;

    must(apikey_key_candidates(&found, policy, key, len) == APR_SUCCESS);
    for (i = 0; i < found.count; i++) {
        must(strlen(found.at[i].hex) == APIKEY_DIGEST_HEX);
        must(apikey_digest_is_hex(found.at[i].hex, APIKEY_DIGEST_HEX));
    }
    if (shape == APIKEY_FORMAT_NONE) {
        must(found.count == 0);
    }
    else if (shape != APIKEY_FORMAT_BASE62) {
        must(found.count == all);
    }
    else if (by >= 0) {
        must(found.count == 1);
        must(found.at[0].secret_id == apikey_secrets_id(policy->secrets, by));
    }
    else {
        must(found.count
             == (policy->formats & APIKEY_FORMAT_OPAQUE ? all : 0));
    }
}

static void check_hint(const char *key, size_t len)
{
    apr_pool_t *pool;
    const char *hint, *dots;

    must(apr_pool_create(&pool, fuzz_pool()) == APR_SUCCESS);
    hint = apikey_key_hint(key, len, pool);
    dots = strstr(hint, "...");
    must(dots && dots - hint <= APIKEY_PREFIX_MAX + 1);
    must(strlen(dots + 3) <= APIKEY_HINT_TAIL);
    must(strlen(hint) <= len + 3);
    apr_pool_destroy(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned int both = APIKEY_DIGEST_HMAC | APIKEY_DIGEST_SHA256;
    char *key = fuzz_copy(data, size, 0);
    unsigned int formats;
    apikey_policy_t policy;

    for (formats = 1; formats < 8; formats++) {
        policy = a_policy(formats, APIKEY_DIGEST_HMAC, 0);
        check_shape(&policy, key, size);
        policy = a_policy(formats, APIKEY_DIGEST_HMAC, 1);
        check_shape(&policy, key, size);
    }
    policy = a_policy(APIKEY_FORMAT_BASE62, APIKEY_DIGEST_HMAC, 0);
    check_candidates(&policy, key, size);
    policy = a_policy(APIKEY_FORMAT_HEX64, both, 1);
    check_candidates(&policy, key, size);
    policy = a_policy(7, both, 0);
    check_candidates(&policy, key, size);
    check_hint(key, size);
    free(key);
    key = fuzz_copy(data, size, 1);
    if (!apikey_prefix_fault(key)) {
        must(strlen(key) <= APIKEY_PREFIX_MAX
             && is_printable(key, strlen(key)));
    }
    free(key);
    return 0;
}
