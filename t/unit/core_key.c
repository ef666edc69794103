/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* core/key.h, but for apikey_key_scan(): see core_key_scan.c */

#include <stdlib.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "../../modules/core/key.h"
#include "tap.h"

#define VECTOR "ak_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6"
#define VECTOR_DIGEST "1ab3f7aa1600fac4273c98287cca7592" \
                      "3cabc7f2fd82e8687cea546a78344ab6"
#define LINE1 "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
#define LINE2 "k2 eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=\n"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#define ALL (APIKEY_FORMAT_BASE62 | APIKEY_FORMAT_HEX64 \
             | APIKEY_FORMAT_OPAQUE)

static const char base62[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static apr_pool_t *pool;
static apikey_secrets_t *secrets;   /* k1 alone */
static apikey_secrets_t *ring2;     /* k2 alone */
static apikey_secrets_t *both;      /* k1, k2 */

static apikey_policy_t a_policy(unsigned int formats, const char *prefix)
{
    apikey_policy_t policy = { formats, APIKEY_DIGEST_HMAC, NULL, secrets,
                               NULL };
    const char *fault;

    if (prefix) {
        policy.prefixes = apikey_prefixes_parse(1, &prefix, pool, &fault);
    }
    return policy;
}

static int shape(const apikey_policy_t *policy, const char *key)
{
    return apikey_key_shape(policy, key, strlen(key));
}

/** How many digests @a key would be looked up by. */
static int candidates(const apikey_policy_t *policy, const char *key)
{
    apikey_candidates_t found;
    apr_status_t rv = apikey_key_candidates(&found, policy, key,
                                            strlen(key));

    return rv == APR_SUCCESS ? found.count : -1;
}

static void test_vector(void)
{
    apikey_policy_t policy = a_policy(APIKEY_FORMAT_BASE62, NULL);
    apikey_candidates_t found;

    is_int(apikey_key_candidates(&found, &policy, VECTOR, strlen(VECTOR)),
           APR_SUCCESS, "the contract's vector has candidates");
    is_int(found.count, 1, "just one");
    is_str(found.at[0].hex, VECTOR_DIGEST, "the contract's digest");
    is_str(found.at[0].secret_id, "k1", "by the secret's id");
    is_int(apikey_key_checked_by(both, VECTOR, strlen(VECTOR)), 0,
           "the check tells which secret signed");
    policy.secrets = both;
    is_int(candidates(&policy, VECTOR), 1,
           "two secrets in the secrets: still one candidate");
}

static void test_every_change(void)
{
    apikey_policy_t policy = a_policy(APIKEY_FORMAT_BASE62, NULL);
    char *key = apr_pstrdup(pool, VECTOR);
    apr_size_t len = strlen(key), i;
    int c, check = 0, body = 0;

    for (i = 0; i < len; i++) {
        for (c = 1; c < 256; c++) {
            key[i] = (char)c;
            if (c != (unsigned char)VECTOR[i]) {
                *(i < len - APIKEY_CHECK_LEN ? &body : &check) +=
                    candidates(&policy, key) != 0
                    || apikey_key_checked_by(secrets, key, len) != -1;
            }
        }
        key[i] = VECTOR[i];
    }
    is_int(check, 0, "each check character changed to any byte: refused");
    is_int(body, 0, "each other character changed to any byte: refused");
}

static void test_refused(void)
{
    static const struct { const char *promise, *key; } bad[] = {
        { "one character short at the end",
          "ak_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm" },
        { "one character short in the middle",
          "ak_123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6" },
        { "one character long at the end", VECTOR "0" },
        { "one character long in the middle",
          "ak_00123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6" },
        { "one character before it", "x" VECTOR },
        { "no prefix",
          "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6" },
        { "an empty prefix",
          "_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6" },
        { "another prefix",
          "bk_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6" },
        { "a blank before it", " " VECTOR },
        { "a blank behind it", VECTOR " " },
        { "a line end behind it", VECTOR "\n" },
        { "%s in it", "ak_%s%n%s%n%s%nABCDEFGHIJKLMNOPQRSTUVWXYZ"
                      "abcdefg0UJlm6" },
        { "a quote in it", "ak_'OR'1'='1ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                           "abcdefghi0UJlm6" },
        { "UTF-8 in it", "ak_\xc3\xa9" "23456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "abcdefg0UJlm6" },
        { "nothing at all", "" },
        { "the word Bearer", "Bearer" }
    };
    apikey_policy_t policy = a_policy(APIKEY_FORMAT_BASE62, NULL);
    apr_size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        is_int(candidates(&policy, bad[i].key), 0, "%s: refused unseen",
               bad[i].promise);
        is_int(apikey_key_checked_by(secrets, bad[i].key, strlen(bad[i].key)),
               -1, "%s: made by no secret", bad[i].promise);
    }
}

static void test_bytes(void)
{
    apikey_policy_t policy = a_policy(ALL, NULL);
    char *key = apr_palloc(pool, 8192);
    char one[] = "imported1";
    int c, wrong = 0;

    memset(key, 'k', 8192);
    is_int(apikey_key_shape(&policy, key, 8192), APIKEY_FORMAT_NONE,
           "8 KiB are foreign, whatever is accepted");
    is_int(apikey_key_shape(&policy, key, APIKEY_KEY_MAX + 1),
           APIKEY_FORMAT_NONE, "so are 2049 bytes");
    is_int(apikey_key_shape(&policy, key, APIKEY_KEY_MAX),
           APIKEY_FORMAT_OPAQUE, "2048 bytes are opaque");
    is_int(apikey_key_shape(&policy, key, 0), APIKEY_FORMAT_NONE,
           "nothing is foreign");
    for (c = 0; c < 256; c++) {
        one[4] = (char)c;
        wrong += apikey_key_shape(&policy, one, sizeof(one) - 1)
                 != (c > 0x20 && c < 0x7f && c != ',' ? APIKEY_FORMAT_OPAQUE
                                                      : APIKEY_FORMAT_NONE);
    }
    is_int(wrong, 0, "NUL, blanks, commas, control bytes and those beyond "
                     "ASCII are foreign; every other byte is opaque");
}

static int is_letter(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z');
}

/* Each byte in each place that may not have all of them. */
static void test_alphabet(void)
{
    apikey_policy_t policy = a_policy(APIKEY_FORMAT_BASE62, NULL);
    char key[] = VECTOR, prefix[] = "a?b";
    int c, place, within = 0, ends = 0, tail = 0;

    for (c = 1; c < 256; c++) {
        prefix[1] = (char)c;
        within += !apikey_prefix_fault(prefix)
                  ^ (is_letter(c) || c == '_' || c == '-');
        ends += !apikey_prefix_fault(prefix + 1) ^ is_letter(c);
        for (place = 3; key[place]; place++) {
            char was = key[place];

            key[place] = (char)c;
            tail += (shape(&policy, key) == APIKEY_FORMAT_BASE62)
                    != is_letter(c);
            key[place] = was;
        }
    }
    is_int(within, 0, "a prefix has letters, digits, '_' and '-' within");
    is_int(ends, 0, "and begins with a letter or digit");
    is_int(tail, 0, "behind it there is base62 and nothing else");
}

static void test_secrets(void)
{
    apikey_policy_t policy = a_policy(APIKEY_FORMAT_BASE62, NULL);
    apikey_candidates_t found;
    apikey_fresh_t fresh;

    apikey_key_make(&fresh, APIKEY_FORMAT_BASE62, "ak", ring2, pool);
    is_int(candidates(&policy, fresh.key), 0,
           "another secret's key is refused unseen");
    policy.secrets = both;
    apikey_key_candidates(&found, &policy, fresh.key, strlen(fresh.key));
    is_int(found.count, 1, "with that secret in the secrets it is looked up");
    is_str(found.at[0].secret_id, "k2", "by that secret");
    is_str(found.at[0].hex, fresh.digest, "and its digest");
    is_int(apikey_key_checked_by(both, fresh.key, strlen(fresh.key)), 1,
           "which is the second of the secrets");
}

static void test_make(apikey_format_e format, const char *prefix)
{
    apikey_policy_t policy = a_policy(format, prefix);
    const char *name = apikey_format_name(format);
    apikey_candidates_t found;
    apikey_fresh_t fresh, again;
    apr_size_t len;

    policy.secrets = both;
    is_int(apikey_key_make(&fresh, format, prefix, both, pool), APR_SUCCESS,
           "%s %s: a key is made", name, prefix);
    apikey_key_make(&again, format, prefix, both, pool);
    ok(strcmp(fresh.key, again.key) && strcmp(fresh.id, again.id),
       "%s %s: every one is new", name, prefix);
    len = strlen(fresh.key);
    is_int(len, apikey_prefix_from_word(prefix, pool).len
                + (format == APIKEY_FORMAT_HEX64 ? 64 : 43 + 6),
           "%s %s: it has its length", name, prefix);
    is_int(shape(&policy, fresh.key), format, "%s %s: and its shape", name,
           prefix);
    apikey_key_candidates(&found, &policy, fresh.key, len);
    is_int(found.count, format == APIKEY_FORMAT_HEX64 ? 2 : 1,
           "%s %s: is looked up", name, prefix);
    is_str(found.at[0].hex, fresh.digest, "%s %s: by what was stored", name,
           prefix);
    is_str(fresh.secret_id, "k1", "%s %s: the first secret signs", name,
           prefix);
    is_int(strspn(fresh.id, base62), APIKEY_ID_LEN, "%s %s: its id", name,
           prefix);
    is_str(fresh.hint,
           apr_pstrcat(pool, apikey_prefix_from_word(prefix, pool).text, "...",
                       fresh.key + len - 4, NULL),
           "%s %s: the hint is prefix and last four", name, prefix);
}

/** The check characters by the contract's own words, from the hex digest. */
static void test_check(void)
{
    apikey_fresh_t fresh;
    int i, wrong = 0;

    for (i = 0; i < 200; i++) {
        char check[APIKEY_CHECK_LEN + 1] = "", bits[9];
        apr_uint64_t value;
        int j;

        apikey_key_make(&fresh, APIKEY_FORMAT_BASE62, "ak", secrets, pool);
        value = strtoul(apr_cpystrn(bits, fresh.digest, 9) - 8, NULL, 16);
        for (j = APIKEY_CHECK_LEN; j-- > 0; value /= 62) {
            check[j] = base62[value % 62];
        }
        wrong += strcmp(fresh.key + strlen(fresh.key) - APIKEY_CHECK_LEN,
                        check) != 0;
    }
    is_int(wrong, 0, "the check is the digest's first 32 bits in base62");
}

/* Signed rightly, but under a prefix that none may have. */
static void test_bad_prefix(const char *prefix)
{
    apikey_policy_t policy = a_policy(ALL & ~APIKEY_FORMAT_OPAQUE, NULL);
    apikey_fresh_t fresh;

    apikey_key_make(&fresh, APIKEY_FORMAT_BASE62, prefix, secrets, pool);
    is_int(shape(&policy, fresh.key), APIKEY_FORMAT_NONE,
           "a base62 key under '%s' is foreign", prefix);
    is_int(apikey_key_checked_by(secrets, fresh.key, strlen(fresh.key)), -1,
           "and not checked");
    apikey_key_make(&fresh, APIKEY_FORMAT_HEX64, prefix, secrets, pool);
    is_int(shape(&policy, fresh.key), APIKEY_FORMAT_NONE,
           "a hex64 key, too");
}

static void test_no_opaque(void)
{
    apikey_fresh_t fresh;

    is_int(apikey_key_make(&fresh, APIKEY_FORMAT_OPAQUE, "ak", secrets, pool),
           APR_EINVAL, "an opaque key cannot be made");
    is_int(apikey_key_make(&fresh, APIKEY_FORMAT_NONE, "ak", secrets, pool),
           APR_EINVAL, "nor one of no format");
}

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
    is_int(shape(&ak, VECTOR), APIKEY_FORMAT_BASE62, "the prefix asked for");
    is_int(shape(&a, VECTOR), APIKEY_FORMAT_NONE,
           "a prefix that begins with the one asked for is foreign");
    is_int(shape(&live, VECTOR), APIKEY_FORMAT_NONE,
           "one that the one asked for begins with is foreign");
    apikey_key_make(&fresh, APIKEY_FORMAT_BASE62, "ak_live", secrets, pool);
    is_int(shape(&live, fresh.key), APIKEY_FORMAT_BASE62,
           "a prefix may have a '_' within");
    ak.formats = APIKEY_FORMAT_BASE62;
    is_int(shape(&ak, fresh.key), APIKEY_FORMAT_NONE,
           "and is another one than what stands before it");
    is_int(apikey_key_checked_by(secrets, fresh.key, strlen(fresh.key)), 0,
           "the check is right whatever the prefix");
}

/* What stands before a key, and which prefix that was. */
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

        is_str(prefix.text, cases[i].prefix, "'%s': its prefix", word);
        is_int(prefix.len, strlen(prefix.text), "and how long that is");
        ok(apikey_is_prefix(prefix.text, prefix.len), "which is one");
        apikey_key_make(&fresh, APIKEY_FORMAT_BASE62, word, secrets, pool);
        len = strlen(fresh.key);
        ok(strncmp(fresh.key, prefix.text, prefix.len) == 0
           && len == prefix.len + APIKEY_RANDOM_LEN + APIKEY_CHECK_LEN,
           "a key of it begins so");
        is_str(apikey_key_prefix(fresh.key, len, pool), cases[i].without,
               "and its prefix as a word");
        ok(apikey_prefixes_have(policy.prefixes, cases[i].without),
           "which is among those of the server");
        is_int(candidates(&policy, fresh.key), 1, "it is looked up");
        ok(strncmp(fresh.hint, prefix.text, prefix.len) == 0
           && strncmp(fresh.hint + prefix.len, "...", 3) == 0, "its hint");
        is_str(apikey_key_prefix(fresh.key, len - 1, pool), "",
               "a shorter one has none");
    }
    ok(!apikey_is_prefix("ak", 2) && !apikey_is_prefix("", 0)
       && !apikey_is_prefix("_", 1) && !apikey_is_prefix("a.b_", 4)
       && !apikey_is_prefix(".", 1), "what is no prefix");
}

