/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Which server has which cache, and the watchdog that keeps it true. */

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <apr_hash.h>
#include <apr_optional.h>
#include <apr_strings.h>
#include <mod_watchdog.h>

#include "../config/limited_log.h"
#include "../db/connections.h"
#include "../core/atomics.h"
#include "../core/mutex.h"
#include "find.h"
#include "socache.h"
#include "local_cache.h"
#include "poll_task.h"

APLOG_USE_MODULE(apikey);

#define DEFAULT_SPEC "shmcb"
#define DEFAULT_TTL 60
#define DEFAULT_TTL_NEGATIVE 5
#define DEFAULT_POLL 500
#define DEFAULT_STALE 60

/* Between a poll that is due and its end: the watchdog looks each 100 ms, and
 * the database takes its time.  ApiKeyRevocationPoll and half a second are
 * promised. */
#define SLACK apr_time_from_msec(450)

/* For a poll; twice as long after each that took longer.  Many changes take
 * their time, and others would only read them once more. */
#define PATIENCE apr_time_from_msec(1500)
#define PATIENCE_MOST apr_time_from_sec(12)

/* So long a request waits for a poll; then it asks for its own key. */
#define WAIT apr_time_from_msec(250)
#define NAP apr_time_from_msec(1)

#define SET(value, otherwise) ((value) == APIKEY_UNSET ? (otherwise) : (value))

/* A database, or a query of one, that is polled. */
struct apikey_poller_t {
    server_rec *server;         /* one that uses it */
    apikey_poll_task_t task;
    apr_time_t interval;        /* the shortest that one of them wants */
    apr_time_t ttl;             /* the longest that one of them has */
    apikey_word_t polling;      /* one of this process is under way */
    apikey_word_t patience;     /* for the next of this process */
};

/* Made while httpd starts, then read only, but for what is a word. */
static apr_hash_t *socaches;            /* by their words */
static apr_hash_t *segments; /* apikey_poller_t, by database and query */
static apikey_local_cache_t *local;     /* a copy of it in each child */

/* ---- check_config ---- */

static apikey_socache_t *socache_of(apr_pool_t *pconf, apr_pool_t *ptemp,
                                    const char *spec, const char **error)
{
    apikey_socache_t *socache = apr_hash_get(socaches, spec,
                                             APR_HASH_KEY_STRING);

    *error = NULL;
    if (!socache && apikey_socache_create(&socache, spec, pconf, ptemp, error)
                   == APR_SUCCESS) {
        apr_hash_set(socaches, spec, APR_HASH_KEY_STRING, socache);
    }
    if (!APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance)) {
        *error = "mod_watchdog, which looks for changes, is not loaded: add "
                 "'LoadModule watchdog_module'";
    }
    return *error ? NULL : socache;
}

/* NULL: OpenSSL cannot make a digest. */
static apikey_cache_t *cache_of(apr_pool_t *pconf,
                                const apikey_server_t *conf,
                                apikey_socache_t *socache)
{
    apikey_cache_t *cache = apr_pcalloc(pconf, sizeof(*cache));

    cache->socache = socache;
    cache->polled = !conf->query || conf->changes;
    cache->poll = apr_time_from_msec(SET(conf->poll, DEFAULT_POLL));
    cache->fresh = cache->poll + SLACK;
    cache->ttl = apr_time_from_sec(SET(conf->ttl, DEFAULT_TTL));
    cache->ttl_negative = apr_time_from_sec(SET(conf->ttl_negative,
                                                DEFAULT_TTL_NEGATIVE));
    cache->stale = apr_time_from_sec(SET(conf->stale, DEFAULT_STALE));
    return apikey_codec_context(cache->context, conf->db.name, conf->query,
                                conf->keyspace, pconf)
           == APR_SUCCESS ? cache : NULL;
}

