/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* ApiKeyDigest: the kinds of digests that keys are stored under, of the whole
 * key or of a part of it, and the digests that a key is looked up by. */

#include <string.h>

#include <apr_general.h>

#include "../../modules/core/digest_kinds.h"
#include "tap.h"

#define OURS "ak_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6"

static apr_pool_t *pool;

static apikey_policy_t a_policy(unsigned int formats)
{
    apikey_policy_t policy = { .formats = formats };

    return policy;
}

static apikey_secrets_t *a_ring(void)
{
    static const char text[] =
        "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
        "k2 AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
    apikey_secrets_t *secrets = NULL;
    const char *error;

    apikey_secrets_parse(&secrets, text, sizeof(text) - 1, pool, &error);
    return secrets;
}

static int candidates(const apikey_policy_t *policy, const char *key)
{
    apikey_candidates_t found;

    apikey_key_candidates(&found, policy, key, strlen(key));
    return found.count;
}

/** The number of this key's digests without a secret that are @a hex. */
static int is_under(const apikey_policy_t *policy, const char *key,
                    const char *hex)
{
    apikey_candidates_t found;
    int i, seen = 0;

    apikey_key_candidates(&found, policy, key, strlen(key));
    for (i = 0; i < found.count; i++) {
        seen += !found.at[i].secret_id && strcmp(found.at[i].hex, hex) == 0;
    }
    return seen;
}

/* The digests of "secret" as OpenSSL's command line computes them. */
#define SECRET_256 "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97b" \
                   "f527a25b"
#define SECRET_512 "bd2b1aaf7ef4f09be9f52ce2d8d599674d81aa9d6a4421696dc4d93d" \
                   "d0619d682ce56b4d64a9ef097761ced99e0f67265b5f76085e5b0ee7" \
                   "ca4696b2ad6fe2b2"

static void test_kinds(void)
{
    apikey_policy_t policy = a_policy(APIKEY_FORMAT_OPAQUE);
    apikey_digest_kinds_t kinds = { 0 };
    apikey_digest_kinds_t other = { 0 };

    is_str(apikey_digest_kinds_add(&kinds, "sha512", pool), NULL,
           "'sha512' is accepted");
    is_str(apikey_digest_kinds_add(&kinds, "SHA256:After=|", pool), NULL,
           "a digest after '|' is accepted, without regard to case");
    is_str(apikey_digest_kinds_add(&kinds, "sha256:after=|", pool), NULL,
           "the same kind is accepted a second time");
    policy.digests = kinds.digests;
    policy.parts = kinds.parts;
    is_int(is_under(&policy, "secret", SECRET_512), 1,
           "a key is looked up by its SHA-512");
    is_int(is_under(&policy, "7|secret", SECRET_256), 1,
           "a key with '|' is looked up by the SHA-256 of what follows");
    is_int(is_under(&policy, "7|x|secret", SECRET_256), 1,
           "of two '|' the last one counts");
    is_int(is_under(&policy, "secret", SECRET_256), 1,
           "a key without '|' is looked up by the SHA-256 of all of it");
    is_int(is_under(&policy, "secret|", SECRET_256), 0,
           "a key is not looked up by what stands before '|'");
    is_int(is_under(&policy, "7_secret", SECRET_256), 0,
           "a key is not looked up by what follows another character");
    is_int(is_under(&policy, "7|secret", SECRET_512), 0,
           "a part is not looked up by a digest that is for whole keys");
    is_int(candidates(&policy, "7|"), 1,
           "a key with nothing after '|' has no digest of a part");
    apikey_digest_kinds_add(&other, "sha256:after=|", pool);
    ok(apikey_digest_kinds_have(&kinds, &other),
       "kinds of which all are there are had");
    ok(!apikey_digest_kinds_have(&other, &kinds),
       "kinds of which one is not there are not had");
    apikey_digest_kinds_add(&other, "sha256:after=_", pool);
    ok(!apikey_digest_kinds_have(&kinds, &other),
       "the same kind after another character is another kind");
}

static void test_kinds_hmac(void)
{
    apikey_policy_t policy = a_policy(APIKEY_FORMAT_BASE62
                                      | APIKEY_FORMAT_OPAQUE);
    apikey_secrets_t *both = a_ring();
    apikey_digest_kinds_t kinds = { 0 };
    apikey_candidates_t found;
    unsigned char digest[APIKEY_DIGEST_LEN];
    char hex[APIKEY_DIGEST_HEX + 1];

    is_str(apikey_digest_kinds_add(&kinds, "hmac-sha256:after=.", pool), NULL,
           "an HMAC of a part is accepted");
    policy.parts = kinds.parts;
    policy.secrets = both;
    apikey_key_candidates(&found, &policy, "id.part", 7);
    is_int(found.count, 2, "a part has one HMAC per secret");
    apikey_secrets_sign(digest, both, 1, "part", 4);
    apikey_digest_hex(hex, digest);
    is_str(found.at[1].hex, hex, "the second HMAC is of the part");
    is_str(found.at[1].secret_id, "k2",
           "the second HMAC names the second secret");
    is_int(candidates(&policy, OURS), 2,
           "a base62 key has the HMACs of its part, too");
}

