/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Whether a credential is a key of this server, and what is shown of it. */

#include <openssl/evp.h>

#include "../../modules/core/key_class.h"
#include "fuzz.h"

/** What replaces a credential shows no more of it than a prefix
 * and four characters, and is one word of a header's value. */
static void check_hint(const char *hint)
{
    const char *dots = strstr(hint, "...");
    const char *c;

    must(dots && dots - hint <= APIKEY_PREFIX_MAX + 1);
    /* A prefix that a '.' ends makes four of them. */
    must(strlen(dots) <= 4 + APIKEY_HINT_TAIL);
    for (c = hint; *c; c++) {
        must(*c > ' ' && *c < 127 && *c != ',');
    }
}

typedef void (judge_fn)(apikey_classified_t *classified, const char *text);

static apikey_class_e judge(judge_fn *how, const apikey_policy_t *policy,
                            const char *text, apr_pool_t *pool)
{
    apikey_classified_t classified;

    apikey_classify_init(&classified, policy, pool);
    how(&classified, text);
    must(!classified.hint == (classified.class == APIKEY_FOREIGN));
    if (classified.hint) {
        check_hint(classified.hint);
    }
    return classified.class;
}

/** What has none of the characters that end a prefix has no prefix, and what
 * is no Basic credential hides none. */
static int is_strange(const char *text)
{
    return !strpbrk(text, "_-.bB");
}

static void check_scheme(const apikey_policy_t *policy, const char *value)
{
    apr_size_t len = apikey_classify_scheme(policy, value);

    must(len < strlen(value) || len == 0);
    must(len == 0 || value[len] == ' ' || value[len] == '\t');
    must(len < 3 || strncmp(value, "ak_", 3) != 0);
}

static void check(const apikey_policy_t *policy, const char *text,
                  const char *basic, int holds, apr_pool_t *pool)
{
    int opaque = policy->formats & APIKEY_FORMAT_OPAQUE;
    apikey_class_e token = judge(apikey_classify_token, policy, text, pool);
    apikey_class_e value = judge(apikey_classify_value, policy, text, pool);
    apikey_class_e code = judge(apikey_classify_value, policy, basic, pool);

    must(!holds || value != APIKEY_FOREIGN);
    must(!holds || code != APIKEY_FOREIGN);
    must(strcmp(text, FUZZ_KEY) != 0
         || (token == APIKEY_OURS && value == APIKEY_OURS));
    if (is_strange(text) && !(opaque && !policy->prefixes)) {
        must(token == APIKEY_FOREIGN && value == APIKEY_FOREIGN);
        must(code == APIKEY_FOREIGN);
    }
    check_scheme(policy, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const apikey_prefix_t prefixes[] = { { "ak_", 3 }, { "SG.", 3 },
                                                { NULL, 0 } };
    apikey_policy_t policy = { 0, APIKEY_DIGEST_HMAC, NULL, fuzz_ring(),
                               NULL };
    char *text = fuzz_copy(data, size, 1);
    char *basic = malloc(sizeof("Basic ") + (strlen(text) + 2) / 3 * 4);
    unsigned int formats;
    apr_pool_t *pool;
    int holds = strstr(text, FUZZ_KEY) != NULL;

    must(basic && apr_pool_create(&pool, fuzz_pool()) == APR_SUCCESS);
    memcpy(basic, "Basic ", 6);
    EVP_EncodeBlock((unsigned char *)basic + 6, (unsigned char *)text,
                    (int)strlen(text));
    for (formats = APIKEY_FORMAT_BASE62; formats <= APIKEY_FORMAT_BASE62
         + APIKEY_FORMAT_HEX64 + APIKEY_FORMAT_OPAQUE; formats++) {
        policy.formats = formats;
        policy.prefixes = NULL;
        check(&policy, text, basic, holds, pool);
        policy.prefixes = prefixes;
        check(&policy, text, basic, holds, pool);
    }
    apr_pool_destroy(pool);
    free(basic);
    free(text);
    return 0;
}
