/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <apr_atomic.h>
#include <apr_hash.h>
#include <apr_shm.h>
#include <mod_watchdog.h>

#include "../config/config.h"
#include "../core/lifetime.h"
#include "../core/mutex.h"
#include "../store/prune.h"
#include "connections.h"
#include "prune.h"

APLOG_USE_MODULE(apikey);

/* Seconds. */
#define INTERVAL 3600           /* between two prunings of a database */
#define STAGGER (APIKEY_THREADS_IDLE + 5)       /* between two databases at the
                                 * start, so that the first one's connection is
                                 * closed and its thread has ended before the
                                 * next begins */
#define RETRY_AFTER 5           /* the database was down or locked */
#define LEASE 30                /* a process that renews its claim no longer
                                 * has ended, and another continues */

#define STEP_BUDGET apr_time_from_msec(50) /* of the 100 ms between steps */

#define STEP_TIMEOUT apr_time_from_sec(10)      /* longer than lock timeouts */

/* Per database, in memory that the child processes share. */
typedef struct shared_prune_t {
    volatile apr_uint32_t due;  /* when one may begin; clock_seconds() */
    volatile apr_uint32_t logged;       /* APIKEY0280 */
} shared_prune_t;

typedef struct pruner_t {
    server_rec *server;         /* one that uses the database */
    apr_int64_t retention;      /* the longest of its servers, seconds */
    shared_prune_t *shared;
    /* In each child process: */
    int running;                /* the watchdog thread's: this process has
                                 * claimed the database */
    volatile apr_uint32_t busy; /* a step runs: what follows belongs to the
                                 * database thread */
    apikey_prune_t job;
    apr_uint32_t next;          /* 0: another step; else the job is done, and
                                 * due again after so many seconds */
} pruner_t;

/* A monotonic clock, the same in all processes; wraps after 136 years. */
static apr_uint32_t clock_seconds(void)
{
    return (apr_uint32_t)apr_time_sec(apikey_clock());
}

/* ---- On a database thread ---- */

/* apikey_task_fn */
static apr_status_t run_prune_step(apikey_store_t *store, void *task,
                                   apr_pool_t *pool, const char **error)
{
    return apikey_store_prune(store, task, pool, error);
}

/* Logged once: the database is read-only, or httpd's user lacks a right.  A
 * database that is down or locked is tried again without a message. */
static void log_prune_failed(pruner_t *pruner, const char *error)
{
    if (apr_atomic_cas32(&pruner->shared->logged, 1, 0) == 0) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, pruner->server,
                     "APIKEY0280: rows of apikey_change that are older than "
                     "ApiKeyRetention cannot be removed: %s; give httpd's "
                     "user the rights to delete from apikey_change and to "
                     "update apikey_identity, or have htapikey change "
                     "something now and then, which removes them, too",
                     error);
    }
}

/* apikey_done_fn */
static void end_prune_step(void *baton, void *task, apr_status_t status,
                           const char *error)
{
    pruner_t *pruner = baton;
    const apikey_prune_t *job = task;

    pruner->next = 0;
    if (job) {
        pruner->job = *job;
    }
    if (status != APR_SUCCESS && job && job->able
        && status != APIKEY_ELOCKED) {
        log_prune_failed(pruner,
                         error ? error : "the database does not say why");
        pruner->next = INTERVAL;
    }
    else if (status != APR_SUCCESS) {
        pruner->next = RETRY_AFTER;
    }
    else if (pruner->job.done) {
        apr_atomic_set32(&pruner->shared->logged, 0);
        pruner->next = INTERVAL;
    }
    apr_atomic_set32(&pruner->busy, 0);
}

/* ---- The watchdog ---- */

/* Whether this process is the one to prune the database now. */
static int claim_prune(pruner_t *pruner, apr_uint32_t now)
{
    volatile apr_uint32_t *due = &pruner->shared->due;
    apr_uint32_t was = apr_atomic_read32(due);

    return (apr_int32_t)(now - was) >= 0
        && !apikey_database_breaker_is_open(pruner->server)
        && apr_atomic_cas32(due, now + LEASE, was) == was;
}

static void begin_pruner(pruner_t *pruner)
{
    pruner->running = 1;
    memset(&pruner->job, 0, sizeof(pruner->job));
    pruner->job.before = apr_time_sec(apr_time_now()) - pruner->retention;
    pruner->job.budget = STEP_BUDGET;
}

static void end_pruner(pruner_t *pruner, apr_uint32_t due)
{
    pruner->running = 0;
    apr_atomic_set32(&pruner->shared->due, due);
}