/** Whether this key may be stored under a digest of this length, by a secret
 * or without one. */
static int is_sought(const apikey_policy_t *policy, const char *key,
                     int by_secret, apr_size_t len)
{
    apikey_candidates_t found;
    int i, seen = 0;

    apikey_key_candidates(&found, policy, key, strlen(key));
    for (i = 0; i < found.count; i++) {
        seen += (found.at[i].secret_id != NULL) == by_secret
                && strlen(found.at[i].hex) == len;
    }
    return seen > 0;
}

/** Whether a row's digest is of a kind that no key of this format is looked up
 * by: apikey_digest_kinds_unsought() must agree with the digests that
 * apikey_key_candidates() gives for such a key. */
static void compare_sought(const apikey_policy_t *policy,
                           const apikey_digest_kinds_t *kinds, const char *key,
                           apikey_format_e format)
{
    int by_secret, twice;

    for (by_secret = 0; by_secret < 2; by_secret++) {
        for (twice = 0; twice < 2; twice++) {
            apr_size_t len = twice ? APIKEY_DIGEST_LONG_HEX
                                   : APIKEY_DIGEST_HEX;

            is_int(!apikey_digest_kinds_unsought(kinds, policy->formats, format,
                                                 by_secret, len),
                   is_sought(policy, key, by_secret, len),
                   "formats %u, digests %u, part %d: %s, %s%d", policy->formats,
                   policy->digests, policy->parts->kind,
                   apikey_format_name(format), by_secret ? "by a secret, " : "",
                   (int)len);
        }
    }
}

static void test_unsought(void)
{
    static const char *const parts[] = { NULL, "sha256:after=_",
                                         "sha512:after=_",
                                         "hmac-sha256:after=_" };
    apikey_secrets_t *ring = a_ring();
    unsigned int digests, opaque;
    apr_size_t i;

    for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        for (digests = i ? 0 : 1; digests < 8; digests++) {
            for (opaque = 0; opaque < 2; opaque++) {
                apikey_digest_kinds_t kinds = { digests, { { 0, 0 } } };
                apikey_policy_t policy = { opaque ? APIKEY_FORMAT_BASE62
                                                    | APIKEY_FORMAT_OPAQUE
                                                  : APIKEY_FORMAT_BASE62,
                                           digests, NULL, ring, kinds.parts };

                if (parts[i]) {
                    apikey_digest_kinds_add(&kinds, parts[i], pool);
                }
                compare_sought(&policy, &kinds, OURS, APIKEY_FORMAT_BASE62);
                if (opaque) {
                    compare_sought(&policy, &kinds, "an_opaque-key",
                                   APIKEY_FORMAT_OPAQUE);
                }
            }
        }
    }
}

static void test_kinds_bad(void)
{
    static const char *const bad[] = {
        "md5", "sha", "sha2567", "sha256:", "sha256:after", "sha256:after=",
        "sha256:after=ab", "sha256:after= ", "sha256:after=\xc3", "sha256|",
        "hmac-sha256:after=_"       /* the second */
    };
    apikey_digest_kinds_t kinds = { 0 };
    char word[] = "sha256:after=0";
    apr_size_t i;

    apikey_digest_kinds_add(&kinds, "hmac-sha256:after=.", pool);
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        ok(apikey_digest_kinds_add(&kinds, bad[i], pool) != NULL,
           "'%s' is refused", i == 8 ? "a byte" : bad[i]);
    }
    is_int(kinds.digests, 0, "no refused kind was added");
    for (i = 1; i < APIKEY_PARTS_MAX; i++) {
        word[13]++;
        is_str(apikey_digest_kinds_add(&kinds, word, pool), NULL,
               "part %d of those allowed", (int)i);
    }
    word[13]++;
    ok(apikey_digest_kinds_add(&kinds, word, pool) != NULL,
       "one part more than allowed is refused");
    is_int(kinds.parts[APIKEY_PARTS_MAX].kind, 0,
           "the list of parts still has its end mark");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_kinds();
    test_kinds_hmac();
    test_unsought();
    test_kinds_bad();
    apr_pool_destroy(pool);
    apr_terminate();
    return done();
}
