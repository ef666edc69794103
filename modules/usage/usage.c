/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "usage.h"

#include <unistd.h>

#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <ap_mpm.h>
#include <apr_hash.h>
#include <mod_watchdog.h>

#include "../config/config.h"
#include "../config/limited_log.h"
#include "../core/mutex.h"
#include "../db/connections.h"
#include "batch.h"

APLOG_USE_MODULE(apikey);

#define DEFAULT_FLUSH 10        /* seconds */
#if DEFAULT_FLUSH >= APIKEY_THREADS_IDLE
#error "each batch of uses would open a connection of its own"
#endif
/* Keys of all processes that wait, about; more are written before it is time,
 * so that what is left at the end of the processes can be written in time. */
#define FULL 16000
#define MOST 50000              /* keys, while nothing can be written */
#define MOST_EXPOSED 1000       /* keys, likewise */
/* At the end of a process, for all databases. The second SIGTERM of a stop
 * comes after 3 s and would end prefork's child in the middle of its cleanup;
 * the SIGKILL after 9 s ends any. */
#define PATIENCE apr_time_from_msec(2900)
#define PATIENCE_THREADED apr_time_from_sec(6)
#define PATIENCE_LOCK apr_time_from_msec(200)
/* Tries of a process that ends. With the pauses between them they take longer
 * than the breaker needs to let one through. */
#define TRIES 8
#define PAUSE apr_time_from_msec(100)
#define SLOTS 16                /* processes do not write all at once */
#define NOWHERE 2               /* of failing: nothing can be written there */
#define SILENT "the database has not answered of late"

struct apikey_usage_t {
    server_rec *server;         /* one that uses the database */
    apr_time_t interval;
    /* In each child process: */
    apikey_mutex_t *lock;        /* guards what follows */
    apikey_cond_t *ended;       /* signalled when a part was written, or not */
    apikey_batch_t *counting;
    apikey_batch_t *writing;    /* part by part; NULL: there is none */
    const apikey_use_t *list;   /* its uses, in the order of the ids */
    int count;
    int settled;                /* how many of list are, from its start */
    int begun;                  /* up to where they are being written */
    apr_uint64_t left;          /* uses of those that are not settled */
    int over;                   /* the process ends: no part is begun */
    apr_uint64_t dropped;       /* uses that found no place, not yet said */
    apr_uint64_t unnoted;       /* exposures, likewise */
    int failing;                /* the last batch was not written; NOWHERE */
    apr_time_t handed;          /* the watchdog's own: when the last was */
};
typedef struct apikey_usage_t usage_t;

/* By database. Made while httpd starts; in a child, read only. */
static apr_hash_t *usages;
static unsigned share;          /* of FULL: keys of this process */

/* ---- post_config ---- */

