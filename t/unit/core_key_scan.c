/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* apikey_key_scan() of core/key.h: where keys are found in a URL's query and
 * in other text, so that logs can mask them. */

#include <time.h>

#include "key_fixture.h"

#define WRONG "ak_" TAIL "0UJlm7"

static apikey_policy_t policy;

/** The text with each key that is found replaced by '*', as a log would have
 * it. */
static char *masked_by(apikey_divide_e divide, const char *text, int tries)
{
    apr_size_t len = strlen(text), from = 0, start, end;
    char *out = "";

    while (apikey_key_scan(&start, &end, &policy, divide, text, len, from,
                           &tries, NULL)) {
        out = apr_pstrcat(pool, out,
                          apr_pstrmemdup(pool, text + from, start - from),
                          "*", NULL);
        from = end;
    }
    return apr_pstrcat(pool, out, text + from, NULL);
}

static char *masked(const char *text, int tries)
{
    return masked_by(APIKEY_DIVIDE_QUERY, text, tries);
}

static const struct { const char *promise, *text, *want; } cases[] = {
    { "a key as a value is masked", "key=" KEY, "key=*" },
    { "a key alone is masked", KEY, "*" },
    { "a key among other parameters is masked",
      "a=1&key=" KEY "&b=2", "a=1&key=*&b=2" },
    { "a key as a parameter's name is masked", "a=1&" KEY "&b", "a=1&*&b" },
    { "two keys are masked", "a=" KEY "&b=" KEY, "a=*&b=*" },
    { "semicolons divide parameters", "a=1;b=" KEY ";c=2", "a=1;b=*;c=2" },
    { "a URL with a query and a fragment: both keys are masked",
      "https://h/p?k=" KEY "#" KEY, "https://h/p?k=*#*" },
    { "the whole value is masked", "q=Bearer%20" KEY "%21&x", "q=*&x" },
    { "a '+' and a word before the key are masked with it",
      "q=Bearer+" KEY, "q=*" },
    { "quotes around the key are masked with it", "q='" KEY "'&b", "q=*&b" },
    { "a key in a path is masked with the path",
      "http://h/" KEY "/x?a", "*?a" },
    { "a key in a request line is masked",
      "GET /?k=" KEY " HTTP/1.1", "GET /?k=* HTTP/1.1" },
    { "a key with its first character encoded is masked",
      "k=%61k_" "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
      "abcdefg0UJlm6", "k=*" },
    { "a key with its '_' encoded is masked",
      "k=ak%5F" "0123456789ABCDEFGHIJKLMNOPQRSTUVWX"
      "YZabcdefg0UJlm6", "k=*" },
    { "a key with its last character encoded is masked",
      "k=ak_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
      "abcdefg0UJlm%36", "k=*" },
    { "a key encoded twice is masked",
      "k=%2561k_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
      "abcdefg0UJlm6", "k=*" },
    { "a key in a URL in a query is masked",
      "next=%2Fa%3Fkey%3D" KEY "%26b&c", "next=*&c" },
    { "a key in a URL in a query of a URL in a query is masked",
      "next=%2Fa%3Fnext%3D%252Fb%253Fkey%253D" KEY, "next=*" },
    { "a key with a wrong escape beside it is masked",
      "k=%" KEY "%zz%4", "k=*" },
    { "a key with a wrong escape before it is masked",
      "k=%4.%61k_0123456789ABCDEFGHIJ"
      "KLMNOPQRSTUVWXYZabcdefg0UJlm6", "k=*" },
    { "a key with an encoded percent sign before it is masked",
      "k=100%25" KEY, "k=*" },

    { "the empty text stays empty", "", "" },
    { "delimiters alone stay as they are", "&=;?#&&==", "&=;?#&&==" },
    { "a wrong check character: not masked", "k=" WRONG, "k=" WRONG },
    { "one character too many before the key: not masked",
      "k=x" KEY, "k=x" KEY },
    { "one character too many after the key: not masked",
      "k=" KEY "0", "k=" KEY "0" },
    { "a key cut short: not masked", "k=ak_0123456789", "k=ak_0123456789" },
    { "a key cut by a delimiter: not masked",
      "ak_0123456789ABCDEFGHIJKLM=NOPQRSTUVWXYZ"
      "abcdefg0UJlm6", "ak_0123456789ABCDEFGHIJKLM=NOPQRSTUVWXYZ"
      "abcdefg0UJlm6" },
    { "escapes cut by the end stay as they are",
      "k=%&l=%4&m=%zz&n=%25", "k=%&l=%4&m=%zz&n=%25"
    },
    { "an encoded NUL within the key: not masked",
      "k=ak_0123%00456789ABCDEFGHIJKLMNOPQRS"
      "TUVWXYZabcdefg0UJlm6", "k=ak_0123%00456789ABCDEFGHIJKLMNOPQRS"
      "TUVWXYZabcdefg0UJlm6" },
    { "hex64 and no ApiKeyPrefix: not masked", "k=ak_" HEX, "k=ak_" HEX }
};

