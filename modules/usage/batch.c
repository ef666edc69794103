/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "batch.h"

apikey_batch_t *apikey_batch_make(void)
{
    apikey_batch_t *batch;
    apr_pool_t *pool;

    /* A pool without a parent: it is destroyed on another thread. */
    if (apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return NULL;
    }
    batch = apr_pcalloc(pool, sizeof(*batch));
    batch->pool = pool;
    batch->uses = apr_hash_make(pool);
    batch->exposures = apr_hash_make(pool);
    return batch;
}

void apikey_batch_free(apikey_batch_t *batch)
{
    apr_pool_destroy(batch->pool);
}

int apikey_batch_add(apikey_batch_t *batch, const char *id,
                     apr_int64_t count, apr_int64_t last, unsigned most)
{
    apr_size_t len = strlen(id);
    apikey_use_t *use = apr_hash_get(batch->uses, id, (apr_ssize_t)len);

    if (!use) {
        if (apikey_batch_keys(batch) >= most) {
            return 0;
        }
        use = apr_pcalloc(batch->pool, sizeof(*use));
        use->id = apr_pstrmemdup(batch->pool, id, len);
        apr_hash_set(batch->uses, use->id, (apr_ssize_t)len, use);
    }
    use->count += count;
    if (use->last < last) {
        use->last = last;
    }
    batch->total += (apr_uint64_t)count;
    return 1;
}

apr_uint64_t apikey_batch_merge(apikey_batch_t *batch,
                                const apikey_use_t *uses, int count,
                                unsigned most)
{
    apr_uint64_t lost = 0;
    int i;

    for (i = 0; i < count; i++) {
        if (!apikey_batch_add(batch, uses[i].id, uses[i].count, uses[i].last,
                              most)) {
            lost += (apr_uint64_t)uses[i].count;
        }
    }
    return lost;
}

static int compare_use_ids(const void *a, const void *b)
{
    return strcmp(((const apikey_use_t *)a)->id,
                  ((const apikey_use_t *)b)->id);
}

apikey_use_t *apikey_batch_list(const apikey_batch_t *batch, int *count,
                                apr_pool_t *pool)
{
    apikey_use_t *uses = apr_palloc(pool, sizeof(*uses)
                                          * apikey_batch_keys(batch));
    apr_hash_index_t *at;

    *count = 0;
    for (at = apr_hash_first(pool, batch->uses); at;
         at = apr_hash_next(at)) {
        uses[(*count)++] = *(apikey_use_t *)apr_hash_this_val(at);
    }
    qsort(uses, (apr_size_t)*count, sizeof(*uses), compare_use_ids);
    return uses;
}

int apikey_batch_expose(apikey_batch_t *batch,
                        const apikey_exposure_t *exposure, unsigned most)
{
    /* A key always has the same digests in the same order. */
    const char *name = exposure->digests.at[0].hex;
    apikey_exposure_t *known = apr_hash_get(batch->exposures, name,
                                            APIKEY_DIGEST_HEX);

    if (!known) {
        if (apikey_batch_exposed(batch) >= most) {
            return 0;
        }
        known = apr_pmemdup(batch->pool, exposure, sizeof(*exposure));
        apr_hash_set(batch->exposures, known->digests.at[0].hex,
                     APIKEY_DIGEST_HEX, known);
    }
    known->places |= exposure->places;
    if (known->when < exposure->when) {
        known->when = exposure->when;
    }
    return 1;
}

apr_uint64_t apikey_batch_merge_exposed(apikey_batch_t *batch,
                                        const apikey_batch_t *from,
                                        unsigned most)
{
    apr_uint64_t lost = 0;
    apr_hash_index_t *at;

    for (at = apr_hash_first(from->pool, from->exposures); at;
         at = apr_hash_next(at)) {
        lost += !apikey_batch_expose(batch, apr_hash_this_val(at), most);
    }
    return lost;
}

apikey_exposure_t *apikey_batch_list_exposed(const apikey_batch_t *batch,
                                             int *count, apr_pool_t *pool)
{
    apikey_exposure_t *list = apr_palloc(pool, sizeof(*list)
                                               * apikey_batch_exposed(batch));
    apr_hash_index_t *at;

    *count = 0;
    for (at = apr_hash_first(pool, batch->exposures); at;
         at = apr_hash_next(at)) {
        list[(*count)++] = *(apikey_exposure_t *)apr_hash_this_val(at);
    }
    return list;
}
