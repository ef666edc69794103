/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "mutex.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#if defined(_POSIX_CLOCK_SELECTION) && _POSIX_CLOCK_SELECTION > 0
#define HAVE_CLOCK_SELECTION 1
#endif

#define TRY_EACH apr_time_from_msec(1)

static int handled;             /* set once, before there are threads */

struct apikey_mutex_t { pthread_mutex_t mutex; };
struct apikey_cond_t { pthread_cond_t cond; };

apr_time_t apikey_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return apr_time_make(now.tv_sec, now.tv_nsec / 1000) + 1;
}

apikey_mutex_t *apikey_mutex_create(apr_pool_t *pool)
{
    apikey_mutex_t *lock = apr_palloc(pool, sizeof(*lock));

    return pthread_mutex_init(&lock->mutex, NULL) == 0 ? lock : NULL;
}

apikey_cond_t *apikey_cond_create(apr_pool_t *pool)
{
    apikey_cond_t *cond = apr_palloc(pool, sizeof(*cond));
    pthread_condattr_t attr;
    int failed = pthread_condattr_init(&attr);

    if (failed) {
        return NULL;
    }
#ifdef HAVE_CLOCK_SELECTION
    failed = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
#endif
    failed = failed || pthread_cond_init(&cond->cond, &attr);
    pthread_condattr_destroy(&attr);
    return failed ? NULL : cond;
}

void apikey_mutex_lock(apikey_mutex_t *lock)
{
    pthread_mutex_lock(&lock->mutex);
}

void apikey_mutex_unlock(apikey_mutex_t *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}

void apikey_signals_are_handled(int on_threads_of_requests)
{
    handled = on_threads_of_requests;
}

void apikey_signals_hold(sigset_t *before)
{
    sigset_t held;

    if (handled) {
        sigemptyset(&held);
        sigaddset(&held, SIGTERM);
        sigaddset(&held, SIGHUP);
        pthread_sigmask(SIG_BLOCK, &held, before);
    }
}

void apikey_signals_release(const sigset_t *before)
{
    if (handled) {
        pthread_sigmask(SIG_SETMASK, before, NULL);
    }
}

int apikey_mutex_lock_within(apikey_mutex_t *lock,
                             apr_interval_time_t patience)
{
    apr_time_t end = apikey_clock() + patience;

    while (pthread_mutex_trylock(&lock->mutex) != 0) {
        if (apikey_clock() >= end) {
            return 0;
        }
        apr_sleep(TRY_EACH);
    }
    return 1;
}

static struct timespec timespec_of(apr_time_t time)
{
    struct timespec spec;

    spec.tv_sec = (time_t)apr_time_sec(time);
    spec.tv_nsec = (long)apr_time_usec(time) * 1000;
    return spec;
}

int apikey_cond_wait(apikey_cond_t *cond, apikey_mutex_t *lock,
                     apr_time_t until)
{
    struct timespec when;

    if (!until) {
        return pthread_cond_wait(&cond->cond, &lock->mutex) == 0;
    }
#if defined(HAVE_CLOCK_SELECTION)
    when = timespec_of(until);
    return pthread_cond_timedwait(&cond->cond, &lock->mutex, &when)
           != ETIMEDOUT;
#else
    until -= apikey_clock();
    if (until <= 0) {
        return 0;
    }
#if defined(__APPLE__)
    when = timespec_of(until);
    return pthread_cond_timedwait_relative_np(&cond->cond, &lock->mutex,
                                              &when) != ETIMEDOUT;
#else
    when = timespec_of(apr_time_now() + until);
    return pthread_cond_timedwait(&cond->cond, &lock->mutex, &when)
           != ETIMEDOUT;
#endif
#endif
}

void apikey_cond_signal(apikey_cond_t *cond)
{
    pthread_cond_signal(&cond->cond);
}

void apikey_cond_broadcast(apikey_cond_t *cond)
{
    pthread_cond_broadcast(&cond->cond);
}
