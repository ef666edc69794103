/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "key_class.h"

#include <string.h>

#define APR_WANT_STRFUNC
#include <apr_strings.h>
#include <apr_want.h>

#include "base64.h"

#define TRIES 8                 /* candidates in a value */
#define DOTS "..."
#define UNTOLD "***"            /* in the place of the last characters */
#define SCHEME_MAX 32           /* shorter than any key that has a form */
#define BETWEEN ", \t:;=\""      /* words */

void apikey_classify_init(apikey_classified_t *classified,
                          const apikey_policy_t *policy, apr_pool_t *pool)
{
    classified->policy = policy;
    classified->pool = pool;
    classified->tries = TRIES;
    classified->class = APIKEY_FOREIGN;
    classified->hint = NULL;
}

static const apikey_prefix_t *prefixes_of(const apikey_policy_t *policy)
{
    static const apikey_prefix_t usual[] = {
        { APIKEY_PREFIX_DEFAULT "_", sizeof(APIKEY_PREFIX_DEFAULT) },
        { NULL, 0 }
    };

    return policy->prefixes ? policy->prefixes : usual;
}

/* The length of what our keys begin with, where @a text begins so; 0: it does
 * not. */
static apr_size_t prefix_len(const apikey_policy_t *policy, const char *text,
                             apr_size_t len)
{
    const apikey_prefix_t *lead = prefixes_of(policy);

    while (lead->text
           && (len < lead->len || memcmp(text, lead->text, lead->len) != 0)) {
        lead++;
    }
    return lead->len;
}

/* Prefix, dots and, of a key that may be right, its last characters. */
static const char *hint_of(const apikey_classified_t *classified,
                           apikey_class_e class, const char *key,
                           apr_size_t len)
{
    apr_size_t prefix = prefix_len(classified->policy, key, len);
    apr_size_t tail = class == APIKEY_OURS ? apikey_hint_tail(len) : 0;

    if (!prefix) {
        const char *shown = apikey_key_hint(key, len, classified->pool);

        prefix = (apr_size_t)(strstr(shown, DOTS) - shown);
    }
    return apr_pstrcat(
        classified->pool, apr_pstrmemdup(classified->pool, key, prefix), DOTS,
        tail ? apr_pstrmemdup(classified->pool, key + len - tail, tail)
             : UNTOLD,
        NULL);
}

/* The nearest counts, and of equals the first. */
static void find(apikey_classified_t *classified, apikey_class_e class,
                 const char *key, apr_size_t len)
{
    if (class > classified->class) {
        classified->class = class;
        classified->hint = hint_of(classified, class, key, len);
    }
}

/* A word of a base62 key's form. */
static int is_right(apikey_classified_t *classified, const char *word,
                    apr_size_t len)
{
    if (apikey_secrets_have_seen(classified->policy->secrets, word, len)) {
        return 1;
    }
    if (--classified->tries < 0) {
        /* There are more than we care to try: they are not foreign. */
        find(classified, APIKEY_NEAR_MISS, word, len);
        return 0;
    }
    if (apikey_key_checked_by(classified->policy->secrets, word, len) < 0) {
        return 0;
    }
    apikey_secrets_remember(classified->policy->secrets, word, len);
    return 1;
}

/* Whatever the prefix. */
static int has_right_check(apikey_classified_t *classified, const char *word,
                           apr_size_t len)
{
    static const apikey_policy_t base62 = {
        APIKEY_FORMAT_BASE62, APIKEY_DIGEST_HMAC, NULL, NULL, NULL
    };

    return apikey_key_shape(&base62, word, len) != APIKEY_FORMAT_NONE
           && is_right(classified, word, len);
}

static void judge_word(apikey_classified_t *classified, const char *word,
                       apr_size_t len)
{
    apikey_format_e shape = apikey_key_shape(classified->policy, word, len);

    if (shape == APIKEY_FORMAT_BASE62
            ? is_right(classified, word, len)
            : has_right_check(classified, word, len)) {
        find(classified, APIKEY_OURS, word, len);
    }
    else if (shape == APIKEY_FORMAT_BASE62
             && !(classified->policy->formats & APIKEY_FORMAT_OPAQUE)) {
        find(classified, APIKEY_NEAR_MISS, word, len);
    }
    else if (shape != APIKEY_FORMAT_NONE) {
        find(classified, APIKEY_OURS, word, len);
    }
}

void apikey_classify_token(apikey_classified_t *classified, const char *token)
{
    apr_size_t len = strlen(token);

    judge_word(classified, token, len);
    if (prefix_len(classified->policy, token, len)) {
        find(classified, APIKEY_NEAR_MISS, token, len);
    }
}

/* The prefix, and as much behind it as of a key that was cut or mistyped; of a
 * shorter word it may be the beginning of somebody's name. */
static void judge_prefix(apikey_classified_t *classified, const char *word,
                         apr_size_t len)
{
    if (len >= APIKEY_WORD_MIN && prefix_len(classified->policy, word, len)) {
        find(classified, APIKEY_NEAR_MISS, word, len);
    }
}

static void judge_behind(apikey_classified_t *classified,
                         const apikey_prefix_t *lead, const char *text)
{
    apr_size_t len = lead->len + APIKEY_RANDOM_LEN + APIKEY_CHECK_LEN;
    const char *end = text + strlen(text);

    for (; (text = strstr(text, lead->text)); text++) {
        if ((apr_size_t)(end - text) >= len
            && has_right_check(classified, text, len)) {
            find(classified, APIKEY_NEAR_MISS, text, len);
        }
    }
}