static void test_several(void)
{
    static const char *const words[] = { "sk_live", "sk_test", "glpat-" };
    static const char *const odd[] = { "sk_live", "-x" };
    apikey_policy_t policy = a_policy(ALL, NULL);
    const char *fault;
    apr_size_t i;

    policy.prefixes = apikey_prefixes_parse(3, words, pool, &fault);
    is_str(fault, NULL, "three prefixes");
    for (i = 0; i < 3; i++) {
        apikey_fresh_t fresh;

        apikey_key_make(&fresh, APIKEY_FORMAT_HEX64, words[i], secrets, pool);
        is_int(shape(&policy, fresh.key), APIKEY_FORMAT_HEX64, "hex64 of %s",
               words[i]);
        apikey_key_make(&fresh, APIKEY_FORMAT_BASE62, words[i], secrets, pool);
        is_int(shape(&policy, fresh.key), APIKEY_FORMAT_BASE62, "base62");
        ok(apikey_prefixes_have(policy.prefixes, words[i]), "and they have it");
    }
    is_int(shape(&policy, "glpat-x"), APIKEY_FORMAT_OPAQUE, "opaque");
    is_int(shape(&policy, "glpat_x"), APIKEY_FORMAT_NONE, "but as it is");
    is_int(shape(&policy, "glpat-"), APIKEY_FORMAT_NONE, "and not alone");
    is_int(shape(&policy, VECTOR), APIKEY_FORMAT_NONE, "another is foreign");
    ok(!apikey_prefixes_have(policy.prefixes, "glpat")
       && !apikey_prefixes_have(policy.prefixes, "sk")
       && !apikey_prefixes_have(policy.prefixes, ""), "and not among them");
    is_int(apikey_prefixes_find(policy.prefixes, "sk_test_x", 9)
           - policy.prefixes, 1, "which of them it is");
    ok(!apikey_prefixes_find(policy.prefixes, "sk_test_", 8),
       "if more follows");
    ok(!apikey_prefixes_parse(2, odd, pool, &fault), "one with a fault");
    is_str(fault, "'-x' does not begin with a letter or digit", "is named");
}

