/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Counts uses and exposures of keys in memory; flush.c writes them. */

#include "usage.h"

#include <unistd.h>

#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <ap_mpm.h>
#include <apr_hash.h>

#include "../config/config.h"
#include "../db/connections.h"
#include "usage_private.h"

APLOG_USE_MODULE(apikey);

#define DEFAULT_FLUSH 10        /* seconds */
#if DEFAULT_FLUSH >= APIKEY_THREADS_IDLE
#error "each batch of uses would open a connection of its own"
#endif
/* Keys in memory of all processes together, about, at which batches are written
 * before they are due: so many can be written when the processes end. */
#define FULL 16000
#define PHASES 16               /* so that processes write at different times */

/* usage_t, by apikey_connections_t; filled while httpd starts. */
static apr_hash_t *usages;

/* ---- post_config ---- */

static void add_server(apr_pool_t *pconf, server_rec *s)
{
    apikey_server_t *conf = apikey_server_own(s, pconf);
    apr_time_t interval = apr_time_from_sec(conf->flush == APIKEY_UNSET
                                            ? DEFAULT_FLUSH : conf->flush);
    usage_t *usage;

    conf->usage = NULL;
    /* An ApiKeyQuery is about tables without an apikey_usage. */
    if (!conf->policy.secrets || conf->query || !interval) {
        return;
    }
    usage = apr_hash_get(usages, &conf->database, sizeof(conf->database));
    if (!usage) {
        usage = apr_pcalloc(pconf, sizeof(*usage));
        usage->server = s;
        usage->interval = interval;
        apr_hash_set(usages, &conf->database, sizeof(conf->database), usage);
    }
    if (interval < usage->interval) {
        usage->interval = interval;
    }
    conf->usage = usage;
}

int apikey_usage_init(apr_pool_t *pconf, apr_pool_t *plog APIKEY_UNUSED,
                      apr_pool_t *ptemp APIKEY_UNUSED, server_rec *s)
{
    server_rec *each;

    usages = apr_hash_make(pconf);
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    for (each = s; each; each = each->next) {
        add_server(pconf, each);
    }
    if (apr_hash_count(usages)
        && apikey_database_watch(apikey_usage_flush_due, usages, pconf)
           != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, s,
                     "APIKEY0150: uses of keys are not counted, for there is "
                     "no mod_watchdog to write them: add 'LoadModule "
                     "watchdog_module', or 'ApiKeyUsageFlush off'");
        apr_hash_clear(usages);
        for (each = s; each; each = each->next) {
            apikey_server_own(each, pconf)->usage = NULL;
        }
    }
    return OK;
}

/* ---- Requests ---- */

void apikey_usage_count(server_rec *s, const char *id, apr_time_t when)
{
    usage_t *usage = apikey_server_conf(s)->usage;
    sigset_t signals;

    if (!usage || !usage->lock) {
        return;
    }
    apikey_signals_hold(&signals);
    apikey_mutex_lock(usage->lock);
    if (!apikey_batch_add(usage->counting, id, 1, apr_time_sec(when),
                          APIKEY_USAGE_MAX)) {
        usage->dropped++;
    }
    apikey_mutex_unlock(usage->lock);
    apikey_signals_release(&signals);
}

void apikey_usage_count_exposure(server_rec *s,
                                 const apikey_exposure_t *exposure)
{
    usage_t *usage = apikey_server_conf(s)->usage;
    sigset_t signals;

    if (!usage || !usage->lock) {
        return;
    }
    apikey_signals_hold(&signals);
    apikey_mutex_lock(usage->lock);
    if (!apikey_batch_expose(usage->counting, exposure, APIKEY_EXPOSURES_MAX)) {
        usage->dropped_exposures++;
    }
    apikey_mutex_unlock(usage->lock);
    apikey_signals_release(&signals);
}

static apr_uint64_t count_waiting(usage_t *usage)
{
    apr_uint64_t total;
    sigset_t signals;

    apikey_signals_hold(&signals);
    apikey_mutex_lock(usage->lock);
    total = usage->counting->total + usage->unwritten;
    apikey_mutex_unlock(usage->lock);
    apikey_signals_release(&signals);
    return total;
}

apr_uint64_t apikey_usage_waiting(server_rec *s)
{
    const apikey_server_t *conf = apikey_server_conf(s);
    usage_t *usage = usages ? apr_hash_get(usages, &conf->database,
                                           sizeof(conf->database)) : NULL;

    return usage && usage->lock ? count_waiting(usage) : 0;
}

/* ---- child_init ---- */

/* Runs before the cleanup that ends the database threads, which was registered
 * earlier. */
static apr_status_t flush_at_end(void *pchild)
{
    apikey_usage_flush_all(usages, pchild);
    return APR_SUCCESS;
}

static apr_status_t init_usage(usage_t *usage)
{
    apr_pool_t *own;
    /* Never destroyed: a thread that is blocked in a database still uses it. */
    apr_status_t status = apr_pool_create(&own, NULL);
    apikey_mutex_t *lock;

    if (status != APR_SUCCESS) {
        return status;
    }
    lock = apikey_mutex_create(own);
    usage->part_ended = apikey_cond_create(own);
    usage->counting = apikey_batch_make();
    usage->flushed_at = apikey_clock() - usage->interval / PHASES
                                         * (getpid() % PHASES);
    if (!lock || !usage->part_ended || !usage->counting) {
        return APR_ENOMEM;
    }
    usage->lock = lock;
    return APR_SUCCESS;
}

void apikey_usage_child_init(apr_pool_t *pchild, server_rec *s)
{
    apr_hash_index_t *at;
    int processes = 1;
    unsigned full;

    ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &processes);
    full = FULL / (unsigned)(processes > 0 ? processes : 1);
    if (full < APIKEY_USED_AT_ONCE) {
        full = APIKEY_USED_AT_ONCE;
    }
    for (at = apr_hash_first(pchild, usages); at; at = apr_hash_next(at)) {
        usage_t *usage = apr_hash_this_val(at);
        apr_status_t status = init_usage(usage);

        usage->full = full;
        if (status != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                         "APIKEY0156: this process does not count uses of "
                         "keys: is memory in the way?");
        }
    }
    apr_pool_pre_cleanup_register(pchild, pchild, flush_at_end);
}