static void set_prefix(unsigned int formats, const char *prefix)
{
    const char *fault;

    policy.formats = formats;
    policy.prefixes = prefix ? apikey_prefixes_parse(1, &prefix, pool, &fault)
                          : NULL;
}

static void test_hex64(void)
{
    policy.formats = APIKEY_FORMAT_BASE62 | APIKEY_FORMAT_HEX64;
    is_str(masked("k=introzy_" HEX, 8), "k=introzy_" HEX,
           "hex64 accepted, no ApiKeyPrefix: a digest in a URL stays");
    set_prefix(policy.formats, "introzy");
    is_str(masked("a&k=introzy_" HEX "&b", 8), "a&k=*&b",
           "hex64 with the prefix is masked");
    is_str(masked("k=introzy%5f" HEX, 0), "k=*",
           "hex64 through an escape is masked and needs no try");
    is_str(masked("k=other_" HEX, 8), "k=other_" HEX,
           "hex64 with another prefix stays");
    is_str(masked("k=" KEY, 8), "k=*",
           "a key with right check characters is masked under any prefix");
    policy.formats = APIKEY_FORMAT_BASE62;
    is_str(masked("k=introzy_" HEX, 8), "k=introzy_" HEX,
           "hex64 stays where it is not accepted");
    policy.prefixes = NULL;
}

/* Opaque keys: each word that begins with the prefix is one. */
static const struct { const char *promise, *text, *want; } words[] = {
    { "a word with the prefix is masked", "k=sk_live_51HqLyjWDarjtT1", "k=*" },
    { "the shortest key is masked", "a&sk_live_12345678&b", "a&*&b" },
    { "one character less than the shortest key stays",
      "k=sk_live_1234567", "k=sk_live_1234567" },
    { "the prefix alone stays",
      "k=sk_live_&b=sk_live", "k=sk_live_&b=sk_live" },
    { "the prefix in the middle of a value: the value is masked",
      "q='sk_live_12345678'+x&b", "q=*&b" },
    { "a word after an encoded blank is masked",
      "q=Bearer%20sk_live_12345678", "q=*" },
    { "the prefix within another word stays",
      "k=xsk_live_12345678", "k=xsk_live_12345678" },
    { "a word after a dot is masked", "k=v1.sk_live_12345678", "k=*" },
    { "other characters of such keys are masked",
      "k=sk_live_1.2~3+4/5-6", "k=*" },
    { "encoded characters are masked",
      "k=sk_live_1%2E2%7E3%2b4%2F5%3D", "k=*" },
    { "an encoded prefix is masked", "k=%73k%5flive_12345678", "k=*" },
    { "a character encoded twice is masked", "k=sk_live_1%252E2345678", "k=*" },
    { "a word in a URL in a query is masked",
      "n=%2Fq%3Fk%3Dsk_live_12345678%26b", "n=*" },
    { "a word cut by a quote stays",
      "k=sk_live_12345%2212", "k=sk_live_12345%2212" },
    { "a word with another prefix stays",
      "k=sk_test_12345678", "k=sk_test_12345678" },
    { "the prefix in upper case stays",
      "k=SK_LIVE_12345678", "k=SK_LIVE_12345678" },
    { "base62's form with wrong check characters is masked",
      "k=sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV"
      "WXYZabcdefg0UJlm7", "k=*" },
    { "right check characters under another prefix: masked", "k=" KEY, "k=*" }
};

