/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* ApiKeyPrefix, core/key.h: which words are prefixes, and the keys that begin
 * with one of them. */

#include "key_fixture.h"

#define ALL (APIKEY_FORMAT_BASE62 | APIKEY_FORMAT_HEX64 \
             | APIKEY_FORMAT_OPAQUE)

static void test_prefix(void)
{
    static const char *good[] = { "a", "9", "ak", "sk_live", "a-b", "A_B-C9",
                                  "a_", "glpat-", "SG.", "a-.",
                                  "12345678901234567890123456789012" };
    static const char *bad[] = { "", "_", "_a", ".", "-a", "a..", "a b",
                                 "a.b", "a\n", "a%", "\xc3\xa9", "a:",
                                 "123456789012345678901234567890123" };
    apikey_policy_t ak = a_policy(ALL, "ak");
    apikey_policy_t a = a_policy(APIKEY_FORMAT_BASE62, "a");
    apikey_policy_t live = a_policy(APIKEY_FORMAT_BASE62, "ak_live");
    apikey_fresh_t fresh;
    apr_size_t i;

    for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
        is_str(apikey_prefix_fault(good[i]), NULL, "'%s' is a prefix",
               good[i]);
    }
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        ok(apikey_prefix_fault(bad[i]) != NULL, "bad prefix %d is refused",
           (int)i);
    }
    is_int(shape(&ak, KEY), APIKEY_FORMAT_BASE62,
           "a key with the prefix of ApiKeyPrefix is base62");
    is_int(shape(&a, KEY), APIKEY_FORMAT_NONE,
           "a longer prefix that begins with ApiKeyPrefix is foreign");
    is_int(shape(&live, KEY), APIKEY_FORMAT_NONE,
           "a prefix that ApiKeyPrefix begins with is foreign");
    apikey_key_make(&fresh, APIKEY_FORMAT_BASE62, "ak_live", secrets, pool);
    is_int(shape(&live, fresh.key), APIKEY_FORMAT_BASE62,
           "a prefix may have a '_' within it");
    ak.formats = APIKEY_FORMAT_BASE62;
    is_int(shape(&ak, fresh.key), APIKEY_FORMAT_NONE,
           "'ak_live' is foreign where ApiKeyPrefix is 'ak'");
    is_int(apikey_key_checked_by(secrets, fresh.key, strlen(fresh.key)), 0,
           "the check characters are right under any prefix");
}

/* ApiKeyPrefix as a word, the prefix that keys begin with, and the prefix that
 * a key is found to have. */
static void test_separators(void)
{
    static const struct { const char *word, *prefix, *without; } cases[] = {
        { "ak", "ak_", "ak" }, { "sk_live", "sk_live_", "sk_live" },
        { "ak_", "ak_", "ak" }, { "ak__", "ak__", "ak__" },
        { "glpat-", "glpat-", "glpat-" }, { "SG.", "SG.", "SG." },
        { "a_-", "a_-", "a_-" }, { "a-_", "a-_", "a-_" }
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *word = cases[i].word;
        apikey_prefix_t prefix = apikey_prefix_from_word(word, pool);
        apikey_policy_t policy = a_policy(ALL, word);
        apikey_fresh_t fresh;
        apr_size_t len;

        is_str(prefix.text, cases[i].prefix,
               "'%s': the prefix of its keys", word);
        is_int(prefix.len, strlen(prefix.text), "'%s': the prefix's length",
               word);
        ok(apikey_is_prefix(prefix.text, prefix.len),
           "'%s': a prefix that is allowed", word);
        apikey_key_make(&fresh, APIKEY_FORMAT_BASE62, word, secrets, pool);
        len = strlen(fresh.key);
        ok(strncmp(fresh.key, prefix.text, prefix.len) == 0
           && len == prefix.len + APIKEY_RANDOM_LEN + APIKEY_CHECK_LEN,
           "'%s': a key begins with the prefix", word);
        is_str(apikey_key_prefix(fresh.key, len, pool), cases[i].without,
               "'%s': the prefix of a key as a word", word);
        ok(apikey_prefixes_have(policy.prefixes, cases[i].without),
           "'%s': the word is one of the server's", word);
        is_int(candidates(&policy, fresh.key), 1, "'%s': a key has one digest",
               word);
        ok(strncmp(fresh.hint, prefix.text, prefix.len) == 0
               && strncmp(fresh.hint + prefix.len, "...", 3) == 0,
           "'%s': the hint of a key begins with the prefix", word);
        is_str(apikey_key_prefix(fresh.key, len - 1, pool), "",
               "'%s': no prefix for a key one character short", word);
    }
    ok(!apikey_is_prefix("ak", 2) && !apikey_is_prefix("", 0)
       && !apikey_is_prefix("_", 1) && !apikey_is_prefix("a.b_", 4)
       && !apikey_is_prefix(".", 1),
       "'ak', '', '_', 'a.b_' and '.' are no prefixes");
}

static void test_several(void)
{
    static const char *const words[] = { "sk_live", "sk_test", "glpat-" };
    static const char *const odd[] = { "sk_live", "-x" };
    apikey_policy_t policy = a_policy(ALL, NULL);
    const char *fault;
    apr_size_t i;

    policy.prefixes = apikey_prefixes_parse(3, words, pool, &fault);
    is_str(fault, NULL, "three prefixes are accepted");
    for (i = 0; i < 3; i++) {
        apikey_fresh_t fresh;

        apikey_key_make(&fresh, APIKEY_FORMAT_HEX64, words[i], secrets, pool);
        is_int(shape(&policy, fresh.key), APIKEY_FORMAT_HEX64,
               "with three prefixes, hex64 of %s",
               words[i]);
        apikey_key_make(&fresh, APIKEY_FORMAT_BASE62, words[i], secrets, pool);
        is_int(shape(&policy, fresh.key), APIKEY_FORMAT_BASE62,
               "with three prefixes, base62 of %s", words[i]);
        ok(apikey_prefixes_have(policy.prefixes, words[i]),
           "three prefixes: %s is one of them", words[i]);
    }
    is_int(shape(&policy, "glpat-x"), APIKEY_FORMAT_OPAQUE,
           "'glpat-x' is opaque with the prefix 'glpat-'");
    is_int(shape(&policy, "glpat_x"), APIKEY_FORMAT_NONE,
           "'glpat_x' is foreign with the prefix 'glpat-'");
    is_int(shape(&policy, "glpat-"), APIKEY_FORMAT_NONE,
           "a prefix with nothing after it is foreign");
    is_int(shape(&policy, KEY), APIKEY_FORMAT_NONE,
           "a key with none of three prefixes is foreign");
    ok(!apikey_prefixes_have(policy.prefixes, "glpat")
       && !apikey_prefixes_have(policy.prefixes, "sk")
       && !apikey_prefixes_have(policy.prefixes, ""),
       "'glpat', 'sk' and '' are none of the three prefixes");
    is_int(apikey_prefixes_find(policy.prefixes, "sk_test_x", 9)
           - policy.prefixes, 1,
           "the second of three prefixes is found in 'sk_test_x'");
    ok(!apikey_prefixes_find(policy.prefixes, "sk_test_", 8),
       "a prefix is not found where no more follows");
    ok(!apikey_prefixes_parse(2, odd, pool, &fault),
       "two prefixes of which one has a fault are refused");
    is_str(fault, "'-x' does not begin with a letter or digit",
           "the parameter at fault is named");
}

int main(void)
{
    key_fixture_init();
    test_prefix();
    test_separators();
    test_several();
    return done();
}
