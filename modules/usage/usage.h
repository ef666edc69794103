/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file usage.h
 * @brief Last used and use count of each key, and whether it was exposed: kept
 *        in memory, written in batches, never while a request waits.
 *
 * Each process counts for itself, and for each database apart.  A batch is
 * written by a database thread (db/threads.h); what cannot
 * be written is counted on.  A process that ends in order writes what it has
 * left; one that is killed loses its batch.
 */
#ifndef APIKEY_USAGE_H
#define APIKEY_USAGE_H

#include <httpd.h>

#include "../core/key.h"

/** post_config, behind lookup's: who counts, and the watchdog. */
int apikey_usage_init(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                      server_rec *s);

/** child_init, behind lookup's: what is left is written before its threads
 * end. */
void apikey_usage_child_init(apr_pool_t *pchild, server_rec *s);

/** Counts one use of the key @a id, if @a s counts.  Any thread may call. */
void apikey_usage_count(server_rec *s, const char *id, apr_time_t when);

/** Notes that a key stood where it must not, as apikey_usage_count() does. */
void apikey_usage_count_exposure(server_rec *s,
                                 const apikey_exposure_t *exposure);

/** How many uses this process has counted for the database of @a s that are
 * not written yet, whichever server they were counted for. */
apr_uint64_t apikey_usage_waiting(server_rec *s);

#endif
