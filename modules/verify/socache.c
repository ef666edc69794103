/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* A provider that keeps its entries in this machine's memory or files (shmcb,
 * dbm) is called on the request's thread, under a lock if it needs one.  A
 * provider that asks another process (redis, memcached) may not answer: it is
 * called on a database thread with a deadline, and after a failure it is not
 * called for a second.
 *
 * Lock rule: the provider is called with socache->mutex held, if there is one,
 * and with no other lock.  paused_until and unusable are atomic words of this
 * process; the rest is read-only after child_init. */

#include "socache.h"

#include <ap_provider.h>
#include <ap_socache.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_strings.h>
#include <util_mutex.h>

#include "../core/atomics.h"
#include "../config/config.h"
#include "../config/limited_log.h"
#include "../core/mutex.h"
#include "../db/connections.h"

APLOG_USE_MODULE(apikey);

#define MUTEX "apikey-cache"

/* How long a provider that has failed is not called. */
#define PAUSE apr_time_from_sec(1)

/* How long to wait for another process, or for the lock: asking the database
 * then costs less than waiting longer. */
#define DEADLINE apr_time_from_msec(250)
#define CONNECTIONS 8           /* calls of other processes at once */

/* Between two tries of the lock, which is normally held for microseconds. */
#define NAP apr_time_from_msec(1)

struct apikey_socache_t {
    const char *spec;
    const ap_socache_provider_t *provider;
    ap_socache_instance_t *instance;
    apr_global_mutex_t *mutex;  /* NULL: the provider needs none */
    int sealed;                 /* others may write there: entries carry an
                                 * HMAC (apikey_codec_seal()) */
    int remote; /* another process is asked */
    apikey_queue_t *queue;      /* of this process; NULL: not remote */
    /* Of this process: */
    apikey_word_t paused_until; /* apikey_clock(); 0: not paused */
    apikey_word_t unusable;     /* 1: not called any more */
};

int apikey_socache_register(apr_pool_t *pconf, apr_pool_t *plog APIKEY_UNUSED,
                            apr_pool_t *ptemp APIKEY_UNUSED)
{
    return ap_mutex_register(pconf, MUTEX, NULL, APR_LOCK_DEFAULT, 0)
           == APR_SUCCESS ? OK : !OK;
}

apr_status_t apikey_socache_create(apikey_socache_t **out, const char *spec,
                                   apr_pool_t *pconf, apr_pool_t *ptemp,
                                   const char **error)
{
    const char *colon = strchr(spec, ':');
    const char *name = colon ? apr_pstrmemdup(pconf, spec, colon - spec)
                             : spec;
    apikey_socache_t *socache = apr_pcalloc(pconf, sizeof(*socache));

    *out = NULL;
    socache->spec = spec;
    socache->provider = ap_lookup_provider(AP_SOCACHE_PROVIDER_GROUP, name,
                                           AP_SOCACHE_PROVIDER_VERSION);
    if (!socache->provider) {
        *error = apr_psprintf(ptemp, "there is no provider '%s': load "
                              "mod_socache_%s, or name another, or write "
                              "'ApiKeyCache off'", name, name);
        return APR_ENOTIMPL;
    }
    /* Only shmcb is out of the reach of other processes. */
    socache->sealed = strcmp(name, "shmcb") != 0;
    socache->remote = socache->sealed && strcmp(name, "dbm") != 0;
    *error = socache->provider->create(&socache->instance,
                                       colon ? colon + 1 : NULL, ptemp, pconf);
    if (*error) {
        return APR_EINVAL;
    }
    *out = socache;
    return APR_SUCCESS;
}

/* APR_EBUSY: the lock is held by another process for the whole deadline: one
 * that was stopped, or has died where the system does not release its locks.
 * (apr_global_mutex_timedlock() exists for some mechanisms only, and uses the
 * clock that can be set.) */
static apr_status_t lock_with_deadline(apr_global_mutex_t *mutex)
{
    apr_time_t end = apikey_clock() + DEADLINE;
    apr_status_t status = apr_global_mutex_trylock(mutex);

    while (APR_STATUS_IS_EBUSY(status) && apikey_clock() < end) {
        apr_sleep(NAP);
        status = apr_global_mutex_trylock(mutex);
    }
    return status;
}

