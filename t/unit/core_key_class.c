/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* core/key_class.h: what is ours, what is shown of it, and what it costs to
 * tell. */

#include <dlfcn.h>
#include <stdlib.h>

#include <apr_general.h>
#include <apr_strings.h>

#include <openssl/evp.h>

#include "../../modules/core/key_class.h"
#include "tap.h"

#define TAIL "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"
#define KEY "ak_" TAIL "0UJlm6"
#define WRONG "ak_" TAIL "0UJlm7"
#define OTHER "zz_" TAIL "0UJlm6"
#define OF_ANY "zz_" TAIL "1jgmgR"    /* right, of no prefix that is named */
#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define LINE "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
#define JWT "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm5hIn0." \
            "NHVaYe26MbtOYhSKkoKYdFVomg4i8ZJd8_-RU8VNbftc4TSMb4bXP3l3YlNWACwy" \
            "eXPGffz5aXHc6lty1Y2t4SWRqGteragsVdZufDn5BlnJl9pdR_kdVFUsra2rWKEo"

static apr_pool_t *pool;
static apikey_secrets_t *secrets;
static int finals;                  /* an HMAC has two */

/* Of all digests, instead of OpenSSL's. */
int EVP_DigestFinal_ex(EVP_MD_CTX *ctx, unsigned char *md, unsigned int *s)
{
    static int (*next)(EVP_MD_CTX *, unsigned char *, unsigned int *);

    if (!next) {
        *(void **)&next = dlsym(RTLD_NEXT, "EVP_DigestFinal_ex");
    }
    finals++;
    return next(ctx, md, s);
}

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

static const char *const names[] = { "foreign", "near miss", "ours" };

/** "KIN HINT" */
static const char *said(const apikey_classified_t *classified)
{
    return apr_pstrcat(pool, names[classified->class],
                       classified->hint ? " " : NULL, classified->hint, NULL);
}

static const char *token(unsigned int formats, const char *prefix,
                         const char *text)
{
    apikey_policy_t policy = a_policy(formats, prefix);
    apikey_classified_t classified;

    apikey_classify_init(&classified, &policy, pool);
    apikey_classify_token(&classified, text);
    return said(&classified);
}

static const char *value(unsigned int formats, const char *prefix,
                         const char *text)
{
    apikey_policy_t policy = a_policy(formats, prefix);
    apikey_classified_t classified;

    apikey_classify_init(&classified, &policy, pool);
    apikey_classify_value(&classified, text);
    return said(&classified);
}

#define BASE62 APIKEY_FORMAT_BASE62
#define HEX64 APIKEY_FORMAT_HEX64
#define OPAQUE APIKEY_FORMAT_OPAQUE

static const struct {
    const char *promise;
    unsigned int formats;
    const char *prefix, *text, *want;
} tokens[] = {
    { "a key", BASE62, NULL, KEY, "ours ak_...Jlm6" },
    { "with its prefix", BASE62, "ak", KEY, "ours ak_...Jlm6" },
    { "with another prefix", BASE62, "acme", KEY, "ours ak_...Jlm6" },
    { "wrong check characters", BASE62, NULL, WRONG, "near miss ak_...***" },
    { "of a form that is not accepted, but ours", HEX64, "x1", KEY,
      "ours ak_...Jlm6" },
    { "another prefix, wrong", BASE62, "acme", WRONG, "foreign" },
    { "any prefix, wrong", BASE62, NULL, OTHER, "near miss zz_...***" },
    { "the prefix, too short", BASE62, "ak", "ak_x", "near miss ak_...***" },
    { "the default prefix", BASE62, NULL, "ak_x", "near miss ak_...***" },
    { "and another is ours", BASE62, "acme", "ak_x", "foreign" },
    { "the prefix, too long", BASE62, "ak", KEY "x", "near miss ak_...***" },
    { "the prefix alone", BASE62, "ak", "ak", "foreign" },
    { "nothing", BASE62, "ak", "", "foreign" },
    { "hex64", HEX64, "ak", "ak_" HEX, "ours ak_...b855" },
    { "hex64 without a prefix", HEX64, NULL, "kk_" HEX, "ours kk_...b855" },
    { "hex64 where it is not accepted", BASE62, "x1", "ak_" HEX, "foreign" },
    { "opaque with a prefix", OPAQUE, "sk_live", "sk_live_4eC39HqLyjWDarjtT1",
      "ours sk_live_...jtT1" },
    { "opaque without one: all is", OPAQUE, NULL, JWT, "ours ...WKEo" },
    { "opaque, short", OPAQUE, NULL, "hunter2", "ours ...***" },
    { "opaque, that may be imported", BASE62 | OPAQUE, NULL, WRONG,
      "ours ak_...Jlm7" },
    { "a prefix as it stands", OPAQUE, "glpat-", "glpat-0123456789abcdef",
      "ours glpat-...cdef" },
    { "one that a '.' ends", OPAQUE, "SG.", "SG.0123456789.abcdefgh",
      "ours SG....efgh" },
    { "as it stands, too short", BASE62, "glpat-", "glpat-x",
      "near miss glpat-...***" },
    { "but for its end", BASE62, "glpat-", "glpat_x", "foreign" },
    { "another's token", BASE62, "ak", JWT, "foreign" }
};

