/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Sets up each server's cache: the providers in check_config, so that httpd -t
 * checks their arguments; memory, locks and pollers in post_config; what
 * belongs to a process in child_init. */

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <apr_hash.h>
#include <apr_optional.h>
#include <mod_watchdog.h>

#include "cache_setup.h"

APLOG_USE_MODULE(apikey);

#define DEFAULT_SPEC "shmcb"
#define DEFAULT_TTL 60
#define DEFAULT_TTL_NEGATIVE 5
#define DEFAULT_POLL 500
#define DEFAULT_STALE 60

/* How much later than its interval a poll may end: the watchdog runs every
 * 100 ms, and the database needs some time.  The manual promises that a
 * revocation is seen within ApiKeyRevocationPoll and half a second. */
#define POLL_SLACK apr_time_from_msec(450)

#define SET(value, otherwise) ((value) == APIKEY_UNSET ? (otherwise) : (value))

/* Filled while httpd starts, read-only afterwards. */
static apr_hash_t *socaches;            /* apikey_socache_t, by ApiKeyCache */
static apikey_local_cache_t *local;     /* each child process has a copy */

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
static apikey_cache_t *make_cache(apr_pool_t *pconf,
                                  const apikey_server_t *conf,
                                  apikey_socache_t *socache)
{
    apikey_cache_t *cache = apr_pcalloc(pconf, sizeof(*cache));

    cache->socache = socache;
    cache->polled = !conf->query || conf->changes;
    cache->poll_interval = apr_time_from_msec(SET(conf->poll, DEFAULT_POLL));
    cache->max_poll_age = cache->poll_interval + POLL_SLACK;
    cache->ttl = apr_time_from_sec(SET(conf->ttl, DEFAULT_TTL));
    cache->ttl_negative = apr_time_from_sec(SET(conf->ttl_negative,
                                                DEFAULT_TTL_NEGATIVE));
    cache->stale = apr_time_from_sec(SET(conf->stale, DEFAULT_STALE));
    return apikey_codec_context(cache->context, conf->db.name, conf->query,
                                conf->keyspace, pconf)
           == APR_SUCCESS ? cache : NULL;
}

/* check_config hook, after config/config_check.c: finds the providers.  A
 * cache that is configured and cannot be had is an error; where the default
 * one cannot be had, keys are not cached, with a warning. */
static int check_caches(apr_pool_t *pconf, apr_pool_t *plog APIKEY_UNUSED,
                        apr_pool_t *ptemp, server_rec *s)
{
    int warned = 0;

    socaches = apr_hash_make(pconf);
    apikey_pollers_init(pconf);
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
            conf->server_cache = make_cache(pconf, conf, socache);
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

static int init_socaches(apr_pool_t *pconf, server_rec *s)
{
    apr_hash_index_t *index;
    int number = 0;

    for (index = apr_hash_first(pconf, socaches); index;
         index = apr_hash_next(index)) {
        apikey_socache_t *socache = apr_hash_this_val(index);
        const char *error;
        apr_status_t status = apikey_socache_init(socache, number++, s, pconf,
                                                  &error);

        if (status != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_CRIT | APLOG_STARTUP, status, s,
                         "APIKEY0011: ApiKeyCache %s: %s",
                         apikey_socache_spec(socache), error);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

static apr_status_t init_server_cache(apr_pool_t *pconf, server_rec *s,
                                      apikey_cache_t *cache)
{
    apr_status_t status =
        apikey_poller_of(&cache->poller, s, cache->poll_interval, cache->ttl,
                         cache->polled, pconf);

    if (status == APR_SUCCESS) {
        cache->segment = apikey_poller_segment(cache->poller);
        cache->local = local;
    }
    return status;
}

/* post_config hook. */
static int init_caches(apr_pool_t *pconf, apr_pool_t *plog APIKEY_UNUSED,
                       apr_pool_t *ptemp APIKEY_UNUSED, server_rec *s)
{
    server_rec *main_server = s;
    int warned = 0;

    /* httpd reads its configuration twice; the first pass runs nothing. */
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG
        || !apr_hash_count(socaches)) {
        return OK;
    }
    local = apikey_local_cache_create(pconf);
    if (init_socaches(pconf, s) != OK) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    for (; s; s = s->next) {
        apikey_cache_t *cache = apikey_server_conf(s)->server_cache;
        apr_status_t status = cache ? init_server_cache(pconf, s, cache)
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
    if (apikey_pollers_watch(pconf) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT | APLOG_STARTUP, 0, main_server,
                     "APIKEY0013: mod_watchdog gives no thread to look for "
                     "changes");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

/* ---- child_init ---- */

static void init_child(apr_pool_t *pchild, server_rec *s)
{
    apr_hash_index_t *index;

    if (!apr_hash_count(socaches)) {
        return;
    }
    apikey_local_cache_child_init(local);
    for (index = apr_hash_first(pchild, socaches); index;
         index = apr_hash_next(index)) {
        apikey_socache_child_init(apr_hash_this_val(index), pchild, s);
    }
    apikey_pollers_child_init(pchild);
}

void apikey_cache_setup_hooks(void)
{
    ap_hook_pre_config(apikey_socache_register, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(check_caches, NULL, NULL, APR_HOOK_LAST);
    ap_hook_post_config(init_caches, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(init_child, NULL, NULL, APR_HOOK_FIRST + 1);
}