static int is_mutex_usable(apr_global_mutex_t *mutex)
{
    return lock_with_deadline(mutex) == APR_SUCCESS
        && apr_global_mutex_unlock(mutex) == APR_SUCCESS;
}

/* Makes the lock, or finds that of the configuration before a restart.  It
 * cannot live in pconf: a child that was forked just before a graceful restart
 * attaches to it (apr_global_mutex_child_init()) when pconf is destroyed
 * already.  Children of both configurations may then use one lock for their
 * two instances, which is harmless.  A lock that cannot be taken is
 * replaced. */
static apr_status_t retained_mutex(apr_global_mutex_t **mutex, const char *name,
                                   server_rec *s, apr_pool_t *pconf)
{
    const char *key = apr_pstrcat(pconf, "mod_apikey lock ", name, NULL);
    apr_global_mutex_t **kept = ap_retained_data_get(key);
    apr_status_t status = APR_SUCCESS;

    if (!kept) {
        kept = ap_retained_data_create(key, sizeof(*kept));
    }
    if (!*kept || !is_mutex_usable(*kept)) {
        *kept = NULL;
        status = ap_global_mutex_create(kept, NULL, MUTEX, name, s,
                                        s->process->pool, 0);
    }
    *mutex = *kept;
    return status;
}

apr_status_t apikey_socache_init(apikey_socache_t *socache, int number,
                                 server_rec *s, apr_pool_t *pconf,
                                 const char **error)
{
    struct ap_socache_hints hints = { APIKEY_CODEC_ID_LEN, 192,
                                      apr_time_from_sec(60) };
    const char *name = number ? apr_psprintf(pconf, "apikey%d", number)
                              : "apikey";
    apr_status_t status;

    status = socache->provider->init(socache->instance, name, &hints, s, pconf);
    *error = "the provider cannot start";
    if (status == APR_SUCCESS
        && socache->provider->flags & AP_SOCACHE_FLAG_NOTMPSAFE) {
        status = retained_mutex(&socache->mutex, name, s, pconf);
        *error = "its lock cannot be made; see the directive Mutex";
    }
    return status;
}

static void log_lock_failed(server_rec *s, apr_status_t status)
{
    ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                 "APIKEY0144: the lock of the cache cannot be used by this "
                 "child process; see the directive Mutex");
}

/* A lock that fails is not used again; one that is only held is. */
static apr_status_t lock_socache(apikey_socache_t *socache, server_rec *s)
{
    apr_status_t status = socache->mutex ? lock_with_deadline(socache->mutex)
                                         : APR_SUCCESS;

    if (status != APR_SUCCESS && !APR_STATUS_IS_EBUSY(status)
        && apikey_word_swap(&socache->unusable, 0, 1)) {
        log_lock_failed(s, status);
    }
    return status;
}

static void unlock_socache(apikey_socache_t *socache)
{
    if (socache->mutex) {
        apr_global_mutex_unlock(socache->mutex);
    }
}

/* A call of the provider; a copy of it goes to the database thread. */
typedef struct provider_call_t {
    apikey_socache_t *socache;
    server_rec *server;
    unsigned char id[APIKEY_CODEC_ID_LEN];
    int store;                  /* 1: store; 0: retrieve */
    apr_time_t expires;
    unsigned int len;
    unsigned char bytes[APIKEY_CODEC_MAX + APIKEY_SEAL_LEN];
} provider_call_t;

/* apikey_task_fn, without a database. */
static apr_status_t run_call(apikey_store_t *none APIKEY_UNUSED, void *task,
                             apr_pool_t *pool, const char **error APIKEY_UNUSED)
{
    provider_call_t *call = task;
    apikey_socache_t *socache = call->socache;
    apr_status_t status = lock_socache(socache, call->server);

    if (status != APR_SUCCESS) {
        return status;
    }
    if (call->store) {
        status = socache->provider->store(
            socache->instance, call->server, call->id, sizeof(call->id),
            call->expires, call->bytes, call->len, pool);
    }
    else {
        call->len = sizeof(call->bytes);
        status = socache->provider->retrieve(socache->instance, call->server,
                                             call->id, sizeof(call->id),
                                             call->bytes, &call->len, pool);
    }
    unlock_socache(socache);
    return status;
}

