/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file local_cache.h
 * @brief What this process has had from the cache lately, found by the key
 *        itself: whoever asks again with the same key costs no digest, no
 *        lock and no provider on the network.
 *
 * The key is not kept.  In its place stand two SipHash-2-4 (apr_siphash.h,
 * which makes 64 bits) under secrets that each process draws for itself:
 * without them nobody can make a key that is taken for another, and who reads
 * the memory learns no key.  Only keys with a record come in here, so whoever
 * has none can push out nothing.
 *
 * An entry is as good as the cache's, and no better: stamp and age are looked
 * at with each hit.  The memory has a fixed size; its places are read and
 * written without a lock.
 */
#ifndef APIKEY_LOCAL_CACHE_H
#define APIKEY_LOCAL_CACHE_H

#include "record_codec.h"

typedef struct apikey_local_cache_t apikey_local_cache_t;

/** To be called before the children are forked.
 * @param pool one that is there until the last thread has ended */
apikey_local_cache_t *apikey_local_cache_create(apr_pool_t *pool);

/** To be called once in each child process, before its threads start.  Until
 * then, and where the system has no random bytes, nothing is kept. */
void apikey_local_cache_child_init(apikey_local_cache_t *local);

/**
 * Reads what was kept of a key.  Any thread.
 * @param owner whose answer it is: another's depends on other directives
 * @param entry out; its record and all of its strings live in @a pool
 * @return 0: nothing is known of it
 */
int apikey_local_cache_get(apikey_local_cache_t *local, const void *owner,
                           const char *key, apr_size_t len,
                           apikey_cached_record_t *entry, apr_pool_t *pool);

/** Keeps it, in the place of whatever was there.  What is too long, or whose
 * place is just being written by another thread, is not kept.  Any thread. */
void apikey_local_cache_put(apikey_local_cache_t *local, const void *owner,
                            const char *key, apr_size_t len,
                            const apikey_cached_record_t *entry);

#endif
