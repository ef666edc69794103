/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* core/key_class.h: whether a credential or a header's value is a key, a near
 * miss or foreign, the hint that is shown of it, and how many HMACs the answer
 * costs. */

#include <dlfcn.h>

#include <openssl/evp.h>

#include "../../modules/core/key_class.h"
#include "key_fixture.h"

#define WRONG "ak_" TAIL "0UJlm7"
#define OTHER "zz_" TAIL "0UJlm6"
#define OF_ANY "zz_" TAIL "1jgmgR"    /* right check, another prefix */
#define JWT "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm5hIn0." \
            "NHVaYe26MbtOYhSKkoKYdFVomg4i8ZJd8_-RU8VNbftc4TSMb4bXP3l3YlNWACwy" \
            "eXPGffz5aXHc6lty1Y2t4SWRqGteragsVdZufDn5BlnJl9pdR_kdVFUsra2rWKEo"

static int finals;                  /* of digests; an HMAC has two */

/* Counts the digests that are finished, and calls OpenSSL's function. */
int EVP_DigestFinal_ex(EVP_MD_CTX *ctx, unsigned char *md, unsigned int *s)
{
    static int (*next)(EVP_MD_CTX *, unsigned char *, unsigned int *);

    if (!next) {
        *(void **)&next = dlsym(RTLD_NEXT, "EVP_DigestFinal_ex");
    }
    finals++;
    return next(ctx, md, s);
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
    { "a key is ours", BASE62, NULL, KEY, "ours ak_...Jlm6" },
    { "a key with the prefix", BASE62, "ak", KEY, "ours ak_...Jlm6" },
    { "a right key with another prefix",
      BASE62, "acme", KEY, "ours ak_...Jlm6" },
    { "wrong check characters and no ApiKeyPrefix",
      BASE62, NULL, WRONG, "near miss ak_...***" },
    { "a right key of a format that is not accepted", HEX64, "x1", KEY,
      "ours ak_...Jlm6" },
    { "another prefix, wrong check characters",
      BASE62, "acme", WRONG, "foreign" },
    { "any prefix, wrong check characters, no ApiKeyPrefix",
      BASE62, NULL, OTHER, "near miss zz_...***" },
    { "the prefix and too few characters",
      BASE62, "ak", "ak_x", "near miss ak_...***" },
    { "the default prefix and too few characters",
      BASE62, NULL, "ak_x", "near miss ak_...***" },
    { "the default prefix where another is set",
      BASE62, "acme", "ak_x", "foreign" },
    { "the prefix and too many characters",
      BASE62, "ak", KEY "x", "near miss ak_...***" },
    { "the prefix with nothing after it", BASE62, "ak", "ak", "foreign" },
    { "the empty text", BASE62, "ak", "", "foreign" },
    { "a hex64 key", HEX64, "ak", "ak_" HEX, "ours ak_...b855" },
    { "hex64, no ApiKeyPrefix", HEX64, NULL, "kk_" HEX, "ours kk_...b855" },
    { "hex64 where it is not accepted", BASE62, "x1", "ak_" HEX, "foreign" },
    { "opaque with a prefix", OPAQUE, "sk_live", "sk_live_4eC39HqLyjWDarjtT1",
      "ours sk_live_...jtT1" },
    { "opaque without a prefix: all is ours",
      OPAQUE, NULL, JWT, "ours ...WKEo" },
    { "opaque, short: the hint shows nothing",
      OPAQUE, NULL, "hunter2", "ours ...***" },
    { "opaque that may be an imported base62 key", BASE62 | OPAQUE, NULL, WRONG,
      "ours ak_...Jlm7" },
    { "a prefix that ends in '-'", OPAQUE, "glpat-", "glpat-0123456789abcdef",
      "ours glpat-...cdef" },
    { "a prefix that ends in '.'", OPAQUE, "SG.", "SG.0123456789.abcdefgh",
      "ours SG....efgh" },
    { "a prefix that ends in '-' and too few characters",
      BASE62, "glpat-", "glpat-x",
      "near miss glpat-...***" },
    { "'_' where the prefix ends in '-'",
      BASE62, "glpat-", "glpat_x", "foreign" },
    { "a JWT", BASE62, "ak", JWT, "foreign" }
};