static void join(apr_pool_t *pconf, server_rec *s)
{
    apikey_server_t *conf = apikey_server_own(s, pconf);
    apr_time_t interval = apr_time_from_sec(conf->flush == APIKEY_UNSET
                                            ? DEFAULT_FLUSH : conf->flush);
    usage_t *usage;

    conf->usage = NULL;
    /* A table of one's own comes without apikey_usage. */
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

static apr_status_t on_watch(int state, void *data, apr_pool_t *pool);

int apikey_usage_init(apr_pool_t *pconf, apr_pool_t *plog APIKEY_UNUSED,
                      apr_pool_t *ptemp APIKEY_UNUSED, server_rec *s)
{
    server_rec *each;

    usages = apr_hash_make(pconf);
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    for (each = s; each; each = each->next) {
        join(pconf, each);
    }
    if (apr_hash_count(usages)
        && apikey_database_watch(on_watch, usages, pconf) != APR_SUCCESS) {
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
    if (!apikey_batch_add(usage->counting, id, 1, apr_time_sec(when), MOST)) {
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
    if (!apikey_batch_expose(usage->counting, exposure, MOST_EXPOSED)) {
        usage->unnoted++;
    }
    apikey_mutex_unlock(usage->lock);
    apikey_signals_release(&signals);
}

static apr_uint64_t waiting(usage_t *usage)
{
    apr_uint64_t total;
    sigset_t signals;

    apikey_signals_hold(&signals);
    apikey_mutex_lock(usage->lock);
    total = usage->counting->total + usage->left;
    apikey_mutex_unlock(usage->lock);
    apikey_signals_release(&signals);
    return total;
}

apr_uint64_t apikey_usage_waiting(server_rec *s)
{
    const apikey_server_t *conf = apikey_server_conf(s);
    usage_t *usage = usages ? apr_hash_get(usages, &conf->database,
                                           sizeof(conf->database)) : NULL;

    return usage && usage->lock ? waiting(usage) : 0;
}

/* ---- Batches ---- */

/* The uses of the part that is being written. */
static apr_uint64_t uses_of_part(const usage_t *usage)
{
    apr_uint64_t uses = 0;
    int i;

    for (i = usage->settled; i < usage->begun; i++) {
        uses += (apr_uint64_t)usage->list[i].count;
    }
    return uses;
}

/* 0: it is too late to begin one. */
static int begin_part(usage_t *usage, int most)
{
    int left, begins;

    apikey_mutex_lock(usage->lock);
    begins = !usage->over;
    left = usage->count - usage->settled;
    usage->begun = usage->settled + (!begins ? 0 : left < most ? left : most);
    apikey_mutex_unlock(usage->lock);
    return begins;
}

/* apikey_task_fn. While it runs, nothing else changes what it reads. What was
 * exposed goes first, with the first part: exposures may be written twice. */
static apr_status_t write_part(apikey_store_t *store, void *task,
                               apr_pool_t *pool, const char **error)
{
    usage_t *usage = task;
    apr_status_t status = APR_SUCCESS;
    int count;

    if (!begin_part(usage, apikey_store_usage_max(store))) {
        *error = "the process ends";
        return APR_TIMEUP;
    }
    if (usage->settled == 0) {
        apikey_exposure_t *exposed =
            apikey_batch_list_exposed(usage->writing, &count, pool);

        status = apikey_store_exposed(store, exposed, count, pool, error);
    }
    if (status != APR_SUCCESS) {
        return status == APIKEY_EUNSURE ? APIKEY_EDATABASE : status;
    }
    return apikey_store_usage(store, usage->list + usage->settled,
                              usage->begun - usage->settled, pool, error);
}

static int is_said(const usage_t *usage, apikey_log_e kind,
                   apr_uint64_t amount, const char *error)
{
    apikey_event_t event = { kind, usage->server, NULL, usage, NULL, NULL,
                             error };

    return apikey_log_count(&event, amount);
}

static void report_lost(const usage_t *usage, apr_uint64_t dropped,
                        apr_uint64_t unnoted)
{
    server_rec *s = usage->server;

    if (dropped && is_said(usage, APIKEY_LOG_USES_LOST, dropped, NULL)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "APIKEY0154: %" APR_UINT64_T_FMT " uses of keys are "
                     "lost: those of %d keys are in memory, waiting to be "
                     "written, and there is no place for more", dropped, MOST);
    }
    if (unnoted && is_said(usage, APIKEY_LOG_EXPOSED_LOST, unnoted, NULL)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "APIKEY0171: %" APR_UINT64_T_FMT " times a key stood in "
                     "a URL and is not recorded: %d others are in memory, "
                     "waiting to be written, and there is no place for more",
                     unnoted, MOST_EXPOSED);
    }
}

static void report(const usage_t *usage, apr_status_t status,
                   int was_nowhere, apr_uint64_t uses, const char *error)
{
    server_rec *s = usage->server;
    apikey_limit_report_t report;

    if (status == APIKEY_EREADONLY) {
        if (!was_nowhere && is_said(usage, APIKEY_LOG_USES_NOWHERE, 1, NULL)) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                         "APIKEY0296: uses of keys are written nowhere, and "
                         "not kept either, for the database is read-only to "
                         "this server (a replica, or a user without the right "
                         "to write); `ApiKeyUsageFlush off` if it is meant to "
                         "be: %s", error);
        }
    }
    else if (status == APIKEY_EUNSURE) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "APIKEY0153: the connection was lost while %"
                     APR_UINT64_T_FMT " uses of keys were committed; they are "
                     "not written again, for they might count twice: %s",
                     uses, error);
    }
    else if (status != APR_SUCCESS) {
        if (!is_said(usage, APIKEY_LOG_USES, 1, error)) {
            return;
        }
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "APIKEY0151: uses of keys cannot be written; they are "
                     "kept in memory, and it is tried again and again: %s",
                     error);
    }
    else if (apikey_log_end(APIKEY_LOG_USES, usage, NULL, &report)) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "APIKEY0152: uses of keys are written again");
    }
}

/* With the mutex held: the batch is over; what is not settled of it counts
 * on. */
