/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file atomics.h
 * @brief 64-bit words that processes share without a lock.
 *
 * APR has these since 1.7 only, and httpd 2.4.41 runs on 1.6: the compiler's
 * own are used instead.  All are sequentially consistent, so that what was
 * written before a word is seen by the one that has read that word.  A word
 * begins at a multiple of 8, which 32-bit x86 does not do by itself: only then
 * is it read at once everywhere (build/atomics.m4).
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

/** Puts @a value where @a was stands; 0: something else stands there. */
static inline int apikey_word_swap(apikey_word_t *word, apr_uint64_t was,
                                   apr_uint64_t value)
{
    return __atomic_compare_exchange_n(word, &was, value, 0,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/** Makes @a word at least @a value. */
static inline void apikey_word_raise(apikey_word_t *word, apr_uint64_t value)
{
    apr_uint64_t was = apikey_word_get(word);

    while (was < value && !apikey_word_swap(word, was, value)) {
        was = apikey_word_get(word);
    }
}

#endif
