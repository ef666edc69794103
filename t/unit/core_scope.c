/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* core/scope.h: which granted scopes cover a required one, and which words may
 * be scopes or be granted. */

#include "../../modules/core/scope.h"
#include "tap.h"

static const struct {
    const char *granted;
    const char *required;
    int covers;
} pairs[] = {
    { "partners:read", "partners:read", 1 },
    { "partners:read", "partners:write", 0 },
    { "partners:read", "Partners:read", 0 },
    { "partners:read", "partners:read2", 0 },
    { "partners:read2", "partners:read", 0 },
    { "partners:read", "partners", 0 },
    { "partners", "partners:read", 0 },
    { "", "partners:read", 0 },
    { " ", "partners:read", 0 },
    { "a b partners:read", "partners:read", 1 },
    { "partners:read a", "partners:read", 1 },
    { "  a   partners:read  ", "partners:read", 1 },
    { "apartners:read", "partners:read", 0 },
    { "*", "partners:read", 1 },
    { "a *", "x", 1 },
    { "partners:*", "partners:read", 1 },
    { "partners:*", "partners:a:b", 1 },
    { "partners:*", "partners:", 1 },
    { "partners:*", "partners:*", 1 },
    { "partners:*", "partners", 0 },
    { "partners:*", "partnersX", 0 },
    { "partners:*", "Partners:read", 0 },
    { "partners:*", "apartners:read", 0 },
    { "partners:a:*", "partners:a:b", 1 },
    { "partners:a:*", "partners:b", 0 },
    { "partners*", "partners:read", 0 },
    { "partners*", "partners*", 1 },
    { "p*s:read", "partners:read", 0 },
    { "*:read", "partners:read", 0 },
    { "**", "partners:read", 0 },
    { "partners:**", "partners:read", 0 },
    { ":*", ":a", 1 },
    { ":*", "a", 0 },
    { "partners:read", "*", 0 },
    { "partners:read", "partners:*", 0 },
    { "*", "*", 1 },
    { "partners:read\twrite", "write", 0 },
    { "partners:read,write", "write", 0 },
    /* A required scope may be the value of an expression: what is no scope is
     * not covered, not even by '*'. */
    { "*", "", 0 },
    { "", "", 0 },
    { "a b", "a b", 0 },
    { "*", "a b", 0 },
    { "*", "a\tb", 0 },
    { "*", "a\r\nb", 0 },
    { "*", "\"", 0 },
    { "*", "caf\xc3\xa9", 0 }
};

static void test_faults(void)
{
    char longest[APIKEY_SCOPE_MAX + 2];
    char one[2] = "";
    int c, wrong = 0;

    memset(longest, 's', sizeof(longest));
    longest[APIKEY_SCOPE_MAX + 1] = '\0';
    ok(apikey_scope_fault(longest) != NULL, "129 characters are refused");
    longest[APIKEY_SCOPE_MAX] = '\0';
    is_str(apikey_scope_fault(longest), NULL, "128 characters are a scope");
    is_str(apikey_scope_fault("partners:read"), NULL,
           "partners:read is a scope");
    is_str(apikey_scope_fault(""), "is empty", "an empty scope is refused");
    is_str(apikey_scope_fault("a b"), "has a blank",
           "a blank in a scope is refused as a blank");
    is_str(apikey_scope_fault("a\tb"), "has a blank",
           "a tab in a scope is refused as a blank");
    for (c = 1; c < 256; c++) {
        int allowed = c == 0x21 || (c >= 0x23 && c <= 0x5b)
                      || (c >= 0x5d && c <= 0x7e);

        one[0] = (char)c;
        wrong += allowed != !apikey_scope_fault(one);
    }
    is_int(wrong, 0, "each byte is allowed or refused as RFC 6749 has it");
}

static void test_grants(void)
{
    static const char *good[] = { "*", "a", "a:b", "a:*", "a:b:*", ":*" };
    static const char *bad[] = { "**", "a*", "*a", "a:*b", "*:a", "a:**",
                                 "a:*:b", "*:*", "", "a b", "\"" };
    apr_size_t i;

    for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
        is_str(apikey_scope_grant_fault(good[i]), NULL,
               "'%s' may be granted", good[i]);
    }
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        ok(apikey_scope_grant_fault(bad[i]) != NULL,
           "'%s' may not be granted", bad[i]);
    }
}

int main(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        is_int(apikey_scope_covers(pairs[i].granted, pairs[i].required) != 0,
               pairs[i].covers, "'%s' %s '%s'", pairs[i].granted,
               pairs[i].covers ? "covers" : "does not cover",
               pairs[i].required);
    }
    test_faults();
    test_grants();
    return done();
}