/* Behind config/config_check.c: the providers, and their words. */
static int check(apr_pool_t *pconf, apr_pool_t *plog APIKEY_UNUSED,
                 apr_pool_t *ptemp, server_rec *s)
{
    int warned = 0;

    socaches = apr_hash_make(pconf);
    segments = NULL;
    for (; s; s = s->next) {
        apikey_server_t *conf = apikey_server_own(s, pconf);
        const char *spec = conf->cache ? conf->cache : DEFAULT_SPEC;
        apikey_socache_t *socache;
        const char *error;

        conf->server_cache = NULL;
        if (!conf->policy.secrets || !*spec) {
            continue;
        }
        socache = socache_of(pconf, ptemp, spec, &error);
        if (socache) {
            conf->server_cache = cache_of(pconf, conf, socache);
            error = "OpenSSL cannot make a digest; is a FIPS policy in the "
                    "way?";
        }
        if (conf->server_cache) {
            continue;
        }
        if (conf->cache) {
            ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0, s,
                         "APIKEY0010: ApiKeyCache %s: %s", spec, error);
            return !OK;
        }
        if (!warned++) {
            ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, s,
                         "APIKEY0140: keys are not cached, and each request "
                         "asks the database: %s", error);
        }
    }
    return OK;
}

/* ---- post_config ---- */

