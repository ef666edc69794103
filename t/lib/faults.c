/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* A library that is preloaded into httpd and makes calls of this module fail or
 * block, or shifts the system's time.  The test writes numbers into a file
 * ($APIKEY_FAULTS; APIKey::Faults) that all of httpd's processes map.  A
 * process that crashes writes its stack to the error log. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <apr_dbd.h>
#include <apr_global_mutex.h>
#include <apr_hash.h>
#include <apr_optional.h>
#include <apr_shm.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_time.h>

/* In the order of APIKey::Faults. */
enum {
    CLOCK, LOCK_FAILS, COND_FAILS, CHILD_WAITS, NO_WATCHDOG, MORE_KEYS,
    LOOKUP_WAITS, SIGNAL_IN_LOCK, NO_DIGEST, NO_SHM, LOCK_STOPS, COUNT
};

static volatile int64_t nothing[COUNT];
static volatile int64_t *fault = nothing;
static int conds;               /* condition variables of this process */

#define NEXT(name) \
    static __typeof__(&name) next; \
    if (!next) { \
        *(void **)&next = dlsym(RTLD_NEXT, #name); \
    }

/* A signal handler: writes the stack to the error log, and raises the signal
 * again with its default action. */
static void log_stack(int number)
{
    static const char head[] = "faults.c: a process has crashed at\n";
    void *at[64];
    int count = backtrace(at, 64);

    if (write(2, head, sizeof(head) - 1) > 0) {
        backtrace_symbols_fd(at, count, 2);
    }
    signal(number, SIG_DFL);
    raise(number);
}

/* Replaces httpd's handler for SIGSEGV, which logs that the child has crashed,
 * but not where. */
int sigaction(int number, const struct sigaction *restrict action,
              struct sigaction *restrict before)
{
    NEXT(sigaction)
    struct sigaction ours;

    if (number != SIGSEGV || !action) {
        return next(number, action, before);
    }
    ours = *action;
    ours.sa_handler = log_stack;
    ours.sa_flags = 0;
    return next(number, &ours, before);
}

__attribute__((constructor)) static void begin(void)
{
    void *at;
    const char *name = getenv("APIKEY_FAULTS");
    int file = name ? open(name, O_RDONLY) : -1;
    void *memory = file < 0 ? MAP_FAILED
                            : mmap(NULL, sizeof(nothing), PROT_READ,
                                   MAP_SHARED, file, 0);

    if (memory == MAP_FAILED) {
        abort();
    }
    fault = memory;
    close(file);
    /* The first call loads a library, which a signal handler must not do. */
    backtrace(&at, 1);
}

/* Whether the caller is this module. */
static int is_ours(void *caller)
{
    Dl_info caller_info;

    return dladdr(caller, &caller_info)
           && strstr(caller_info.dli_fname, "mod_apikey");
}

/* ---- The clock ---- */

static void shift(struct timespec *now, int64_t by)
{
    int64_t nsec = now->tv_nsec + by % 1000000 * 1000;

    now->tv_sec += by / 1000000 + (nsec >= 1000000000) - (nsec < 0);
    now->tv_nsec = (nsec + 1000000000) % 1000000000;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    NEXT(clock_gettime)
    int status = next(clock, now);

    if (status == 0
        && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        shift(now, fault[CLOCK]);
    }
    return status;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (out) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}

/* Waits until the shifted clock shows the time: as in the real system, a waiter
 * waits longer when the clock is set back. */
int pthread_cond_timedwait(pthread_cond_t *restrict cond,
                           pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict end)
{
    struct timespec now, soon;
    int status;

    /* So early a time is one of the monotonic clock. */
    if (end->tv_sec < 1000000000) {
        return pthread_cond_clockwait(cond, mutex, CLOCK_MONOTONIC, end);
    }
    do {
        clock_gettime(CLOCK_REALTIME, &now);
        if (now.tv_sec > end->tv_sec
            || (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec)) {
            return ETIMEDOUT;
        }
        clock_gettime(CLOCK_MONOTONIC, &soon);
        shift(&soon, 10000);
        status = pthread_cond_clockwait(cond, mutex, CLOCK_MONOTONIC, &soon);
    } while (status == ETIMEDOUT);
    return status;
}

/* ---- Calls that fail ---- */

apr_status_t apr_global_mutex_trylock(apr_global_mutex_t *mutex)
{
    NEXT(apr_global_mutex_trylock)

    return fault[LOCK_FAILS] && is_ours(__builtin_return_address(0))
           ? APR_EINVAL : next(mutex);
}

/* Stops the process with this pid while it holds the lock. */
apr_status_t apr_global_mutex_unlock(apr_global_mutex_t *mutex)
{
    NEXT(apr_global_mutex_unlock)

    if (fault[LOCK_STOPS] == getpid()
        && is_ours(__builtin_return_address(0))) {
        raise(SIGSTOP);
    }
    return next(mutex);
}

/* The n-th call fails. */
int pthread_cond_init(pthread_cond_t *restrict cond,
                      const pthread_condattr_t *restrict attr)
{
    NEXT(pthread_cond_init)

    return fault[COND_FAILS] && is_ours(__builtin_return_address(0))
           && ++conds == fault[COND_FAILS] ? ENOMEM : next(cond, attr);
}

/* The database does not answer while the fault is set. */
int apr_dbd_prepare(const apr_dbd_driver_t *driver, apr_pool_t *pool,
                    apr_dbd_t *handle, const char *query, const char *label,
                    apr_dbd_prepared_t **statement)
{
    NEXT(apr_dbd_prepare)

    while (fault[LOOKUP_WAITS] && is_ours(__builtin_return_address(0))) {
        apr_sleep(apr_time_from_msec(10));
    }
    return next(driver, pool, handle, query, label, statement);
}

/* Sends SIGTERM to the child when its main thread, which handles signals (and
 * with prefork requests), has just taken a lock. */
static void signal_here(void *caller)
{
    static volatile int sent;

    if (fault[SIGNAL_IN_LOCK] && !sent && is_ours(caller)
        && syscall(SYS_gettid) == getpid()) {
        sent = 1;
        kill(getpid(), SIGTERM);
    }
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    NEXT(pthread_mutex_lock)
    int status = next(mutex);

    signal_here(__builtin_return_address(0));
    return status;
}

apr_status_t apr_thread_mutex_lock(apr_thread_mutex_t *mutex)
{
    NEXT(apr_thread_mutex_lock)
    apr_status_t status = next(mutex);

    signal_here(__builtin_return_address(0));
    return status;
}

/* mod_watchdog seems not to be loaded. */
apr_opt_fn_t *apr_dynamic_fn_retrieve(const char *name)
{
    NEXT(apr_dynamic_fn_retrieve)

    return fault[NO_WATCHDOG] && is_ours(__builtin_return_address(0))
           && strncmp(name, "ap_watchdog_", 12) == 0 ? NULL : next(name);
}

/* Of OpenSSL. */
int EVP_MD_CTX_copy_ex(void *to, const void *from);

int EVP_MD_CTX_copy_ex(void *to, const void *from)
{
    NEXT(EVP_MD_CTX_copy_ex)

    return fault[NO_DIGEST] && is_ours(__builtin_return_address(0))
           ? 0 : next(to, from);
}

apr_status_t apr_shm_create(apr_shm_t **shared, apr_size_t size,
                            const char *file, apr_pool_t *pool)
{
    NEXT(apr_shm_create)

    return fault[NO_SHM] && is_ours(__builtin_return_address(0))
           ? APR_ENOSPC : next(shared, size, file, pool);
}

/* As if so many more keys were counted. */
unsigned int apr_hash_count(apr_hash_t *hash)
{
    NEXT(apr_hash_count)
    int64_t more = fault[MORE_KEYS];

    return next(hash) + (more && is_ours(__builtin_return_address(0))
                         ? (unsigned int)more : 0);
}

/* A child that starts slowly, and is slow to read the byte from the pipe by
 * which httpd tells it to end. */
static int waits;

apr_status_t apr_global_mutex_child_init(apr_global_mutex_t **mutex,
                                         const char *name, apr_pool_t *pool)
{
    NEXT(apr_global_mutex_child_init)

    if (fault[CHILD_WAITS] && is_ours(__builtin_return_address(0))) {
        waits = 1;
        apr_sleep(fault[CHILD_WAITS]);
    }
    return next(mutex, name, pool);
}

ssize_t read(int file, void *buffer, size_t len)
{
    NEXT(read)
    ssize_t got = next(file, buffer, len);

    if (waits && len == 1) {
        apr_sleep(fault[CHILD_WAITS]);
    }
    return got;
}
