/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Keys in query strings and other text that is logged. */

#include "../../modules/core/key.h"
#include "fuzz.h"

#define TRIES 8

static int divides(char c)
{
    return !c || strchr("=&;?# ", c) != NULL;
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

    while (apikey_key_exposed(&start, &end, policy, text, len, from,
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

static void check(const apikey_policy_t *policy, const uint8_t *data,
                  size_t size)
{
    char *text = fuzz_copy(data, size, 0);
    int plain = stands_plainly(text, size);
    int count = mask(policy, text, size, (int)size);

    must(!plain || count > 0);
    must(!stands_plainly(text, size));
    must(mask(policy, text, size, (int)size) == 0);
    if (size) {
        memcpy(text, data, size);
    }
    must(mask(policy, text, size, TRIES) <= count);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apikey_policy_t policy = { APIKEY_FORMAT_BASE62, APIKEY_DIGEST_HMAC,
                               NULL, 0, fuzz_ring() };

    check(&policy, data, size);
    policy.formats |= APIKEY_FORMAT_HEX64;
    policy.prefix = "ak";
    policy.prefix_len = 2;
    check(&policy, data, size);
    return 0;
}
