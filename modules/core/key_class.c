/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "key_class.h"

#include <string.h>

#define APR_WANT_STRFUNC
#include <apr_strings.h>
#include <apr_want.h>

#include "base64.h"

#define TRIES 8                 /* words per value that a digest is made of */
#define DOTS "..."
#define MASKED "***"            /* a near miss: for its last characters */
#define SCHEME_MAX 32           /* shorter than any base62 or hex64 key */
#define BETWEEN ", \t:;=\""      /* characters between words */

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

/* The length of the prefix that a text begins with; 0: it begins with none. */
static apr_size_t prefix_len_of(const apikey_policy_t *policy, const char *text,
                                apr_size_t len)
{
    const apikey_prefix_t *prefix = prefixes_of(policy);

    while (prefix->text
           && (len < prefix->len
               || memcmp(text, prefix->text, prefix->len) != 0)) {
        prefix++;
    }
    return prefix->len;
}

/* Prefix, dots and the last characters; MASKED in their place where the key is
 * a near miss, since it may be a mistyped key. */
static const char *make_hint(const apikey_classified_t *classified,
                             apikey_class_e class, const char *key,
                             apr_size_t len)
{
    apr_size_t prefix = prefix_len_of(classified->policy, key, len);
    apr_size_t tail = class == APIKEY_OURS ? apikey_hint_tail(len) : 0;

    if (!prefix) {
        const char *shown = apikey_key_hint(key, len, classified->pool);

        prefix = (apr_size_t)(strstr(shown, DOTS) - shown);
    }
    return apr_pstrcat(
        classified->pool, apr_pstrmemdup(classified->pool, key, prefix), DOTS,
        tail ? apr_pstrmemdup(classified->pool, key + len - tail, tail)
             : MASKED,
        NULL);
}

/* The value gets the highest class found in it, and the hint of the first word
 * of that class. */
static void raise_class(apikey_classified_t *classified, apikey_class_e class,
                        const char *key, apr_size_t len)
{
    if (class > classified->class) {
        classified->class = class;
        classified->hint = make_hint(classified, class, key, len);
    }
}

/* Whether the check characters of a word of base62 form are right under any
 * secret, remembered or by a digest. */
static int is_checked_key(apikey_classified_t *classified, const char *word,
                          apr_size_t len)
{
    if (apikey_secrets_have_seen(classified->policy->secrets, word, len)) {
        return 1;
    }
    if (--classified->tries < 0) {
        /* No digest is left for this value: to be safe it is not foreign. */
        raise_class(classified, APIKEY_NEAR_MISS, word, len);
        return 0;
    }
    if (apikey_key_checked_by(classified->policy->secrets, word, len) < 0) {
        return 0;
    }
    apikey_secrets_remember(classified->policy->secrets, word, len);
    return 1;
}

/* The same for a word of any form, whatever its prefix. */
static int has_right_check(apikey_classified_t *classified, const char *word,
                           apr_size_t len)
{
    static const apikey_policy_t base62 = {
        APIKEY_FORMAT_BASE62, APIKEY_DIGEST_HMAC, NULL, NULL, NULL
    };

    return apikey_key_shape(&base62, word, len) != APIKEY_FORMAT_NONE
           && is_checked_key(classified, word, len);
}

static void classify_word(apikey_classified_t *classified, const char *word,
                          apr_size_t len)
{
    apikey_format_e shape = apikey_key_shape(classified->policy, word, len);

    if (shape == APIKEY_FORMAT_BASE62
            ? is_checked_key(classified, word, len)
            : has_right_check(classified, word, len)) {
        raise_class(classified, APIKEY_OURS, word, len);
    }
    else if (shape == APIKEY_FORMAT_BASE62
             && !(classified->policy->formats & APIKEY_FORMAT_OPAQUE)) {
        raise_class(classified, APIKEY_NEAR_MISS, word, len);
    }
    else if (shape != APIKEY_FORMAT_NONE) {
        raise_class(classified, APIKEY_OURS, word, len);
    }
}

void apikey_classify_token(apikey_classified_t *classified, const char *token)
{
    apr_size_t len = strlen(token);

    classify_word(classified, token, len);
    if (prefix_len_of(classified->policy, token, len)) {
        raise_class(classified, APIKEY_NEAR_MISS, token, len);
    }
}

/* A word with our prefix and the length of a key is a near miss: it may be a
 * key that was cut or mistyped.  A shorter one may be a name ("ak_team"). */
static void classify_prefixed(apikey_classified_t *classified, const char *word,
                              apr_size_t len)
{
    if (len >= APIKEY_WORD_MIN
        && prefix_len_of(classified->policy, word, len)) {
        raise_class(classified, APIKEY_NEAR_MISS, word, len);
    }
}

/* A base62 key wherever a text has the prefix, whatever follows the key. */
static void classify_at_prefix(apikey_classified_t *classified,
                               const apikey_prefix_t *prefix, const char *text)
{
    apr_size_t len = prefix->len + APIKEY_RANDOM_LEN + APIKEY_CHECK_LEN;
    const char *end = text + strlen(text);

    for (; (text = strstr(text, prefix->text)); text++) {
        if ((apr_size_t)(end - text) >= len
            && has_right_check(classified, text, len)) {
            raise_class(classified, APIKEY_NEAR_MISS, text, len);
        }
    }
}