/* A sentence for whatever has no shape. */
static void test_fault(void)
{
    apikey_policy_t all = a_policy(ALL, NULL);
    apikey_policy_t ak = a_policy(APIKEY_FORMAT_BASE62, "ak");
    char *longest = apr_pcalloc(pool, APIKEY_KEY_MAX + 2);

    memset(longest, 'x', APIKEY_KEY_MAX + 1);
    is_str(apikey_key_fault(&all, "x", 1), NULL, "no fault");
    is_str(apikey_key_fault(&all, longest, APIKEY_KEY_MAX), NULL,
           "the longest");
    is_str(apikey_key_fault(&all, "", 0), "is empty", "nothing");
    is_str(apikey_key_fault(&all, longest, APIKEY_KEY_MAX + 1),
           "is longer than 2048 bytes", "one byte more");
    ok(strstr(apikey_key_fault(&all, "a,b", 3), "a comma") != NULL, "a comma");
    ok(strstr(apikey_key_fault(&all, "a b", 3), "a blank") != NULL, "a blank");
    is_str(apikey_key_fault(&ak, "b" VECTOR, strlen(VECTOR) + 1),
           "begins with no ApiKeyPrefix", "another prefix");
    is_str(apikey_key_fault(&ak, "ak_x", 4),
           "has none of the forms that ApiKeyFormat names", "another form");
    is_str(apikey_key_fault(&ak, VECTOR, strlen(VECTOR)), NULL, "a good one");
}

