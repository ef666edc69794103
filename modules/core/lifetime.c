/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "lifetime.h"

#include <string.h>

#include <apr_strings.h>

#include "time_text.h"

const char *apikey_lifetime_parse(apikey_lifetime_t *lifetime, int argc,
                                  const char *const *argv)
{
    int i;

    lifetime->usual = lifetime->min = lifetime->max = 0;
    if (strcmp(argv[0], "never") != 0
        && (apikey_duration_parse(&lifetime->usual, argv[0]) != APR_SUCCESS
            || lifetime->usual == 0)) {
        return "wants a lifetime such as 90d, or never";
    }
    for (i = 1; i < argc; i++) {
        apr_int64_t *bound = strncmp(argv[i], "min=", 4) == 0 ? &lifetime->min
                           : strncmp(argv[i], "max=", 4) == 0 ? &lifetime->max
                           : NULL;

        if (!bound || *bound != 0
            || apikey_duration_parse(bound, argv[i] + 4) != APR_SUCCESS
            || *bound == 0) {
            return "wants min=D and max=D once each after the default, "
                   "such as 90d min=30d max=365d";
        }
    }
    if (lifetime->max && lifetime->min > lifetime->max) {
        return "has a min that is longer than its max";
    }
    if (lifetime->max && (!lifetime->usual
                          || lifetime->usual > lifetime->max)) {
        return "has a default that is longer than its max";
    }
    if (lifetime->usual && lifetime->usual < lifetime->min) {
        return "has a default that is shorter than its min";
    }
    return NULL;
}

/* A duration in the largest unit that divides it. */
static const char *shortest_duration(apr_int64_t seconds, apr_pool_t *pool)
{
    static const struct { apr_int64_t seconds; const char *unit; } units[] = {
        { 86400, "d" }, { 3600, "h" }, { 60, "m" }, { 1, "s" }
    };
    int i = 0;

    while (seconds % units[i].seconds) {
        i++;
    }
    return apr_psprintf(pool, "%" APR_INT64_T_FMT "%s",
                        seconds / units[i].seconds, units[i].unit);
}

const char *apikey_lifetime_fault(const apikey_lifetime_t *lifetime,
                                  apr_int64_t since, apr_int64_t expires,
                                  apr_int64_t now, apr_pool_t *pool)
{
    if (expires == APIKEY_NEVER) {
        return lifetime->max
               ? apr_psprintf(pool, "a key must end: ApiKeyLifetime allows "
                              "at most %s",
                              shortest_duration(lifetime->max, pool))
               : NULL;
    }
    if (expires <= now) {
        return "the expiry lies in the past; to end a key at once revoke it";
    }
    if (lifetime->max && expires - since > lifetime->max) {
        return apr_psprintf(pool, "the expiry is too far away: ApiKeyLifetime "
                            "allows at most %s",
                            shortest_duration(lifetime->max, pool));
    }
    if (expires - since < lifetime->min) {
        return apr_psprintf(pool, "the expiry is too near: ApiKeyLifetime "
                            "wants at least %s",
                            shortest_duration(lifetime->min, pool));
    }
    return NULL;
}

const char *apikey_retention_parse(apr_int64_t *seconds, const char *text)
{
    apr_size_t len = strlen(text);
    apr_int64_t days = 0;

    if (len > 0 && len <= 5 && strspn(text, "0123456789") == len) {
        days = apr_atoi64(text);
    }
    if (days < 1 || days > 36500) {
        return "wants a number of days, 1 to 36500";
    }
    *seconds = days * 86400;
    return NULL;
}
