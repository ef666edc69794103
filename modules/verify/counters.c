/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "segment_private.h"

void apikey_counter_add(apikey_segment_t *segment, apikey_counter_e counter,
                        apr_uint64_t more)
{
    apikey_word_add(
        &segment->shared->stripe[segment->stripe].counter[counter], more);
}

apr_uint64_t apikey_counter_sum(const apikey_segment_t *segment,
                                apikey_counter_e counter)
{
    apr_uint64_t sum = 0;
    int i;

    for (i = 0; i < STRIPES; i++) {
        sum += apikey_word_get(
            &segment->shared->stripe[i].counter[counter]);
    }
    return sum;
}