static void post_prune_step(pruner_t *pruner, apr_uint32_t now)
{
    /* The step works on a copy, so that a blocked one cannot change ours. */
    apikey_post_t post = { NULL,           run_prune_step,
                           &pruner->job,   sizeof(pruner->job),
                           end_prune_step, pruner,
                           STEP_TIMEOUT };

    apr_atomic_set32(&pruner->shared->due, now + LEASE);
    apr_atomic_set32(&pruner->busy, 1);
    if (apikey_database_post(pruner->server, &post) != APR_SUCCESS) {
        apr_atomic_set32(&pruner->busy, 0);
        end_pruner(pruner, now + RETRY_AFTER);
    }
}

static void advance_pruner(pruner_t *pruner)
{
    apr_uint32_t now = clock_seconds();

    if (apr_atomic_read32(&pruner->busy)) {
        return;
    }
    if (pruner->running && pruner->next) {
        end_pruner(pruner, now + pruner->next);
        pruner->next = 0;
    }
    else if (!pruner->running && claim_prune(pruner, now)) {
        begin_pruner(pruner);
    }
    if (pruner->running) {
        post_prune_step(pruner, now);
    }
}

/* mod_watchdog's callback, every 100 ms in each child process. */
static apr_status_t watch_pruners(int state, void *data, apr_pool_t *pool)
{
    apr_hash_index_t *at;

    for (at = apr_hash_first(pool, data); at
         && state == AP_WATCHDOG_STATE_RUNNING && !apikey_database_is_ending();
         at = apr_hash_next(at)) {
        advance_pruner(apr_hash_this_val(at));
    }
    return APR_SUCCESS;
}

/* ---- post_config ---- */

static void add_pruner(apr_hash_t *pruners, apr_pool_t *pconf, server_rec *s)
{
    const apikey_server_t *conf = apikey_server_conf(s);
    apr_int64_t retention = conf->retention == APIKEY_UNSET
                            ? APIKEY_RETENTION_USUAL : conf->retention;
    pruner_t *pruner;

    if (!conf->policy.secrets || conf->query || !conf->database) {
        return;
    }
    pruner = apr_hash_get(pruners, &conf->database, sizeof(conf->database));
    if (!pruner) {
        pruner = apr_pcalloc(pconf, sizeof(*pruner));
        pruner->server = s;
        apr_hash_set(pruners, &conf->database, sizeof(conf->database), pruner);
    }
    if (retention > pruner->retention) {
        pruner->retention = retention;
    }
}

/* The databases begin one after the other, and so they do every hour. */
static apr_status_t share_pruners(apr_hash_t *pruners, apr_pool_t *pconf)
{
    apr_uint32_t now = clock_seconds();
    apr_uint32_t apart = INTERVAL / (apr_hash_count(pruners) + 1) + 1;
    apr_hash_index_t *at;
    shared_prune_t *shared;
    apr_shm_t *memory;
    apr_status_t status = apr_shm_create(&memory, apr_hash_count(pruners)
                                                  * sizeof(*shared), NULL,
                                         pconf);

    if (status != APR_SUCCESS) {
        return status;
    }
    shared = apr_shm_baseaddr_get(memory);
    for (at = apr_hash_first(pconf, pruners); at; at = apr_hash_next(at)) {
        pruner_t *pruner = apr_hash_this_val(at);

        pruner->shared = shared++;
        pruner->shared->due = now;
        now += apart < STAGGER ? apart : STAGGER;
    }
    return APR_SUCCESS;
}

int apikey_prune_init(apr_pool_t *pconf, apr_pool_t *plog APIKEY_UNUSED,
                      apr_pool_t *ptemp APIKEY_UNUSED, server_rec *s)
{
    apr_hash_t *pruners;
    server_rec *each;
    apr_status_t status;

    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    pruners = apr_hash_make(pconf);
    for (each = s; each; each = each->next) {
        add_pruner(pruners, pconf, each);
    }
    if (!apr_hash_count(pruners)) {
        return OK;
    }
    status = share_pruners(pruners, pconf);
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, status, s,
                     "APIKEY0281: old rows of apikey_change are not removed "
                     "by httpd, since there is no shared memory for it; is "
                     "there a limit on it? htapikey removes them, too");
        return OK;
    }
    /* Without mod_watchdog (verify/ and usage/ log that) htapikey prunes. */
    apikey_database_watch(watch_pruners, pruners, pconf);
    return OK;
}
