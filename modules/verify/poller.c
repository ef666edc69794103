/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <httpd.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <mod_watchdog.h>

#include "../config/config.h"
#include "../core/atomics.h"
#include "../core/mutex.h"
#include "../db/connections.h"
#include "poll_report.h"
#include "poll_task.h"
#include "poller.h"

/* How long a poll may take; doubled after each one that took longer, so that a
 * poll with very many changes can end: the next one would read them again. */
#define TIMEOUT apr_time_from_msec(1500)
#define TIMEOUT_MAX apr_time_from_sec(12)

/* How long a request waits for a poll before it looks up its own key. */
#define WAIT apr_time_from_msec(250)
#define NAP apr_time_from_msec(1)

struct apikey_poller_t {
    server_rec *server;         /* one that uses the database */
    apikey_poll_task_t task;    /* a template: each poll gets a copy */
    apr_time_t interval;        /* the shortest of its servers; 0: no polls */
    apr_time_t ttl;             /* the longest of its servers */
    /* Of this process: */
    apikey_word_t polling;      /* 1: a poll runs */
    apikey_word_t timeout;      /* of the next poll */
};

/* apikey_poller_t, by poller_name().  Filled while httpd starts; afterwards
 * the pollers are read-only, except polling and timeout. */
static apr_hash_t *pollers;

/* ---- While httpd starts ---- */

void apikey_pollers_init(apr_pool_t *pconf)
{
    pollers = apr_hash_make(pconf);
}

/* All that the records depend on, except the keys. */
static const char *poller_name(apr_pool_t *pool, const apikey_server_t *conf)
{
    return apr_psprintf(pool, "%pp\n%s\n%s", conf->database,
                        conf->query ? conf->query : "",
                        conf->changes ? conf->changes : "");
}

static apr_status_t make_poller(apikey_poller_t **out, server_rec *s,
                                int polled, apr_pool_t *pconf)
{
    const apikey_server_t *conf = apikey_server_conf(s);
    apikey_poller_t *poller = apr_pcalloc(pconf, sizeof(*poller));
    apikey_poll_task_t *task = &poller->task;
    apr_status_t status;

    poller->server = s;
    poller->timeout = TIMEOUT;
    task->changes = conf->changes;
    status = apikey_segment_create(&task->segment, pconf);
    if (status != APR_SUCCESS) {
        return status;
    }
    if (conf->query) {
        task->identity = APIKEY_POLL_UNNAMED;
    }
    /* Without polls, the segment learns here which database it is of. */
    if (!polled) {
        apikey_poll_t poll;

        apikey_poll_begin(task->segment, &poll);
        apikey_poll_new_era(task->segment, &poll, task->identity, 0, 0, 0);
    }
    *out = poller;
    return APR_SUCCESS;
}

apr_status_t apikey_poller_of(apikey_poller_t **out, server_rec *s,
                              apr_time_t interval, apr_time_t ttl, int polled,
                              apr_pool_t *pconf)
{
    const char *name = poller_name(pconf, apikey_server_conf(s));
    apikey_poller_t *poller = apr_hash_get(pollers, name, APR_HASH_KEY_STRING);

    if (!poller) {
        apr_status_t status = make_poller(&poller, s, polled, pconf);

        if (status != APR_SUCCESS) {
            return status;
        }
        poller->interval = polled ? interval : 0;
        apr_hash_set(pollers, name, APR_HASH_KEY_STRING, poller);
    }
    if (interval < poller->interval) {
        poller->interval = interval;
    }
    if (ttl > poller->ttl) {
        poller->ttl = ttl;
    }
    *out = poller;
    return APR_SUCCESS;
}

void apikey_pollers_child_init(apr_pool_t *pchild)
{
    apr_hash_index_t *index;

    for (index = apr_hash_first(pchild, pollers); index;
         index = apr_hash_next(index)) {
        const apikey_poller_t *poller = apr_hash_this_val(index);

        apikey_segment_child_init(poller->task.segment);
    }
}

apikey_segment_t *apikey_poller_segment(const apikey_poller_t *poller)
{
    return poller->task.segment;
}

void apikey_each_segment(apikey_segment_fn each, void *baton, apr_pool_t *pool)
{
    apr_hash_index_t *index;

    for (index = apr_hash_first(pool, pollers); index;
         index = apr_hash_next(index)) {
        const apikey_poller_t *poller = apr_hash_this_val(index);

        each(baton, poller->server, poller->task.segment);
    }
}

/* ---- After a poll, on the database thread ---- */

/* Warns if two databases have the same identity: one is probably a copy of the
 * other, and the two differ as soon as one of them is changed.  Nothing is
 * shared between them here.  But a person can no longer distinguish the two by
 * their identity, and a copy that another machine names by the same parameters
 * shares cached records in redis with the original. */
