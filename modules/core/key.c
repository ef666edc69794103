/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "key.h"

#include <string.h>

#include <apr_strings.h>

#include <openssl/rand.h>

#define BASE62_TAIL (APIKEY_RANDOM_LEN + APIKEY_CHECK_LEN)
#define HEX64_TAIL APIKEY_DIGEST_HEX

static const char base62[] = "0123456789"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "abcdefghijklmnopqrstuvwxyz";

static const struct { const char *name; apikey_format_e format; } formats[] = {
    { "base62", APIKEY_FORMAT_BASE62 },
    { "hex64", APIKEY_FORMAT_HEX64 },
    { "opaque", APIKEY_FORMAT_OPAQUE }
};

apikey_format_e apikey_format_from_name(const char *name)
{
    apr_size_t i;

    for (i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
        if (strcmp(formats[i].name, name) == 0) {
            return formats[i].format;
        }
    }
    return APIKEY_FORMAT_NONE;
}

const char *apikey_format_name(apikey_format_e format)
{
    apr_size_t i;

    for (i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
        if (formats[i].format == format) {
            return formats[i].name;
        }
    }
    return "none";
}

/* 1: a character of base62; 4: of an opaque key.  Read for each character of
 * each key.  By callgrind, the 49 characters of a base62 key's tail take 303
 * instructions with the table and 672 with comparisons. */
#define R4(c) c, c, c, c
#define R16(c) R4(c), R4(c), R4(c), R4(c)
#define R32(c) R16(c), R16(c)
#define R128(c) R32(c), R32(c), R32(c), R32(c)
static const unsigned char character_kinds[256] = {
    R32(0),
    0, R4(4), R4(4), 4, 4, 4, 0, 4, 4, 4,               /* ' ' to '/' */
    R4(5), R4(5), 5, 5, 4, 4, R4(4),                    /* '0' to '?' */
    4, R16(5), R4(5), R4(5), 5, 5, R4(4), 4,            /* '@' to '_' */
    4, R16(5), R4(5), R4(5), 5, 5, R4(4), 0,            /* '`' to DEL */
    R128(0)
};
#define KIND(c) character_kinds[(unsigned char)(c)]

/* Whether all characters are of a kind.  No early exit on a mismatch: the time
 * tells nothing about the key. */
static int are_of_kind(unsigned int kind, const char *text, apr_size_t len)
{
    unsigned int all = kind;
    apr_size_t i;

    for (i = 0; i < len; i++) {
        all &= KIND(text[i]);
    }
    return all != 0;
}

/* Whether a key is a prefix, of this server or another, and a tail of this
 * length. */
static int has_prefix_and_tail(const char *key, apr_size_t len,
                               apr_size_t tail)
{
    return len > tail && apikey_is_prefix(key, len - tail);
}

int apikey_format_accepted(unsigned int formats, apikey_format_e format)
{
    if (format == APIKEY_FORMAT_HEX64) {
        formats |= formats & APIKEY_FORMAT_OPAQUE ? APIKEY_FORMAT_HEX64 : 0;
    }
    return (formats & format) != 0;
}

int apikey_prefix_accepted(const apikey_prefix_t *prefixes,
                           apikey_format_e format, const char *prefix)
{
    return !prefixes || !*prefix || apikey_prefixes_have(prefixes, prefix)
           || (format == APIKEY_FORMAT_OPAQUE
               && apikey_prefixes_find(prefixes, prefix, strlen(prefix)));
}

static int is_base62_key(const char *key, apr_size_t len)
{
    return has_prefix_and_tail(key, len, BASE62_TAIL)
           && are_of_kind(1, key + len - BASE62_TAIL, BASE62_TAIL);
}

static int is_hex64_key(const char *key, apr_size_t len)
{
    return has_prefix_and_tail(key, len, HEX64_TAIL)
           && apikey_digest_is_hex(key + len - HEX64_TAIL, HEX64_TAIL);
}

/* Whether a key begins with one of the policy's prefixes and goes on.
 * tail: the tail's length, which must begin right after the prefix; 0: any.
 * 1 where the policy has no prefixes. */
