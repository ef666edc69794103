/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file socache.h
 * @brief Cached records in a provider of ap_socache.  Adds what the providers
 *        lack: the lock, a deadline, a pause after a failure, and a seal.
 */
#ifndef APIKEY_SOCACHE_H
#define APIKEY_SOCACHE_H

#include <httpd.h>

#include "record_codec.h"

typedef struct apikey_socache_t apikey_socache_t;

/** pre_config hook: registers the lock for the directive Mutex. */
int apikey_socache_register(apr_pool_t *pconf, apr_pool_t *plog,
                            apr_pool_t *ptemp);

/**
 * check_config: finds the provider and checks its argument.
 * @param spec  of ApiKeyCache: PROVIDER[:ARGUMENT]
 * @param error out: there is no such provider, or what it says
 */
apr_status_t apikey_socache_create(apikey_socache_t **socache, const char *spec,
                                   apr_pool_t *pconf, apr_pool_t *ptemp,
                                   const char **error);

/** post_config: makes its memory and its lock.
 * @param number makes the name of both unique */
apr_status_t apikey_socache_init(apikey_socache_t *socache, int number,
                                 server_rec *s, apr_pool_t *pconf,
                                 const char **error);

/** child_init, before the child's threads start. */
void apikey_socache_child_init(apikey_socache_t *socache, apr_pool_t *pchild,
                               server_rec *s);

/**
 * Finds the cached record of a digest, and verifies its seal and format; not
 * whether it is current.  Any thread may call.
 * @param context apikey_codec_context()
 * @param cached  out, in @a pool
 * @return 0: there is none, or the provider has failed (logged)
 */
int apikey_socache_get(apikey_socache_t *socache, server_rec *s,
                       const apikey_secrets_t *secrets,
                       const unsigned char *context, const char *digest,
                       apikey_cached_record_t *cached, apr_pool_t *pool);

/** Stores a record until @a expires (apr_time_now()) at the latest; a failure
 * is logged, and otherwise ignored.  Any thread may call. */
void apikey_socache_put(apikey_socache_t *socache, server_rec *s,
                        const apikey_secrets_t *secrets,
                        const unsigned char *context,
                        const apikey_cached_record_t *cached,
                        apr_time_t expires, apr_pool_t *pool);

/** ApiKeyCache's argument. */
const char *apikey_socache_spec(const apikey_socache_t *socache);

#endif
