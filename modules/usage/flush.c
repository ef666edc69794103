/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Writes uses and exposures to the database in batches, on a database thread;
 * see usage_private.h. */

#include "usage_private.h"

#include <http_config.h>
#include <http_log.h>
#include <ap_mpm.h>
#include <mod_watchdog.h>

#include "../config/config.h"
#include "../config/limited_log.h"
#include "../db/connections.h"

APLOG_USE_MODULE(apikey);

/* How long the end of a process waits for all databases.  The second SIGTERM of
 * a stop comes after 3 s and would end prefork's child during its cleanup; the
 * SIGKILL after 9 s ends any child. */
#define END_TIME apr_time_from_msec(2900)
#define END_TIME_THREADED apr_time_from_sec(6)
#define LOCK_TIMEOUT apr_time_from_msec(200)
/* Tries to write the rest then: with the pauses they take longer than the
 * breaker needs to let a probe through. */
#define END_TRIES 8
#define END_PAUSE apr_time_from_msec(100)

/* ---- A part, on the database thread ---- */

/* With the lock held: the uses of the part that is being written. */
static apr_uint64_t uses_of_part(const usage_t *usage)
{
    apr_uint64_t uses = 0;
    int i;

    for (i = usage->written_to; i < usage->begun_to; i++) {
        uses += (apr_uint64_t)usage->list[i].count;
    }
    return uses;
}

/* Begins a part of at most @a most keys; 0: the process ends. */
static int begin_usage_part(usage_t *usage, int most)
{
    int left, begins;

    apikey_mutex_lock(usage->lock);
    begins = !usage->ending;
    left = usage->count - usage->written_to;
    usage->begun_to = usage->written_to
                      + (!begins ? 0 : left < most ? left : most);
    apikey_mutex_unlock(usage->lock);
    return begins;
}

/* apikey_task_fn: writes a part.  Exposures go with the first part, before its
 * uses: if that fails they are written again, which does no harm. */
static apr_status_t write_usage_part(apikey_store_t *store, void *task,
                                     apr_pool_t *pool, const char **error)
{
    usage_t *usage = task;
    apr_status_t status = APR_SUCCESS;
    int count;

    if (!begin_usage_part(usage, apikey_store_usage_max(store))) {
        *error = "the process ends";
        return APR_TIMEUP;
    }
    if (usage->written_to == 0) {
        apikey_exposure_t *exposed =
            apikey_batch_list_exposed(usage->writing, &count, pool);

        status = apikey_store_exposed(store, exposed, count, pool, error);
    }
    if (status != APR_SUCCESS) {
        return status == APIKEY_EUNSURE ? APIKEY_EDATABASE : status;
    }
    return apikey_store_usage(store, usage->list + usage->written_to,
                              usage->begun_to - usage->written_to, pool, error);
}

static int is_usage_logged(const usage_t *usage, apikey_log_e kind,
                           apr_uint64_t amount, const char *error)
{
    apikey_event_t event = { kind, usage->server, NULL, usage, NULL, NULL,
                             error };

    return apikey_log_count(&event, amount);
}

static void log_dropped(const usage_t *usage, apr_uint64_t dropped,
                        apr_uint64_t exposures)
{
    server_rec *s = usage->server;

    if (dropped
        && is_usage_logged(usage, APIKEY_LOG_USES_LOST, dropped, NULL)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "APIKEY0154: %" APR_UINT64_T_FMT " uses of keys are "
                     "lost: those of %d keys are in memory, waiting to be "
                     "written, and there is no place for more",
                     dropped, APIKEY_USAGE_MAX);
    }
    if (exposures
        && is_usage_logged(usage, APIKEY_LOG_EXPOSED_LOST, exposures, NULL)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "APIKEY0171: %" APR_UINT64_T_FMT " times a key stood in "
                     "a URL and is not recorded: %d others are in memory, "
                     "waiting to be written, and there is no place for more",
                     exposures, APIKEY_EXPOSURES_MAX);
    }
}