static void find_copies(const apikey_poller_t *poller, apr_uint64_t origin,
                        apr_pool_t *pool)
{
    const apikey_server_t *conf = apikey_server_conf(poller->server);
    apr_hash_index_t *index;

    for (index = apr_hash_first(pool, pollers); index;
         index = apr_hash_next(index)) {
        const apikey_poller_t *other = apr_hash_this_val(index);

        if (apikey_origin_get(other->task.segment) == origin
            && strcmp(apikey_server_conf(other->server)->db.name,
                      conf->db.name)) {
            apikey_report_copy(poller->server, poller, other->server, pool);
        }
    }
}

/* The origin is kept in the segment, so that only the first process that reads
 * it looks for copies. */
static void set_origin(const apikey_poller_t *poller, apr_uint64_t origin,
                       apr_pool_t *pool)
{
    if (origin && origin != apikey_origin_get(poller->task.segment)) {
        apikey_origin_set(poller->task.segment, origin);
        find_copies(poller, origin, pool);
    }
}

static void set_timeout(apikey_poller_t *poller, apr_status_t status)
{
    apr_uint64_t doubled = 2 * apikey_word_get(&poller->timeout);

    apikey_word_set(&poller->timeout,
                    !APR_STATUS_IS_TIMEUP(status) ? TIMEOUT
                    : doubled < TIMEOUT_MAX ? doubled : TIMEOUT_MAX);
}

/* apikey_done_fn */
static void end_poll(void *baton, void *data, apr_status_t status,
                     const char *error)
{
    apikey_poller_t *poller = baton;
    const apikey_poll_task_t *task = data;
    apr_pool_t *pool;

    if (status == APR_SUCCESS
        && apr_pool_create(&pool, NULL) == APR_SUCCESS) {
        set_origin(poller, task->origin, pool);
        apikey_report_poll_outcome(poller->server, task);
        apr_pool_destroy(pool);
    }
    apikey_report_poll_status(poller->server, poller->task.segment, status,
                              error ? error : "");
    set_timeout(poller, status);
    apikey_word_set(&poller->polling, 0);
}

/* ---- When to poll ---- */

/* Starts a poll on a database thread.  APR_EBUSY: another one runs, or began
 * less than an interval ago. */
static apr_status_t begin_poll(apikey_poller_t *poller)
{
    apikey_post_t post = { NULL, apikey_poll, &poller->task,
                           sizeof(poller->task), end_poll, poller, 0 };
    apr_status_t status = APR_EBUSY;

    if (!apikey_word_swap(&poller->polling, 0, 1)) {
        return APR_EBUSY;
    }
    post.timeout = (apr_time_t)apikey_word_get(&poller->timeout);
    /* The watchdog comes every slice: half a slice early is near enough. */
    if (apikey_poll_claim(poller->task.segment,
                          poller->interval - AP_WD_TM_SLICE / 2)) {
        status = apikey_database_post(poller->server, &post);
    }
    if (status == APR_SUCCESS) {
        return status;
    }
    apikey_word_set(&poller->polling, 0);
    if (!APR_STATUS_IS_EBUSY(status) && !apikey_database_is_ending()) {
        /* Let another process try: its connections may still work. */
        apikey_poll_release(poller->task.segment);
        apikey_report_poll_status(poller->server, poller->task.segment, status,
                                  "the database has not answered of late");
    }
    return status;
}

apr_status_t apikey_poller_run(apikey_poller_t *poller)
{
    apr_status_t status = begin_poll(poller);
    apr_time_t end = apikey_clock() + WAIT;

    while (status == APR_SUCCESS && apikey_word_get(&poller->polling)
           && apikey_clock() < end) {
        apr_sleep(NAP);
    }
    return status;
}

/* mod_watchdog's callback, in each child process every 100 ms: begins each poll
 * that is due.  A database whose records no request has asked for within
 * ApiKeyCacheTTL is not polled: all of them have expired, and the next request
 * polls itself (apikey_poller_run()). */
static apr_status_t poll_if_due(int state, void *data APIKEY_UNUSED,
                                apr_pool_t *pool)
{
    apr_hash_index_t *index;

    for (index = apr_hash_first(pool, pollers); index
         && state == AP_WATCHDOG_STATE_RUNNING && !apikey_database_is_ending();
         index = apr_hash_next(index)) {
        apikey_poller_t *poller = apr_hash_this_val(index);

        /* Renew the claim of a poll that still runs, so that no other process
         * begins one. */
        if (apikey_word_get(&poller->polling)) {
            apikey_poll_claim(poller->task.segment, 0);
        }
        else if (poller->interval
                 && apikey_segment_is_used(poller->task.segment,
                                           poller->ttl)) {
            begin_poll(poller);
        }
    }
    return APR_SUCCESS;
}

apr_status_t apikey_pollers_watch(apr_pool_t *pconf)
{
    return apikey_database_watch(poll_if_due, pollers, pconf);
}
