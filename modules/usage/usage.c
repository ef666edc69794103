/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "usage.h"

#include <unistd.h>

#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <apr_hash.h>
#include <apr_optional.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <mod_watchdog.h>

#include "../config/config.h"
#include "../lookup/database.h"
#include "batch.h"

APLOG_USE_MODULE(apikey);

#define DEFAULT_FLUSH 10        /* seconds */
#define FULL 10000              /* keys; written before it is time */
#define MOST 50000              /* keys, while nothing can be written */
#define MOST_EXPOSED 1000       /* keys, likewise */
#define PATIENCE apr_time_from_sec(3)   /* at the end, for all databases */
#define SLOTS 16                /* processes do not write all at once */

struct apikey_usage_t {
    server_rec *server;         /* one that uses the database */
    apr_time_t interval;
    /* In each child process: */
    apr_thread_mutex_t *mutex;  /* guards what follows */
    apr_thread_cond_t *settled;
    apikey_batch_t *counting;
    apikey_batch_t *writing;    /* the crew has it; NULL: it has none */
    apr_uint64_t dropped;       /* uses that found no place, not yet said */
    apr_uint64_t unnoted;       /* exposures, likewise */
    int failing;                /* the last batch was not written */
    apr_time_t handed;          /* the watchdog's own: when the last was */
};
typedef struct apikey_usage_t usage_t;

/* By database. Made while httpd starts; in a child, read only. */
static apr_hash_t *usages;

/* ---- post_config ---- */

static void join(apr_pool_t *pconf, server_rec *s)
{
    apikey_server_t *conf = apikey_server_conf(s);
    apr_time_t interval = apr_time_from_sec(conf->flush == APIKEY_UNSET
                                            ? DEFAULT_FLUSH : conf->flush);
    usage_t *usage;

    conf->usage = NULL;
    /* A table of one's own comes without apikey_usage. */
    if (!conf->policy.ring || conf->query || !interval) {
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

static apr_status_t on_watch(int state, void *data, apr_pool_t *pool);

int apikey_usage_init(apr_pool_t *pconf, apr_pool_t *plog APIKEY_UNUSED,
                      apr_pool_t *ptemp APIKEY_UNUSED, server_rec *s)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get_watchdog =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *watch =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    server_rec *each;
    ap_watchdog_t *watchdog;

    usages = apr_hash_make(pconf);
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    for (each = s; each; each = each->next) {
        join(pconf, each);
    }
    if (apr_hash_count(usages)
        && (!get_watchdog || !watch
            || get_watchdog(&watchdog, "apikey usage", 0, 0, pconf)
                   != APR_SUCCESS
            || watch(watchdog, AP_WD_TM_SLICE, usages, on_watch)
                   != APR_SUCCESS)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, s,
                     "APIKEY0150: uses of keys are not counted, for there is "
                     "no mod_watchdog to write them: add 'LoadModule "
                     "watchdog_module', or 'ApiKeyUsageFlush off'");
        apr_hash_clear(usages);
        for (each = s; each; each = each->next) {
            apikey_server_conf(each)->usage = NULL;
        }
    }
    return OK;
}

/* ---- Requests ---- */

void apikey_usage_count(server_rec *s, const char *id, apr_time_t when)
{
    usage_t *usage = apikey_server_conf(s)->usage;

    if (!usage || !usage->mutex) {
        return;
    }
    apr_thread_mutex_lock(usage->mutex);
    if (!apikey_batch_add(usage->counting, id, 1, apr_time_sec(when), MOST)) {
        usage->dropped++;
    }
    apr_thread_mutex_unlock(usage->mutex);
}

void apikey_usage_expose(server_rec *s, const apikey_exposure_t *exposure)
{
    usage_t *usage = apikey_server_conf(s)->usage;

    if (!usage || !usage->mutex) {
        return;
    }
    apr_thread_mutex_lock(usage->mutex);
    if (!apikey_batch_expose(usage->counting, exposure, MOST_EXPOSED)) {
        usage->unnoted++;
    }
    apr_thread_mutex_unlock(usage->mutex);
}

static apr_uint64_t waiting(usage_t *usage)
{
    apr_uint64_t total;

    apr_thread_mutex_lock(usage->mutex);
    total = usage->counting->total;
    if (usage->writing) {
        total += usage->writing->total;
    }
    apr_thread_mutex_unlock(usage->mutex);
    return total;
}

