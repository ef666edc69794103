/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file connections.h
 * @brief Work with a connection to a server's database, whoever's the
 *        connection is and whichever thread it takes.
 */
#ifndef APIKEY_CONNECTIONS_H
#define APIKEY_CONNECTIONS_H

#include <httpd.h>

#include "threads.h"

/** Virtual hosts with the same driver and parameters share one. */
typedef struct apikey_connections_t apikey_connections_t;

/** register_hooks: what mod_dbd has to tell. */
void apikey_connections_hooks(void);

/** post_config: which servers share a database. */
int apikey_connections_init(apr_pool_t *pconf, apr_pool_t *plog,
                            apr_pool_t *ptemp, server_rec *s);

/** child_init: the threads that may wait for it. No connection is made yet,
 * so that a database that is away does not keep httpd from starting. */
void apikey_connections_child_init(apr_pool_t *pchild, server_rec *s);

/**
 * Runs a task with a connection to the database of @a s; any thread may call,
 * and waits as threads.h says.
 * @param task is copied, for the work may outlive its asker, and copied back
 * @param pool for what the task makes
 * @return what @a work returned, APR_TIMEUP, or APIKEY_EDATABASE
 */
apr_status_t apikey_database_run(server_rec *s, apikey_task_fn work,
                                 void *task, apr_size_t size,
                                 apr_pool_t *pool, const char **error);

/**
 * Has a task done on another thread, and does not wait: what takes its time,
 * or may wait for a lock.
 * @param post see threads.h; who is filled in
 * @return anything but APR_SUCCESS: it is not done, and told is not called
 */
apr_status_t apikey_database_post(server_rec *s, apikey_post_t *post);

/** The threads of this child process, for others that must be asked without
 * waiting for them; NULL: there are none (also before child_init). */
apikey_threads_t *apikey_database_threads(void);

/** mod_watchdog's callback; see mod_watchdog.h. */
typedef apr_status_t (*apikey_watch_fn)(int state, void *baton,
                                        apr_pool_t *pool);

/**
 * Has @a watch called each 100 ms in each child process, on the one thread
 * that all of this module's callbacks share: it must not wait.  post_config.
 * @return APR_ENOTIMPL: mod_watchdog is not loaded
 */
apr_status_t apikey_database_watch(apikey_watch_fn watch, void *baton,
                                   apr_pool_t *pconf);

/** Whether this process has begun to end: nothing is asked any more. The
 * thread of mod_watchdog goes on for a moment. */
int apikey_database_is_ending(void);

/** Whether a cleanup of this child process may call the functions above:
 * prefork's may have interrupted one of them. */
int apikey_database_is_usable(void);

/** Whether this process has given up waiting for the database of @a s, for
 * the time being (threads.h: the breaker). */
int apikey_database_breaker_is_open(server_rec *s);

#endif
