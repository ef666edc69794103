/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* A key that stands where it must not: in text that is logged. */

#include "key.h"

#include <stddef.h>
#include <string.h>

#define LEVELS 3    /* as it stands, and decoded up to twice: a URL in the
                     * query of a URL in a query */

/* No key with a tail of fixed length is longer or shorter than this. */
#define BASE62_TAIL (APIKEY_RANDOM_LEN + APIKEY_CHECK_LEN)
#define RUN_MAX (APIKEY_PREFIX_MAX + 1 + APIKEY_DIGEST_HEX)
#define RUN_MIN (1 + 1 + BASE62_TAIL)

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
    if (search->digests && search->policy->secrets && *search->tries > 0) {
        --*search->tries;
        apikey_key_candidates(search->digests, search->policy, key, len);
    }
}

/** Whether it is a base62 or hex64 key of ours. */
static int is_ours(const search_t *search, const char *run, apr_size_t len)
{
    const apikey_policy_t *policy = search->policy;
    const apikey_policy_t base62 = { APIKEY_FORMAT_BASE62, APIKEY_DIGEST_HMAC,
                                     NULL, policy->secrets, NULL };

    if (len < RUN_MIN || len > RUN_MAX) {
        return 0;
    }
    if (policy->prefixes
        && apikey_key_shape(policy, run, len) == APIKEY_FORMAT_HEX64) {
        tell_digests(search, run, len);
        return 1;
    }
    if (*search->tries <= 0 || !policy->secrets
        || apikey_key_shape(&base62, run, len) == APIKEY_FORMAT_NONE) {
        return 0;
    }
    --*search->tries;
    if (!search->digests) {
        return apikey_key_checked_by(policy->secrets, run, len) >= 0;
    }
    return apikey_key_candidates(search->digests, &base62, run, len)
               == APR_SUCCESS && search->digests->count > 0;
}

/** Whether it is what our opaque keys begin with. */
static int is_lead(const search_t *search, const char *word, apr_size_t len)
{
    const apikey_prefix_t *lead = search->policy->prefixes;

    while (lead->text
           && (lead->len != len || memcmp(word, lead->text, len) != 0)) {
        lead++;
    }
    return lead->text != NULL;
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

/** What has been read of a value since something else stood in it; characters
 * beyond the arrays are counted, not kept. */
typedef struct state_t {
    apr_size_t run_len;             /**< characters of a key */
    char run[RUN_MAX];
    apr_size_t before_len;          /**< the run before it, if nothing but a '.'
                                     * stands between; else 0 */
    char before[APIKEY_PREFIX_MAX];
    int opens;                      /**< the word begins with a lead of ours */
    apr_size_t word_len;            /**< characters of an opaque one */
    char word[APIKEY_KEY_MAX];
} state_t;

static void add(char *row, apr_size_t size, apr_size_t *len, int c)
{
    if (*len < size) {
        row[*len] = (char)c;
    }
    ++*len;
}

/** Whether the run is a key, or is one together with the prefix before it that
 * a '.' ends. */
static int run_is_ours(const state_t *state, const search_t *search)
{
    char joined[RUN_MAX + 1];
    apr_size_t before = state->before_len, len = state->run_len;
    int found = is_ours(search, state->run, len);

    if (!found && before > 0
        && (len == BASE62_TAIL || len == APIKEY_DIGEST_HEX)) {
        memcpy(joined, state->before, before);
        joined[before] = '.';
        memcpy(joined + before + 1, state->run, len);
        found = is_ours(search, joined, before + 1 + len);
        apikey_wipe(joined, sizeof(joined));
    }
    return found;
}

/** The run has ended; a '.' may end the prefix of the next. */
static void end_run(state_t *state, int c)
{
    state->before_len = 0;
    if (c == '.' && state->run_len < APIKEY_PREFIX_MAX) {
        memcpy(state->before, state->run, state->run_len);
        state->before_len = state->run_len;
    }
    state->run_len = 0;
}

/** A byte of the value, -1 at its end; non-zero if a key ends before it. */
static int feed(state_t *state, const search_t *search, int c, int decided)
{
    int found;

    if (in_a_key(c)) {
        /* A word may begin wherever a run does. */
        if (state->run_len == 0 && !state->opens) {
            state->word_len = 0;
        }
        add(state->run, sizeof(state->run), &state->run_len, c);
        if (search->words) {
            add(state->word, sizeof(state->word), &state->word_len, c);
            state->opens = state->opens
                           || is_lead(search, state->word, state->word_len);
        }
        return 0;
    }
    found = run_is_ours(state, search);
    end_run(state, c);
    if (state->opens && in_a_word(c)) {
        add(state->word, sizeof(state->word), &state->word_len, c);
        return found;
    }
    if (state->opens && decided && !found) {
        found = is_opaque(search, state->word, state->word_len);
    }
    if (search->words && !state->opens && c == '.') {
        add(state->word, sizeof(state->word), &state->word_len, c);
        state->opens = is_lead(search, state->word, state->word_len);
        return found;
    }
    state->word_len = 0;
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

    state.run_len = state.before_len = state.word_len = 0;
    state.opens = 0;
    *escapes = 0;
    do {
        c = next_byte(reader, &at, level);
        /* Where an escape ends a word, the next level sees more of it. */
        found = feed(&state, search, c, c != '%' || level == LEVELS - 1);
        *escapes |= c == '%';
    } while (c >= 0 && !found);
    /* Without words the last array, which is much the longest, is unused. */
    apikey_wipe(&state, search->words ? sizeof(state)
                                      : offsetof(state_t, word));
    return found;
}

int apikey_key_scan(apr_size_t *start, apr_size_t *end,
                    const apikey_policy_t *policy,
                    apikey_divide_e divide,
                    const char *text, apr_size_t len,
                    apr_size_t from, int *tries,
                    apikey_candidates_t *digests)
{
    int words = policy->prefixes && (policy->formats & APIKEY_FORMAT_OPAQUE);
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