apr_uint64_t apikey_usage_waiting(server_rec *s)
{
    apikey_server_t *conf = apikey_server_conf(s);
    usage_t *usage = usages ? apr_hash_get(usages, &conf->database,
                                           sizeof(conf->database)) : NULL;

    return usage && usage->mutex ? waiting(usage) : 0;
}

/* ---- Batches ---- */

/* apikey_task_fn. While the crew has it, the batch does not change. What was
 * exposed goes first: uses that are not written after it are counted on, and
 * exposures may be written twice. */
static apr_status_t write_batch(apikey_store_t *store, void *task,
                                apr_pool_t *pool, const char **error)
{
    usage_t *usage = task;
    int count;
    apikey_exposure_t *exposed =
        apikey_batch_list_exposed(usage->writing, &count, pool);
    apr_status_t status = apikey_store_exposed(store, exposed, count, pool,
                                               error);
    apikey_use_t *uses;

    if (status != APR_SUCCESS) {
        return status == APIKEY_EUNSURE ? APIKEY_EDATABASE : status;
    }
    uses = apikey_batch_list(usage->writing, &count, pool);
    return count ? apikey_store_usage(store, uses, count, pool, error)
                 : APR_SUCCESS;
}

static void report_lost(server_rec *s, apr_uint64_t dropped,
                        apr_uint64_t unnoted)
{
    if (dropped) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "APIKEY0154: %" APR_UINT64_T_FMT " uses of keys are "
                     "lost: those of %d keys are in memory, waiting to be "
                     "written, and there is no place for more", dropped, MOST);
    }
    if (unnoted) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "APIKEY0171: %" APR_UINT64_T_FMT " times a key stood in "
                     "a URL and is not recorded: %d others are in memory, "
                     "waiting to be written, and there is no place for more",
                     unnoted, MOST_EXPOSED);
    }
}

static void report(const usage_t *usage, apr_status_t status, int was_failing,
                   apr_uint64_t uses, const char *error)
{
    server_rec *s = usage->server;

    if (status == APIKEY_EUNSURE) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "APIKEY0153: the connection was lost while %"
                     APR_UINT64_T_FMT " uses of keys were committed; they are "
                     "not written again, for they might count twice: %s",
                     uses, error);
    }
    else if (status != APR_SUCCESS && !was_failing) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "APIKEY0151: uses of keys cannot be written; they are "
                     "kept in memory, and it is tried again and again: %s",
                     error);
    }
    else if (status == APR_SUCCESS && was_failing) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "APIKEY0152: uses of keys are written again");
    }
}

/* apikey_told_fn: the batch is written, or is counted on. What the database
 * may have or may not have is neither: too few is a smaller fault than too
 * many. */
static void settle(void *task, apr_status_t status, const char *error)
{
    usage_t *usage = task;
    int written = status == APR_SUCCESS || status == APIKEY_EUNSURE;
    apikey_batch_t *batch;
    apr_uint64_t uses, dropped, unnoted;
    int was_failing;

    apr_thread_mutex_lock(usage->mutex);
    batch = usage->writing;
    uses = batch->total;
    if (!written) {
        usage->dropped += apikey_batch_merge(usage->counting, batch, MOST);
        usage->unnoted += apikey_batch_merge_exposed(usage->counting, batch,
                                                     MOST_EXPOSED);
    }
    usage->writing = NULL;
    was_failing = usage->failing;
    usage->failing = !written;
    dropped = usage->dropped;
    unnoted = usage->unnoted;
    usage->dropped = usage->unnoted = 0;
    apr_thread_cond_broadcast(usage->settled);
    apr_thread_mutex_unlock(usage->mutex);
    apikey_batch_free(batch);
    report(usage, status, was_failing, uses, error ? error : "");
    report_lost(usage->server, dropped, unnoted);
}

/* Gives the crew what has been counted, unless it has a batch already. */
static void hand_over(usage_t *usage)
{
    apikey_batch_t *fresh = apikey_batch_make();
    apr_status_t status;
    int handed;

    if (!fresh) {
        return;
    }
    apr_thread_mutex_lock(usage->mutex);
    handed = !usage->writing && (usage->counting->total
                                 || apikey_batch_exposed(usage->counting));
    if (handed) {
        usage->writing = usage->counting;
        usage->counting = fresh;
    }
    apr_thread_mutex_unlock(usage->mutex);
    if (!handed) {
        apikey_batch_free(fresh);
        return;
    }
    status = apikey_database_post(usage->server, write_batch, settle, usage);
    if (status != APR_SUCCESS) {
        settle(usage, status, "the database has not answered of late");
    }
}

