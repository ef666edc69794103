/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Keys in text that may be logged (apikey_key_scan() in key.h).
 *
 * The text is divided into values.  A value is read as it stands and then
 * decoded once and twice, a character at a time.  Two parsers run side by side
 * over the characters: "runs" of the characters of base62 and hex64 keys, and
 * "words" of the characters of opaque keys, which must begin with a prefix. */

#include "key.h"

#include <stddef.h>
#include <string.h>

#define LEVELS 3    /* as it stands, decoded once and twice: a URL in the query
                     * of a URL in a query */

/* The lengths of base62 and hex64 keys. */
#define BASE62_TAIL (APIKEY_RANDOM_LEN + APIKEY_CHECK_LEN)
#define RUN_MAX (APIKEY_PREFIX_MAX + 1 + APIKEY_DIGEST_HEX)
#define RUN_MIN (1 + 1 + BASE62_TAIL)

/* apikey_divide_e flags by character. */
static const unsigned char divides[256] = {
    ['\0'] = 3, [' '] = 3, ['#'] = 3, ['&'] = 3, [';'] = 3, ['='] = 3,
    ['?'] = 3, ['/'] = 2, [':'] = 2, ['@'] = 2
};

/* The raw text of one value; the value ends at end. */
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

/*
 * The next byte of the value decoded level times, -1 at its end.  A '%' without
 * two hex digits stands for itself.  Each level reads a byte at most twice, so
 * the time is linear.
 * at: the offset in the raw text, advanced
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

/* The arguments of apikey_key_scan(). */
typedef struct search_t {
    const apikey_policy_t *policy;
    int words;                      /* look for opaque keys, too */
    int *tries;
    apikey_candidates_t *digests;   /* NULL: not wanted */
} search_t;

/* The digests of a key that is masked whatever they are. */
static void compute_digests(const search_t *search, const char *key,
                            apr_size_t len)
{
    if (search->digests && search->policy->secrets && *search->tries > 0) {
        --*search->tries;
        apikey_key_candidates(search->digests, search->policy, key, len);
    }
}

/* Whether a run is a base62 key with right check characters, or has the form of
 * a hex64 key with our prefix. */
static int is_tailed_key(const search_t *search, const char *run,
                         apr_size_t len)
{
    const apikey_policy_t *policy = search->policy;
    const apikey_policy_t base62 = { APIKEY_FORMAT_BASE62, APIKEY_DIGEST_HMAC,
                                     NULL, policy->secrets, NULL };

    if (len < RUN_MIN || len > RUN_MAX) {
        return 0;
    }
    if (policy->prefixes
        && apikey_key_shape(policy, run, len) == APIKEY_FORMAT_HEX64) {
        compute_digests(search, run, len);
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

/* Whether a text is one of the server's prefixes. */
static int is_own_prefix(const search_t *search, const char *word,
                         apr_size_t len)
{
    const apikey_prefix_t *prefix = search->policy->prefixes;

    while (prefix->text
           && (prefix->len != len || memcmp(word, prefix->text, len) != 0)) {
        prefix++;
    }
    return prefix->text != NULL;
}

static int is_opaque_key(const search_t *search, const char *word,
                         apr_size_t len)
{
    if (len < APIKEY_WORD_MIN || len > APIKEY_KEY_MAX
        || apikey_key_shape(search->policy, word, len)
               == APIKEY_FORMAT_NONE) {
        return 0;
    }
    compute_digests(search, word, len);
    return 1;
}

static int is_run_character(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
}

static int is_word_character(int c)
{
    return is_run_character(c) || c == '.' || c == '~' || c == '+' || c == '/'
           || c == '=';
}

/* The run and the word that are being read.  Characters beyond the arrays are
 * counted and not stored. */
typedef struct state_t {
    apr_size_t run_len;
    char run[RUN_MAX];
    apr_size_t before_len;          /* the run before it, if only a '.' stands
                                     * between; else 0 */
    char before[APIKEY_PREFIX_MAX];
    int opens;                      /* the word begins with a prefix of ours */
    apr_size_t word_len;
    char word[APIKEY_KEY_MAX];
} state_t;

static void store_character(char *row, apr_size_t size, apr_size_t *len, int c)
{
    if (*len < size) {
        row[*len] = (char)c;
    }
    ++*len;
}

/* Whether the run is a key, alone or with the run and the '.' before it as its
 * prefix ("SG." and the tail). */
static int run_is_key(const state_t *state, const search_t *search)
{
    char joined[RUN_MAX + 1];
    apr_size_t before = state->before_len, len = state->run_len;
    int found = is_tailed_key(search, state->run, len);

    if (!found && before > 0
        && (len == BASE62_TAIL || len == APIKEY_DIGEST_HEX)) {
        memcpy(joined, state->before, before);
        joined[before] = '.';
        memcpy(joined + before + 1, state->run, len);
        found = is_tailed_key(search, joined, before + 1 + len);
        apikey_wipe(joined, sizeof(joined));
    }
    return found;
}

/* Ends the run at the character c.  Where that is a '.', the run may be the
 * prefix of the next one. */
static void end_run(state_t *state, int c)
{
    state->before_len = 0;
    if (c == '.' && state->run_len < APIKEY_PREFIX_MAX) {
        memcpy(state->before, state->run, state->run_len);
        state->before_len = state->run_len;
    }
    state->run_len = 0;
}

/*
 * Takes the next character of the value, -1 at its end.
 * decided: a word ends here; 0: the next level decodes more of it
 * Returns non-zero if a key ends before the character.
 */
static int scan_character(state_t *state, const search_t *search, int c,
                          int decided)
{
    int found;

    if (is_run_character(c)) {
        /* A word may begin wherever a run does. */
        if (state->run_len == 0 && !state->opens) {
            state->word_len = 0;
        }
        store_character(state->run, sizeof(state->run), &state->run_len, c);
        if (search->words) {
            store_character(state->word, sizeof(state->word),
                            &state->word_len, c);
            state->opens = state->opens
                           || is_own_prefix(search, state->word,
                                            state->word_len);
        }
        return 0;
    }
    found = run_is_key(state, search);
    end_run(state, c);
    if (state->opens && is_word_character(c)) {
        store_character(state->word, sizeof(state->word), &state->word_len, c);
        return found;
    }
    if (state->opens && decided && !found) {
        found = is_opaque_key(search, state->word, state->word_len);
    }
    if (search->words && !state->opens && c == '.') {
        store_character(state->word, sizeof(state->word), &state->word_len, c);
        state->opens = is_own_prefix(search, state->word, state->word_len);
        return found;
    }
    state->word_len = 0;
    state->opens = 0;
    return found;
}

/*
 * Whether the value, decoded level times, has a key of ours in it.
 * escapes: out: it has a '%', so the next level may differ
 */
static int value_has_key(const reader_t *reader, apr_size_t at, int level,
                         const search_t *search, int *escapes)
{
    state_t state;
    int found, c;

    state.run_len = state.before_len = state.word_len = 0;
    state.opens = 0;
    *escapes = 0;
    do {
        c = next_byte(reader, &at, level);
        found = scan_character(&state, search, c,
                               c != '%' || level == LEVELS - 1);
        *escapes |= c == '%';
    } while (c >= 0 && !found);
    /* Without words the last and longest array is unused. */
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
        /* A value shorter than a key stays so when it is decoded. */
        escapes = reader.end - from >= least;
        for (level = 0; level < LEVELS && escapes; level++) {
            if (value_has_key(&reader, from, level, &search, &escapes)) {
                *start = from;
                *end = reader.end;
                return 1;
            }
        }
        from = reader.end + 1;
    }
    return 0;
}