static const struct {
    const char *promise, *text, *want;
} values[] = {
    { "a key behind any scheme", "Token " KEY, "ours ak_...Jlm6" },
    { "in a list", "own, " KEY, "ours ak_...Jlm6" },
    { "in quotes", "Token token=\"" KEY "\"", "ours ak_...Jlm6" },
    { "with more behind it", KEY "\xe2\x80\x8b", "near miss ak_...***" },
    { "with more before it", "x-" KEY, "near miss ak_...***" },
    { "with much before it", "http://h/a.b?" KEY, "near miss ak_...***" },
    { "in brackets", "<" OF_ANY ">", "near miss zz_...***" },
    { "before the end of a sentence", OF_ANY ".", "near miss zz_...***" },
    { "between bytes of UTF-8", "\xe2\x80\x9c" OF_ANY "\xe2\x80\x9d",
      "near miss zz_...***" },
    { "a line of a file, as a user",
      "Basic enpfMDEyMzQ1Njc4OUFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaYW"
      "JjZGVmZzFqZ21nUgo=", "near miss zz_...***" },
    { "Basic in quotes, which some take out",
      "Basic \""
      "enpfMDEyMzQ1Njc4OUFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaYWJjZGVm"
      "ZzFqZ21nUjo=" "\"", "ours zz_...gmgR" },
    { "Basic of two lines",
      "Basic "
      "enpfMDEyMzQ1Njc4OUFCQ0 RFRkdISUpLTE1OT1BRUlNUVVZXWFlaYWJjZGV"
      "mZzFqZ21nUjo=", "ours zz_...gmgR" },
    { "Basic in two parts of a list: none decodes that",
      "Basic "
      "enpfMDEyMzQ1Njc4OUFCQ0, RFRkdISUpLTE1OT1BRUlNUVVZXWFlaYWJjZG"
      "VmZzFqZ21nUjo=", "foreign" },
    { "a part of a key, in a list", "own, ak_0123456789abc",
      "near miss ak_...***" },
    { "in quotes", "Token token=\"ak_0123456789abc\"", "near miss ak_...***" },
    { "in brackets", "<ak_0123456789abc>", "near miss ak_...***" },
    { "what is shorter may be a name", "own, ak_0123456789ab, <ak_joe>",
      "foreign" },
    { "with another prefix", "Token zz_" TAIL "0UJlm6", "foreign" },
    { "as a user", "Basic YWtfMDEyMzQ1Njc4OUFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaY"
      "WJjZGVmZzBVSmxtNjo=", "ours ak_...Jlm6" },
    { "without padding", "bASIC YWtfMDEyMzQ1Njc4OUFCQ0RFRkdISUpLTE1OT1BRUlNUVVZ"
      "XWFlaYWJjZGVmZzBVSmxtNjo", "ours ak_...Jlm6" },
    { "with a user, behind another", "Digest a=b, Basic Ym9iOmFrXzAxMjM0NTY3ODl"
      "BQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWmFiY2RlZmcwVUpsbTY=",
      "ours ak_...Jlm6" },
    { "a password with the prefix, of a key's length",
      /* bob:ak_0123456789ABCDEF */
      "Basic Ym9iOmFrXzAxMjM0NTY3ODlBQkNERUY=", "near miss ak_...***" },
    { "a user with the prefix", /* ak_joe: */ "Basic YWtfam9lOg==",
      "near miss ak_...***" },
    { "and a password: somebody", /* ak_joe:secret */
      "Basic YWtfam9lOnNlY3JldA==", "foreign" },
    { "bob:builder", "Basic Ym9iOmJ1aWxkZXI=", "foreign" },
    { "that does not decode", "Basic !", "foreign" },
    { "that is empty", "Basic ", "foreign" },
    { "with a key as it is", "Basic " KEY, "ours ak_...Jlm6" },
    { "a name in Digest", "Digest username=\"ak_joe\", uri=\"/ak_x\"",
      "foreign" },
    { "a bearer token", "Bearer " JWT, "foreign" }
};

