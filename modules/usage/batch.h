/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file batch.h
 * @brief A batch of uses and exposures, summed per key.
 *
 * A batch lives in a pool of its own, and is used by one thread at a time.
 */
#ifndef APIKEY_BATCH_H
#define APIKEY_BATCH_H

#include <apr_hash.h>

#include "../store/usage.h"

typedef struct apikey_batch_t {
    apr_pool_t *pool;
    apr_hash_t *uses;           /**< apikey_use_t, by its id */
    apr_uint64_t total;         /**< the sum of their counts */
    apr_hash_t *exposures;      /**< apikey_exposure_t, by its first digest */
} apikey_batch_t;

/** Makes an empty batch; NULL: there is no memory. */
apikey_batch_t *apikey_batch_make(void);

void apikey_batch_free(apikey_batch_t *batch);

/**
 * Adds uses of a key.
 * @param last when the last of them was; apr_time_sec()
 * @param most keys that the batch may have
 * @return 0: it has as many, without this key; nothing was added
 */
int apikey_batch_add(apikey_batch_t *batch, const char *id,
                     apr_int64_t count, apr_int64_t last, unsigned most);

/** Adds a list of uses; returns how many uses found no room. */
apr_uint64_t apikey_batch_merge(apikey_batch_t *batch,
                                const apikey_use_t *uses, int count,
                                unsigned most);

/** The uses, in the order of their ids (strcmp), in @a pool; the ids stay in
 * the batch's pool. */
apikey_use_t *apikey_batch_list(const apikey_batch_t *batch, int *count,
                                apr_pool_t *pool);

/** Adds an exposure, as apikey_batch_add() does. */
int apikey_batch_expose(apikey_batch_t *batch,
                        const apikey_exposure_t *exposure, unsigned most);

/** Adds all exposures of @a from; returns how many found no room. */
apr_uint64_t apikey_batch_merge_exposed(apikey_batch_t *batch,
                                        const apikey_batch_t *from,
                                        unsigned most);

/** The exposures, in @a pool. */
apikey_exposure_t *apikey_batch_list_exposed(const apikey_batch_t *batch,
                                             int *count, apr_pool_t *pool);

#define apikey_batch_exposed(batch) apr_hash_count((batch)->exposures)
#define apikey_batch_keys(batch) apr_hash_count((batch)->uses)

#endif
