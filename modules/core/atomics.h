/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file atomics.h
 * @brief 64-bit words that processes share without a lock.
 *
 * APR has 64-bit atomics since 1.7, and httpd 2.4.41 runs on 1.6, so the
 * compiler's are used.  get, set and swap are sequentially consistent: a
 * process that reads a word sees what was written before it.  add is relaxed,
 * for counters.  A word is aligned to 8 bytes, since 32-bit x86 aligns it to 4
 * and then reads it in two parts (build/atomics.m4).
 */
#ifndef APIKEY_ATOMICS_H
#define APIKEY_ATOMICS_H

#include <apr.h>

typedef volatile apr_uint64_t apikey_word_t __attribute__((aligned(8)));

#define apikey_word_get(word) __atomic_load_n((word), __ATOMIC_SEQ_CST)
#define apikey_word_set(word, value) \
    __atomic_store_n((word), (apr_uint64_t)(value), __ATOMIC_SEQ_CST)
#define apikey_word_add(word, value) \
    __atomic_fetch_add((word), (apr_uint64_t)(value), __ATOMIC_RELAXED)

/** Compare and swap.
 * @return 0: the word was not @a was, and is unchanged */
static inline int apikey_word_swap(apikey_word_t *word, apr_uint64_t was,
                                   apr_uint64_t value)
{
    return __atomic_compare_exchange_n(word, &was, value, 0,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/** Raises @a word to @a value if it is lower. */
static inline void apikey_word_raise(apikey_word_t *word, apr_uint64_t value)
{
    apr_uint64_t was = apikey_word_get(word);

    while (was < value && !apikey_word_swap(word, was, value)) {
        was = apikey_word_get(word);
    }
}

#endif
