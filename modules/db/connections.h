/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file connections.h
 * @brief Runs tasks on a server's database, over connections of our own
 *        (ApiKeyDBDriver, SQLite) or of mod_dbd.
 */
#ifndef APIKEY_CONNECTIONS_H
#define APIKEY_CONNECTIONS_H

#include <httpd.h>

#include "threads.h"

/** The connections of one child process to one database.  Virtual hosts with
 * the same driver and parameters share them. */
typedef struct apikey_connections_t apikey_connections_t;

/** register_hooks: mod_dbd's post_connect, if mod_dbd is loaded. */
void apikey_connections_hooks(void);

/** post_config: finds out which servers share a database. */
int apikey_connections_init(apr_pool_t *pconf, apr_pool_t *plog,
                            apr_pool_t *ptemp, server_rec *s);

/** child_init: makes the database threads.  Connections are made when they are
 * needed, so that httpd starts although a database is down. */
void apikey_connections_child_init(apr_pool_t *pchild, server_rec *s);

/**
 * Runs a task on the database of @a s and waits for it, with a deadline of 1.5
 * seconds.  Any thread may call.
 * @param task of @a size bytes: copied, since it may outlive its caller, and
 *             copied back
 * @param pool for the result and @a error
 * @return what @a work returned; APR_TIMEUP or APIKEY_EDATABASE: no result
 */
apr_status_t apikey_database_run(server_rec *s, apikey_task_fn work,
                                 void *task, apr_size_t size,
                                 apr_pool_t *pool, const char **error);

/**
 * Has a task run on another thread, and does not wait.
 * @param post see threads.h; its server is filled in
 * @return other than APR_SUCCESS: it will not run, and on_done is not called
 */
apr_status_t apikey_database_post(server_rec *s, apikey_post_t *post);

/** The threads of this child process, for other services that may not answer;
 * NULL: there are none. */
apikey_threads_t *apikey_database_threads(void);

/** mod_watchdog's callback; see mod_watchdog.h. */
typedef apr_status_t (*apikey_watch_fn)(int state, void *baton,
                                        apr_pool_t *pool);

/**
 * post_config: has @a watch called every 100 ms in each child process.  All of
 * this module's callbacks share one thread, so it must not block.
 * @return APR_ENOTIMPL: mod_watchdog is not loaded
 */
apr_status_t apikey_database_watch(apikey_watch_fn watch, void *baton,
                                   apr_pool_t *pconf);

/** Whether this process ends: no task is started any more.  mod_watchdog's
 * thread still runs for a moment. */
int apikey_database_is_ending(void);

/** Whether a cleanup of this child process may call the functions above.
 * prefork's cleanups run in a signal handler, which may have interrupted one
 * of them while it held the lock. */
int apikey_database_is_usable(void);

/** Whether the breaker of the database of @a s is open in this process
 * (threads.h). */
int apikey_database_breaker_is_open(server_rec *s);

#endif