static int give_memory(apr_pool_t *pconf, server_rec *s)
{
    apr_hash_index_t *index;
    int number = 0;

    for (index = apr_hash_first(pconf, socaches); index;
         index = apr_hash_next(index)) {
        const char *error;
        void *socache;
        apr_status_t status;

        apr_hash_this(index, NULL, NULL, &socache);
        status = apikey_socache_init(socache, number++, s, pconf, &error);
        if (status != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_CRIT | APLOG_STARTUP, status, s,
                         "APIKEY0011: ApiKeyCache %s: %s",
                         apikey_socache_spec(socache), error);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

/* A look at all that an answer depends on but the keys themselves. */
static const char *segment_name(apr_pool_t *pool, const apikey_server_t *conf)
{
    return apr_psprintf(pool, "%pp\n%s\n%s", conf->database,
                        conf->query ? conf->query : "",
                        conf->changes ? conf->changes : "");
}

static apr_status_t segment_of(apikey_cache_t *cache, server_rec *s,
                               apr_pool_t *pconf)
{
    const apikey_server_t *conf = apikey_server_conf(s);
    const char *name = segment_name(pconf, conf);
    apikey_poller_t *polled = apr_hash_get(segments, name, APR_HASH_KEY_STRING);
    apr_status_t status = APR_SUCCESS;

    if (!polled) {
        polled = apr_pcalloc(pconf, sizeof(*polled));
        polled->server = s;
        polled->interval = cache->poll;
        polled->patience = PATIENCE;
        polled->task.changes = conf->changes;
        status = apikey_segment_create(&polled->task.segment, pconf);
        if (status != APR_SUCCESS) {
            return status;
        }
        if (conf->query) {
            polled->task.identity = APIKEY_POLL_UNNAMED;
        }
        if (!cache->polled) {
            apikey_poll_t poll;

            apikey_poll_begin(polled->task.segment, &poll);
            apikey_poll_new_era(polled->task.segment, &poll,
                                polled->task.identity, 0, 0, 0);
            polled->interval = 0;
        }
        apr_hash_set(segments, name, APR_HASH_KEY_STRING, polled);
    }
    if (cache->poll < polled->interval) {
        polled->interval = cache->poll;
    }
    if (cache->ttl > polled->ttl) {
        polled->ttl = cache->ttl;
    }
    cache->segment = polled->task.segment;
    cache->local = local;
    cache->poller = polled;
    return APR_SUCCESS;
}

static apr_status_t on_watch(int state, void *data, apr_pool_t *pool);

/* Behind lookup's: shared memory, the watchdog. */
static int init(apr_pool_t *pconf, apr_pool_t *plog APIKEY_UNUSED,
                apr_pool_t *ptemp APIKEY_UNUSED, server_rec *s)
{
    server_rec *main_server = s;
    int warned = 0;

    /* httpd reads its configuration twice; the first time is for show. */
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG
        || !apr_hash_count(socaches)) {
        return OK;
    }
    segments = apr_hash_make(pconf);
    local = apikey_local_cache_create(pconf);
    if (give_memory(pconf, s) != OK) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    for (; s; s = s->next) {
        apikey_cache_t *cache = apikey_server_conf(s)->server_cache;
        apr_status_t status = cache ? segment_of(cache, s, pconf)
                                    : APR_SUCCESS;

        if (status != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_CRIT | APLOG_STARTUP, status, s,
                         "APIKEY0012: there is no shared memory for "
                         "ApiKeyCache; is there a limit on it?");
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        if (cache && !cache->polled && !warned++) {
            ap_log_error(APLOG_MARK, APLOG_NOTICE | APLOG_STARTUP, 0, s,
                         "APIKEY0143: ApiKeyQuery without ApiKeyChangesQuery: "
                         "a revocation is seen when ApiKeyCacheTTL is over, "
                         "not before");
        }
    }
    if (apikey_database_watch(on_watch, segments, pconf) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT | APLOG_STARTUP, 0, main_server,
                     "APIKEY0013: mod_watchdog gives no thread to look for "
                     "changes");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

void apikey_each_segment(apikey_segment_fn each, void *baton, apr_pool_t *pool)
{
    apr_hash_index_t *index;

    for (index = segments ? apr_hash_first(pool, segments) : NULL; index;
         index = apr_hash_next(index)) {
        apikey_poller_t *polled;
        void *value;

        apr_hash_this(index, NULL, NULL, &value);
        polled = value;
        each(baton, polled->server, polled->task.segment);
    }
}

/* ---- In the children ---- */

static void enter_child(apr_pool_t *pchild, server_rec *s)
{
    apr_hash_index_t *index;

    if (!segments) {
        return;
    }
    apikey_local_cache_child_init(local);
    for (index = apr_hash_first(pchild, socaches); index;
         index = apr_hash_next(index)) {
        void *socache;

        apr_hash_this(index, NULL, NULL, &socache);
        apikey_socache_child_init(socache, pchild, s);
    }
    for (index = apr_hash_first(pchild, segments); index;
         index = apr_hash_next(index)) {
        void *polled;

        apr_hash_this(index, NULL, NULL, &polled);
        apikey_segment_child_init(((apikey_poller_t *)polled)->task.segment);
    }
}

/* Of each two. */
static void tell_copy(const apikey_poller_t *polled,
                      const apikey_poller_t *other, apr_pool_t *pool)
{
    apikey_event_t event = { APIKEY_LOG_COPY, polled->server, NULL, polled,
                             apikey_server_name(pool, other->server), NULL,
                             NULL };

    if (apikey_log_is_due(&event)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, polled->server,
                     "APIKEY0180: the database %s has the identity of the "
                     "one %s: if one is a copy of the other, give it an "
                     "identity of its own (htapikey init --new-identity); "
                     "if the two are one database, write its parameters "
                     "in the same words in both",
                     apikey_server_name(pool, polled->server),
                     apikey_server_name(pool, other->server));
    }
}

/* A copy of a database has its identity, and other keys as soon as one of the
 * two is changed.  Nothing is shared between them here, but what tells people
 * which database it is tells them apart no longer; and a copy that other
 * machines reach by the same words shares a redis with it. */
static void look_for_copies(const apikey_poller_t *polled, apr_uint64_t origin,
                            apr_pool_t *pool)
{
    const apikey_server_t *conf = apikey_server_conf(polled->server);
    apr_hash_index_t *index;

    for (index = apr_hash_first(pool, segments); index;
         index = apr_hash_next(index)) {
        const apikey_poller_t *other = apr_hash_this_val(index);

        if (apikey_origin_get(other->task.segment) == origin
            && strcmp(apikey_server_conf(other->server)->db.name,
                      conf->db.name)) {
            tell_copy(polled, other, pool);
        }
    }
}

/* Each child learns it from the segment: the first that polls tells of it. */
static void note_origin(const apikey_poller_t *polled, apr_uint64_t origin,
                        apr_pool_t *pool)
{
    if (origin && origin != apikey_origin_get(polled->task.segment)) {
        apikey_origin_set(polled->task.segment, origin);
        look_for_copies(polled, origin, pool);
    }
}

/* Whether it is to be said now; each database is limited for itself. */
static int is_said(apikey_log_e kind, server_rec *s, const void *segment,
                   const char *detail)
{
    apikey_event_t event = { kind, s, NULL, segment, NULL, NULL, detail };

    return apikey_log_is_due(&event);
}

/* Whether it had been said, and is over now. */
static int is_over(apikey_log_e kind, const void *segment)
{
    apikey_limit_report_t report;

    return apikey_log_end(kind, segment, NULL, &report);
}

static void report(apikey_poller_t *polled, apr_status_t status,
                   const char *error)
{
    server_rec *s = polled->server;

    if (status != APR_SUCCESS
        && is_said(APIKEY_LOG_CHANGES, s, polled->task.segment, error)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "APIKEY0145: changes of keys cannot be read; the "
                     "database is asked for each request, and while it does "
                     "not answer, what is cached holds for ApiKeyStaleLimit: "
                     "%s", error);
    }
    else if (status == APR_SUCCESS
             && is_over(APIKEY_LOG_CHANGES, polled->task.segment)) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "APIKEY0146: changes of keys are read again");
    }
}

