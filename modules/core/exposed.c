/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* A key that stands where it must not: in text that is logged. */

#include "key.h"

#include <string.h>

#define DELIMITERS "=&;?# "
#define LEVELS 3    /* as it stands, and decoded up to twice: a URL in the
                     * query of a URL in a query */

/* No key with a prefix is longer or shorter than this. */
#define RUN_MAX (APIKEY_PREFIX_MAX + 1 + APIKEY_DIGEST_HEX)
#define RUN_MIN (1 + 1 + APIKEY_RANDOM_LEN + APIKEY_CHECK_LEN)

/** The raw text of one value. */
typedef struct reader_t {
    const char *text;
    apr_size_t end;
} reader_t;

static int hex_value(int c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/**
 * The next byte of the value decoded @a level times, or -1 at its end; @a at
 * is the raw offset.  A '%' without two hex digits stands for itself.  Each
 * level reads a byte twice at most, so the work stays linear.
 */
static int next_byte(const reader_t *reader, apr_size_t *at, int level)
{
    apr_size_t ahead;
    int c, high, low;

    if (level == 0) {
        return *at < reader->end ? (unsigned char)reader->text[(*at)++] : -1;
    }
    c = next_byte(reader, at, level - 1);
    if (c != '%') {
        return c;
    }
    ahead = *at;
    high = hex_value(next_byte(reader, &ahead, level - 1));
    low = high < 0 ? -1 : hex_value(next_byte(reader, &ahead, level - 1));
    if (low < 0) {
        return c;
    }
    *at = ahead;
    return high << 4 | low;
}

/** A search through one text. */
typedef struct search_t {
    const apikey_policy_t *policy;
    int *tries;
    apikey_candidates_t *digests;   /**< NULL: not wanted */
} search_t;

static int is_ours(const search_t *search, const char *run, apr_size_t len)
{
    const apikey_policy_t *policy = search->policy;
    const apikey_policy_t base62 = { APIKEY_FORMAT_BASE62, APIKEY_DIGEST_HMAC,
                                     NULL, 0, policy->ring };

    if (policy->prefix
        && apikey_key_shape(policy, run, len) == APIKEY_FORMAT_HEX64) {
        /* Whatever comes of it, this is masked. */
        if (search->digests && policy->ring) {
            apikey_key_candidates(search->digests, policy, run, len);
        }
        return 1;
    }
    if (*search->tries <= 0 || !policy->ring
        || apikey_key_shape(&base62, run, len) == APIKEY_FORMAT_NONE) {
        return 0;
    }
    --*search->tries;
    if (!search->digests) {
        return apikey_key_checked_by(policy->ring, run, len) >= 0;
    }
    return apikey_key_candidates(search->digests, &base62, run, len)
               == APR_SUCCESS && search->digests->count > 0;
}

static int in_a_key(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
}

/**
 * Whether one of the value's unbroken runs of key characters is a key of ours.
 * @param escapes out: there may be something more to decode
 */
static int value_exposes(const reader_t *reader, apr_size_t at, int level,
                         const search_t *search, int *escapes)
{
    char run[RUN_MAX];
    apr_size_t len = 0;
    int found = 0, c;

    *escapes = 0;
    do {
        c = next_byte(reader, &at, level);
        if (in_a_key(c)) {
            if (len < RUN_MAX) {
                run[len] = (char)c;
            }
            len++;
            continue;
        }
        found = len >= RUN_MIN && len <= RUN_MAX
                && is_ours(search, run, len);
        *escapes |= c == '%';
        len = 0;
    } while (c >= 0 && !found);
    apikey_wipe(run, sizeof(run));
    return found;
}

int apikey_key_exposed(apr_size_t *start, apr_size_t *end,
                       const apikey_policy_t *policy,
                       const char *text, apr_size_t len,
                       apr_size_t from, int *tries,
                       apikey_candidates_t *digests)
{
    search_t search = { policy, tries, digests };

    if (digests) {
        digests->count = 0;
    }
    while (from < len) {
        reader_t reader = { text, from };
        int level, escapes;

        /* strchr() finds the final NUL, too: a NUL ends a value. */
        while (reader.end < len && !strchr(DELIMITERS, text[reader.end])) {
            reader.end++;
        }
        /* Decoding makes nothing longer. */
        escapes = reader.end - from >= RUN_MIN;
        for (level = 0; level < LEVELS && escapes; level++) {
            if (value_exposes(&reader, from, level, &search, &escapes)) {
                *start = from;
                *end = reader.end;
                return 1;
            }
        }
        from = reader.end + 1;
    }
    return 0;
}
