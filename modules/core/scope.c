/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "scope.h"

#include <string.h>

const char *apikey_scope_fault(const char *scope)
{
    const char *c;

    if (!*scope) {
        return "is empty";
    }
    for (c = scope; *c; c++) {
        if (*c == ' ' || *c == '\t') {
            return "has a blank";
        }
        if (*c < 0x21 || *c > 0x7e || *c == '"' || *c == '\\') {
            return "has a character that RFC 6749 does not allow in a scope";
        }
    }
    if (c - scope > APIKEY_SCOPE_MAX) {
        return "is longer than 128 characters";
    }
    return NULL;
}

const char *apikey_scope_grant_fault(const char *scope)
{
    const char *fault = apikey_scope_fault(scope);
    const char *star = strchr(scope, '*');

    if (fault || !star) {
        return fault;
    }
    if (star[1] || (star != scope && star[-1] != ':')) {
        return "has a '*' that is neither alone nor at the end, after a ':'";
    }
    return NULL;
}

int apikey_scope_listed(const char *scopes, const char *scope)
{
    apr_size_t len = strlen(scope);
    const char *at;

    for (at = scopes; (at = strstr(at, scope)) != NULL; at++) {
        if ((at == scopes || at[-1] == ' ') && (at[len] == ' ' || !at[len])) {
            return 1;
        }
    }
    return 0;
}

static int scope_covers_one(const char *granted, apr_size_t len,
                            const char *required, apr_size_t required_len)
{
    if (len == 1 && *granted == '*') {
        return 1;
    }
    if (len == required_len && memcmp(granted, required, len) == 0) {
        return 1;
    }
    return len >= 2 && granted[len - 1] == '*' && granted[len - 2] == ':'
           && required_len >= len - 1
           && memcmp(granted, required, len - 1) == 0;
}

int apikey_scope_covers(const char *granted, const char *required)
{
    apr_size_t required_len = strlen(required);

    /* The value of a Require's expression may be "" or no scope. */
    if (apikey_scope_fault(required)) {
        return 0;
    }
    for (;;) {
        apr_size_t len;

        granted += strspn(granted, " ");
        len = strcspn(granted, " ");
        if (len == 0) {
            return 0;
        }
        if (scope_covers_one(granted, len, required, required_len)) {
            return 1;
        }
        granted += len;
    }
}
