/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file usage.h
 * @brief Counts uses and exposures of keys in memory, and writes them to the
 *        database in batches, while no request waits.
 *
 * Each process counts for itself, per database.  A batch is written on a
 * database thread (db/threads.h); uses that cannot be written are written with
 * the next batch.  A process that ends writes the rest first; one that is
 * killed loses it.
 */
#ifndef APIKEY_USAGE_H
#define APIKEY_USAGE_H

#include <httpd.h>

#include "../core/key.h"

/** post_config, after apikey_connections_init(): decides which servers count,
 * and registers the watchdog callback. */
int apikey_usage_init(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                      server_rec *s);

/** child_init, after apikey_connections_child_init(), so that the rest is
 * written before the database threads end. */
void apikey_usage_child_init(apr_pool_t *pchild, server_rec *s);

/** Counts one use of the key @a id, unless ApiKeyUsageFlush is off for @a s.
 * Any thread may call. */
void apikey_usage_count(server_rec *s, const char *id, apr_time_t when);

/** Counts an exposure (a key in a URL), as apikey_usage_count() does. */
void apikey_usage_count_exposure(server_rec *s,
                                 const apikey_exposure_t *exposure);

/** The uses that this process has counted for the database of @a s, of all its
 * servers, and not written yet. */
apr_uint64_t apikey_usage_waiting(server_rec *s);

#endif
