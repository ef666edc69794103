/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file batch.h
 * @brief Uses of keys and exposures of keys, by key, until they are written.
 *
 * A batch lives in a pool of its own and belongs to one thread at a time.
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

/** An empty one; NULL: there is no memory. */
apikey_batch_t *apikey_batch_make(void);

void apikey_batch_free(apikey_batch_t *batch);

/**
 * Adds uses of a key.
 * @param most keys that there may be
 * @return 0: it would be one more, and nothing was added
 */
int apikey_batch_add(apikey_batch_t *batch, const char *id,
                     apr_int64_t count, apr_int64_t last, unsigned most);

/** Adds a list of them; gives the number of uses that found no place. */
apr_uint64_t apikey_batch_merge(apikey_batch_t *batch,
                                const apikey_use_t *uses, int count,
                                unsigned most);

/** All of them, in the order of the ids (strcmp), in @a pool; the ids are the
 * batch's. */
apikey_use_t *apikey_batch_list(const apikey_batch_t *batch, int *count,
                                apr_pool_t *pool);

/** Adds a key that was exposed; as apikey_batch_add(). */
int apikey_batch_expose(apikey_batch_t *batch,
                        const apikey_exposure_t *exposure, unsigned most);

/** Adds all those of @a from; gives the number that found no place. */
apr_uint64_t apikey_batch_merge_exposed(apikey_batch_t *batch,
                                        const apikey_batch_t *from,
                                        unsigned most);

/** All of them, in @a pool. */
apikey_exposure_t *apikey_batch_list_exposed(const apikey_batch_t *batch,
                                             int *count, apr_pool_t *pool);

#define apikey_batch_exposed(batch) apr_hash_count((batch)->exposures)
#define apikey_batch_keys(batch) apr_hash_count((batch)->uses)

#endif
