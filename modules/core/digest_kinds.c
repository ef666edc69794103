/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "digest_kinds.h"

#define AFTER ":after="

static const struct { const char *name; apikey_digest_e kind; } names[] = {
    { "hmac-sha256", APIKEY_DIGEST_HMAC },
    { "sha256", APIKEY_DIGEST_SHA256 },
    { "sha512", APIKEY_DIGEST_SHA512 }
};

static unsigned int digest_kind_of(const char *word, apr_size_t len)
{
    apr_size_t i;

    for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strncasecmp(names[i].name, word, len) == 0
            && names[i].name[len] == '\0') {
            return names[i].kind;
        }
    }
    return 0;
}

/* Adds KIND:after=C.  Only one may be of HMAC, which takes a digest per
 * secret. */
static const char *add_part(apikey_digest_kinds_t *kinds, unsigned int kind,
                            const char *after)
{
    apikey_part_t *part = kinds->parts;

    if (*after <= ' ' || *after > '~' || after[1]) {
        return "must have one character after 'after=', which stands in the "
               "keys";
    }
    for (; part->kind; part++) {
        if (part->kind == kind && part->after == *after) {
            return NULL;
        }
        if (part->kind == kind && kind == APIKEY_DIGEST_HMAC) {
            return "is the second of 'hmac-sha256:after=', and one is allowed";
        }
    }
    if (part == kinds->parts + APIKEY_PARTS_MAX) {
        return "is the fifth with 'after=', and four are allowed";
    }
    part->kind = (apikey_digest_e)kind;
    part->after = *after;
    return NULL;
}

const char *apikey_digest_kinds_add(apikey_digest_kinds_t *kinds,
                                    const char *word, apr_pool_t *pool)
{
    apr_size_t len = strcspn(word, ":");
    unsigned int kind = digest_kind_of(word, len);
    const char *list = "";
    apr_size_t i;

    if (kind && word[len] == '\0') {
        kinds->digests |= kind;
        return NULL;
    }
    if (kind && strncasecmp(word + len, AFTER, sizeof(AFTER) - 1) == 0) {
        return add_part(kinds, kind, word + len + sizeof(AFTER) - 1);
    }
    for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
        list = apr_pstrcat(pool, list, i ? ", '" : "'", names[i].name, "'",
                           NULL);
    }
    return apr_pstrcat(pool, "is none of ", list, ", each alone or with "
                       "':after=C'", NULL);
}

static int includes_part(const apikey_digest_kinds_t *kinds,
                         const apikey_part_t *wanted)
{
    const apikey_part_t *part = kinds->parts;

    while (part->kind && (part->kind != wanted->kind
                          || part->after != wanted->after)) {
        part++;
    }
    return part->kind != 0;
}

int apikey_digest_kinds_have(const apikey_digest_kinds_t *kinds,
                             const apikey_digest_kinds_t *some)
{
    const apikey_part_t *part = some->parts;

    while (part->kind && includes_part(kinds, part)) {
        part++;
    }
    return !part->kind && (some->digests & ~kinds->digests) == 0;
}

const char *apikey_digest_kinds_unsought(const apikey_digest_kinds_t *kinds,
                                         unsigned int formats,
                                         apikey_format_e format, int by_secret,
                                         apr_size_t len)
{
    int checked = format == APIKEY_FORMAT_BASE62
                  && ((kinds->digests & APIKEY_DIGEST_HMAC)
                      || !(formats & APIKEY_FORMAT_OPAQUE));
    unsigned int all = kinds->digests;
    const apikey_part_t *part;

    for (part = kinds->parts; !checked && part->kind; part++) {
        all |= part->kind;
    }
    if (by_secret) {
        return len != APIKEY_DIGEST_HEX
               ? "a digest by a secret has 64 hex characters"
               : !(all & APIKEY_DIGEST_HMAC)
               ? "the server would look for no digest by a secret; write "
                 "hmac-sha256 after ApiKeyDigest, too" : NULL;
    }
    if (checked) {
        return "the format is base62, and of such keys the server looks for "
               "the digest by their secret alone, which must be named; keys "
               "made elsewhere are of the format opaque, which ApiKeyFormat "
               "must name, too";
    }
    return len == APIKEY_DIGEST_HEX && !(all & APIKEY_DIGEST_SHA256)
           ? "the server would look for no SHA-256 digest without a secret; "
             "write sha256 after ApiKeyDigest, too"
           : len == APIKEY_DIGEST_LONG_HEX && !(all & APIKEY_DIGEST_SHA512)
           ? "the server would look for no SHA-512 digest; write sha512 "
             "after ApiKeyDigest, too" : NULL;
}