static void test_opaque(void)
{
    char *longest = apr_pcalloc(pool, APIKEY_KEY_MAX + 2);
    apr_size_t i;

    set_prefix(APIKEY_FORMAT_OPAQUE, "sk_live");
    for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
        is_str(masked(words[i].text, 8), words[i].want, "opaque: %s",
               words[i].promise);
    }
    is_str(masked("k=sk_live_12345678", 0), "k=*",
           "opaque: a key is masked without a try");
    memset(longest, 'x', APIKEY_KEY_MAX);
    memcpy(longest, "sk_live_", 8);
    is_str(masked(longest, 8), "*", "opaque: 2048 bytes are masked");
    longest[APIKEY_KEY_MAX] = 'x';
    is_str(masked(longest, 8), longest, "opaque: 2049 bytes stay");
    is_str(masked(apr_pstrcat(pool, longest, ".", KEY, NULL), 8), "*",
           "opaque: a base62 key after 2049 bytes is masked");
    set_prefix(APIKEY_FORMAT_OPAQUE, NULL);
    is_str(masked("k=sk_live_12345678", 8), "k=sk_live_12345678",
           "opaque: without ApiKeyPrefix nothing is masked");
    set_prefix(APIKEY_FORMAT_BASE62, "sk_live");
    is_str(masked("k=sk_live_12345678", 8), "k=sk_live_12345678",
           "an opaque key stays where opaque is not accepted");
    set_prefix(APIKEY_FORMAT_BASE62, NULL);
}

static const struct { const char *promise, *text, *want; } urls[] = {
    { "a key as a part of a path", "GET /a/" KEY "/x HTTP/1.1",
      "GET /a/*/x HTTP/1.1" },
    { "an encoded key as a part of a path",
      "/a/%61k_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"
      "0UJlm6;x/y", "/a/*;x/y" },
    { "a key as the user", "http://" KEY "@host/p", "http://*@host/p" },
    { "a key as the password",
      "http://user:" KEY "@host/p", "http://user:*@host/p" },
    { "a key as the host, before a port", "http://" KEY ":80", "http://*:80" }
};

static void test_urls(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        is_str(masked_by(APIKEY_DIVIDE_URL, urls[i].text, 8), urls[i].want,
               "of a URL alone: %s", urls[i].promise);
    }
}

static void test_tries(void)
{
    apr_size_t start = 7, end = 7, len = strlen("k=" WRONG);
    int tries = 8;

    is_str(masked(WRONG "&" WRONG "&" KEY, 3), WRONG "&" WRONG "&*",
           "the third candidate is tried with three tries");
    is_str(masked(WRONG "&" WRONG "&" KEY, 2), WRONG "&" WRONG "&" KEY,
           "the third candidate is not tried with two tries");
    ok(!apikey_key_scan(&start, &end, &policy, APIKEY_DIVIDE_QUERY,
                        "k=" WRONG, len, 0, &tries, NULL),
       "no key is found in a value with a wrong check");
    is_int(tries, 7, "a wrong check costs one try");
    is_int(start + end, 14,
           "the bounds stay as they were where no key is found");
    ok(!apikey_key_scan(&start, &end, &policy, APIKEY_DIVIDE_QUERY,
                        "a=b&c=ak_1", 10, 0, &tries, NULL),
       "no key is found in a value that has not its form");
    is_int(tries, 7, "a value that has not a key's form costs no try");
    ok(!apikey_key_scan(&start, &end, &policy, APIKEY_DIVIDE_QUERY, KEY,
                        strlen(KEY), strlen(KEY), &tries, NULL),
       "nothing is found from the end of the text on");
}