static void test_hex64(void)
{
    apikey_policy_t any = a_policy(APIKEY_FORMAT_HEX64, NULL);
    apikey_policy_t introzy = a_policy(APIKEY_FORMAT_HEX64, "introzy");
    unsigned char digest[APIKEY_DIGEST_LEN];
    char hex[APIKEY_DIGEST_HEX + 1];
    const char *key = "introzy_" HEX;
    apikey_candidates_t found;

    is_int(shape(&any, key), APIKEY_FORMAT_HEX64, "64 hex characters");
    is_int(shape(&introzy, key), APIKEY_FORMAT_HEX64, "with its prefix");
    is_int(shape(&introzy, "other_" HEX), APIKEY_FORMAT_NONE,
           "with another prefix it is foreign");
    is_int(shape(&any, HEX), APIKEY_FORMAT_NONE, "without any, too");
    is_int(shape(&any, "introzy_" HEX "0"), APIKEY_FORMAT_NONE,
           "65 characters are foreign");
    is_int(shape(&any, "introzy_0" HEX), APIKEY_FORMAT_NONE,
           "65 with one before, too");
    is_int(apikey_key_shape(&any, key, strlen(key) - 1), APIKEY_FORMAT_NONE,
           "and 63");
    is_int(shape(&any, "introzy_E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B"
                       "934CA495991B7852B855"), APIKEY_FORMAT_NONE,
           "upper-case hex is not what is published");
    introzy.secrets = both;
    introzy.digests |= APIKEY_DIGEST_SHA256;
    apikey_key_candidates(&found, &introzy, key, strlen(key));
    is_int(found.count, 3, "two secrets and SHA-256 make three candidates");
    is_str(found.at[0].secret_id, "k1", "the first secret's goes first");
    is_str(found.at[1].secret_id, "k2", "the second's second");
    is_str(found.at[2].secret_id, NULL, "SHA-256, without a secret, last");
    apikey_secrets_sign(digest, both, 1, key, strlen(key));
    apikey_digest_hex(hex, digest);
    is_str(found.at[1].hex, hex, "the key is signed whole");
    apikey_digest_sha256(digest, key, strlen(key));
    apikey_digest_hex(hex, digest);
    is_str(found.at[2].hex, hex, "and digested whole");
}

