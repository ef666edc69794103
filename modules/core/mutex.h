/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file mutex.h
 * @brief A mutex, and conditions whose waits end by the monotonic clock.
 *
 * APR's timed waits end by the system's time: a clock that is set back while a
 * thread waits lets it wait for as much longer.  These are pthread's own, with
 * CLOCK_MONOTONIC (on macOS with a relative wait).
 *
 * Neither is ever destroyed: threads that hang in a database when their process
 * ends may still use them.  Any thread may call anything here.
 */
#ifndef APIKEY_MUTEX_H
#define APIKEY_MUTEX_H

#include <signal.h>

#include <apr_pools.h>
#include <apr_time.h>

typedef struct apikey_mutex_t apikey_mutex_t;
typedef struct apikey_cond_t apikey_cond_t;

/** Microseconds of a clock that cannot be set, the same in all processes of
 * the machine; never 0. */
apr_time_t apikey_clock(void);

/** NULL: the system has none left. @a pool must live as long as the process. */
apikey_mutex_t *apikey_mutex_create(apr_pool_t *pool);
apikey_cond_t *apikey_cond_create(apr_pool_t *pool);

void apikey_mutex_lock(apikey_mutex_t *lock);
void apikey_mutex_unlock(apikey_mutex_t *lock);

/**
 * Once in each process: whether its end (SIGTERM, SIGHUP) is a signal handler
 * on the thread that also serves requests, as prefork's is.  Without this call
 * it is not.
 */
void apikey_signals_are_handled(int on_threads_of_requests);

/**
 * What a thread of requests calls around all that takes a lock, of ours or of
 * APR's, or must not be left half done: where a handler would end the process
 * on this thread, it does so when apikey_signals_release() is called.  The
 * handler then finds no lock taken by the thread that it has interrupted, and
 * no queue half changed.  May be nested.
 * @param before out, for the release
 */
void apikey_signals_hold(sigset_t *before);
void apikey_signals_release(const sigset_t *before);

/**
 * Takes the lock within @a patience, or gives up.  What a pool cleanup reaches
 * must use this, for it must not wait for a thread that does not go on.
 * @return 0: it was not to be had
 */
int apikey_mutex_lock_within(apikey_mutex_t *lock,
                             apr_interval_time_t patience);

/**
 * Waits for a signal, with the lock held, as it is again when this returns.
 * @param until by apikey_clock(); 0: for ever
 * @return 0: the time is over
 */
int apikey_cond_wait(apikey_cond_t *cond, apikey_mutex_t *lock,
                     apr_time_t until);
void apikey_cond_signal(apikey_cond_t *cond);
void apikey_cond_broadcast(apikey_cond_t *cond);

#endif
