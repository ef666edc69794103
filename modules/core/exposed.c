/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* A key that stands where it must not: in text that is logged. */

#include "key.h"

#include <string.h>

#define LEVELS 3    /* as it stands, and decoded up to twice: a URL in the
                     * query of a URL in a query */

/* No key with a tail of fixed length is longer or shorter than this. */
#define RUN_MAX (APIKEY_PREFIX_MAX + 1 + APIKEY_DIGEST_HEX)
#define RUN_MIN (1 + 1 + APIKEY_RANDOM_LEN + APIKEY_CHECK_LEN)

/** By character: which apikey_divide_e it divides by. */
static const unsigned char divides[256] = {
    ['\0'] = 3, [' '] = 3, ['#'] = 3, ['&'] = 3, [';'] = 3, ['='] = 3,
    ['?'] = 3, ['/'] = 2, [':'] = 2, ['@'] = 2
};

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
    int words;                      /**< opaque ones are looked for */
    int *tries;
    apikey_candidates_t *digests;   /**< NULL: not wanted */
} search_t;

/** What a key that is masked in any case is looked up by. */
static void tell_digests(const search_t *search, const char *key,
                         apr_size_t len)
{
    if (search->digests && search->policy->ring && *search->tries > 0) {
        --*search->tries;
        apikey_key_candidates(search->digests, search->policy, key, len);
    }
}

/** Whether it is a base62 or hex64 key of ours. */
static int is_ours(const search_t *search, const char *run, apr_size_t len)
{
    const apikey_policy_t *policy = search->policy;
    const apikey_policy_t base62 = { APIKEY_FORMAT_BASE62, APIKEY_DIGEST_HMAC,
                                     NULL, 0, policy->ring, NULL };

    if (len < RUN_MIN || len > RUN_MAX) {
        return 0;
    }
    if (policy->prefix
        && apikey_key_shape(policy, run, len) == APIKEY_FORMAT_HEX64) {
        tell_digests(search, run, len);
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

/** Whether it begins as our opaque keys do. */
static int has_prefix(const search_t *search, const char *word,
                      apr_size_t len)
{
    const apikey_policy_t *policy = search->policy;

    return len > policy->prefix_len && word[policy->prefix_len] == '_'
           && memcmp(word, policy->prefix, policy->prefix_len) == 0;
}

static int is_opaque(const search_t *search, const char *word, apr_size_t len)
{
    if (len < APIKEY_WORD_MIN || len > APIKEY_KEY_MAX
        || apikey_key_shape(search->policy, word, len)
               == APIKEY_FORMAT_NONE) {
        return 0;
    }
    tell_digests(search, word, len);
    return 1;
}

static int in_a_key(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
}

static int in_a_word(int c)
{
    return in_a_key(c) || c == '.' || c == '~' || c == '+' || c == '/'
           || c == '=';
}

/** Characters in a row; those beyond the array are counted, not kept. */
typedef struct row_t {
    apr_size_t len;
    char text[APIKEY_KEY_MAX];
} row_t;

static void add(row_t *row, int c)
{
    if (row->len < sizeof(row->text)) {
        row->text[row->len] = (char)c;
    }
    row->len++;
}

/** What has been read of a value since something else stood in it. */
typedef struct state_t {
    row_t run;                      /**< of characters of a key */
    row_t word;                     /**< of an opaque one */
    int opens;                      /**< the word has our prefix */
} state_t;

/** A byte of the value, -1 at its end; non-zero if a key ends before it. */
static int feed(state_t *state, const search_t *search, int c, int decided)
{
    int found;

    if (in_a_key(c)) {
        /* A word may begin wherever a run does. */
        if (state->run.len == 0 && !state->opens) {
            state->word.len = 0;
        }
        add(&state->run, c);
        if (search->words) {
            add(&state->word, c);
            state->opens |= state->word.len == search->policy->prefix_len + 1
                            && has_prefix(search, state->word.text,
                                          state->word.len);
        }
        return 0;
    }
    found = is_ours(search, state->run.text, state->run.len);
    state->run.len = 0;
    if (state->opens && in_a_word(c)) {
        add(&state->word, c);
        return found;
    }
    if (state->opens && decided && !found) {
        found = is_opaque(search, state->word.text, state->word.len);
    }
    state->word.len = 0;
    state->opens = 0;
    return found;
}

/**
 * Whether one of the value's words is a key of ours.
 * @param escapes out: there may be something more to decode
 */
static int value_exposes(const reader_t *reader, apr_size_t at, int level,
                         const search_t *search, int *escapes)
{
    state_t state;
    int found, c;

    state.run.len = state.word.len = 0;
    state.opens = 0;
    *escapes = 0;
    do {
        c = next_byte(reader, &at, level);
        /* Where an escape ends a word, the next level sees more of it. */
        found = feed(&state, search, c, c != '%' || level == LEVELS - 1);
        *escapes |= c == '%';
    } while (c >= 0 && !found);
    apikey_wipe(&state, sizeof(state));
    return found;
}

int apikey_key_exposed(apr_size_t *start, apr_size_t *end,
                       const apikey_policy_t *policy,
                       apikey_divide_e divide,
                       const char *text, apr_size_t len,
                       apr_size_t from, int *tries,
                       apikey_candidates_t *digests)
{
    int words = policy->prefix && (policy->formats & APIKEY_FORMAT_OPAQUE);
    apr_size_t least = words ? APIKEY_WORD_MIN : RUN_MIN;
    search_t search = { policy, words, tries, digests };

    if (digests) {
        digests->count = 0;
    }
    while (from < len) {
        reader_t reader = { text, from };
        int level, escapes;

        while (reader.end < len
               && !(divides[(unsigned char)text[reader.end]] & divide)) {
            reader.end++;
        }
        /* Decoding makes nothing longer. */
        escapes = reader.end - from >= least;
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