static void test_opaque(void)
{
    apikey_policy_t any = a_policy(ALL, NULL);
    apikey_policy_t sk = a_policy(APIKEY_FORMAT_OPAQUE, "sk");
    apikey_policy_t sha = a_policy(ALL, NULL);

    is_int(shape(&any, VECTOR), APIKEY_FORMAT_BASE62,
           "base62 goes before opaque");
    is_int(shape(&any, "ak_" HEX), APIKEY_FORMAT_HEX64, "hex64, too");
    is_int(shape(&any, "x"), APIKEY_FORMAT_OPAQUE, "one byte is opaque");
    is_int(shape(&any, "%s'\"\\<>"), APIKEY_FORMAT_OPAQUE,
           "quotes and %%s are opaque");
    is_int(shape(&sk, "sk_1"), APIKEY_FORMAT_OPAQUE,
           "an opaque key with its prefix");
    is_int(shape(&sk, "sk_"), APIKEY_FORMAT_NONE, "a prefix alone is none");
    is_int(shape(&sk, "sk"), APIKEY_FORMAT_NONE, "without '_', too");
    is_int(shape(&sk, "sk1_x"), APIKEY_FORMAT_NONE,
           "another prefix is foreign");
    is_int(shape(&sk, VECTOR), APIKEY_FORMAT_NONE,
           "also before what looks like base62");
    any.secrets = both;
    is_int(candidates(&any, "imported"), 2, "opaque: a candidate a secret");
    is_int(candidates(&any, VECTOR), 1,
           "base62 with a right check has one, opaque accepted or not");
    is_int(candidates(&any, "ak_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"
                            "0UJlm7"), 2,
           "with a wrong one it may be imported: a candidate a secret");
    sha.digests = APIKEY_DIGEST_SHA256;
    sha.secrets = NULL;
    is_int(candidates(&sha, "imported"), 1,
           "SHA-256 alone needs no secret secrets");
    is_int(candidates(&sha, VECTOR), 1, "not for a base62 key either");
    sha.formats = APIKEY_FORMAT_BASE62;
    is_int(candidates(&sha, VECTOR), 0,
           "base62 keys that nobody may have signed are refused");
}