static int prefix_agrees(const apikey_policy_t *policy, const char *key,
                         apr_size_t len, apr_size_t tail)
{
    const apikey_prefix_t *lead = policy->prefixes;

    while (lead && lead->text
           && (len <= lead->len || (tail > 0 && len != lead->len + tail)
               || memcmp(key, lead->text, lead->len) != 0)) {
        lead++;
    }
    return !lead || lead->text;
}

apikey_format_e apikey_key_shape(const apikey_policy_t *policy,
                                 const char *key, apr_size_t len)
{
    if (len == 0 || len > APIKEY_KEY_MAX) {
        return APIKEY_FORMAT_NONE;
    }
    if ((policy->formats & APIKEY_FORMAT_BASE62)
        && prefix_agrees(policy, key, len, BASE62_TAIL)
        && is_base62_key(key, len)) {
        return APIKEY_FORMAT_BASE62;
    }
    if ((policy->formats & APIKEY_FORMAT_HEX64)
        && prefix_agrees(policy, key, len, HEX64_TAIL)
        && is_hex64_key(key, len)) {
        return APIKEY_FORMAT_HEX64;
    }
    if (!(policy->formats & APIKEY_FORMAT_OPAQUE)
        || !prefix_agrees(policy, key, len, 0)
        || !are_of_kind(4, key, len)) {
        return APIKEY_FORMAT_NONE;
    }
    return APIKEY_FORMAT_OPAQUE;
}

const char *apikey_key_fault(const apikey_policy_t *policy,
                             const char *key, apr_size_t len)
{
    apikey_policy_t wide = *policy;

    if (apikey_key_shape(policy, key, len) != APIKEY_FORMAT_NONE) {
        return NULL;
    }
    if (len == 0) {
        return "is empty";
    }
    if (len > APIKEY_KEY_MAX) {
        return "is longer than 2048 bytes";
    }
    if (memchr(key, ',', len)) {
        return "has a comma, which in a header divides two keys";
    }
    if (!are_of_kind(4, key, len)) {
        return "has a blank or another byte that no key has";
    }
    wide.prefixes = NULL;
    return apikey_key_shape(&wide, key, len) != APIKEY_FORMAT_NONE
           ? "begins with no ApiKeyPrefix"
           : "has none of the forms that ApiKeyFormat names";
}

static void check_characters(char check[APIKEY_CHECK_LEN],
                             const unsigned char digest[APIKEY_DIGEST_LEN])
{
    apr_uint32_t bits = (apr_uint32_t)digest[0] << 24
                        | (apr_uint32_t)digest[1] << 16
                        | (apr_uint32_t)digest[2] << 8 | digest[3];
    int i;

    for (i = APIKEY_CHECK_LEN - 1; i >= 0; i--) {
        check[i] = base62[bits % 62];
        bits /= 62;
    }
}

/*
 * Which secret made a key of base62 form, and its digest.
 * by: out: the secret's index, or -1
 * Returns APR_EGENERAL if OpenSSL refuses; then by is -1.
 */
static apr_status_t find_signer(int *by,
                                unsigned char digest[APIKEY_DIGEST_LEN],
                                const apikey_secrets_t *secrets,
                                const char *key, apr_size_t len)
{
    apr_size_t body = len - APIKEY_CHECK_LEN;
    char check[APIKEY_CHECK_LEN];
    int i;

    *by = -1;
    for (i = 0; i < apikey_secrets_count(secrets) && *by < 0; i++) {
        if (apikey_secrets_sign(digest, secrets, i, key, body) != APR_SUCCESS) {
            return APR_EGENERAL;
        }
        check_characters(check, digest);
        if (apikey_equal(check, key + body, APIKEY_CHECK_LEN)) {
            *by = i;
        }
    }
    return APR_SUCCESS;
}

int apikey_key_checked_by(const apikey_secrets_t *secrets,
                          const char *key, apr_size_t len)
{
    unsigned char digest[APIKEY_DIGEST_LEN];
    int by = -1;

    if (is_base62_key(key, len)) {
        find_signer(&by, digest, secrets, key, len);
    }
    apikey_wipe(digest, sizeof(digest));
    return by;
}

static apikey_candidate_t *
add_candidate(apikey_candidates_t *candidates,
              const unsigned char digest[APIKEY_DIGEST_LEN],
              const char *secret_id)
{
    apikey_candidate_t *candidate = &candidates->at[candidates->count++];

    apikey_digest_hex(candidate->hex, digest);
    candidate->secret_id = secret_id;
    return candidate;
}

