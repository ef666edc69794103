/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Keys, core/key.h: their shape, prefix, check characters and digests, and how
 * they are made. apikey_key_scan() is tested in core_key_scan.c. */

#include "key_fixture.h"

#define LINE2 "k2 eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=\n"

#define ALL (APIKEY_FORMAT_BASE62 | APIKEY_FORMAT_HEX64 \
             | APIKEY_FORMAT_OPAQUE)

static const char base62[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static apikey_secrets_t *secrets2;      /* k2 alone */
static apikey_secrets_t *both;          /* k1, k2 */

static void test_vector(void)
{
    apikey_policy_t policy = a_policy(APIKEY_FORMAT_BASE62, NULL);
    apikey_candidates_t found;

    is_int(apikey_key_candidates(&found, &policy, KEY, strlen(KEY)),
           APR_SUCCESS, "CONTRACT's example of a key is looked up");
    is_int(found.count, 1, "CONTRACT's example has one digest");
    is_str(found.at[0].hex, KEY_DIGEST,
           "CONTRACT's example has the digest given there");
    is_str(found.at[0].secret_id, "k1", "CONTRACT's example names the secret");
    is_int(apikey_key_checked_by(both, KEY, strlen(KEY)), 0,
           "the check characters tell which secret signed");
    policy.secrets = both;
    is_int(candidates(&policy, KEY), 1,
           "with two secrets a key still has one digest");
}

static void test_every_change(void)
{
    apikey_policy_t policy = a_policy(APIKEY_FORMAT_BASE62, NULL);
    char *key = apr_pstrdup(pool, KEY);
    apr_size_t len = strlen(key), i;
    int c, check = 0, body = 0;

    for (i = 0; i < len; i++) {
        for (c = 1; c < 256; c++) {
            key[i] = (char)c;
            if (c != (unsigned char)KEY[i]) {
                *(i < len - APIKEY_CHECK_LEN ? &body : &check) +=
                    candidates(&policy, key) != 0
                    || apikey_key_checked_by(secrets, key, len) != -1;
            }
        }
        key[i] = KEY[i];
    }
    is_int(check, 0, "a check character changed to any other byte: no digest");
    is_int(body, 0, "another character changed to any other byte: no digest");
}

static void test_refused(void)
{
    static const struct { const char *promise, *key; } bad[] = {
        { "one character short at the end",
          "ak_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm" },
        { "one character short in the middle",
          "ak_123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6" },
        { "one character long at the end", KEY "0" },
        { "one character long in the middle",
          "ak_00123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6" },
        { "one character before it", "x" KEY },
        { "no prefix",
          "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6" },
        { "an empty prefix",
          "_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6" },
        { "another prefix",
          "bk_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6" },
        { "a blank before it", " " KEY },
        { "a blank after it", KEY " " },
        { "a line end after it", KEY "\n" },
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
        is_int(candidates(&policy, bad[i].key), 0, "%s: not looked up",
               bad[i].promise);
        is_int(apikey_key_checked_by(secrets, bad[i].key, strlen(bad[i].key)),
               -1, "%s: signed by no secret", bad[i].promise);
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
           "8 KiB are foreign in every format");
    is_int(apikey_key_shape(&policy, key, APIKEY_KEY_MAX + 1),
           APIKEY_FORMAT_NONE, "2049 bytes are foreign");
    is_int(apikey_key_shape(&policy, key, APIKEY_KEY_MAX),
           APIKEY_FORMAT_OPAQUE, "2048 bytes are opaque");
    is_int(apikey_key_shape(&policy, key, 0), APIKEY_FORMAT_NONE,
           "the empty text is foreign");
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

/* Every byte value in every place of a key that does not allow all of them. */
static void test_alphabet(void)
{
    apikey_policy_t policy = a_policy(APIKEY_FORMAT_BASE62, NULL);
    char key[] = KEY, prefix[] = "a?b";
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
    is_int(within, 0,
           "within a prefix letters, digits, '_' and '-' are allowed");
    is_int(ends, 0, "a prefix begins with a letter or digit");
    is_int(tail, 0, "after the prefix base62 alone is allowed");
}

static void test_secrets(void)
{
    apikey_policy_t policy = a_policy(APIKEY_FORMAT_BASE62, NULL);
    apikey_candidates_t found;
    apikey_fresh_t fresh;

    apikey_key_make(&fresh, APIKEY_FORMAT_BASE62, "ak", secrets2, pool);
    is_int(candidates(&policy, fresh.key), 0,
           "a key signed by a secret that is not there is not looked up");
    policy.secrets = both;
    apikey_key_candidates(&found, &policy, fresh.key, strlen(fresh.key));
    is_int(found.count, 1,
           "a key signed by the second of two secrets has one digest");
    is_str(found.at[0].secret_id, "k2",
           "a key signed by the second secret names it");
    is_str(found.at[0].hex, fresh.digest,
           "a key signed by the second secret has the digest that was made");
    is_int(apikey_key_checked_by(both, fresh.key, strlen(fresh.key)), 1,
           "the check tells that the second secret signed");
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
       "%s %s: two keys and their ids differ", name, prefix);
    len = strlen(fresh.key);
    is_int(len, apikey_prefix_from_word(prefix, pool).len
                + (format == APIKEY_FORMAT_HEX64 ? 64 : 43 + 6),
           "%s %s: the key has its full length", name, prefix);
    is_int(shape(&policy, fresh.key), format,
           "%s %s: the key has its format's shape", name,
           prefix);
    apikey_key_candidates(&found, &policy, fresh.key, len);
    is_int(found.count, format == APIKEY_FORMAT_HEX64 ? 2 : 1,
           "%s %s: the number of digests of the key", name, prefix);
    is_str(found.at[0].hex, fresh.digest,
           "%s %s: looked up by the digest that was made", name,
           prefix);
    is_str(fresh.secret_id, "k1", "%s %s: the first secret signs", name,
           prefix);
    is_int(strspn(fresh.id, base62), APIKEY_ID_LEN,
           "%s %s: the id is of base62", name,
           prefix);
    is_str(fresh.hint,
           apr_pstrcat(pool, apikey_prefix_from_word(prefix, pool).text, "...",
                       fresh.key + len - 4, NULL),
           "%s %s: the hint is the prefix and the last four characters",
           name, prefix);
}

/** The check characters, computed from the hex digest as CONTRACT says. */
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
    is_int(wrong, 0,
           "the check characters are the digest's first 32 bits in base62");
}

