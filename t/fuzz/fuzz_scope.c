/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Scopes: the first line is what a key was granted, the rest what is
 * required of it. */

#include "../../modules/core/scope.h"
#include "fuzz.h"

/** @a a, a blank and @a b; the caller frees it. */
static char *joined(const char *a, const char *b)
{
    size_t len = strlen(a), more = strlen(b);
    char *both = malloc(len + more + 2);

    must(both);
    memcpy(both, a, len);
    both[len] = ' ';
    memcpy(both + len + 1, b, more + 1);
    return both;
}

/** Whether something granted may cover more than itself. */
static int has_wildcard(const char *granted)
{
    char *half = joined("", granted), *words = joined(half, "");
    int found = strstr(words, ":* ") || strstr(words, " * ");

    free(half);
    free(words);
    return found;
}

static void check_pair(const char *granted, const char *required)
{
    int covers = apikey_scope_covers(granted, required);
    int good = !apikey_scope_fault(required);
    char *more = joined(granted, required);
    char *before = joined("a:b c:*", granted);

    must(!covers || good);
    must(!apikey_scope_covers("", required));
    must(!apikey_scope_covers("*", required) == !good);
    must(!apikey_scope_covers(required, required) == !good);
    must(!apikey_scope_covers(more, required) == !good);
    must(!covers || apikey_scope_covers(before, required));
    must(!covers || has_wildcard(granted) || strstr(granted, required));
    free(more);
    free(before);
}

/** A scope that may be granted covers what its form says. */
static void check_grant(const char *scope)
{
    size_t len = strlen(scope);
    char *below;

    if (apikey_scope_grant_fault(scope)) {
        return;
    }
    must(!apikey_scope_fault(scope) && len > 0 && len <= APIKEY_SCOPE_MAX);
    must(apikey_scope_covers(scope, scope));
    below = fuzz_copy((const uint8_t *)scope, len, 1);
    if (len > 1 && below[len - 1] == '*') {
        must(below[len - 2] == ':');
        below[len - 1] = 'x';
        must(apikey_scope_covers(scope, below));
        below[len - 2] = '.';
        must(!apikey_scope_covers(scope, below));
    }
    else if (strcmp(scope, "*") != 0) {
        below[len - 1] = below[len - 1] == 'x' ? 'y' : 'x';
        must(!apikey_scope_covers(scope, below));
    }
    free(below);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    size_t len = line ? (size_t)(line - data) : size;
    char *granted = fuzz_copy(data, len, 1);
    char *required = line ? fuzz_copy(line + 1, size - len - 1, 1)
                          : fuzz_copy(NULL, 0, 1);

    check_pair(granted, required);
    check_grant(granted);
    check_grant(required);
    free(granted);
    free(required);
    return 0;
}
