/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* apikey_key_scan() of core/key.h */

#include <stdlib.h>
#include <time.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "../../modules/core/key.h"
#include "tap.h"

#define KEY "ak_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6"
#define WRONG "ak_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm7"
#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DIGEST \
    "1ab3f7aa1600fac4273c98287cca75923cabc7f2fd82e8687cea546a78344ab6"
#define LINE "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"

static apr_pool_t *pool;
static apikey_policy_t policy;

/** The text with each exposed value masked by one '*', as a log would. */
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
    { "a key as a value", "key=" KEY, "key=*" },
    { "a key alone", KEY, "*" },
    { "a key among others", "a=1&key=" KEY "&b=2", "a=1&key=*&b=2" },
    { "a key as a name", "a=1&" KEY "&b", "a=1&*&b" },
    { "two keys", "a=" KEY "&b=" KEY, "a=*&b=*" },
    { "semicolons divide", "a=1;b=" KEY ";c=2", "a=1;b=*;c=2" },
    { "a URL with a query and a fragment",
      "https://h/p?k=" KEY "#" KEY, "https://h/p?k=*#*" },
    { "the whole value is masked", "q=Bearer%20" KEY "%21&x", "q=*&x" },
    { "a plus before the key", "q=Bearer+" KEY, "q=*" },
    { "quotes around the key", "q='" KEY "'&b", "q=*&b" },
    { "a key in a path", "http://h/" KEY "/x?a", "*?a" },
    { "a request line", "GET /?k=" KEY " HTTP/1.1", "GET /?k=* HTTP/1.1" },
    { "one character encoded", "k=%61k_" "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
      "abcdefg0UJlm6", "k=*" },
    { "its underscore encoded", "k=ak%5F" "0123456789ABCDEFGHIJKLMNOPQRSTUVWX"
      "YZabcdefg0UJlm6", "k=*" },
    { "its last character encoded", "k=ak_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
      "abcdefg0UJlm%36", "k=*" },
    { "encoded twice", "k=%2561k_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
      "abcdefg0UJlm6", "k=*" },
    { "a URL in a query", "next=%2Fa%3Fkey%3D" KEY "%26b&c", "next=*&c" },
    { "a URL in a query of a URL in a query",
      "next=%2Fa%3Fnext%3D%252Fb%253Fkey%253D" KEY, "next=*" },
    { "a wrong escape beside the key", "k=%" KEY "%zz%4", "k=*" },
    { "a wrong escape before an encoded key", "k=%4.%61k_0123456789ABCDEFGHIJ"
      "KLMNOPQRSTUVWXYZabcdefg0UJlm6", "k=*" },
    { "a percent sign encoded before the key", "k=100%25" KEY, "k=*" },

    { "nothing", "", "" },
    { "delimiters alone", "&=;?#&&==", "&=;?#&&==" },
    { "a wrong check character", "k=" WRONG, "k=" WRONG },
    { "a character too many before", "k=x" KEY, "k=x" KEY },
    { "a character too many behind", "k=" KEY "0", "k=" KEY "0" },
    { "a key cut short", "k=ak_0123456789", "k=ak_0123456789" },
    { "a key cut by a delimiter", "ak_0123456789ABCDEFGHIJKLM=NOPQRSTUVWXYZ"
      "abcdefg0UJlm6", "ak_0123456789ABCDEFGHIJKLM=NOPQRSTUVWXYZ"
      "abcdefg0UJlm6" },
    { "escapes cut by the end", "k=%&l=%4&m=%zz&n=%25", "k=%&l=%4&m=%zz&n=%25"
    },
    { "an encoded NUL within the key", "k=ak_0123%00456789ABCDEFGHIJKLMNOPQRS"
      "TUVWXYZabcdefg0UJlm6", "k=ak_0123%00456789ABCDEFGHIJKLMNOPQRS"
      "TUVWXYZabcdefg0UJlm6" },
    { "hex64 without an agreed prefix", "k=ak_" HEX, "k=ak_" HEX }
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
           "hex64 accepted, no prefix: anybody's digest stays");
    set_prefix(policy.formats, "introzy");
    is_str(masked("a&k=introzy_" HEX "&b", 8), "a&k=*&b",
           "hex64 with its prefix is masked");
    is_str(masked("k=introzy%5f" HEX, 0), "k=*",
           "through escapes, and it costs no try");
    is_str(masked("k=other_" HEX, 8), "k=other_" HEX,
           "with another prefix it stays");
    is_str(masked("k=" KEY, 8), "k=*",
           "a right check is masked whatever its prefix");
    policy.formats = APIKEY_FORMAT_BASE62;
    is_str(masked("k=introzy_" HEX, 8), "k=introzy_" HEX,
           "hex64 not accepted: it stays");
    policy.prefixes = NULL;
}

