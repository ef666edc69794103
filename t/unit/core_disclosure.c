/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* core/disclosure.h: whether a text that is to be shown holds a digest or a
 * key. */

#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "../../modules/core/disclosure.h"
#include "tap.h"

/* The secret, key and digest of CONTRACT's example. */
#define RING "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
#define KEY "ak_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6"
#define DIGEST "1ab3f7aa1600fac4273c98287cca75923cabc7f2fd82e8687cea546a7834" \
               "4ab6"
#define BASE64 "GrP3qhYA+sQnPJgofMp1kjyrx/L9guhofOpUang0SrY"
#define BASE64URL "GrP3qhYA-sQnPJgofMp1kjyrx_L9guhofOpUang0SrY"
#define OTHER "1ab3f7aa1600fac4273c98287cca75923cabc7f2fd82e8687cea546a7834" \
              "4ab7"

static const struct { const char *promise, *text; int shows; } texts[] = {
    { "the digest", DIGEST, 1 },
    { "the digest in capitals",
      "1AB3F7AA1600FAC4273C98287CCA75923CABC7F2FD82E8687CEA546A"
      "78344AB6", 1 },
    { "the digest as PostgreSQL writes bytea", "\\x" DIGEST, 1 },
    { "the digest after 0x", "0x" DIGEST, 1 },
    { "the digest after the name of the scheme", "hmac-sha256:" DIGEST, 1 },
    { "the digest within JSON", "{\"digest\": \"" DIGEST "\", \"v\": 1}", 1 },
    { "the digest in base64", BASE64 "=", 1 },
    { "the digest in base64 without padding", BASE64, 1 },
    { "the digest in base64url", BASE64URL, 1 },
    { "the digest in base64url after a name", "sha256-" BASE64URL "=", 1 },
    { "another digest", OTHER, 0 },
    { "a text of 63 of its characters",
      "1ab3f7aa1600fac4273c98287cca75923cabc7f2fd82e8"
      "687cea546a78344ab", 0 },
    { "the empty text", "", 0 },
    { "a word", "gold", 0 }
};

static void test_digest(void)
{
    unsigned char raw[APIKEY_DIGEST_LEN];
    apr_size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        ok(apikey_text_has_digest(texts[i].text, strlen(texts[i].text), DIGEST)
           == texts[i].shows, "%s %s", texts[i].promise,
           texts[i].shows ? "gives it away" : "does not give it away");
    }
    apikey_digest_bytes(raw, DIGEST);
    ok(apikey_text_has_digest((char *)raw, sizeof(raw), DIGEST),
       "the digest's 32 bytes, one of them a NUL, give it away");
    raw[31]++;
    ok(!apikey_text_has_digest((char *)raw, sizeof(raw), DIGEST),
       "32 other bytes do not give it away");
}

static void test_key(apr_pool_t *pool)
{
    static const char opaque[] = "legacy-key-of-a-shop-0123456789";
    apikey_policy_t policy = { APIKEY_FORMAT_BASE62, APIKEY_DIGEST_HMAC, NULL,
                               NULL, NULL };
    apikey_candidates_t candidates;
    apikey_secrets_t *secrets;
    const char *error;

    ok(apikey_secrets_parse(&secrets, RING, strlen(RING), pool, &error)
       == APR_SUCCESS, "the secrets are read");
    policy.secrets = secrets;
    ok(apikey_text_has_key(KEY, DIGEST, &policy), "a key is found to be one");
    ok(apikey_text_has_key("Bearer " KEY, DIGEST, &policy),
       "a text that has a key in it is found");
    ok(apikey_text_has_key(KEY, OTHER, &policy),
       "a key of this server that is not the record's is found");
    ok(!apikey_text_has_key("ak_...Jlm6", DIGEST, &policy),
       "a key's hint is not taken for a key");
    ok(!apikey_text_has_key("gold", DIGEST, &policy),
       "a word is not taken for a key");
    ok(!apikey_text_has_key("", DIGEST, &policy),
       "the empty text is not taken for a key");
    policy.formats |= APIKEY_FORMAT_OPAQUE;
    policy.digests |= APIKEY_DIGEST_SHA256;
    ok(apikey_key_candidates(&candidates, &policy, opaque, strlen(opaque))
       == APR_SUCCESS && candidates.count == 2,
       "an opaque key has an HMAC and a SHA-256");
    ok(apikey_text_has_key(opaque, candidates.at[0].hex, &policy),
       "an opaque key is found by its HMAC");
    ok(apikey_text_has_key(opaque, candidates.at[1].hex, &policy),
       "an opaque key is found by its SHA-256");
    ok(!apikey_text_has_key("another-key-of-the-shop-01234567",
                            candidates.at[1].hex, &policy),
       "another opaque text is not taken for the key");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    test_digest();
    test_key(pool);
    return done();
}