/* The digests that a key found in this text would be looked up by. */
static const char *digests_within(const char *text, int tries)
{
    apikey_candidates_t digests;
    apr_size_t start, end;
    const char *all = "";
    int i;

    if (!apikey_key_scan(&start, &end, &policy, APIKEY_DIVIDE_QUERY, text,
                         strlen(text), 0, &tries, &digests)) {
        return "none";
    }
    for (i = 0; i < digests.count; i++) {
        all = apr_pstrcat(pool, all, i ? " " : "", digests.at[i].hex, NULL);
    }
    return all;
}

static const char *digests_of(const char *text)
{
    return digests_within(text, 8);
}

static void test_digests(void)
{
    apikey_candidates_t want;
    apikey_policy_t before = policy;

    is_str(digests_of("a=b&k=x" WRONG), "none",
           "no digest where no key is found");
    is_str(digests_of("k=" WRONG "&k=" KEY), KEY_DIGEST,
           "the digest of the key that was found");
    is_str(digests_of("k=" WRONG "&k=x%2520%2561" "k_0123456789ABCDEFGHIJKLMN"
                      "OPQRSTUVWXYZabcdefg0UJlm6%2521"), KEY_DIGEST,
           "the digest of a key that is encoded twice");
    policy.formats = APIKEY_FORMAT_HEX64;
    policy.digests = APIKEY_DIGEST_HMAC | APIKEY_DIGEST_SHA256;
    set_prefix(policy.formats, "acme");
    apikey_key_candidates(&want, &policy, "acme_" HEX, strlen("acme_" HEX));
    is_int(want.count, 2, "a hex64 key has two digests, HMAC and SHA-256");
    is_str(digests_of("k=acme_" HEX),
           apr_pstrcat(pool, want.at[0].hex, " ", want.at[1].hex, NULL),
           "a hex64 key's two digests are both returned");
    is_str(digests_of("k=" KEY), KEY_DIGEST,
           "a base62 key's one digest is returned beside hex64");
    is_str(digests_within("k=acme_" HEX, 0), "",
           "a hex64 key has no digest without a try");
    set_prefix(APIKEY_FORMAT_OPAQUE, "sk_live");
    apikey_key_candidates(&want, &policy, "sk_live_a.b/c+d~56",
                          strlen("sk_live_a.b/c+d~56"));
    is_str(digests_of("x=y&k=%22sk_live_a%2Eb%2Fc%252Bd~56%22"),
           apr_pstrcat(pool, want.at[0].hex, " ", want.at[1].hex, NULL),
           "an opaque key's digests are those of the decoded key alone");
    policy = before;
}