static const struct {
    const char *promise, *text, *want;
} values[] = {
    { "a key after any scheme", "Token " KEY, "ours ak_...Jlm6" },
    { "a key in a list", "own, " KEY, "ours ak_...Jlm6" },
    { "a key in quotes", "Token token=\"" KEY "\"", "ours ak_...Jlm6" },
    { "a key with more after it", KEY "\xe2\x80\x8b", "near miss ak_...***" },
    { "a key with 'x-' before it", "x-" KEY, "near miss ak_...***" },
    { "a key within a URL", "http://h/a.b?" KEY, "near miss ak_...***" },
    { "a key in brackets", "<" OF_ANY ">", "near miss zz_...***" },
    { "a key before the end of a sentence", OF_ANY ".", "near miss zz_...***" },
    { "a key between bytes of UTF-8", "\xe2\x80\x9c" OF_ANY "\xe2\x80\x9d",
      "near miss zz_...***" },
    { "Basic, the key with a line end, as the user",
      "Basic enpfMDEyMzQ1Njc4OUFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaYW"
      "JjZGVmZzFqZ21nUgo=", "near miss zz_...***" },
    { "Basic in quotes, which some parsers ignore",
      "Basic \""
      "enpfMDEyMzQ1Njc4OUFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaYWJjZGVm"
      "ZzFqZ21nUjo=" "\"", "ours zz_...gmgR" },
    { "Basic with a blank, as of two lines",
      "Basic "
      "enpfMDEyMzQ1Njc4OUFCQ0 RFRkdISUpLTE1OT1BRUlNUVVZXWFlaYWJjZGV"
      "mZzFqZ21nUjo=", "ours zz_...gmgR" },
    { "Basic in two parts of a list, which no parser joins",
      "Basic "
      "enpfMDEyMzQ1Njc4OUFCQ0, RFRkdISUpLTE1OT1BRUlNUVVZXWFlaYWJjZG"
      "VmZzFqZ21nUjo=", "foreign" },
    { "13 characters of a key, in a list", "own, ak_0123456789abc",
      "near miss ak_...***" },
    { "13 characters of a key, in quotes",
      "Token token=\"ak_0123456789abc\"", "near miss ak_...***" },
    { "13 characters of a key, in brackets",
      "<ak_0123456789abc>", "near miss ak_...***" },
    { "12 characters of a key, which may be a name",
      "own, ak_0123456789ab, <ak_joe>",
      "foreign" },
    { "a key with wrong check characters and another prefix",
      "Token zz_" TAIL "0UJlm6", "foreign" },
    { "Basic with a key as the user",
      "Basic YWtfMDEyMzQ1Njc4OUFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaY"
      "WJjZGVmZzBVSmxtNjo=", "ours ak_...Jlm6" },
    { "Basic without padding",
      "bASIC YWtfMDEyMzQ1Njc4OUFCQ0RFRkdISUpLTE1OT1BRUlNUVVZ"
      "XWFlaYWJjZGVmZzBVSmxtNjo", "ours ak_...Jlm6" },
    { "Basic with a user, after another scheme",
      "Digest a=b, Basic Ym9iOmFrXzAxMjM0NTY3ODl"
      "BQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWmFiY2RlZmcwVUpsbTY=",
      "ours ak_...Jlm6" },
    { "Basic, a password with the prefix, of a key's length",
      /* bob:ak_0123456789ABCDEF */
      "Basic Ym9iOmFrXzAxMjM0NTY3ODlBQkNERUY=", "near miss ak_...***" },
    { "Basic, a user with the prefix and no password",
      /* ak_joe: */ "Basic YWtfam9lOg==",
      "near miss ak_...***" },
    { "Basic, a user with the prefix and a password", /* ak_joe:secret */
      "Basic YWtfam9lOnNlY3JldA==", "foreign" },
    { "Basic of bob:builder", "Basic Ym9iOmJ1aWxkZXI=", "foreign" },
    { "Basic that does not decode", "Basic !", "foreign" },
    { "Basic that is empty", "Basic ", "foreign" },
    { "Basic and a key that is not encoded", "Basic " KEY, "ours ak_...Jlm6" },
    { "Digest with a user that has the prefix",
      "Digest username=\"ak_joe\", uri=\"/ak_x\"",
      "foreign" },
    { "Bearer and a JWT", "Bearer " JWT, "foreign" }
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

/** The number of HMACs for a text, as a token and as a header's value. */
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

    is_int(cost(JWT), 0, "a JWT costs no HMAC");
    is_int(cost("Bearer " JWT ", Bearer " JWT), 0,
           "two JWTs in a list cost no HMAC");
    is_int(cost("Basic Ym9iOmJ1aWxkZXI="), 0, "Basic credentials cost no HMAC");
    is_int(cost("Basic Ym9iOm J1aWxk ZXI="), 0,
           "Basic credentials with blanks cost no HMAC");
    is_int(cost("<xoxb-1234567890-abc_def>"), 0,
           "a token in brackets costs no HMAC");
    is_int(cost("Digest username=\"bob\", response=\"" HEX "\""), 0,
           "Digest credentials cost no HMAC");
    is_int(cost("sk_live_4eC39HqLyjWDarjtT1zdp7dc"), 0,
           "another service's key costs no HMAC");
    is_int(cost("ak_nonsense"), 0, "the prefix and a word cost no HMAC");
    is_int(cost("xoxb_" TAIL "0UJlm"), 0,
           "a key one character short costs no HMAC");
    is_int(cost("ak_" TAIL "0UJlm7"), 2,
           "a key with wrong check characters costs an HMAC each time");
    apikey_secrets_parse(&secrets, LINE, strlen(LINE), pool, &error);
    is_int(cost(KEY), 1, "a right key costs one HMAC");
    is_int(cost(KEY), 0, "a right key costs no HMAC the second time");
    is_int(cost(KEY "x"), 0,
           "a right key with more after it costs no HMAC then");
    is_str(token(BASE62, NULL, WRONG), "near miss ak_...***",
           "a wrong key is not taken for the right one before it");
    for (i = 0; i < 20; i++) {
        many = apr_pstrcat(pool, many, " ", WRONG, NULL);
    }
    is_int(cost(many), 8, "20 wrong keys in a value cost eight HMACs");
    is_str(value(BASE62, "x1", many), "near miss ak_...***",
           "a value with wrong keys beyond the eighth is a near miss");
}

static int scheme(const char *text)
{
    apikey_policy_t policy = a_policy(BASE62, NULL);

    return (int)apikey_classify_scheme(&policy, text);
}

static void test_scheme(void)
{
    is_int(scheme("Bearer x"), 6, "'Bearer x' has a scheme of 6 characters");
    is_int(scheme("Api-Key\tx"), 7, "a scheme may end at a tab");
    is_int(scheme("Bearer"), 0, "a word alone is no scheme");
    is_int(scheme("a=b c"), 0, "a parameter is no scheme");
    is_int(scheme("one, two"), 0, "a list has no scheme");
    is_int(scheme("ak_x y"), 0, "a text that begins like a key has no scheme");
    is_int(scheme(TAIL " y"), 0,
           "a text that may be a part of a key has no scheme");
    is_int(scheme(""), 0, "the empty text has no scheme");
}

/* With several prefixes each of them counts. */
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
    key_fixture_init();
    test_prefixes();
    test_kin();
    test_cost();
    test_scheme();
    return done();
}
