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
#define EACH 3600               /* from one look to the next */
#define APART (APIKEY_CREW_IDLE + 5)    /* databases, so that the connection of
                                 * one is closed, and a thread has ended,
                                 * before the next one's turn */
#define RETRY 5                 /* the database was away, or something locked */
#define LEASE 30                /* a process that says nothing for so long has
                                 * ended; another goes on */

#define BUDGET apr_time_from_msec(50)   /* of the 100 ms from tick to tick */

#define PATIENCE apr_time_from_sec(10)  /* longer than for a lock */

/* What the child processes share of a database. */
typedef struct shared_t {
    volatile apr_uint32_t due;  /* when one may begin; see seconds() */
    volatile apr_uint32_t told; /* that nothing can be removed */
} shared_t;

typedef struct pruner_t {
    server_rec *server;         /* one that uses the database */
    apr_int64_t retention;      /* the longest that one of them wants */
    shared_t *shared;
    /* In each child process: */
    int ours;                   /* the watchdog's own: this one is at it */
    volatile apr_uint32_t busy; /* a database thread has what follows */
    apikey_prune_t job;
    apr_uint32_t next;          /* after the job, when to look again */
} pruner_t;

/* Of a clock that nobody sets, the same in all processes; it wraps after 136
 * years. */
static apr_uint32_t seconds(void)
{
    return (apr_uint32_t)apr_time_sec(apikey_clock());
}

static int is_due(apr_uint32_t due, apr_uint32_t now)
{
    return (apr_int32_t)(now - due) >= 0;
}

/* ---- On a database thread ---- */

/* apikey_task_fn */
static apr_status_t prune(apikey_store_t *store, void *task, apr_pool_t *pool,
                          const char **error)
{
    return apikey_store_prune(store, task, pool, error);
}

/* What a database that is read only, or a right that httpd's user has not,
 * says; what is away or locked is tried again without a word. */
static void tell(pruner_t *pruner, const char *error)
{
    if (apr_atomic_cas32(&pruner->shared->told, 1, 0) == 0) {
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
static void end_step(void *baton, void *task, apr_status_t status,
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
        tell(pruner, error ? error : "the database does not say why");
        pruner->next = EACH;
    }
    else if (status != APR_SUCCESS) {
        pruner->next = RETRY;
    }
    else if (pruner->job.done) {
        apr_atomic_set32(&pruner->shared->told, 0);
        pruner->next = EACH;
    }
    apr_atomic_set32(&pruner->busy, 0);
}

/* ---- The watchdog ---- */

/* Whether this process is to look at it now. */
static int claim(pruner_t *pruner, apr_uint32_t now)
{
    volatile apr_uint32_t *due = &pruner->shared->due;
    apr_uint32_t was = apr_atomic_read32(due);

    return is_due(was, now) && !apikey_database_breaker_is_open(pruner->server)
           && apr_atomic_cas32(due, now + LEASE, was) == was;
}

static void begin_job(pruner_t *pruner)
{
    pruner->ours = 1;
    memset(&pruner->job, 0, sizeof(pruner->job));
    pruner->job.before = apr_time_sec(apr_time_now()) - pruner->retention;
    pruner->job.budget = BUDGET;
}

static void end_job(pruner_t *pruner, apr_uint32_t due)
{
    pruner->ours = 0;
    apr_atomic_set32(&pruner->shared->due, due);
}

static void post_step(pruner_t *pruner, apr_uint32_t now)
{
    /* A copy: a thread that hangs keeps its own. */
    apikey_post_t post = { NULL, prune, &pruner->job, sizeof(pruner->job),
                           end_step, pruner, PATIENCE };

    apr_atomic_set32(&pruner->shared->due, now + LEASE);
    apr_atomic_set32(&pruner->busy, 1);
    if (apikey_database_post(pruner->server, &post) != APR_SUCCESS) {
        apr_atomic_set32(&pruner->busy, 0);
        end_job(pruner, now + RETRY);
    }
}

static void look_after(pruner_t *pruner)
{
    apr_uint32_t now = seconds();

    if (apr_atomic_read32(&pruner->busy)) {
        return;
    }
    if (pruner->ours && pruner->next) {
        end_job(pruner, now + pruner->next);
        pruner->next = 0;
    }
    else if (!pruner->ours && claim(pruner, now)) {
        begin_job(pruner);
    }
    if (pruner->ours) {
        post_step(pruner, now);
    }
}

/* mod_watchdog's callback, in each child process. */
static apr_status_t on_watch(int state, void *data, apr_pool_t *pool)
{
    apr_hash_index_t *at;

    for (at = apr_hash_first(pool, data); at
         && state == AP_WATCHDOG_STATE_RUNNING && !apikey_database_is_ending();
         at = apr_hash_next(at)) {
        look_after(apr_hash_this_val(at));
    }
    return APR_SUCCESS;
}

/* ---- post_config ---- */

static void join(apr_hash_t *pruners, apr_pool_t *pconf, server_rec *s)
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

/* The databases take turns, at first and so each hour. */
static apr_status_t share(apr_hash_t *pruners, apr_pool_t *pconf)
{
    apr_uint32_t now = seconds();
    apr_uint32_t apart = EACH / (apr_hash_count(pruners) + 1) + 1;
    apr_hash_index_t *at;
    shared_t *shared;
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
        now += apart < APART ? apart : APART;
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
        join(pruners, pconf, each);
    }
    if (!apr_hash_count(pruners)) {
        return OK;
    }
    status = share(pruners, pconf);
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, status, s,
                     "APIKEY0281: old rows of apikey_change are not removed "
                     "by httpd, since there is no shared memory for it; is "
                     "there a limit on it? htapikey removes them, too");
        return OK;
    }
    /* Without mod_watchdog, which others complain of, htapikey does it. */
    apikey_database_watch(on_watch, pruners, pconf);
    return OK;
}