/* Adds the digests of these apikey_digest_e kinds of a text. */
static apr_status_t add_digests(apikey_candidates_t *candidates,
                                unsigned int kinds,
                                const apikey_secrets_t *secrets,
                                const char *text, apr_size_t len)
{
    unsigned char digest[APIKEY_DIGEST_LONG_LEN];
    int count = kinds & APIKEY_DIGEST_HMAC ? apikey_secrets_count(secrets)
                                           : 0;
    apr_status_t status = APR_SUCCESS;
    int i;

    for (i = 0; i < count && status == APR_SUCCESS; i++) {
        status = apikey_secrets_sign(digest, secrets, i, text, len);
        add_candidate(candidates, digest, apikey_secrets_id(secrets, i));
    }
    if (status == APR_SUCCESS && (kinds & APIKEY_DIGEST_SHA256)) {
        status = apikey_digest_sha256(digest, text, len);
        add_candidate(candidates, digest, NULL);
    }
    if (status == APR_SUCCESS && (kinds & APIKEY_DIGEST_SHA512)) {
        status = apikey_digest_sha512(digest, text, len);
        apikey_digest_hex(add_candidate(candidates, digest, NULL)->hex
                          + APIKEY_DIGEST_HEX, digest + APIKEY_DIGEST_LEN);
    }
    return status;
}

/* Adds the digests of a key without check characters: of the key, and of its
 * parts after a character (ApiKeyDigest KIND:after=C). */
static apr_status_t add_digests_and_parts(apikey_candidates_t *candidates,
                                          const apikey_policy_t *policy,
                                          const char *key, apr_size_t len)
{
    const apikey_part_t *part = policy->parts;
    apr_status_t status = add_digests(candidates, policy->digests,
                                      policy->secrets, key, len);

    for (; part && part->kind && status == APR_SUCCESS; part++) {
        apr_size_t from = len;

        while (from > 0 && key[from - 1] != part->after) {
            from--;
        }
        if (from < len) {
            status = add_digests(candidates, part->kind, policy->secrets,
                                 key + from, len - from);
        }
    }
    return status;
}

apr_status_t apikey_key_candidates(apikey_candidates_t *candidates,
                                   const apikey_policy_t *policy,
                                   const char *key, apr_size_t len)
{
    return apikey_shape_candidates(candidates, policy,
                                   apikey_key_shape(policy, key, len), key,
                                   len);
}

apr_status_t apikey_shape_candidates(apikey_candidates_t *candidates,
                                     const apikey_policy_t *policy,
                                     apikey_format_e shape,
                                     const char *key, apr_size_t len)
{
    unsigned char digest[APIKEY_DIGEST_LEN];
    apr_status_t status = APR_SUCCESS;
    int by = -1;

    candidates->count = 0;
    if (shape == APIKEY_FORMAT_BASE62
        && (policy->digests & APIKEY_DIGEST_HMAC)) {
        status = find_signer(&by, digest, policy->secrets, key, len);
    }
    if (status == APR_SUCCESS && by >= 0) {
        add_candidate(candidates, digest,
                      apikey_secrets_id(policy->secrets, by));
    }
    else if (status == APR_SUCCESS && shape != APIKEY_FORMAT_NONE
             && (shape != APIKEY_FORMAT_BASE62
                 || (policy->formats & APIKEY_FORMAT_OPAQUE))) {
        status = add_digests_and_parts(candidates, policy, key, len);
    }
    if (status != APR_SUCCESS) {
        candidates->count = 0;
    }
    return status;
}

/* Random base62 without bias: of a byte's 256 values the 8 from 4 * 62 on are
 * dropped. */
static apr_status_t random_base62(char *out, apr_size_t len)
{
    unsigned char bytes[64];
    apr_size_t i;

    while (len > 0) {
        if (RAND_priv_bytes(bytes, sizeof(bytes)) != 1) {
            return APR_EGENERAL;
        }
        for (i = 0; i < sizeof(bytes) && len > 0; i++) {
            if (bytes[i] < 4 * 62) {
                *out++ = base62[bytes[i] % 62];
                len--;
            }
        }
    }
    apikey_wipe(bytes, sizeof(bytes));
    return APR_SUCCESS;
}