static void test_hints(void)
{
    is_str(apikey_key_hint(VECTOR, strlen(VECTOR), pool), "ak_...Jlm6",
           "a base62 key's hint");
    is_str(apikey_key_hint("my_app_" HEX, strlen("my_app_" HEX), pool),
           "my_app_...b855", "a hex64 key's");
    is_str(apikey_key_hint("secret_secret-secret", 20, pool), "...cret",
           "of an opaque key nothing but the last four");
    is_str(apikey_key_hint("secret-secret-secre", 19, pool), "...",
           "of a short one not even those");
    is_str(apikey_key_hint("", 0, pool), "...", "nor of an empty one");
}

static void test_formats(void)
{
    is_int(apikey_format_from_name("base62"), APIKEY_FORMAT_BASE62, "base62");
    is_int(apikey_format_from_name("hex64"), APIKEY_FORMAT_HEX64, "hex64");
    is_int(apikey_format_from_name("opaque"), APIKEY_FORMAT_OPAQUE, "opaque");
    is_int(apikey_format_from_name("Base62"), APIKEY_FORMAT_NONE,
           "names have their case");
    is_int(apikey_format_from_name(""), APIKEY_FORMAT_NONE, "no name");
    is_str(apikey_format_name(APIKEY_FORMAT_OPAQUE), "opaque",
           "and back to its name");
}

int main(void)
{
    const char *error;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    apikey_secrets_parse(&secrets, LINE1, strlen(LINE1), pool, &error);
    apikey_secrets_parse(&ring2, LINE2, strlen(LINE2), pool, &error);
    apikey_secrets_parse(&both, LINE1 LINE2, strlen(LINE1 LINE2), pool, &error);
    test_vector();
    test_every_change();
    test_refused();
    test_bytes();
    test_alphabet();
    test_secrets();
    test_make(APIKEY_FORMAT_BASE62, "ak");
    test_make(APIKEY_FORMAT_BASE62, "my-app_live");
    test_make(APIKEY_FORMAT_HEX64, "introzy");
    test_make(APIKEY_FORMAT_HEX64, "glpat-");
    test_make(APIKEY_FORMAT_BASE62, "SG.");
    test_check();
    test_bad_prefix("");
    test_bad_prefix("a.b");
    test_bad_prefix("-a");
    test_bad_prefix("123456789012345678901234567890123");
    test_no_opaque();
    test_prefix();
    test_separators();
    test_several();
    test_fault();
    test_hex64();
    test_opaque();
    test_hints();
    test_formats();
    return done();
}