/* A key with right check characters under a prefix that is not allowed. */
static void test_bad_prefix(const char *prefix)
{
    apikey_policy_t policy = a_policy(ALL & ~APIKEY_FORMAT_OPAQUE, NULL);
    apikey_fresh_t fresh;

    apikey_key_make(&fresh, APIKEY_FORMAT_BASE62, prefix, secrets, pool);
    is_int(shape(&policy, fresh.key), APIKEY_FORMAT_NONE,
           "a base62 key under '%s' is foreign", prefix);
    is_int(apikey_key_checked_by(secrets, fresh.key, strlen(fresh.key)), -1,
           "a base62 key under a prefix not allowed is signed by no secret");
    apikey_key_make(&fresh, APIKEY_FORMAT_HEX64, prefix, secrets, pool);
    is_int(shape(&policy, fresh.key), APIKEY_FORMAT_NONE,
           "a hex64 key under a prefix not allowed is foreign");
}

static void test_no_opaque(void)
{
    apikey_fresh_t fresh;

    is_int(apikey_key_make(&fresh, APIKEY_FORMAT_OPAQUE, "ak", secrets, pool),
           APR_EINVAL, "an opaque key cannot be made");
    is_int(apikey_key_make(&fresh, APIKEY_FORMAT_NONE, "ak", secrets, pool),
           APR_EINVAL, "a key of no format cannot be made");
}