static void test_kin(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        is_str(token(tokens[i].formats, tokens[i].prefix, tokens[i].text),
               tokens[i].want, "a token: %s", tokens[i].promise);
    }
    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        is_str(value(BASE62, "ak", values[i].text), values[i].want,
               "a value: %s", values[i].promise);
    }
}

/** How many HMACs a value costs, as a token and by its words. */
static int cost(const char *text)
{
    finals = 0;
    token(BASE62, NULL, text);
    value(BASE62, NULL, text);
    return finals / 2;
}

static void test_cost(void)
{
    const char *many = "x", *error;
    int i;

    is_int(cost(JWT), 0, "a JWT costs no digest");
    is_int(cost("Bearer " JWT ", Bearer " JWT), 0, "nor do two");
    is_int(cost("Basic Ym9iOmJ1aWxkZXI="), 0, "nor Basic");
    is_int(cost("Basic Ym9iOm J1aWxk ZXI="), 0, "nor that of some lines");
    is_int(cost("<xoxb-1234567890-abc_def>"), 0, "nor what stands in brackets");
    is_int(cost("Digest username=\"bob\", response=\"" HEX "\""), 0,
           "nor Digest");
    is_int(cost("sk_live_4eC39HqLyjWDarjtT1zdp7dc"), 0, "nor another's key");
    is_int(cost("ak_nonsense"), 0, "nor the prefix alone");
    is_int(cost("xoxb_" TAIL "0UJlm"), 0, "nor almost the form");
    is_int(cost("ak_" TAIL "0UJlm7"), 2, "a wrong key does, each time");
    apikey_secrets_parse(&secrets, LINE, strlen(LINE), pool, &error);
    is_int(cost(KEY), 1, "a right one does once");
    is_int(cost(KEY), 0, "and not again");
    is_int(cost(KEY "x"), 0, "nor does what begins with it");
    is_str(token(BASE62, NULL, WRONG), "near miss ak_...***",
           "and a wrong one is not taken for it");
    for (i = 0; i < 20; i++) {
        many = apr_pstrcat(pool, many, " ", WRONG, NULL);
    }
    is_int(cost(many), 8, "and of many words, eight");
    is_str(value(BASE62, "x1", many), "near miss ak_...***",
           "those beyond are not foreign");
}

static int scheme(const char *text)
{
    apikey_policy_t policy = a_policy(BASE62, NULL);

    return (int)apikey_classify_scheme(&policy, text);
}

static void test_scheme(void)
{
    is_int(scheme("Bearer x"), 6, "the length of a scheme");
    is_int(scheme("Api-Key\tx"), 7, "before a tab");
    is_int(scheme("Bearer"), 0, "none without a credential");
    is_int(scheme("a=b c"), 0, "nor of a parameter");
    is_int(scheme("one, two"), 0, "nor of a list");
    is_int(scheme("ak_x y"), 0, "nor of a key");
    is_int(scheme(TAIL " y"), 0, "nor of what may be a part of one");
    is_int(scheme(""), 0, "nor of nothing");
}

/* Of several prefixes each one counts. */
static void test_prefixes(void)
{
    static const char *const words[] = { "sk_live", "glpat-" };
    static const char *const texts[] = { "sk_live_x", "glpat-x", "glpat_x" };
    static const char *const want[] = { "near miss sk_live_...***",
                                        "near miss glpat-...***", "foreign" };
    apikey_policy_t policy = a_policy(BASE62, NULL);
    apikey_classified_t classified;
    const char *fault;
    int i;

    policy.prefixes = apikey_prefixes_parse(2, words, pool, &fault);
    for (i = 0; i < 3; i++) {
        apikey_classify_init(&classified, &policy, pool);
        apikey_classify_token(&classified, texts[i]);
        is_str(said(&classified), want[i], "of two prefixes: %s", texts[i]);
    }
}

int main(void)
{
    const char *error;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    if (apikey_secrets_parse(&secrets, LINE, strlen(LINE), pool, &error)) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    test_prefixes();
    test_kin();
    test_cost();
    test_scheme();
    return done();
}