/* apikey_run_fn: the provider makes its own connections. */
static apr_status_t run_without_connection(void *baton APIKEY_UNUSED,
                                           void *server APIKEY_UNUSED,
                                           void **connection APIKEY_UNUSED,
                                           apikey_task_fn work, void *task,
                                           apr_pool_t *pool, const char **error)
{
    return work(NULL, task, pool, error);
}

void apikey_socache_child_init(apikey_socache_t *socache, apr_pool_t *pchild,
                               server_rec *s)
{
    apr_status_t status = socache->mutex
        ? apr_global_mutex_child_init(&socache->mutex,
              apr_global_mutex_lockfile(socache->mutex), pchild)
        : APR_SUCCESS;

    /* Without the lock, the provider's memory would be damaged for all. */
    if (status != APR_SUCCESS) {
        socache->unusable = 1;
        log_lock_failed(s, status);
    }
    if (socache->remote
        && (!apikey_database_threads()
            || apikey_queue_create(&socache->queue, apikey_database_threads(),
                                   CONNECTIONS, DEADLINE,
                                   run_without_connection, NULL, NULL, NULL)
                   != APR_SUCCESS)) {
        /* Do not call it on a request's thread instead. */
        socache->unusable = 1;
    }
}

/* Whether the provider is not to be called now.  When the pause is over, one
 * caller tries, and the pause is extended for the others. */
static int is_paused(apikey_socache_t *socache)
{
    apr_uint64_t until = apikey_word_get(&socache->paused_until);
    apr_time_t now;

    if (apikey_word_get(&socache->unusable)) {
        return 1;
    }
    if (!until) {
        return 0;
    }
    now = apikey_clock();
    return now < (apr_time_t)until
        || !apikey_word_swap(&socache->paused_until, until,
                             (apr_uint64_t)(now + PAUSE));
}

static int is_socache_logged(const apikey_socache_t *socache, server_rec *s,
                             apikey_log_e kind)
{
    apikey_event_t event = { kind, s, NULL, socache, NULL, NULL, NULL };

    return apikey_log_is_due(&event);
}

/* Whether the provider itself has failed.  "Not found" is a normal result of
 * retrieve; the providers of redis and memcached also return it while they have
 * no server, which shows with store.  An entry that is too large is no failure.
 * shmcb fails only if its lock cannot be had. */
static int has_provider_failed(const apikey_socache_t *socache,
                               const provider_call_t *call, apr_status_t status)
{
    if (APR_STATUS_IS_NOTFOUND(status)) {
        return call->store;
    }
    return status != APR_SUCCESS && !APR_STATUS_IS_ENOSPC(status)
           && !APR_STATUS_IS_ENOMEM(status)
           && (socache->sealed || APR_STATUS_IS_EBUSY(status));
}

/* After a failure the provider is paused, so that it does not delay every
 * request.  The first failure is logged, and the first success after it. */
static void update_pause(apikey_socache_t *socache, const provider_call_t *call,
                         apr_status_t status)
{
    apikey_limit_report_t report;

    if (apikey_word_get(&socache->unusable)) {
        return;
    }
    if (has_provider_failed(socache, call, status)) {
        apikey_word_set(&socache->paused_until,
                        (apr_uint64_t)(apikey_clock() + PAUSE));
        if (is_socache_logged(socache, call->server, APIKEY_LOG_CACHE)) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, status, call->server,
                         "APIKEY0141: the cache (ApiKeyCache %s) does not "
                         "work; it is tried again each second, and meanwhile "
                         "the database answers",
                         socache->spec);
        }
        return;
    }
    if (apikey_word_get(&socache->paused_until)) {
        apikey_word_set(&socache->paused_until, 0);
    }
    if (status == APR_SUCCESS
        && apikey_log_end(APIKEY_LOG_CACHE, socache, NULL, &report)) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, call->server,
                     "APIKEY0312: the cache (ApiKeyCache %s) works again; for %"
                     APR_UINT64_T_FMT " seconds it did not, and %"
                     APR_UINT64_T_FMT " calls to it failed",
                     socache->spec, report.seconds, report.total);
    }
}