/* Prefixes that end in a character of their own, not in '_'. */
static void test_separators(void)
{
    static const char *const prefixes[] = { "glpat-", "SG.", "ak_" };
    static const char *const three[] = { "sk_live", "SG.", "glpat-" };
    apikey_candidates_t want;
    apikey_fresh_t fresh;
    const char *fault;
    apr_size_t i;

    for (i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        apikey_key_make(&fresh, APIKEY_FORMAT_BASE62, prefixes[i],
                        policy.secrets, pool);
        is_str(masked(apr_pstrcat(pool, "a&k=", fresh.key, "&b", NULL), 8),
               "a&k=*&b", "a key of the prefix %s is masked", prefixes[i]);
        is_str(masked(apr_pstrcat(pool, "k=v1.", fresh.key, NULL), 8),
               "k=*", "a key of %s after a '.' is masked", prefixes[i]);
        is_str(masked(apr_pstrcat(pool, "k='", fresh.key, "'", NULL), 8),
               "k=*", "a key of %s in quotes is masked", prefixes[i]);
        is_str(digests_of(fresh.key), fresh.digest, "the digest of a key of %s",
               prefixes[i]);
    }
    policy.prefixes = apikey_prefixes_parse(3, three, pool, &fault);
    policy.formats = APIKEY_FORMAT_OPAQUE | APIKEY_FORMAT_HEX64;
    for (i = 0; i < 3; i++) {
        is_str(masked(apr_pstrcat(pool, "k=", policy.prefixes[i].text,
                                  "0123456789.abc", NULL), 8), "k=*",
               "opaque: a word with the prefix %s is masked", three[i]);
        is_str(
            masked(apr_pstrcat(pool, "k=", policy.prefixes[i].text, HEX, NULL),
                   0),
            "k=*", "hex64: a key with the prefix %s is masked", three[i]);
    }
    is_str(masked("k=x.SG.0123456789abc", 8), "k=*",
           "the prefix 'SG.' after another '.' is masked");
    is_str(masked("k=xSG.0123456789abc", 8), "k=xSG.0123456789abc",
           "the prefix 'SG.' within another word stays");
    is_str(masked("k=SG%2E0123456789abc", 8), "k=*",
           "the prefix 'SG.' with its '.' encoded is masked");
    apikey_key_candidates(&want, &policy, "SG.0123456789ab.c", 17);
    is_str(digests_of("k=SG.0123456789ab.c"), want.at[0].hex,
           "the digest of an opaque key of the prefix 'SG.'");
    set_prefix(APIKEY_FORMAT_BASE62, NULL);
}

static void test_prefixes(void)
{
    const char *longest = "12345678901234567890123456789012";
    apikey_fresh_t fresh;

    apikey_key_make(&fresh, APIKEY_FORMAT_BASE62, "a", policy.secrets, pool);
    is_str(masked(apr_pstrcat(pool, "k&", fresh.key, NULL), 8), "k&*",
           "a key with the shortest prefix is masked");
    apikey_key_make(&fresh, APIKEY_FORMAT_BASE62, longest, policy.secrets,
                    pool);
    is_str(masked(apr_pstrcat(pool, "k&", fresh.key, NULL), 8), "k&*",
           "a key with the longest prefix is masked");
}

/* The best of five scans of the repeated pattern, in processor time, which
 * other load on the machine does not lengthen. Linear work takes 16 times as
 * long for 16 times the length, quadratic work 256 times; test_linear() draws
 * the line at 64. */
static clock_t time_of(const char *pattern, apr_size_t len)
{
    char *text = apr_palloc(pool, len);
    apr_size_t size = strlen(pattern), i, start, end;
    clock_t best = 0;
    int run;

    for (i = 0; i < len; i++) {
        text[i] = pattern[i % size];
    }
    for (run = 0; run < 5; run++) {
        clock_t took = clock();
        int tries = 8;

        apikey_key_scan(&start, &end, &policy, APIKEY_DIVIDE_QUERY, text,
                        len, 0, &tries, NULL);
        took = clock() - took;
        best = run == 0 || took < best ? took : best;
    }
    return best;
}

static void test_linear(void)
{
    static const char *patterns[] = { "%", "%25", "%2525", "%252525", "%2",
                                      "%%2", "a", "_", "=", "a_", "ak_0=",
                                      "sk_live_.", "a.", ".", "sk_live_%2",
                                      WRONG "&" };
    apr_size_t i;

    set_prefix(APIKEY_FORMAT_BASE62 | APIKEY_FORMAT_OPAQUE, "sk_live");

    for (i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
        clock_t small = time_of(patterns[i], 16 * 1024);
        clock_t large = time_of(patterns[i], 256 * 1024);

        ok(large < (small + 100) * 64,
           "'%s' repeated: the time is linear", patterns[i]);
    }
}

int main(void)
{
    apr_size_t i;

    key_fixture_init();
    policy = a_policy(APIKEY_FORMAT_BASE62, NULL);
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        is_str(masked(cases[i].text, 8), cases[i].want, "%s",
               cases[i].promise);
    }
    test_hex64();
    test_opaque();
    test_urls();
    test_tries();
    test_separators();
    test_prefixes();
    test_digests();
    test_linear();
    return done();
}
