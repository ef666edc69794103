/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file socache.h
 * @brief Entries in a provider of ap_socache, with all that the providers do
 *        not do themselves: locks, seals, patience.
 */
#ifndef APIKEY_SOCACHE_H
#define APIKEY_SOCACHE_H

#include <httpd.h>

#include "record_codec.h"

typedef struct apikey_socache_t apikey_socache_t;

/** pre_config: the lock's name, for the directive Mutex. */
int apikey_socache_register(apr_pool_t *pconf, apr_pool_t *plog,
                            apr_pool_t *ptemp);

/**
 * One provider with its argument.
 * @param spec  PROVIDER[:ARGUMENT]
 * @param error a sentence: no such provider, or its own words
 */
apr_status_t apikey_socache_create(apikey_socache_t **socache, const char *spec,
                                   apr_pool_t *pconf, apr_pool_t *ptemp,
                                   const char **error);

/** Its memory and its lock.  @a number makes its name unique. */
apr_status_t apikey_socache_init(apikey_socache_t *socache, int number,
                                 server_rec *s, apr_pool_t *pconf,
                                 const char **error);

/** In each child process. */
void apikey_socache_child_init(apikey_socache_t *socache, apr_pool_t *pchild,
                               server_rec *s);

/**
 * What was kept for a digest under @a context, seal and form verified; not
 * whether it holds.
 * @return 0: nothing
 */
int apikey_socache_get(apikey_socache_t *socache, server_rec *s,
                       const apikey_secrets_t *secrets,
                       const unsigned char *context, const char *digest,
                       apikey_cached_record_t *entry,
                       apr_pool_t *pool);

/** Keeps it to @a expires at the longest; may fail in silence. */
void apikey_socache_put(apikey_socache_t *socache, server_rec *s,
                        const apikey_secrets_t *secrets,
                        const unsigned char *context,
                        const apikey_cached_record_t *entry, apr_time_t expires,
                        apr_pool_t *pool);

const char *apikey_socache_spec(const apikey_socache_t *socache);

#endif