/* Whether the entry is sealed with one of the secrets.  Each server seals with
 * its first one; while a new secret is distributed, these differ. */
static int is_seal_valid(const apikey_secrets_t *secrets,
                         const unsigned char *context, const char *digest,
                         const unsigned char *bytes, apr_size_t len)
{
    unsigned char seal[APIKEY_SEAL_LEN];
    int i;

    for (i = 0; i < apikey_secrets_count(secrets); i++) {
        if (apikey_codec_seal(seal, secrets, i, context, digest, bytes, len)
                == APR_SUCCESS
            && apikey_equal(seal, bytes + len, APIKEY_SEAL_LEN)) {
            return 1;
        }
    }
    return 0;
}

/* Calls the provider, on this thread or with a deadline on another. */
static apr_status_t call_provider(apikey_socache_t *socache, server_rec *s,
                                  provider_call_t *call, apr_pool_t *pool)
{
    const char *error;
    apr_status_t status;
    sigset_t signals;

    call->socache = socache;
    call->server = s;
    apikey_signals_hold(&signals);
    status = socache->queue ? apikey_queue_run(
                 socache->queue, s, run_call, call, sizeof(*call), pool, &error)
                            : run_call(NULL, call, pool, &error);
    apikey_signals_release(&signals);
    update_pause(socache, call, status);
    return status;
}

static void log_foreign_seal(const apikey_socache_t *socache, server_rec *s)
{
    if (is_socache_logged(socache, s, APIKEY_LOG_SEAL)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "APIKEY0142: an entry in the cache (ApiKeyCache %s) "
                     "was not written by a server with these secrets, "
                     "and is ignored; who else writes there?",
                     socache->spec);
    }
}

int apikey_socache_get(apikey_socache_t *socache, server_rec *s,
                       const apikey_secrets_t *secrets,
                       const unsigned char *context, const char *digest,
                       apikey_cached_record_t *cached, apr_pool_t *pool)
{
    provider_call_t call;
    unsigned int len;

    call.store = 0;
    if (is_paused(socache)
        || apikey_codec_id(call.id, context, digest) != APR_SUCCESS
        || call_provider(socache, s, &call, pool) != APR_SUCCESS) {
        return 0;
    }
    len = call.len;
    if (socache->sealed) {
        if (len < APIKEY_SEAL_LEN) {
            return 0;
        }
        len -= APIKEY_SEAL_LEN;
        if (!is_seal_valid(secrets, context, digest, call.bytes, len)) {
            log_foreign_seal(socache, s);
            return 0;
        }
    }
    return apikey_record_decode(cached, apr_pmemdup(pool, call.bytes, len), len,
                                apr_pstrmemdup(pool, digest, APIKEY_DIGEST_HEX),
                                pool);
}

void apikey_socache_put(apikey_socache_t *socache, server_rec *s,
                        const apikey_secrets_t *secrets,
                        const unsigned char *context,
                        const apikey_cached_record_t *cached,
                        apr_time_t expires, apr_pool_t *pool)
{
    provider_call_t call;
    const char *digest = cached->record->digest;
    apr_size_t len = apikey_record_encode(call.bytes, APIKEY_CODEC_MAX, cached);

    if (!len || is_paused(socache)
        || apikey_codec_id(call.id, context, digest) != APR_SUCCESS) {
        return;
    }
    if (socache->sealed) {
        if (apikey_codec_seal(call.bytes + len, secrets, 0, context, digest,
                              call.bytes, len)
            != APR_SUCCESS) {
            return;
        }
        len += APIKEY_SEAL_LEN;
    }
    call.store = 1;
    call.len = (unsigned int)len;
    call.expires = expires;
    call_provider(socache, s, &call, pool);
}

const char *apikey_socache_spec(const apikey_socache_t *socache)
{
    return socache->spec;
}
