/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file fuzz.h
 * @brief What the fuzz targets share.
 *
 * Each fuzz_*.c defines LLVMFuzzerTestOneInput() and nothing else that is
 * seen: libFuzzer, AFL++ or replay.c calls it.
 */
#ifndef APIKEY_FUZZ_H
#define APIKEY_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_pools.h>

#include "../../modules/core/secrets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The contract's secret, under which FUZZ_KEY is right; and another. */
#define FUZZ_RING "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n" \
                  "k2 eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=\n"
#define FUZZ_KEY "ak_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6"

/** What must hold for every input; a target that finds otherwise dies. */
#define must(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, \
                    #condition); \
            abort(); \
        } \
    } while (0)

#ifdef __GNUC__
#define FUZZ_HELPER static __attribute__((unused))
#else
#define FUZZ_HELPER static
#endif

/** A copy whose bounds a sanitizer knows, as it would not in a pool; with a
 * NUL after it if @a nul.  The caller frees it. */
FUZZ_HELPER char *fuzz_copy(const uint8_t *data, size_t size, int nul)
{
    char *copy = malloc(size + (nul ? 1 : 0) + (size || nul ? 0 : 1));

    must(copy);
    if (size) {
        memcpy(copy, data, size);
    }
    if (nul) {
        copy[size] = '\0';
    }
    return copy;
}

/** The pool that lives as long as the process. */
FUZZ_HELPER apr_pool_t *fuzz_pool(void)
{
    static apr_pool_t *pool;

    if (!pool) {
        must(apr_initialize() == APR_SUCCESS);
        atexit(apr_terminate);
        must(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    }
    return pool;
}

/** Two secrets, read once. */
FUZZ_HELPER const apikey_secrets_t *fuzz_ring(void)
{
    static apikey_secrets_t *secrets;
    const char *error;

    if (!secrets) {
        must(apikey_secrets_parse(&secrets, FUZZ_RING, strlen(FUZZ_RING),
                                  fuzz_pool(), &error) == APR_SUCCESS);
    }
    return secrets;
}

#endif