/* Imported keys: whatever begins with the prefix is one. */
static const struct { const char *promise, *text, *want; } words[] = {
    { "a word with the prefix", "k=sk_live_51HqLyjWDarjtT1", "k=*" },
    { "the shortest", "a&sk_live_12345678&b", "a&*&b" },
    { "one character less", "k=sk_live_1234567", "k=sk_live_1234567" },
    { "the prefix alone", "k=sk_live_&b=sk_live", "k=sk_live_&b=sk_live" },
    { "in the middle of a value", "q='sk_live_12345678'+x&b", "q=*&b" },
    { "behind a blank", "q=Bearer%20sk_live_12345678", "q=*" },
    { "within another word", "k=xsk_live_12345678", "k=xsk_live_12345678" },
    { "behind a dot", "k=v1.sk_live_12345678", "k=*" },
    { "other characters of such keys", "k=sk_live_1.2~3+4/5-6", "k=*" },
    { "encoded", "k=sk_live_1%2E2%7E3%2b4%2F5%3D", "k=*" },
    { "its prefix encoded", "k=%73k%5flive_12345678", "k=*" },
    { "encoded twice", "k=sk_live_1%252E2345678", "k=*" },
    { "in a URL in a query", "n=%2Fq%3Fk%3Dsk_live_12345678%26b", "n=*" },
    { "cut by a quote", "k=sk_live_12345%2212", "k=sk_live_12345%2212" },
    { "another word beside it", "k=sk_test_12345678", "k=sk_test_12345678" },
    { "upper case", "k=SK_LIVE_12345678", "k=SK_LIVE_12345678" },
    { "base62's form, any check", "k=sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV"
      "WXYZabcdefg0UJlm7", "k=*" },
    { "a right check, any prefix", "k=" KEY, "k=*" }
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
    is_str(masked("k=sk_live_12345678", 0), "k=*", "it costs no try");
    memset(longest, 'x', APIKEY_KEY_MAX);
    memcpy(longest, "sk_live_", 8);
    is_str(masked(longest, 8), "*", "the longest that may be a key");
    longest[APIKEY_KEY_MAX] = 'x';
    is_str(masked(longest, 8), longest, "longer is none");
    is_str(masked(apr_pstrcat(pool, longest, ".", KEY, NULL), 8), "*",
           "a base62 key behind it is found all the same");
    set_prefix(APIKEY_FORMAT_OPAQUE, NULL);
    is_str(masked("k=sk_live_12345678", 8), "k=sk_live_12345678",
           "without an agreed prefix, it may be anybody's");
    set_prefix(APIKEY_FORMAT_BASE62, "sk_live");
    is_str(masked("k=sk_live_12345678", 8), "k=sk_live_12345678",
           "opaque not accepted: it stays");
    set_prefix(APIKEY_FORMAT_BASE62, NULL);
}

static const struct { const char *promise, *text, *want; } urls[] = {
    { "a part of a path", "GET /a/" KEY "/x HTTP/1.1",
      "GET /a/*/x HTTP/1.1" },
    { "an encoded part", "/a/%61k_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"
      "0UJlm6;x/y", "/a/*;x/y" },
    { "a user", "http://" KEY "@host/p", "http://*@host/p" },
    { "a password", "http://user:" KEY "@host/p", "http://user:*@host/p" },
    { "a host and a port", "http://" KEY ":80", "http://*:80" }
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
           "but not with two");
    ok(!apikey_key_scan(&start, &end, &policy, APIKEY_DIVIDE_QUERY,
                        "k=" WRONG, len, 0, &tries, NULL),
       "no key is found");
    is_int(tries, 7, "and one try was counted");
    is_int(start + end, 14, "and the bounds are as they were");
    ok(!apikey_key_scan(&start, &end, &policy, APIKEY_DIVIDE_QUERY,
                        "a=b&c=ak_1", 10, 0, &tries, NULL),
       "no key in what has not its form");
    is_int(tries, 7, "costs no try");
    ok(!apikey_key_scan(&start, &end, &policy, APIKEY_DIVIDE_QUERY, KEY,
                        strlen(KEY), strlen(KEY), &tries, NULL),
       "nothing behind the end");
}

