/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file tap.h
 * @brief Test lines for the C tests: the Test Anything Protocol on standard
 *        output.
 *
 * Each program includes this once, calls the checks and ends with
 * `return done();`.  The plan stands at the end, so a program that dies on
 * its way has none and its run fails.
 */
#ifndef APIKEY_TAP_H
#define APIKEY_TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int tap_count;
static int tap_failed;

#if defined(__GNUC__)
#define TAP_PRINTF(at) __attribute__((format(printf, at, at + 1), unused))
#else
#define TAP_PRINTF(at)
#endif

static int TAP_PRINTF(2) ok(int good, const char *promise, ...)
{
    va_list args;

    printf("%sok %d - ", good ? "" : "not ", ++tap_count);
    va_start(args, promise);
    vprintf(promise, args);
    va_end(args);
    printf("\n");
    if (!good) {
        tap_failed++;
    }
    fflush(stdout);
    return good;
}

/** NULL is allowed on both sides and equals only NULL. */
#define is_str(got, want, ...) \
    tap_is_str((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define is_int(got, want, ...) \
    tap_is_int((long long)(got), (long long)(want), __FILE__, __LINE__, \
               __VA_ARGS__)

static int TAP_PRINTF(5) tap_is_str(const char *got, const char *want,
                                    const char *file, int line,
                                    const char *promise, ...)
{
    char name[512];
    va_list args;
    int good = got && want ? strcmp(got, want) == 0 : got == want;

    va_start(args, promise);
    vsnprintf(name, sizeof(name), promise, args);
    va_end(args);
    ok(good, "%s", name);
    if (!good) {
        printf("# %s:%d\n#  got: %s\n# want: %s\n", file, line,
               got ? got : "NULL", want ? want : "NULL");
    }
    return good;
}

static int TAP_PRINTF(5) tap_is_int(long long got, long long want,
                                    const char *file, int line,
                                    const char *promise, ...)
{
    char name[512];
    va_list args;

    va_start(args, promise);
    vsnprintf(name, sizeof(name), promise, args);
    va_end(args);
    ok(got == want, "%s", name);
    if (got != want) {
        printf("# %s:%d\n#  got: %lld\n# want: %lld\n", file, line, got,
               want);
    }
    return got == want;
}

/** Prints the plan; the program's exit status. */
static int done(void)
{
    printf("1..%d\n", tap_count);
    fflush(stdout);
    return tap_failed || !tap_count ? 1 : 0;
}

#endif
