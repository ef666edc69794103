/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file find.h
 * @brief A key's record from memory where that is certain to be true, from
 *        the database where it is not.
 *
 * segment.h says when an answer still holds; a provider of ap_socache keeps the
 * answers.  Keys that exist and keys that do not are kept apart: wrong ones,
 * however many, cannot push out right ones.
 */
#ifndef APIKEY_FIND_H
#define APIKEY_FIND_H

#include "../config/config.h"
#include "../core/record.h"
#include "../core/result.h"
#include "revocations.h"

/** A database that is looked at for changes. */
typedef struct apikey_poller_t apikey_poller_t;

/** A server's cache; conf->cache_used.  Read-only once httpd has started. */
typedef struct apikey_cache_t {
    struct apikey_socache_t *socache;   /**< who keeps the answers */
    apikey_segment_t *segment;          /**< of the server's database */
    struct apikey_local_cache_t *local; /**< this process' own */
    apikey_poller_t *poller;            /**< which raises it */
    unsigned char context[APIKEY_DIGEST_LEN];   /**< what else an answer
                                 * depends on: database, query (entry.h) */
    int polled;                 /**< 0: no changes are told, TTLs alone */
    apr_time_t poll;            /**< microseconds between polls */
    apr_time_t fresh;           /**< how old a poll may be for a hit */
    apr_time_t ttl;
    apr_time_t ttl_negative;
    apr_time_t stale;           /**< ApiKeyStaleLimit */
} apikey_cache_t;

/** register_hooks: all that has to happen before the first request. */
void apikey_cache_setup_hooks(void);

/**
 * Has changes looked for, if it is time for that and nothing else does, and
 * waits for that a little: many changes take longer than a request has.
 * @return APR_EBUSY: it is not; APR_TIMEUP: the database does not answer
 */
apr_status_t apikey_poller_run(apikey_poller_t *poller);

/** Says, as often as config/limited_log.h lets it, that a database has answered
 * with an older state of itself than the one known; @a known: its last
 * change. */
void apikey_report_older_state(server_rec *s, const apikey_segment_t *segment,
                               apr_uint64_t known);

/** Each database that answers are kept of, and one server that uses it. */
typedef void (*apikey_segment_fn)(void *baton, server_rec *s,
                                  apikey_segment_t *segment);
void apikey_each_segment(apikey_segment_fn each, void *baton, apr_pool_t *pool);

/**
 * The record of a key: what this process has had lately, the check
 * characters, the cache, the database last.  What could not be exported is
 * never given.
 * @param shape  what apikey_key_shape() says of the key
 * @param record out, in @a pool; NULL unless GRANTED
 * @return GRANTED (a record is there, not yet judged), INVALID (there is
 *         none), UNAVAILABLE (the database did not say; logged)
 */
apikey_result_e apikey_find(request_rec *r, apikey_format_e shape,
                            const char *key, apr_size_t key_len,
                            apikey_record_t **record, apr_pool_t *pool);

#endif