/* What is wrong with a text that is no key, as a sentence. */
static void test_fault(void)
{
    apikey_policy_t all = a_policy(ALL, NULL);
    apikey_policy_t ak = a_policy(APIKEY_FORMAT_BASE62, "ak");
    char *longest = apr_pcalloc(pool, APIKEY_KEY_MAX + 2);

    memset(longest, 'x', APIKEY_KEY_MAX + 1);
    is_str(apikey_key_fault(&all, "x", 1), NULL,
           "one byte has no fault where opaque is accepted");
    is_str(apikey_key_fault(&all, longest, APIKEY_KEY_MAX), NULL,
           "2048 bytes have no fault");
    is_str(apikey_key_fault(&all, "", 0), "is empty",
           "the empty text is a fault");
    is_str(apikey_key_fault(&all, longest, APIKEY_KEY_MAX + 1),
           "is longer than 2048 bytes", "2049 bytes are a fault");
    ok(strstr(apikey_key_fault(&all, "a,b", 3), "a comma") != NULL,
       "a comma within is a fault");
    ok(strstr(apikey_key_fault(&all, "a b", 3), "a blank") != NULL,
       "a blank within is a fault");
    is_str(apikey_key_fault(&ak, "b" KEY, strlen(KEY) + 1),
           "begins with no ApiKeyPrefix", "another prefix is a fault");
    is_str(apikey_key_fault(&ak, "ak_x", 4),
           "has none of the forms that ApiKeyFormat names",
           "another form is a fault");
    is_str(apikey_key_fault(&ak, KEY, strlen(KEY)), NULL,
           "a right key has no fault");
}

static void test_hex64(void)
{
    apikey_policy_t any = a_policy(APIKEY_FORMAT_HEX64, NULL);
    apikey_policy_t introzy = a_policy(APIKEY_FORMAT_HEX64, "introzy");
    unsigned char digest[APIKEY_DIGEST_LEN];
    char hex[APIKEY_DIGEST_HEX + 1];
    const char *key = "introzy_" HEX;
    apikey_candidates_t found;

    is_int(shape(&any, key), APIKEY_FORMAT_HEX64,
           "a prefix and 64 hex characters are hex64");
    is_int(shape(&introzy, key), APIKEY_FORMAT_HEX64,
           "hex64 with the prefix of ApiKeyPrefix is hex64");
    is_int(shape(&introzy, "other_" HEX), APIKEY_FORMAT_NONE,
           "hex64 with another prefix is foreign");
    is_int(shape(&any, HEX), APIKEY_FORMAT_NONE,
           "hex64 without a prefix is foreign");
    is_int(shape(&any, "introzy_" HEX "0"), APIKEY_FORMAT_NONE,
           "65 hex characters, one added at the end, are foreign");
    is_int(shape(&any, "introzy_0" HEX), APIKEY_FORMAT_NONE,
           "65 hex characters, one added at the beginning, are foreign");
    is_int(apikey_key_shape(&any, key, strlen(key) - 1), APIKEY_FORMAT_NONE,
           "63 hex characters are foreign");
    is_int(shape(&any, "introzy_E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B"
                       "934CA495991B7852B855"), APIKEY_FORMAT_NONE,
           "upper-case hex characters are foreign");
    introzy.secrets = both;
    introzy.digests |= APIKEY_DIGEST_SHA256;
    apikey_key_candidates(&found, &introzy, key, strlen(key));
    is_int(found.count, 3,
           "hex64 with two secrets and SHA-256 has three digests");
    is_str(found.at[0].secret_id, "k1",
           "the first digest is by the first secret");
    is_str(found.at[1].secret_id, "k2",
           "the second digest is by the second secret");
    is_str(found.at[2].secret_id, NULL,
           "the third digest is SHA-256, without a secret");
    apikey_secrets_sign(digest, both, 1, key, strlen(key));
    apikey_digest_hex(hex, digest);
    is_str(found.at[1].hex, hex, "the HMAC is of the whole key");
    apikey_digest_sha256(digest, key, strlen(key));
    apikey_digest_hex(hex, digest);
    is_str(found.at[2].hex, hex, "the SHA-256 is of the whole key");
}