/* What may stand in a key, up to something that may not: a bracket, a quote, a
 * line's end, a byte of UTF-8. */
static void judge_runs(apikey_classified_t *classified, const char *text)
{
    static const char in_key[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz_-.";
    const char *run = text;

    while (*(run += strcspn(run, in_key))) {
        apr_size_t all = strspn(run, in_key), len = all;

        while (len > 0 && strchr("_-.", run[len - 1])) {
            len--;
        }
        /* Between blanks and the like it has been classified as a word. */
        if (len < all || (run > text && !strchr(BETWEEN, run[-1]))
            || !strchr(BETWEEN, run[all])) {
            if (has_right_check(classified, run, len)) {
                find(classified, APIKEY_NEAR_MISS, run, len);
            }
            judge_prefix(classified, run, len);
        }
        run += all;
    }
}

/* A key with something before or behind it that does not belong there (a
 * zero-width space, the rest of a file) is a key in every log. */
static void judge_inside(apikey_classified_t *classified, const char *text)
{
    const apikey_prefix_t *lead;

    for (lead = prefixes_of(classified->policy); lead->text; lead++) {
        judge_behind(classified, lead, text);
    }
    judge_runs(classified, text);
}

static void judge_words(apikey_classified_t *classified, const char *text)
{
    const char *word = text;

    while (classified->class != APIKEY_OURS
           && *(word += strspn(word, BETWEEN))) {
        apr_size_t len = strcspn(word, BETWEEN);

        judge_word(classified, word, len);
        judge_prefix(classified, word, len);
        word += len;
    }
    if (classified->class == APIKEY_FOREIGN) {
        judge_inside(classified, text);
    }
}

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_";

/* As applications decode it, not as RFC 7617 has it: without padding, with the
 * other alphabet of RFC 4648. */
static char *decode(const char *text, apr_size_t len, apr_pool_t *pool)
{
    apr_size_t room = (len + 3) / 4 * 4, i;
    char *code = apr_palloc(pool, room + 1);
    char *plain = apr_palloc(pool, APIKEY_BASE64_ROOM(room) + 1);

    for (i = 0; i < room; i++) {
        code[i] = i >= len ? 'A' : text[i] == '-' ? '+'
                  : text[i] == '_' ? '/' : text[i];
    }
    if (apikey_base64_decode((unsigned char *)plain, &len, code, room)
        != APR_SUCCESS) {
        len = 0;
    }
    for (i = 0; i < len; i++) {
        if (!plain[i]) {
            plain[i] = ' ';
        }
    }
    plain[len] = '\0';
    return plain;
}

/* The prefix alone makes a user a near miss where no password says that it is
 * the name of somebody: where it stands alone, or is as long as a key. */
static void judge_half(apikey_classified_t *classified, const char *half,
                       const char *other)
{
    if (!*other || strlen(half) >= APIKEY_WORD_MIN) {
        apikey_classify_token(classified, half);
    }
    judge_words(classified, half);
}

static void judge_code(apikey_classified_t *classified, const char *text,
                       apr_size_t len)
{
    char *user = decode(text, len, classified->pool);
    char *end = user + strlen(user), *password = strchr(user, ':');

    /* Of what was filled up, blanks have come. */
    while (end > user && end[-1] == ' ') {
        *--end = '\0';
    }
    if (password) {
        *password++ = '\0';
    }
    judge_half(classified, user, password ? password : "");
    if (password) {
        judge_half(classified, password, user);
    }
}

/* To the end of the field, or of its part of a list: PHP decodes what is left
 * when characters of no alphabet are taken out, and a folded field has some. */
static void judge_scattered(apikey_classified_t *classified, const char *text)
{
    char *code = apr_palloc(classified->pool, strcspn(text, ",") + 1);
    apr_size_t len = 0;

    for (; *text && *text != ','; text++) {
        if (strchr(alphabet, *text)) {
            code[len++] = *text;
        }
    }
    judge_code(classified, code, len);
}

static void judge_basic(apikey_classified_t *classified, const char *text,
                        int begins)
{
    apr_size_t len = strspn(text, alphabet);
    const char *more = text + len + strspn(text + len, "= \t");

    judge_code(classified, text, len);
    if (begins && classified->class == APIKEY_FOREIGN && *more
        && *more != ',') {
        judge_scattered(classified, text);
    }
}

void apikey_classify_value(apikey_classified_t *classified, const char *value)
{
    static const char blanks[] = " \t", between[] = " \t,";
    const char *word = value;
    int begins = 1;

    judge_words(classified, value);
    while (*(word += strspn(word, between))) {
        apr_size_t len = strcspn(word, between);
        int basic = len == 5 && !strncasecmp(word, "Basic", len);

        word += len;
        if (basic && *word && strchr(blanks, *word)) {
            judge_basic(classified, word + strspn(word, blanks), begins);
        }
        /* A part of a list is gone through from its beginning, once. */
        begins = word[strspn(word, blanks)] == ',';
    }
}

apr_size_t apikey_classify_scheme(const apikey_policy_t *policy,
                                  const char *value)
{
    apr_size_t len = strcspn(value, " \t,=\"");

    if (len > SCHEME_MAX || (value[len] != ' ' && value[len] != '\t')
        || prefix_len(policy, value, len)) {
        return 0;
    }
    return len;
}
