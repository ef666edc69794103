/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* core/lifetime.h: the words of ApiKeyLifetime and the bounds of an expiry. */

#include <stdlib.h>

#include <apr_general.h>

#include "../../modules/core/lifetime.h"
#include "../../modules/core/time_text.h"
#include "tap.h"

#define DAY APR_INT64_C(86400)
#define NOW APR_INT64_C(1700000000)

static const struct {
    const char *promise;
    int argc;
    const char *argv[4];
    int good;
    apr_int64_t usual, min, max;    /* days */
} directives[] = {
    { "a default alone", 1, { "90d" }, 1, 90, 0, 0 },
    { "never", 1, { "never" }, 1, 0, 0, 0 },
    { "never with a min", 2, { "never", "min=30d" }, 1, 0, 30, 0 },
    { "a max", 2, { "90d", "max=365d" }, 1, 90, 0, 365 },
    { "both bounds", 3, { "90d", "min=30d", "max=365d" }, 1, 90, 30, 365 },
    { "both in the other order", 3, { "1w", "max=1y", "min=24h" }, 1, 7, 1,
      365 },
    { "all the same", 3, { "30d", "min=30d", "max=30d" }, 1, 30, 30, 30 },
    { "no duration", 1, { "soon" }, 0, 0, 0, 0 },
    { "a number alone", 1, { "90" }, 0, 0, 0, 0 },
    { "nothing", 1, { "" }, 0, 0, 0, 0 },
    { "a default of 0", 1, { "0d" }, 0, 0, 0, 0 },
    { "a max of 0", 2, { "90d", "max=0d" }, 0, 0, 0, 0 },
    { "never with a max", 2, { "never", "max=365d" }, 0, 0, 0, 0 },
    { "a default beyond the max", 2, { "90d", "max=30d" }, 0, 0, 0, 0 },
    { "a default before the min", 2, { "7d", "min=30d" }, 0, 0, 0, 0 },
    { "a min beyond the max", 3, { "90d", "min=91d", "max=90d" }, 0, 0, 0,
      0 },
    { "two maxima", 3, { "90d", "max=365d", "max=400d" }, 0, 0, 0, 0 },
    { "another word", 2, { "90d", "most=365d" }, 0, 0, 0, 0 },
    { "a bound without a name", 2, { "90d", "365d" }, 0, 0, 0, 0 },
    { "a bound without a duration", 2, { "90d", "max=" }, 0, 0, 0, 0 },
    { "a bound of never", 2, { "90d", "max=never" }, 0, 0, 0, 0 }
};

static void test_parse(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(directives) / sizeof(*directives); i++) {
        apikey_lifetime_t life = { -1, -1, -1 };
        const char *fault = apikey_lifetime_parse(&life, directives[i].argc,
                                                  directives[i].argv);

        is_int(!fault, directives[i].good, "%s is %s", directives[i].promise,
               directives[i].good ? "accepted" : "refused");
        if (directives[i].good) {
            is_int(life.usual, directives[i].usual * DAY, "%s: its default",
                   directives[i].promise);
            is_int(life.min, directives[i].min * DAY, "%s: its min",
                   directives[i].promise);
            is_int(life.max, directives[i].max * DAY, "%s: its max",
                   directives[i].promise);
        }
    }
}

static void test_fault(apr_pool_t *pool)
{
    apikey_lifetime_t bounds = { 90 * DAY, 30 * DAY, 365 * DAY };
    apikey_lifetime_t open = { 90 * DAY, 0, 0 };
    apr_int64_t since = NOW - 10 * DAY;

    is_str(apikey_lifetime_fault(&bounds, NOW, NOW + 30 * DAY, NOW, pool),
           NULL, "the min itself is allowed");
    ok(apikey_lifetime_fault(&bounds, NOW, NOW + 30 * DAY - 1, NOW, pool)
       != NULL, "a second less than the min is refused");
    is_str(apikey_lifetime_fault(&bounds, NOW, NOW + 365 * DAY, NOW, pool),
           NULL, "the max itself is allowed");
    is_str(apikey_lifetime_fault(&bounds, NOW, NOW + 365 * DAY + 1, NOW,
                                 pool),
           "the expiry is too far away: ApiKeyLifetime allows at most 365d",
           "a second more than the max is refused, and the sentence names "
           "the max");
    is_str(apikey_lifetime_fault(&bounds, NOW, APIKEY_NEVER, NOW, pool),
           "a key must end: ApiKeyLifetime allows at most 365d",
           "a key without an end is refused where there is a max");
    is_str(apikey_lifetime_fault(&open, NOW, APIKEY_NEVER, NOW, pool), NULL,
           "a key without an end is allowed where there is no max");
    ok(apikey_lifetime_fault(&open, since, NOW, NOW, pool) != NULL,
       "an expiry at this second is refused");
    is_str(apikey_lifetime_fault(&open, since, NOW + 1, NOW, pool), NULL,
           "an expiry in the next second is allowed");
    ok(apikey_lifetime_fault(&bounds, since, NOW + 356 * DAY, NOW, pool)
       != NULL, "the max counts from a key's creation");
    bounds.max = 36 * 3600;
    bounds.min = 0;
    is_str(apikey_lifetime_fault(&bounds, NOW, NOW + 2 * DAY, NOW, pool),
           "the expiry is too far away: ApiKeyLifetime allows at most 36h",
           "a bound is named in the largest unit that divides it");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    test_parse();
    test_fault(pool);
    return done();
}
