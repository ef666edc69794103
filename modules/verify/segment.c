/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "segment_private.h"

#include <unistd.h>

apr_status_t apikey_segment_create(apikey_segment_t **out, apr_pool_t *pool)
{
    apikey_segment_t *segment = apr_pcalloc(pool, sizeof(*segment));
    apr_status_t status = apr_shm_create(&segment->memory, sizeof(shared_t),
                                         NULL, pool);

    *out = NULL;
    if (status == APR_SUCCESS) {
        /* Anonymous memory is zero, and a page that no process writes costs
         * nothing. */
        segment->shared = apr_shm_baseaddr_get(segment->memory);
        apikey_segment_mark_used(segment);
        *out = segment;
    }
    return status;
}

void apikey_segment_child_init(apikey_segment_t *segment)
{
    segment->stripe = getpid() % STRIPES;
}

apr_uint64_t apikey_segment_tag(const char *digest)
{
    apr_uint64_t tag = 0;
    int i;

    for (i = 0; i < 16; i++) {
        int c = digest[i];

        if (c == '\0') {
            break;
        }
        tag = tag << 4 | ((c <= '9' ? c : c + 9) & 15);
    }
    return tag;
}

/* Written once a second at most: all processes share this word. */
void apikey_segment_mark_used(apikey_segment_t *segment)
{
    apikey_word_t *used = &segment->shared->used;
    apr_uint64_t now = (apr_uint64_t)apikey_clock();

    if (now - apikey_word_get(used) > APR_USEC_PER_SEC) {
        apikey_word_set(used, now);
    }
}

int apikey_segment_is_used(const apikey_segment_t *segment, apr_time_t period)
{
    apr_time_t at = (apr_time_t)apikey_word_get(&segment->shared->used);

    return apikey_clock() - at <= period + APR_USEC_PER_SEC;
}