apr_status_t apikey_id_make(char id[APIKEY_ID_LEN + 1])
{
    id[APIKEY_ID_LEN] = '\0';
    return random_base62(id, APIKEY_ID_LEN);
}

static int base62_value(char c)
{
    return (int)(strchr(base62, c) - base62);
}

apr_status_t apikey_id_next(char id[APIKEY_ID_LEN + 1])
{
    char step[4];
    int carry = 1;
    apr_size_t i;
    apr_status_t status = random_base62(step, sizeof(step));

    for (i = 1; i <= APIKEY_ID_LEN && status == APR_SUCCESS; i++) {
        char *at = id + APIKEY_ID_LEN - i;
        int sum = base62_value(*at) + carry
                  + (i <= sizeof(step) ? base62_value(step[i - 1]) : 0);

        *at = base62[sum % 62];
        carry = sum / 62;
    }
    return status;
}

static apr_status_t random_hex(char hex[APIKEY_DIGEST_HEX + 1])
{
    unsigned char bytes[APIKEY_DIGEST_LEN];

    if (RAND_priv_bytes(bytes, sizeof(bytes)) != 1) {
        return APR_EGENERAL;
    }
    apikey_digest_hex(hex, bytes);
    apikey_wipe(bytes, sizeof(bytes));
    return APR_SUCCESS;
}

apr_status_t apikey_key_make(apikey_fresh_t *fresh, apikey_format_e format,
                             const char *word,
                             const apikey_secrets_t *secrets, apr_pool_t *pool)
{
    unsigned char digest[APIKEY_DIGEST_LEN];
    const apikey_prefix_t prefix = apikey_prefix_from_word(word, pool);
    apr_size_t start = prefix.len, signed_len;
    apr_status_t status;

    if (format != APIKEY_FORMAT_BASE62 && format != APIKEY_FORMAT_HEX64) {
        return APR_EINVAL;
    }
    fresh->key = apr_pcalloc(pool, start + HEX64_TAIL + 1);
    memcpy(fresh->key, prefix.text, prefix.len);
    if (format == APIKEY_FORMAT_BASE62) {
        signed_len = start + APIKEY_RANDOM_LEN;
        status = random_base62(fresh->key + start, APIKEY_RANDOM_LEN);
    }
    else {
        signed_len = start + HEX64_TAIL;
        status = random_hex(fresh->key + start);
    }
    if (status == APR_SUCCESS) {
        status = apikey_secrets_sign(digest, secrets, 0, fresh->key,
                                     signed_len);
    }
    if (status == APR_SUCCESS) {
        status = apikey_id_make(fresh->id);
    }
    if (status != APR_SUCCESS) {
        apikey_wipe(fresh->key, start + HEX64_TAIL);
        return status;
    }
    if (format == APIKEY_FORMAT_BASE62) {
        check_characters(fresh->key + signed_len, digest);
    }
    apikey_digest_hex(fresh->digest, digest);
    fresh->secret_id = apikey_secrets_id(secrets, 0);
    fresh->hint = apikey_key_hint(fresh->key, strlen(fresh->key), pool);
    return APR_SUCCESS;
}

/* The length of a key's prefix with its separator; 0 for an opaque key, whose
 * prefix is not known. */
static apr_size_t prefix_len(const char *key, apr_size_t len)
{
    return is_base62_key(key, len) ? len - BASE62_TAIL
           : is_hex64_key(key, len) ? len - HEX64_TAIL : 0;
}

const char *apikey_key_prefix(const char *key, apr_size_t len,
                              apr_pool_t *pool)
{
    return apr_pstrmemdup(pool, key,
                          apikey_prefix_word_len(key, prefix_len(key, len)));
}

/* At least four fifths of a key stay secret: an imported key may be short, and
 * its prefix is not known. */
apr_size_t apikey_hint_tail(apr_size_t len)
{
    return len < 5 * APIKEY_HINT_TAIL ? 0 : APIKEY_HINT_TAIL;
}

char *apikey_key_hint(const char *key, apr_size_t len, apr_pool_t *pool)
{
    apr_size_t tail = apikey_hint_tail(len);

    return apr_pstrcat(pool, apr_pstrmemdup(pool, key, prefix_len(key, len)),
                       "...",
                       apr_pstrmemdup(pool, key + len - tail, tail), NULL);
}