void apikey_report_older_state(server_rec *s, const apikey_segment_t *segment,
                               apr_uint64_t known)
{
    if (is_said(APIKEY_LOG_OLDER, s, segment, NULL)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "APIKEY0290: the database has answered with an older "
                     "state than one that was seen, without the change %"
                     APR_UINT64_T_FMT ": a replica that lags, or a database "
                     "that was restored; what is known is not taken back, and "
                     "until it is there, keys that were changed since get 503, "
                     "and the database is asked for the others", known);
    }
}

static void tell_stuck(server_rec *s, const apikey_poll_task_t *task)
{
    const char *why = *task->why ? task->why : "nothing was changed";

    if (is_said(APIKEY_LOG_STUCK, s, task->segment, why)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "APIKEY0292: for more than 5 seconds the database has "
                     "shown nothing but an older state than one that was seen, "
                     "and has taken no new epoch, so it counts as a replica "
                     "that lags: see to its replication; if it was restored "
                     "from a backup, or has taken the place of a primary that "
                     "had more, run `htapikey init --new-identity` on it: %s",
                     why);
    }
}

static void tell_replaced(server_rec *s, const apikey_poll_task_t *task)
{
    if (task->found == APIKEY_POLL_SALTED
        && is_said(APIKEY_LOG_SALTED, s, task->segment, task->why)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "APIKEY0294: the database has another history than it "
                     "had (it was restored), and takes no new epoch from this "
                     "server, which helps itself; others that read it find "
                     "out by themselves: %s", task->why);
    }
    if (is_said(APIKEY_LOG_REPLACED, s, task->segment, NULL)) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "APIKEY0293: the database is another than it was (other "
                     "identity or epoch, or another history: it was restored, "
                     "replaced or upgraded), so every answer that was kept of "
                     "it is void; where this comes again and again, two "
                     "databases answer in turn");
    }
    if (apikey_eras_are_used_up(task->segment)
        && is_said(APIKEY_LOG_USED_UP, s, task->segment, NULL)) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     "APIKEY0295: the database has become another one so often "
                     "that nothing can be kept of it any more: see to it that "
                     "one database answers, then restart httpd (gracefully)");
    }
}

/* What a good poll has found, beside changes. */
static void tell_found(server_rec *s, const apikey_poll_task_t *task)
{
    int over;

    switch (task->found) {
    case APIKEY_POLL_STUCK:
        tell_stuck(s, task);
        return;
    case APIKEY_POLL_OLDER:
        apikey_report_older_state(s, task->segment, task->known);
        return;
    case APIKEY_POLL_AS_EVER:
        return;
    case APIKEY_POLL_REPLACED:
    case APIKEY_POLL_SALTED:
        tell_replaced(s, task);
        break;
    case APIKEY_POLL_CAUGHT_UP:
        break;
    }
    over = is_over(APIKEY_LOG_OLDER, task->segment);
    over |= is_over(APIKEY_LOG_STUCK, task->segment);
    if (over && task->found == APIKEY_POLL_CAUGHT_UP) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "APIKEY0291: the database has the last change that was "
                     "known again");
    }
}

