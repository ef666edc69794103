/* Licensed under the Apache License, Version 2.0; see LICENSE. */

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

/* How long a provider that failed is left alone, microseconds. */
#define REST apr_time_from_sec(1)

/* For an answer of a provider that another process gives, which has no
 * deadline of its own: a look-up in the database costs less than to wait. */
#define DEADLINE apr_time_from_msec(250)
#define CONNECTIONS 8           /* of those at once */

/* The lock is held for microseconds, but by a process that was stopped, or died
 * where the system does not give its locks back. */
#define NAP apr_time_from_msec(1)

struct apikey_socache_t {
    const char *spec;
    const ap_socache_provider_t *provider;
    ap_socache_instance_t *instance;
    apr_global_mutex_t *mutex;  /* NULL: the provider needs none */
    int sealed;                 /* lies outside of this machine's memory */
    int remote;                 /* another process answers */
    apikey_queue_t *queue;      /* of this process, where it is remote */
    /* This process': */
    apikey_word_t rests;        /* until when; 0: it works */
    apikey_word_t unusable;     /* for good */
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
    /* What other processes of this machine, or other machines, may write. */
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

/* APR_EBUSY: not to be had within the deadline. APR has a lock that waits for
 * so long for some mechanisms alone, and by the clock that people set. */
static apr_status_t take(apr_global_mutex_t *mutex)
{
    apr_time_t end = apikey_clock() + DEADLINE;
    apr_status_t status = apr_global_mutex_trylock(mutex);

    while (APR_STATUS_IS_EBUSY(status) && apikey_clock() < end) {
        apr_sleep(NAP);
        status = apr_global_mutex_trylock(mutex);
    }
    return status;
}

static int is_usable(apr_global_mutex_t *mutex)
{
    return take(mutex) == APR_SUCCESS
           && apr_global_mutex_unlock(mutex) == APR_SUCCESS;
}

/* A lock that outlives this configuration: a child that was forked just before
 * a graceful restart comes to it when pconf has gone, and APR would have
 * destroyed what no process had said yet that it uses. The memory is of the
 * configuration alone; two of them with one lock wait for each other, no
 * more. One that is stuck is not taken over. */
static apr_status_t lasting_mutex(apr_global_mutex_t **mutex,
                                  const char *name, server_rec *s,
                                  apr_pool_t *pconf)
{
    const char *key = apr_pstrcat(pconf, "mod_apikey lock ", name, NULL);
    apr_global_mutex_t **kept = ap_retained_data_get(key);
    apr_status_t status = APR_SUCCESS;

    if (!kept) {
        kept = ap_retained_data_create(key, sizeof(*kept));
    }
    if (!*kept || !is_usable(*kept)) {
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
        status = lasting_mutex(&socache->mutex, name, s, pconf);
        *error = "its lock cannot be made; see the directive Mutex";
    }
    return status;
}

static void complain(server_rec *s, apr_status_t status)
{
    ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                 "APIKEY0144: the lock of the cache cannot be used by this "
                 "child process; see the directive Mutex");
}

/* A lock that fails does not come back; one that is held does. */
static apr_status_t lock(apikey_socache_t *socache, server_rec *s)
{
    apr_status_t status = socache->mutex ? take(socache->mutex) : APR_SUCCESS;

    if (status != APR_SUCCESS && !APR_STATUS_IS_EBUSY(status)
        && apikey_word_swap(&socache->unusable, 0, 1)) {
        complain(s, status);
    }
    return status;
}

static void unlock(apikey_socache_t *socache)
{
    if (socache->mutex) {
        apr_global_mutex_unlock(socache->mutex);
    }
}

/* A call of the provider, on any thread. */
typedef struct call_t {
    apikey_socache_t *socache;
    server_rec *server;
    unsigned char id[APIKEY_CODEC_ID_LEN];
    int store;                  /* or else retrieve */
    apr_time_t expires;
    unsigned int len;
    unsigned char bytes[APIKEY_CODEC_MAX + APIKEY_SEAL_LEN];
} call_t;

/* apikey_task_fn, too: without a database. */
static apr_status_t call(apikey_store_t *none APIKEY_UNUSED, void *task,
                         apr_pool_t *pool, const char **error APIKEY_UNUSED)
{
    call_t *what = task;
    apikey_socache_t *socache = what->socache;
    apr_status_t status = lock(socache, what->server);

    if (status != APR_SUCCESS) {
        return status;
    }
    if (what->store) {
        status = socache->provider->store(socache->instance, what->server,
                                          what->id, sizeof(what->id),
                                          what->expires, what->bytes,
                                          what->len, pool);
    }
    else {
        what->len = sizeof(what->bytes);
        status = socache->provider->retrieve(socache->instance, what->server,
                                             what->id, sizeof(what->id),
                                             what->bytes, &what->len, pool);
    }
    unlock(socache);
    return status;
}

/* apikey_run_fn: the provider has connections of its own. */
static apr_status_t connected(void *baton APIKEY_UNUSED,
                              void *who APIKEY_UNUSED,
                              void **held APIKEY_UNUSED, apikey_task_fn work,
                              void *task, apr_pool_t *pool,
                              const char **error)
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

    /* Without its lock it would be damaged for all. */
    if (status != APR_SUCCESS) {
        socache->unusable = 1;
        complain(s, status);
    }
    if (socache->remote
        && (!apikey_database_threads()
            || apikey_queue_create(&socache->queue, apikey_database_threads(),
                                   CONNECTIONS, DEADLINE, connected, NULL, NULL,
                                   NULL) != APR_SUCCESS)) {
        /* Never on a request's thread. */
        socache->unusable = 1;
    }
}

