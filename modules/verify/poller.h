/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file poller.h
 * @brief Decides when a database is polled for changes, and by which process;
 *        poll_task.h is what a poll does.
 *
 * Each child process has a watchdog callback, every 100 ms; shared memory
 * (apikey_poll_claim()) decides which process polls.  A process that is killed
 * during a poll therefore delays the next one by about 100 ms.
 */
#ifndef APIKEY_POLLER_H
#define APIKEY_POLLER_H

#include <httpd.h>

#include "revocations.h"

/** A database with its ApiKeyQuery and ApiKeyChangesQuery, if there are any;
 * servers that agree in these three share a poller. */
typedef struct apikey_poller_t apikey_poller_t;

/** check_config: no pollers yet. */
void apikey_pollers_init(apr_pool_t *pconf);

/**
 * post_config: finds the poller of a server, or makes it with its segment.
 * @param interval of polls; the shortest of all its servers counts
 * @param ttl      of cached records; the longest of all its servers counts
 * @param polled   0: there is nothing to poll (ApiKeyQuery alone)
 */
apr_status_t apikey_poller_of(apikey_poller_t **poller, server_rec *s,
                              apr_time_t interval, apr_time_t ttl, int polled,
                              apr_pool_t *pconf);

/** post_config: registers the watchdog callback.
 * @return APR_ENOTIMPL: mod_watchdog is not loaded */
apr_status_t apikey_pollers_watch(apr_pool_t *pconf);

/** child_init, before the child's threads start. */
void apikey_pollers_child_init(apr_pool_t *pchild);

apikey_segment_t *apikey_poller_segment(const apikey_poller_t *poller);

/**
 * Polls on behalf of a request, and waits up to 250 ms for the end; the poll
 * itself runs on a database thread, and may take longer than that.
 * @return APR_EBUSY: another poll runs, or ended less than an interval ago;
 *         APR_TIMEUP: the breaker is open
 */
apr_status_t apikey_poller_run(apikey_poller_t *poller);

/** Called for each poller, with one of the servers that use it. */
typedef void (*apikey_segment_fn)(void *baton, server_rec *s,
                                  apikey_segment_t *segment);
void apikey_each_segment(apikey_segment_fn each, void *baton, apr_pool_t *pool);

#endif