/* Runs of characters that a key is made of, between others: brackets, quotes,
 * line ends, bytes of UTF-8. */
static void classify_runs(apikey_classified_t *classified, const char *text)
{
    static const char in_key[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz_-.";
    const char *run = text;

    while (*(run += strcspn(run, in_key))) {
        apr_size_t all = strspn(run, in_key), len = all;

        while (len > 0 && strchr("_-.", run[len - 1])) {
            len--;
        }
        /* A run that is a whole word has been classified as that. */
        if (len < all || (run > text && !strchr(BETWEEN, run[-1]))
            || !strchr(BETWEEN, run[all])) {
            if (has_right_check(classified, run, len)) {
                raise_class(classified, APIKEY_NEAR_MISS, run, len);
            }
            classify_prefixed(classified, run, len);
        }
        run += all;
    }
}

/* A key with other text before or after it (a zero-width space, the rest of a
 * file) is refused, but still is a secret that must not be logged. */
static void classify_embedded(apikey_classified_t *classified, const char *text)
{
    const apikey_prefix_t *prefix;

    for (prefix = prefixes_of(classified->policy); prefix->text; prefix++) {
        classify_at_prefix(classified, prefix, text);
    }
    classify_runs(classified, text);
}

static void classify_words(apikey_classified_t *classified, const char *text)
{
    const char *word = text;

    while (classified->class != APIKEY_OURS
           && *(word += strspn(word, BETWEEN))) {
        apr_size_t len = strcspn(word, BETWEEN);

        classify_word(classified, word, len);
        classify_prefixed(classified, word, len);
        word += len;
    }
    if (classified->class == APIKEY_FOREIGN) {
        classify_embedded(classified, text);
    }
}

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_";

/* Decodes base64 as leniently as applications do (RFC 7617 allows less):
 * without padding, with the alphabet of base64url; each NUL becomes a blank.
 * "" where that fails. */
static char *decode_lenient(const char *text, apr_size_t len, apr_pool_t *pool)
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

/* The user or the password of a Basic credential.  With our prefix it is a near
 * miss where the other half is empty or it is as long as a key; else the half
 * may be a name ("ak_team"). */
static void classify_half(apikey_classified_t *classified, const char *half,
                          const char *other)
{
    if (!*other || strlen(half) >= APIKEY_WORD_MIN) {
        apikey_classify_token(classified, half);
    }
    classify_words(classified, half);
}

static void classify_base64(apikey_classified_t *classified, const char *text,
                            apr_size_t len)
{
    char *user = decode_lenient(text, len, classified->pool);
    char *end = user + strlen(user), *password = strchr(user, ':');

    /* The blanks at the end come from what decode_lenient() filled up. */
    while (end > user && end[-1] == ' ') {
        *--end = '\0';
    }
    if (password) {
        *password++ = '\0';
    }
    classify_half(classified, user, password ? password : "");
    if (password) {
        classify_half(classified, password, user);
    }
}

/* Decodes all characters of the alphabet up to a comma or the end, as PHP does,
 * which ignores others: a folded field has blanks within the base64. */
static void classify_folded(apikey_classified_t *classified, const char *text)
{
    char *code = apr_palloc(classified->pool, strcspn(text, ",") + 1);
    apr_size_t len = 0;

    for (; *text && *text != ','; text++) {
        if (strchr(alphabet, *text)) {
            code[len++] = *text;
        }
    }
    classify_base64(classified, code, len);
}

static void classify_basic(apikey_classified_t *classified, const char *text,
                           int begins)
{
    apr_size_t len = strspn(text, alphabet);
    const char *more = text + len + strspn(text + len, "= \t");

    classify_base64(classified, text, len);
    if (begins && classified->class == APIKEY_FOREIGN && *more
        && *more != ',') {
        classify_folded(classified, text);
    }
}

void apikey_classify_value(apikey_classified_t *classified, const char *value)
{
    static const char blanks[] = " \t", between[] = " \t,";
    const char *word = value;
    int begins = 1;

    classify_words(classified, value);
    while (*(word += strspn(word, between))) {
        apr_size_t len = strcspn(word, between);
        int basic = len == 5 && !strncasecmp(word, "Basic", len);

        word += len;
        if (basic && *word && strchr(blanks, *word)) {
            classify_basic(classified, word + strspn(word, blanks), begins);
        }
        /* The folded form is decoded once per member of a list. */
        begins = word[strspn(word, blanks)] == ',';
    }
}

apr_size_t apikey_classify_scheme(const apikey_policy_t *policy,
                                  const char *value)
{
    apr_size_t len = strcspn(value, " \t,=\"");

    if (len > SCHEME_MAX || (value[len] != ' ' && value[len] != '\t')
        || prefix_len_of(policy, value, len)) {
        return 0;
    }
    return len;
}