static void log_part_result(const usage_t *usage, apr_status_t status,
                            int was_read_only, apr_uint64_t uses,
                            const char *error)
{
    server_rec *s = usage->server;
    apikey_limit_report_t report;

    if (status == APIKEY_EREADONLY) {
        if (!was_read_only
            && is_usage_logged(usage, APIKEY_LOG_USES_NOWHERE, 1, NULL)) {
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
        if (!is_usage_logged(usage, APIKEY_LOG_USES, 1, error)) {
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

/* With the lock held: ends the batch; uses that were not written go back to
 * "counting". */
static void end_usage_batch(usage_t *usage, int written)
{
    usage->dropped +=
        apikey_batch_merge(usage->counting, usage->list + usage->written_to,
                           usage->count - usage->written_to, APIKEY_USAGE_MAX);
    if (!written && usage->written_to == 0) {
        usage->dropped_exposures +=
            apikey_batch_merge_exposed(usage->counting, usage->writing,
                                       APIKEY_EXPOSURES_MAX);
    }
    apikey_batch_free(usage->writing);
    usage->writing = NULL;
    usage->list = NULL;
    usage->unwritten = 0;
}

static void end_usage_part(void *baton, void *task, apr_status_t status,
                           const char *error);

static void post_usage_part(usage_t *usage)
{
    apikey_post_t post = { NULL, write_usage_part, usage, 0, end_usage_part,
                           usage, 0 };
    apr_status_t status = apikey_database_post(usage->server, &post);

    if (status != APR_SUCCESS) {
        end_usage_part(usage, NULL, status,
                       "the database has not answered of late");
    }
}

/* apikey_done_fn: after a part, posts the next one or ends the batch.  Uses
 * that the database may or may not have committed (APIKEY_EUNSURE) count as
 * written: too low a count is better than too high a one. */
static void end_usage_part(void *baton, void *task APIKEY_UNUSED,
                           apr_status_t status, const char *error)
{
    usage_t *usage = baton;
    int written = status == APR_SUCCESS || status == APIKEY_EUNSURE;
    apr_uint64_t uses, dropped, exposures;
    int was_read_only, more, over;

    apikey_mutex_lock(usage->lock);
    over = usage->ending;
    uses = uses_of_part(usage);
    if (written) {
        usage->written_to = usage->begun_to;
        usage->unwritten -= uses;
    }
    if (status == APIKEY_EREADONLY) {
        usage->written_to = usage->count;
    }
    usage->begun_to = usage->written_to;
    more = written && !over && usage->written_to < usage->count;
    if (!more) {
        end_usage_batch(usage, written || status == APIKEY_EREADONLY);
    }
    was_read_only = usage->state == FLUSH_READ_ONLY;
    usage->state = status == APIKEY_EREADONLY ? FLUSH_READ_ONLY
                   : written ? FLUSH_WORKS : FLUSH_FAILS;
    dropped = usage->dropped;
    exposures = usage->dropped_exposures;
    usage->dropped = usage->dropped_exposures = 0;
    apikey_cond_broadcast(usage->part_ended);
    apikey_mutex_unlock(usage->lock);
    if (written || !over) {
        log_part_result(usage, status, was_read_only, uses, error ? error : "");
    }
    log_dropped(usage, dropped, exposures);
    if (more) {
        post_usage_part(usage);
    }
}

/* Begins to write what was counted, unless a batch is being written. */
static void flush_usage(usage_t *usage)
{
    apikey_batch_t *fresh = apikey_batch_make(), *batch;
    const apikey_use_t *list;
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
        usage->written_to = usage->begun_to = usage->count = 0;
        usage->unwritten = usage->writing->total;
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
    post_usage_part(usage);
}

static int is_batch_full(usage_t *usage)
{
    int full;

    apikey_mutex_lock(usage->lock);
    full = usage->state == FLUSH_WORKS
           && apikey_batch_keys(usage->counting) >= usage->full;
    apikey_mutex_unlock(usage->lock);
    return full;
}

apr_status_t apikey_usage_flush_due(int state, void *usages, apr_pool_t *pool)
{
    apr_time_t now = apikey_clock();
    apr_hash_index_t *at;

    for (at = apr_hash_first(pool, usages); at
         && state == AP_WATCHDOG_STATE_RUNNING && !apikey_database_is_ending();
         at = apr_hash_next(at)) {
        usage_t *usage = apr_hash_this_val(at);

        if (usage->lock && (now - usage->flushed_at >= usage->interval
                            || is_batch_full(usage))) {
            usage->flushed_at = now;
            flush_usage(usage);
        }
    }
    return APR_SUCCESS;
}

/* ---- The end of the process ---- */

/* Waits until no batch is being written; 0: the time was over first. */
static int await_flush(usage_t *usage, apr_time_t end)
{
    int over;

    apikey_mutex_lock(usage->lock);
    while (usage->writing
           && apikey_cond_wait(usage->part_ended, usage->lock, end)) {
    }
    over = !usage->writing;
    apikey_mutex_unlock(usage->lock);
    return over;
}

/* prefork ends a child in a signal handler, which may have interrupted the
 * holder of a lock: then nothing can be written. */
static int is_usage_usable(usage_t *usage)
{
    if (!usage->lock || !apikey_mutex_lock_within(usage->lock, LOCK_TIMEOUT)) {
        return 0;
    }
    apikey_mutex_unlock(usage->lock);
    return apikey_database_is_usable();
}

static int is_all_written(usage_t *usage)
{
    int empty;

    apikey_mutex_lock(usage->lock);
    empty = !usage->writing && !usage->counting->total
            && !apikey_batch_exposed(usage->counting);
    apikey_mutex_unlock(usage->lock);
    return empty;
}

/* Lets no further part begin, and logs what is not written.  The part that is
 * being written may still be committed. */
static void log_unwritten(usage_t *usage)
{
    apr_uint64_t lost, unsure;

    apikey_mutex_lock(usage->lock);
    usage->ending = 1;
    unsure = usage->writing ? uses_of_part(usage) : 0;
    lost = usage->counting->total + usage->unwritten - unsure;
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

/* Writes one database's rest.  Several tries, because an older batch may have
 * been under way, and the database may have been locked. */
static void flush_rest(usage_t *usage, apr_time_t end)
{
    int tries = 0;

    while (await_flush(usage, end) && !is_all_written(usage)
           && tries < END_TRIES && apikey_clock() < end) {
        if (tries++) {
            apr_sleep(END_PAUSE);
        }
        flush_usage(usage);
    }
    log_unwritten(usage);
}

/* Writes to all databases at once, so that one that does not answer takes no
 * time from the others. */
void apikey_usage_flush_all(apr_hash_t *usages, apr_pool_t *pool)
{
    apr_array_header_t *usable = apr_array_make(pool, 4, sizeof(usage_t *));
    apr_hash_index_t *at;
    apr_time_t end = apikey_clock();
    int i, threaded = 0;

    ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded);
    end += threaded ? END_TIME_THREADED : END_TIME;
    for (at = apr_hash_first(pool, usages); at; at = apr_hash_next(at)) {
        usage_t *usage = apr_hash_this_val(at);

        if (is_usage_usable(usage)) {
            APR_ARRAY_PUSH(usable, usage_t *) = usage;
            flush_usage(usage);
        }
    }
    for (i = 0; i < usable->nelts; i++) {
        flush_rest(APR_ARRAY_IDX(usable, i, usage_t *), end);
    }
}

