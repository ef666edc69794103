/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file counters.h
 * @brief What mod_status shows of a database's cache, summed over processes.
 */
#ifndef APIKEY_COUNTERS_H
#define APIKEY_COUNTERS_H

#include "segment.h"

#define APIKEY_COUNTERS(C)                                                  \
    C(HITS, "Hits")                                                         \
    C(MISSES, "Misses")                                                     \
    C(NEGATIVE_HITS, "NegativeHits")                                        \
    C(REFUSED_UNSEEN, "RefusedUnseen")                                      \
    C(LOOKUPS, "Lookups")                                                   \
    C(ERRORS, "Errors")                                                     \
    C(STALE, "StaleServed")                                                 \
    C(CHANGES, "ChangesSeen")

#define APIKEY_COUNTER_NAME(name, label) APIKEY_COUNT_##name,
typedef enum {
    APIKEY_COUNTERS(APIKEY_COUNTER_NAME)
    APIKEY_COUNTER_COUNT
} apikey_counter_e;

void apikey_counter_add(apikey_segment_t *segment, apikey_counter_e counter,
                        apr_uint64_t more);
apr_uint64_t apikey_counter_sum(const apikey_segment_t *segment,
                                apikey_counter_e counter);

#endif