/* What a key that was found would be looked up by. */
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

    is_str(digests_of("a=b&k=x" WRONG), "none", "no key, no digest");
    is_str(digests_of("k=" WRONG "&k=" KEY), DIGEST, "a key's digest");
    is_str(digests_of("k=" WRONG "&k=x%2520%2561" "k_0123456789ABCDEFGHIJKLMN"
                      "OPQRSTUVWXYZabcdefg0UJlm6%2521"), DIGEST,
           "through two layers");
    policy.formats = APIKEY_FORMAT_HEX64;
    policy.digests = APIKEY_DIGEST_HMAC | APIKEY_DIGEST_SHA256;
    set_prefix(policy.formats, "acme");
    apikey_key_candidates(&want, &policy, "acme_" HEX, strlen("acme_" HEX));
    is_int(want.count, 2, "of hex64 two come into question");
    is_str(digests_of("k=acme_" HEX),
           apr_pstrcat(pool, want.at[0].hex, " ", want.at[1].hex, NULL),
           "and both are told");
    is_str(digests_of("k=" KEY), DIGEST, "beside base62, as ever");
    is_str(digests_within("k=acme_" HEX, 0), "",
           "none without a try: each digest costs");
    set_prefix(APIKEY_FORMAT_OPAQUE, "sk_live");
    apikey_key_candidates(&want, &policy, "sk_live_a.b/c+d~56",
                          strlen("sk_live_a.b/c+d~56"));
    is_str(digests_of("x=y&k=%22sk_live_a%2Eb%2Fc%252Bd~56%22"),
           apr_pstrcat(pool, want.at[0].hex, " ", want.at[1].hex, NULL),
           "an opaque one as it was decoded, without what is around it");
    policy = before;
}

/* Prefixes that end in a character of their own. */
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
               "a&k=*&b", "a key of the prefix %s", prefixes[i]);
        is_str(masked(apr_pstrcat(pool, "k=v1.", fresh.key, NULL), 8),
               "k=*", "after a '.'");
        is_str(masked(apr_pstrcat(pool, "k='", fresh.key, "'", NULL), 8),
               "k=*", "between quotes");
        is_str(digests_of(fresh.key), fresh.digest, "its digest");
    }
    policy.prefixes = apikey_prefixes_parse(3, three, pool, &fault);
    policy.formats = APIKEY_FORMAT_OPAQUE | APIKEY_FORMAT_HEX64;
    for (i = 0; i < 3; i++) {
        is_str(masked(apr_pstrcat(pool, "k=", policy.prefixes[i].text,
                                  "0123456789.abc", NULL), 8), "k=*",
               "opaque: a word with the prefix %s", three[i]);
        is_str(
            masked(apr_pstrcat(pool, "k=", policy.prefixes[i].text, HEX, NULL),
                   0),
            "k=*", "hex64: and a key with it");
    }
    is_str(masked("k=x.SG.0123456789abc", 8), "k=*", "after another '.'");
    is_str(masked("k=xSG.0123456789abc", 8), "k=xSG.0123456789abc",
           "within another word");
    is_str(masked("k=SG%2E0123456789abc", 8), "k=*", "its '.' encoded");
    apikey_key_candidates(&want, &policy, "SG.0123456789ab.c", 17);
    is_str(digests_of("k=SG.0123456789ab.c"), want.at[0].hex, "its digest");
    set_prefix(APIKEY_FORMAT_BASE62, NULL);
}

static void test_prefixes(void)
{
    const char *longest = "12345678901234567890123456789012";
    apikey_fresh_t fresh;

    apikey_key_make(&fresh, APIKEY_FORMAT_BASE62, "a", policy.secrets, pool);
    is_str(masked(apr_pstrcat(pool, "k&", fresh.key, NULL), 8), "k&*",
           "the shortest prefix");
    apikey_key_make(&fresh, APIKEY_FORMAT_BASE62, longest, policy.secrets,
                    pool);
    is_str(masked(apr_pstrcat(pool, "k&", fresh.key, NULL), 8), "k&*",
           "the longest prefix");
}

/* The worst that 8 KiB can hold must not cost more than a little longer text:
 * quadratic work would take 256 times as long for 16 times the length. The
 * processor's time, since a busy machine says nothing about the work. */
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
    apikey_secrets_t *secrets;
    const char *error;
    apr_size_t i;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    apikey_secrets_parse(&secrets, LINE, strlen(LINE), pool, &error);
    policy.formats = APIKEY_FORMAT_BASE62;
    policy.digests = APIKEY_DIGEST_HMAC;
    policy.secrets = secrets;
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