static void end_batch(usage_t *usage, int written)
{
    usage->dropped += apikey_batch_merge(usage->counting,
                                         usage->list + usage->settled,
                                         usage->count - usage->settled, MOST);
    if (!written && usage->settled == 0) {
        usage->unnoted += apikey_batch_merge_exposed(usage->counting,
                                                     usage->writing,
                                                     MOST_EXPOSED);
    }
    apikey_batch_free(usage->writing);
    usage->writing = NULL;
    usage->list = NULL;
    usage->left = 0;
}

static void settle(void *baton, void *task, apr_status_t status,
                   const char *error);

static apr_status_t write_next(usage_t *usage)
{
    apikey_post_t post = { NULL, write_part, usage, 0, settle, usage, 0 };

    return apikey_database_post(usage->server, &post);
}

/* apikey_done_fn: a part of the batch is written, or the rest is counted on.
 * What the database may have or may not have is neither: too few is a smaller
 * fault than too many. */
static void settle(void *baton, void *task APIKEY_UNUSED, apr_status_t status,
                   const char *error)
{
    usage_t *usage = baton;
    int written = status == APR_SUCCESS || status == APIKEY_EUNSURE;
    apr_uint64_t uses, dropped, unnoted;
    int was_nowhere, more, over;

    apikey_mutex_lock(usage->lock);
    over = usage->over;
    uses = uses_of_part(usage);
    if (written) {
        usage->settled = usage->begun;
        usage->left -= uses;
    }
    if (status == APIKEY_EREADONLY) {
        usage->settled = usage->count;
    }
    usage->begun = usage->settled;
    more = written && !over && usage->settled < usage->count;
    if (!more) {
        end_batch(usage, written || status == APIKEY_EREADONLY);
    }
    was_nowhere = usage->failing == NOWHERE;
    usage->failing = status == APIKEY_EREADONLY ? NOWHERE : !written;
    dropped = usage->dropped;
    unnoted = usage->unnoted;
    usage->dropped = usage->unnoted = 0;
    apikey_cond_broadcast(usage->ended);
    apikey_mutex_unlock(usage->lock);
    if (written || !over) {
        report(usage, status, was_nowhere, uses, error ? error : "");
    }
    report_lost(usage, dropped, unnoted);
    if (more) {
        status = write_next(usage);
        if (status != APR_SUCCESS) {
            settle(usage, NULL, status, SILENT);
        }
    }
}

/* Has what was counted written, unless a batch is being written already. */
static void hand_over(usage_t *usage)
{
    apikey_batch_t *fresh = apikey_batch_make(), *batch;
    const apikey_use_t *list;
    apr_status_t status;
    int begun, count;

    if (!fresh) {
        return;
    }
    apikey_mutex_lock(usage->lock);
    begun = !usage->writing && (usage->counting->total
                                || apikey_batch_exposed(usage->counting));
    if (begun) {
        usage->writing = usage->counting;
        usage->counting = fresh;
        usage->settled = usage->begun = usage->count = 0;
        usage->left = usage->writing->total;
    }
    batch = usage->writing;
    apikey_mutex_unlock(usage->lock);
    if (!begun) {
        apikey_batch_free(fresh);
        return;
    }
    list = apikey_batch_list(batch, &count, batch->pool);
    apikey_mutex_lock(usage->lock);
    usage->list = list;
    usage->count = count;
    apikey_mutex_unlock(usage->lock);
    status = write_next(usage);
    if (status != APR_SUCCESS) {
        settle(usage, NULL, status, SILENT);
    }
}

static int is_full(usage_t *usage)
{
    int full;

    apikey_mutex_lock(usage->lock);
    full = !usage->failing && apikey_batch_keys(usage->counting) >= share;
    apikey_mutex_unlock(usage->lock);
    return full;
}