static int claim(apikey_poller_t *polled)
{
    return apikey_poll_claim(polled->task.segment,
                             polled->interval - AP_WD_TM_SLICE / 2);
}

static void set_patience(apikey_poller_t *polled, apr_status_t status)
{
    apr_uint64_t longer = 2 * apikey_word_get(&polled->patience);

    apikey_word_set(&polled->patience,
                    !APR_STATUS_IS_TIMEUP(status) ? PATIENCE
                    : longer < PATIENCE_MOST ? longer : PATIENCE_MOST);
}

/* apikey_done_fn */
static void end_poll(void *baton, void *task, apr_status_t status,
                     const char *error)
{
    apikey_poller_t *polled = baton;
    apr_pool_t *pool;

    if (status == APR_SUCCESS
        && apr_pool_create(&pool, NULL) == APR_SUCCESS) {
        note_origin(polled, ((apikey_poll_task_t *)task)->origin, pool);
        tell_found(polled->server, task);
        apr_pool_destroy(pool);
    }
    report(polled, status, error ? error : "");
    set_patience(polled, status);
    apikey_word_set(&polled->polling, 0);
}

/* APR_EBUSY: another is under way, or was lately. */
static apr_status_t begin_poll(apikey_poller_t *polled)
{
    apikey_post_t post = { NULL, apikey_poll, &polled->task,
                           sizeof(polled->task), end_poll, polled, 0 };
    apr_status_t status;

    if (!apikey_word_swap(&polled->polling, 0, 1)) {
        return APR_EBUSY;
    }
    post.patience = (apr_time_t)apikey_word_get(&polled->patience);
    status = claim(polled) ? apikey_database_post(polled->server, &post)
                           : APR_EBUSY;
    if (status == APR_SUCCESS) {
        return status;
    }
    apikey_word_set(&polled->polling, 0);
    if (!APR_STATUS_IS_EBUSY(status) && !apikey_database_is_ending()) {
        /* The connections of another process may be better. */
        apikey_poll_release(polled->task.segment);
        report(polled, status, "the database has not answered of late");
    }
    return status;
}

apr_status_t apikey_poller_run(apikey_poller_t *polled)
{
    apr_status_t status = begin_poll(polled);
    apr_time_t end = apikey_clock() + WAIT;

    while (status == APR_SUCCESS && apikey_word_get(&polled->polling)
           && apikey_clock() < end) {
        apr_sleep(NAP);
    }
    return status;
}

/* Each child's watchdog comes by each 100 ms; the first that finds a poll due
 * does it. A child that is killed in the middle is missed for 100 ms. Where no
 * request has wanted an answer throughout ApiKeyCacheTTL, all that was kept has
 * expired, and the next request looks for changes itself. */
static apr_status_t on_watch(int state, void *data, apr_pool_t *pool)
{
    apr_hash_index_t *at;

    for (at = apr_hash_first(pool, data); at
         && state == AP_WATCHDOG_STATE_RUNNING && !apikey_database_is_ending();
         at = apr_hash_next(at)) {
        apikey_poller_t *polled = apr_hash_this_val(at);

        /* What takes long is not begun by another process, too. */
        if (apikey_word_get(&polled->polling)) {
            apikey_poll_claim(polled->task.segment, 0);
        }
        else if (polled->interval
                 && apikey_segment_is_used(polled->task.segment, polled->ttl)) {
            begin_poll(polled);
        }
    }
    return APR_SUCCESS;
}

void apikey_cache_setup_hooks(void)
{
    ap_hook_pre_config(apikey_socache_register, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(check, NULL, NULL, APR_HOOK_LAST);
    ap_hook_post_config(init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(enter_child, NULL, NULL, APR_HOOK_FIRST + 1);
}
