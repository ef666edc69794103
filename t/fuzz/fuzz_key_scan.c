/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Keys in request lines and other text that is logged. */

#include "../../modules/core/key.h"
#include "fuzz.h"

#define TRIES 8

static apikey_divide_e divide;

static int divides(char c)
{
    return !c || strchr(divide == APIKEY_DIVIDE_URL ? "=&;?# /:@" : "=&;?# ",
                        c) != NULL;
}

static void check_bounds(const char *text, size_t len, size_t from,
                         size_t start, size_t end)
{
    size_t i;

    must(from <= start && start < end && end <= len);
    must(start == from || divides(text[start - 1]));
    must(end == len || divides(text[end]));
    for (i = start; i < end; i++) {
        must(!divides(text[i]));
    }
}

/** Masks all keys as a log would; how many there were. */
static int mask(const apikey_policy_t *policy, char *text, size_t len,
                int tries)
{
    apr_size_t from = 0, start, end;
    int count = 0, left = tries;

    while (apikey_key_scan(&start, &end, policy, divide, text, len, from,
                           &left, NULL)) {
        check_bounds(text, len, from, start, end);
        must(left >= 0 && left <= tries);
        memset(text + start, '*', end - start);
        from = end;
        count++;
    }
    must(left >= 0 && left <= tries);
    return count;
}

/** The contract's key between dividers, without any escape. */
static int stands_plainly(const char *text, size_t len)
{
    const size_t size = strlen(FUZZ_KEY);
    size_t i;

    for (i = 0; i + size <= len; i++) {
        if (memcmp(text + i, FUZZ_KEY, size) == 0
            && (i == 0 || divides(text[i - 1]))
            && (i + size == len || divides(text[i + size]))) {
            return 1;
        }
    }
    return 0;
}

/** Whether a value begins with "ak_" and is of nothing but letters. */
static int word_stands_plainly(const char *text, size_t len)
{
    size_t i, end;

    for (i = 0; i < len; i = end + 1) {
        int plain = 1;

        for (end = i; end < len && !divides(text[end]); end++) {
            plain &= end - i < 3 ? text[end] == "ak_"[end - i]
                                 : text[end] >= 'a' && text[end] <= 'z';
        }
        if (plain && end - i >= APIKEY_WORD_MIN && end - i <= APIKEY_KEY_MAX) {
            return 1;
        }
    }
    return 0;
}

static int is_plain(const apikey_policy_t *policy, const char *text,
                    size_t len)
{
    return stands_plainly(text, len)
           || ((policy->formats & APIKEY_FORMAT_OPAQUE)
               && word_stands_plainly(text, len));
}

static void check(const apikey_policy_t *policy, const uint8_t *data,
                  size_t size)
{
    char *text = fuzz_copy(data, size, 0);
    int plain = is_plain(policy, text, size);
    int count = mask(policy, text, size, (int)size);

    must(!plain || count > 0);
    must(!is_plain(policy, text, size));
    must(mask(policy, text, size, (int)size) == 0);
    if (size) {
        memcpy(text, data, size);
    }
    must(mask(policy, text, size, TRIES) <= count);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const apikey_prefix_t prefixes[] = { { "ak_", 3 }, { "SG.", 3 },
                                                { NULL, 0 } };
    apikey_policy_t policy = { APIKEY_FORMAT_BASE62, APIKEY_DIGEST_HMAC,
                               NULL, fuzz_ring(), NULL };

    for (divide = APIKEY_DIVIDE_QUERY; divide <= APIKEY_DIVIDE_URL; divide++) {
        policy.formats = APIKEY_FORMAT_BASE62;
        policy.prefixes = NULL;
        check(&policy, data, size);
        policy.formats |= APIKEY_FORMAT_HEX64;
        policy.prefixes = prefixes;
        check(&policy, data, size);
        policy.formats |= APIKEY_FORMAT_OPAQUE;
        check(&policy, data, size);
    }
    return 0;
}