/* In each child. */
static apr_status_t on_watch(int state, void *data, apr_pool_t *pool)
{
    apr_time_t now = apikey_clock();
    apr_hash_index_t *at;

    for (at = apr_hash_first(pool, data); at
         && state == AP_WATCHDOG_STATE_RUNNING && !apikey_database_is_ending();
         at = apr_hash_next(at)) {
        usage_t *usage = apr_hash_this_val(at);

        if (usage->lock && (now - usage->handed >= usage->interval
                            || is_full(usage))) {
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
    int over;

    apikey_mutex_lock(usage->lock);
    while (usage->writing
           && apikey_cond_wait(usage->ended, usage->lock, end)) {
    }
    over = !usage->writing;
    apikey_mutex_unlock(usage->lock);
    return over;
}

/* prefork ends a child in a signal handler, which may have interrupted the
 * thread that holds a lock. */
static int is_usable(usage_t *usage)
{
    if (!usage->lock || !apikey_mutex_lock_within(usage->lock, PATIENCE_LOCK)) {
        return 0;
    }
    apikey_mutex_unlock(usage->lock);
    return apikey_database_is_usable();
}

static int is_empty(usage_t *usage)
{
    int empty;

    apikey_mutex_lock(usage->lock);
    empty = !usage->writing && !usage->counting->total
            && !apikey_batch_exposed(usage->counting);
    apikey_mutex_unlock(usage->lock);
    return empty;
}

/* From here on no part is begun, so that what is said to be lost is. The part
 * that is being written may still be committed. */
static void report_rest(usage_t *usage)
{
    apr_uint64_t lost, unsure;

    apikey_mutex_lock(usage->lock);
    usage->over = 1;
    unsure = usage->writing ? uses_of_part(usage) : 0;
    lost = usage->counting->total + usage->left - unsure;
    apikey_mutex_unlock(usage->lock);
    if (lost || unsure) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, usage->server,
                     "APIKEY0155: this process ends, and the database has not "
                     "taken %" APR_UINT64_T_FMT " uses of keys: %"
                     APR_UINT64_T_FMT " are lost; the others are being "
                     "written, and may or may not be in it", lost + unsure,
                     lost);
    }
}

/* An older batch may have been under way, and a batch that others were in the
 * way of is tried again. */
static void write_rest(usage_t *usage, apr_time_t end)
{
    int tries = 0;

    while (await(usage, end) && !is_empty(usage) && tries < TRIES
           && apikey_clock() < end) {
        if (tries++) {
            apr_sleep(PAUSE);
        }
        hand_over(usage);
    }
    report_rest(usage);
}

/* All databases are written to at once: one that does not answer takes no time
 * from the others. */
static apr_status_t end_child(void *data)
{
    apr_pool_t *pchild = data;
    apr_array_header_t *usable = apr_array_make(pchild, 4, sizeof(usage_t *));
    apr_hash_index_t *at;
    apr_time_t end = apikey_clock();
    int i, threaded = 0;

    ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded);
    end += threaded ? PATIENCE_THREADED : PATIENCE;
    for (at = apr_hash_first(pchild, usages); at; at = apr_hash_next(at)) {
        usage_t *usage = apr_hash_this_val(at);

        if (is_usable(usage)) {
            APR_ARRAY_PUSH(usable, usage_t *) = usage;
            hand_over(usage);
        }
    }
    for (i = 0; i < usable->nelts; i++) {
        write_rest(APR_ARRAY_IDX(usable, i, usage_t *), end);
    }
    return APR_SUCCESS;
}

static apr_status_t begin(usage_t *usage)
{
    apr_pool_t *own;
    /* Never destroyed: a thread that hangs in the database still has it. */
    apr_status_t status = apr_pool_create(&own, NULL);
    apikey_mutex_t *lock;

    if (status != APR_SUCCESS) {
        return status;
    }
    lock = apikey_mutex_create(own);
    usage->ended = apikey_cond_create(own);
    usage->counting = apikey_batch_make();
    usage->handed = apikey_clock() - usage->interval / SLOTS
                                     * (getpid() % SLOTS);
    if (!lock || !usage->ended || !usage->counting) {
        return APR_ENOMEM;
    }
    usage->lock = lock;
    return APR_SUCCESS;
}

void apikey_usage_child_init(apr_pool_t *pchild, server_rec *s)
{
    apr_hash_index_t *at;
    int processes = 1;

    ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &processes);
    share = FULL / (unsigned)(processes > 0 ? processes : 1);
    if (share < APIKEY_USED_AT_ONCE) {
        share = APIKEY_USED_AT_ONCE;
    }
    for (at = apr_hash_first(pchild, usages); at; at = apr_hash_next(at)) {
        apr_status_t status = begin(apr_hash_this_val(at));

        if (status != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                         "APIKEY0156: this process does not count uses of "
                         "keys: is memory in the way?");
        }
    }
    /* Before that of the database threads, which was registered earlier. */
    apr_pool_pre_cleanup_register(pchild, pchild, end_child);
}