static void test_opaque(void)
{
    apikey_policy_t any = a_policy(ALL, NULL);
    apikey_policy_t sk = a_policy(APIKEY_FORMAT_OPAQUE, "sk");
    apikey_policy_t sha = a_policy(ALL, NULL);

    is_int(shape(&any, KEY), APIKEY_FORMAT_BASE62,
           "a base62 key is not taken for an opaque one");
    is_int(shape(&any, "ak_" HEX), APIKEY_FORMAT_HEX64,
           "a hex64 key is not taken for an opaque one");
    is_int(shape(&any, "x"), APIKEY_FORMAT_OPAQUE, "one byte is opaque");
    is_int(shape(&any, "%s'\"\\<>"), APIKEY_FORMAT_OPAQUE,
           "quotes and %%s are opaque");
    is_int(shape(&sk, "sk_1"), APIKEY_FORMAT_OPAQUE,
           "with a prefix, what begins with it is opaque");
    is_int(shape(&sk, "sk_"), APIKEY_FORMAT_NONE,
           "the prefix with nothing after it is foreign");
    is_int(shape(&sk, "sk"), APIKEY_FORMAT_NONE,
           "the prefix without its '_' is foreign");
    is_int(shape(&sk, "sk1_x"), APIKEY_FORMAT_NONE,
           "opaque with another prefix is foreign");
    is_int(shape(&sk, KEY), APIKEY_FORMAT_NONE,
           "a base62 key with another prefix than the opaque keys' is foreign");
    any.secrets = both;
    is_int(candidates(&any, "imported"), 2,
           "an opaque key has one digest per secret");
    is_int(candidates(&any, KEY), 1,
           "a base62 key with right check characters has one digest where "
           "opaque is accepted, too");
    is_int(candidates(&any, "ak_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"
                            "0UJlm7"), 2,
           "a base62 key with wrong check characters has a digest per secret "
           "where opaque is accepted");
    sha.digests = APIKEY_DIGEST_SHA256;
    sha.secrets = NULL;
    is_int(candidates(&sha, "imported"), 1,
           "SHA-256 alone needs no secret for an opaque key");
    is_int(candidates(&sha, KEY), 1,
           "SHA-256 alone needs no secret for a base62 key");
    sha.formats = APIKEY_FORMAT_BASE62;
    is_int(candidates(&sha, KEY), 0,
           "a base62 key is not looked up where there is no secret");
}

static void test_hints(void)
{
    is_str(apikey_key_hint(KEY, strlen(KEY), pool), "ak_...Jlm6",
           "the hint of a base62 key is its prefix and last four characters");
    is_str(apikey_key_hint("my_app_" HEX, strlen("my_app_" HEX), pool),
           "my_app_...b855",
           "the hint of a hex64 key is its prefix and last four characters");
    is_str(apikey_key_hint("secret_secret-secret", 20, pool), "...cret",
           "the hint of an opaque key is its last four characters");
    is_str(apikey_key_hint("secret-secret-secre", 19, pool), "...",
           "the hint of an opaque key of 19 characters shows none of them");
    is_str(apikey_key_hint("", 0, pool), "...",
           "the hint of the empty text shows nothing");
}

static void test_formats(void)
{
    is_int(apikey_format_from_name("base62"), APIKEY_FORMAT_BASE62,
           "'base62' is a format");
    is_int(apikey_format_from_name("hex64"), APIKEY_FORMAT_HEX64,
           "'hex64' is a format");
    is_int(apikey_format_from_name("opaque"), APIKEY_FORMAT_OPAQUE,
           "'opaque' is a format");
    is_int(apikey_format_from_name("Base62"), APIKEY_FORMAT_NONE,
           "'Base62' is no format");
    is_int(apikey_format_from_name(""), APIKEY_FORMAT_NONE,
           "the empty text is no format");
    is_str(apikey_format_name(APIKEY_FORMAT_OPAQUE), "opaque",
           "the format opaque has its name");
}

int main(void)
{
    const char *error;

    key_fixture_init();
    apikey_secrets_parse(&secrets2, LINE2, strlen(LINE2), pool, &error);
    apikey_secrets_parse(&both, LINE LINE2, strlen(LINE LINE2), pool, &error);
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
    test_fault();
    test_hex64();
    test_opaque();
    test_hints();
    test_formats();
    return done();
}
