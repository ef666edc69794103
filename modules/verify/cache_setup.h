/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file cache_setup.h
 * @brief A server's cache: which parts it has, and its settings.
 *
 * Several servers may share a part: those with the same ApiKeyCache share the
 * socache, those with the same database and queries the segment and the
 * poller, and all share the local cache of each process.
 */
#ifndef APIKEY_CACHE_SETUP_H
#define APIKEY_CACHE_SETUP_H

#include "../config/config.h"
#include "local_cache.h"
#include "poller.h"
#include "socache.h"

/** A server's cache (conf->server_cache); times in microseconds.  Made in
 * pconf while httpd starts, read-only afterwards. */
typedef struct apikey_cache_t {
    apikey_socache_t *socache;
    apikey_segment_t *segment;
    apikey_local_cache_t *local;
    apikey_poller_t *poller;
    unsigned char context[APIKEY_DIGEST_LEN];   /**< of its cached records:
                                                 * apikey_codec_context() */
    int polled;                 /**< 0: an ApiKeyQuery without an
                                 * ApiKeyChangesQuery; records expire by their
                                 * TTL alone */
    apr_time_t poll_interval;   /**< ApiKeyRevocationPoll */
    apr_time_t max_poll_age;    /**< if the last poll is older, a cached record
                                 * is not used without asking the database */
    apr_time_t ttl;             /**< ApiKeyCacheTTL: known keys */
    apr_time_t ttl_negative;    /**< its second value: unknown keys */
    apr_time_t stale;           /**< ApiKeyStaleLimit */
} apikey_cache_t;

/** register_hooks: sets the caches up in check_config, post_config (after
 * apikey_connections_init()) and child_init. */
void apikey_cache_setup_hooks(void);

#endif