/* Of those that come when the rest is over, one asks. */
static int rests(apikey_socache_t *socache)
{
    apr_uint64_t until = apikey_word_get(&socache->rests);
    apr_time_t now;

    if (apikey_word_get(&socache->unusable)) {
        return 1;
    }
    if (!until) {
        return 0;
    }
    now = apikey_clock();
    return now < (apr_time_t)until
           || !apikey_word_swap(&socache->rests, until,
                                (apr_uint64_t)(now + REST));
}

static int is_said(const apikey_socache_t *socache, server_rec *s,
                   apikey_log_e kind)
{
    apikey_event_t event = { kind, s, NULL, socache, NULL, NULL, NULL };

    return apikey_log_is_due(&event);
}

/* A provider of redis' and memcached's also says "not found" where it has no
 * server to ask, for a few seconds after one has failed: of an entry that it
 * shall keep, that is an error; of one that it shall give, it tells nothing. An
 * entry that is too large for us is not there, and not in the way of others'.
 * A provider in shared memory fails for want of its lock alone. */
static int has_failed(const apikey_socache_t *socache, const call_t *what,
                      apr_status_t status)
{
    if (APR_STATUS_IS_NOTFOUND(status)) {
        return what->store;
    }
    return status != APR_SUCCESS && !APR_STATUS_IS_ENOSPC(status)
           && !APR_STATUS_IS_ENOMEM(status)
           && (socache->sealed || APR_STATUS_IS_EBUSY(status));
}

/* One that fails would hold up every request. It is logged when that begins,
 * and when it is known to be over. */
static void note(apikey_socache_t *socache, const call_t *what,
                 apr_status_t status)
{
    apikey_limit_report_t report;

    if (apikey_word_get(&socache->unusable)) {
        return;
    }
    if (has_failed(socache, what, status)) {
        apikey_word_set(&socache->rests, (apr_uint64_t)(apikey_clock()
                                                        + REST));
        if (is_said(socache, what->server, APIKEY_LOG_CACHE)) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, status, what->server,
                         "APIKEY0141: the cache (ApiKeyCache %s) does not "
                         "work; it is tried again each second, and meanwhile "
                         "the database answers", socache->spec);
        }
        return;
    }
    if (apikey_word_get(&socache->rests)) {
        apikey_word_set(&socache->rests, 0);
    }
    if (status == APR_SUCCESS
        && apikey_log_end(APIKEY_LOG_CACHE, socache, NULL, &report)) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, what->server,
                     "APIKEY0312: the cache (ApiKeyCache %s) works again; for %"
                     APR_UINT64_T_FMT " seconds it did not, and %"
                     APR_UINT64_T_FMT " questions were put to it in vain",
                     socache->spec, report.seconds, report.total);
    }
}

/* Whether this is the seal by one of the secrets: while a new secret is brought
 * to several servers, each writes with its own first one. */
static int is_sealed(const apikey_secrets_t *secrets,
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

/* A provider of this machine's memory or files answers at once; another is
 * asked on a thread that may hang. */
static apr_status_t call_provider(apikey_socache_t *socache, server_rec *s,
                                  call_t *what, apr_pool_t *pool)
{
    const char *error;
    apr_status_t status;
    sigset_t signals;

    what->socache = socache;
    what->server = s;
    apikey_signals_hold(&signals);
    status = socache->queue ? apikey_queue_run(socache->queue, s, call, what,
                                               sizeof(*what), pool, &error)
                           : call(NULL, what, pool, &error);
    apikey_signals_release(&signals);
    note(socache, what, status);
    return status;
}

static void tell_foreign(const apikey_socache_t *socache, server_rec *s)
{
    if (is_said(socache, s, APIKEY_LOG_SEAL)) {
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
                       apikey_cached_record_t *entry,
                       apr_pool_t *pool)
{
    call_t what;
    unsigned int len;

    what.store = 0;
    if (rests(socache)
        || apikey_codec_id(what.id, context, digest) != APR_SUCCESS
        || call_provider(socache, s, &what, pool) != APR_SUCCESS) {
        return 0;
    }
    len = what.len;
    if (socache->sealed) {
        if (len < APIKEY_SEAL_LEN) {
            return 0;
        }
        len -= APIKEY_SEAL_LEN;
        if (!is_sealed(secrets, context, digest, what.bytes, len)) {
            tell_foreign(socache, s);
            return 0;
        }
    }
    return apikey_record_decode(entry, apr_pmemdup(pool, what.bytes, len), len,
                                apr_pstrmemdup(pool, digest, APIKEY_DIGEST_HEX),
                                pool);
}

void apikey_socache_put(apikey_socache_t *socache, server_rec *s,
                        const apikey_secrets_t *secrets,
                        const unsigned char *context,
                        const apikey_cached_record_t *entry, apr_time_t expires,
                        apr_pool_t *pool)
{
    call_t what;
    const char *digest = entry->record->digest;
    apr_size_t len = apikey_record_encode(what.bytes, APIKEY_CODEC_MAX, entry);

    if (!len || rests(socache)
        || apikey_codec_id(what.id, context, digest) != APR_SUCCESS) {
        return;
    }
    if (socache->sealed) {
        if (apikey_codec_seal(what.bytes + len, secrets, 0, context, digest,
                              what.bytes, len) != APR_SUCCESS) {
            return;
        }
        len += APIKEY_SEAL_LEN;
    }
    what.store = 1;
    what.len = (unsigned int)len;
    what.expires = expires;
    call_provider(socache, s, &what, pool);
}

const char *apikey_socache_spec(const apikey_socache_t *socache)
{
    return socache->spec;
}