static int is_full(usage_t *usage)
{
    int full;

    apr_thread_mutex_lock(usage->mutex);
    full = !usage->failing && apikey_batch_keys(usage->counting) >= FULL;
    apr_thread_mutex_unlock(usage->mutex);
    return full;
}

/* In each child. It never waits: others count on the watchdog, too. */
static apr_status_t on_watch(int state, void *data, apr_pool_t *pool)
{
    apr_time_t now = apr_time_now();
    apr_hash_index_t *at;

    for (at = apr_hash_first(pool, data); at
         && state == AP_WATCHDOG_STATE_RUNNING; at = apr_hash_next(at)) {
        usage_t *usage = apr_hash_this_val(at);

        /* A clock set back must not stop it. */
        if (usage->mutex && (now - usage->handed >= usage->interval
                             || now < usage->handed || is_full(usage))) {
            usage->handed = now;
            hand_over(usage);
        }
    }
    return APR_SUCCESS;
}

/* ---- The process begins and ends ---- */

/* 0: there was no more time. */
static int await(usage_t *usage, apr_time_t end)
{
    int settled;

    apr_thread_mutex_lock(usage->mutex);
    while (usage->writing) {
        apr_time_t left = end - apr_time_now();

        if (left <= 0 || left > PATIENCE
            || apr_thread_cond_timedwait(usage->settled, usage->mutex, left)
                   == APR_TIMEUP) {
            break;
        }
    }
    settled = !usage->writing;
    apr_thread_mutex_unlock(usage->mutex);
    return settled;
}

/* prefork ends a child in a signal handler: what the interrupted thread
 * holds, it will never let go of. */
static int is_usable(usage_t *usage, apr_time_t end)
{
    while (usage->mutex && apr_time_now() < end) {
        if (apr_thread_mutex_trylock(usage->mutex) == APR_SUCCESS) {
            apr_thread_mutex_unlock(usage->mutex);
            return 1;
        }
        apr_sleep(apr_time_from_msec(5));
    }
    return 0;
}

static int is_empty(usage_t *usage)
{
    int empty;

    apr_thread_mutex_lock(usage->mutex);
    empty = !usage->writing && !usage->counting->total
            && !apikey_batch_exposed(usage->counting);
    apr_thread_mutex_unlock(usage->mutex);
    return empty;
}

/* Twice: the crew may have had an older batch. */
static void write_rest(usage_t *usage, apr_time_t end)
{
    apr_uint64_t lost;
    int tries;

    for (tries = 0; tries < 2 && !is_empty(usage); tries++) {
        hand_over(usage);
        if (!await(usage, end)) {
            break;
        }
    }
    lost = waiting(usage);
    if (lost) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, usage->server,
                     "APIKEY0155: this process ends, and the database has not "
                     "taken %" APR_UINT64_T_FMT " uses of keys: they are lost",
                     lost);
    }
}

static apr_status_t end_child(void *data)
{
    apr_time_t end = apr_time_now() + PATIENCE;
    apr_hash_index_t *at;

    for (at = apr_hash_first(data, usages); at; at = apr_hash_next(at)) {
        usage_t *usage = apr_hash_this_val(at);

        if (is_usable(usage, end)) {
            write_rest(usage, end);
        }
    }
    return APR_SUCCESS;
}

static apr_status_t begin(usage_t *usage)
{
    apr_time_t now = apr_time_now();
    apr_pool_t *own;
    apr_thread_mutex_t *mutex;
    /* Never destroyed: a thread that hangs in the database still has it. */
    apr_status_t status = apr_pool_create(&own, NULL);

    if (status == APR_SUCCESS) {
        status = apr_thread_cond_create(&usage->settled, own);
    }
    if (status == APR_SUCCESS) {
        status = apr_thread_mutex_create(&mutex, APR_THREAD_MUTEX_DEFAULT,
                                         own);
    }
    usage->counting = apikey_batch_make();
    usage->handed = now - usage->interval / SLOTS * (getpid() % SLOTS);
    if (status == APR_SUCCESS && usage->counting) {
        usage->mutex = mutex;
    }
    return status;
}

void apikey_usage_child(apr_pool_t *pchild, server_rec *s)
{
    apr_hash_index_t *at;

    for (at = apr_hash_first(pchild, usages); at; at = apr_hash_next(at)) {
        apr_status_t status = begin(apr_hash_this_val(at));

        if (status != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                         "APIKEY0156: this process does not count uses of "
                         "keys: is memory in the way?");
        }
    }
    /* Before the crew's, which was registered earlier. */
    apr_pool_pre_cleanup_register(pchild, pchild, end_child);
}
