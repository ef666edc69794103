/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file local_cache.h
 * @brief A process's own cache of records, found by the key itself: a hit
 *        costs no digest, no lock and no call of a provider.
 *
 * The key is not stored.  It is recognized by two SipHash-2-4 of 64 bits
 * (apr_siphash.h) under random secrets of the process: without these, a client
 * cannot make a key that is taken for another, and a reader of the memory
 * learns no key.  Only keys with a record are stored, so unknown keys displace
 * nothing.
 *
 * A hit is not yet current: the caller checks stamp and age as it does for the
 * socache.  The memory has a fixed size, and is used without a lock.
 */
#ifndef APIKEY_LOCAL_CACHE_H
#define APIKEY_LOCAL_CACHE_H

#include "record_codec.h"

typedef struct apikey_local_cache_t apikey_local_cache_t;

/** post_config.  Each child process uses its own copy.
 * @param pool has to live until the last thread has ended */
apikey_local_cache_t *apikey_local_cache_create(apr_pool_t *pool);

/** child_init, before the child's threads start.  Until then, and if the system
 * gives no random bytes, nothing is stored. */
void apikey_local_cache_child_init(apikey_local_cache_t *local);

/**
 * Finds the record of a key.  Any thread may call.
 * @param owner the server's cache: another server's records do not count
 * @param cached out; its record and all strings live in @a pool
 * @return 0: there is none
 */
int apikey_local_cache_get(apikey_local_cache_t *local, const void *owner,
                           const char *key, apr_size_t len,
                           apikey_cached_record_t *cached, apr_pool_t *pool);

/** Stores a record, instead of what its slot held.  It is not stored if it is
 * too long, or if another thread writes the slot.  Any thread may call. */
void apikey_local_cache_put(apikey_local_cache_t *local, const void *owner,
                            const char *key, apr_size_t len,
                            const apikey_cached_record_t *cached);

#endif
