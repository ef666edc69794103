/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file mutex.h
 * @brief A mutex, and conditions with timed waits on the monotonic clock.
 *
 * APR's timed waits use the system's time: if that is set back during a wait,
 * the wait gets longer.  These are pthread's, with CLOCK_MONOTONIC (on macOS
 * with a relative wait).
 *
 * Neither is ever destroyed, since threads that hang in a database while their
 * process ends may still use them.  Any thread may call any function here.
 */
#ifndef APIKEY_MUTEX_H
#define APIKEY_MUTEX_H

#include <signal.h>

#include <apr_pools.h>
#include <apr_time.h>

typedef struct apikey_mutex_t apikey_mutex_t;
typedef struct apikey_cond_t apikey_cond_t;

/** The monotonic clock in microseconds, the same in all processes of the
 * machine; never 0. */
apr_time_t apikey_clock(void);

/** NULL where the system has none left.
 * @param pool must live as long as the process */
apikey_mutex_t *apikey_mutex_create(apr_pool_t *pool);
apikey_cond_t *apikey_cond_create(apr_pool_t *pool);

void apikey_mutex_lock(apikey_mutex_t *lock);
void apikey_mutex_unlock(apikey_mutex_t *lock);

/**
 * Called once per process: whether a signal handler that ends the process
 * (SIGTERM, SIGHUP) runs on a thread that serves requests, as with prefork.
 * Without this call it does not.
 */
void apikey_signals_are_handled(int on_threads_of_requests);

/**
 * Blocks the signals whose handler ends the process on this thread, until
 * apikey_signals_release().  A thread that serves requests calls it around all
 * that takes a lock, of ours or of APR's, or must be done as a whole: the
 * handler runs pool cleanups, which would wait for a lock that the interrupted
 * thread holds.  May be nested.
 * @param before out, for the release
 */
void apikey_signals_hold(sigset_t *before);
void apikey_signals_release(const sigset_t *before);

/**
 * Takes the lock, or gives up after @a patience microseconds.  Pool cleanups
 * use this: the thread that holds the lock may never go on.
 * @return 0: the lock is not taken
 */
int apikey_mutex_lock_within(apikey_mutex_t *lock,
                             apr_interval_time_t patience);

/**
 * Waits for a signal.  The lock is held when this is called and when it
 * returns.
 * @param until by apikey_clock(); 0: no limit
 * @return 0: the time is over
 */
int apikey_cond_wait(apikey_cond_t *cond, apikey_mutex_t *lock,
                     apr_time_t until);
void apikey_cond_signal(apikey_cond_t *cond);
void apikey_cond_broadcast(apikey_cond_t *cond);

#endif
