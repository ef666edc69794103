/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "keeper.h"

#include <ap_provider.h>
#include <ap_socache.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_strings.h>
#include <util_mutex.h>

#include "atomics.h"
#include "../config/config.h"

APLOG_USE_MODULE(apikey);

#define MUTEX "apikey-cache"

/* How long a provider that failed is left alone, microseconds. */
#define REST apr_time_from_sec(1)

/* Nobody has the lock for longer than this, milliseconds. */
#define HELD 200

struct apikey_keeper_t {
    const char *spec;
    const ap_socache_provider_t *provider;
    ap_socache_instance_t *instance;
    apr_global_mutex_t *mutex;  /* NULL: the provider needs none */
    int sealed;                 /* lies outside of this machine's memory */
    apikey_word_t rests;        /* until when; this process' */
    apikey_word_t unusable;     /* by this process */
};

int apikey_keeper_register(apr_pool_t *pconf, apr_pool_t *plog APIKEY_UNUSED,
                          apr_pool_t *ptemp APIKEY_UNUSED)
{
    return ap_mutex_register(pconf, MUTEX, NULL, APR_LOCK_DEFAULT, 0)
           == APR_SUCCESS ? OK : !OK;
}

apr_status_t apikey_keeper_make(apikey_keeper_t **out, const char *spec,
                                apr_pool_t *pconf, apr_pool_t *ptemp,
                                const char **error)
{
    const char *colon = strchr(spec, ':');
    const char *name = colon ? apr_pstrmemdup(pconf, spec, colon - spec)
                             : spec;
    apikey_keeper_t *keeper = apr_pcalloc(pconf, sizeof(*keeper));

    *out = NULL;
    keeper->spec = spec;
    keeper->provider = ap_lookup_provider(AP_SOCACHE_PROVIDER_GROUP, name,
                                          AP_SOCACHE_PROVIDER_VERSION);
    if (!keeper->provider) {
        *error = apr_psprintf(ptemp, "there is no provider '%s': load "
                              "mod_socache_%s, or name another, or write "
                              "'ApiKeyCache off'", name, name);
        return APR_ENOTIMPL;
    }
    /* What other processes of this machine, or other machines, may write. */
    keeper->sealed = strcmp(name, "shmcb") != 0;
    *error = keeper->provider->create(&keeper->instance,
                                      colon ? colon + 1 : NULL, ptemp, pconf);
    if (*error) {
        return APR_EINVAL;
    }
    *out = keeper;
    return APR_SUCCESS;
}

static int is_usable(apr_global_mutex_t *mutex)
{
    int tries;

    for (tries = 0; tries < HELD; tries++) {
        apr_status_t status = apr_global_mutex_trylock(mutex);

        if (status == APR_SUCCESS) {
            return apr_global_mutex_unlock(mutex) == APR_SUCCESS;
        }
        if (!APR_STATUS_IS_EBUSY(status)) {
            break;
        }
        apr_sleep(apr_time_from_msec(1));
    }
    return 0;
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

apr_status_t apikey_keeper_init(apikey_keeper_t *keeper, int number,
                                server_rec *s, apr_pool_t *pconf,
                                const char **error)
{
    struct ap_socache_hints hints = { APIKEY_ENTRY_ID_LEN, 192,
                                      apr_time_from_sec(60) };
    const char *name = number ? apr_psprintf(pconf, "apikey%d", number)
                              : "apikey";
    apr_status_t status;

    status = keeper->provider->init(keeper->instance, name, &hints, s, pconf);
    *error = "the provider cannot start";
    if (status == APR_SUCCESS
        && keeper->provider->flags & AP_SOCACHE_FLAG_NOTMPSAFE) {
        status = lasting_mutex(&keeper->mutex, name, s, pconf);
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

void apikey_keeper_child(apikey_keeper_t *keeper, apr_pool_t *pchild,
                         server_rec *s)
{
    apr_status_t status = keeper->mutex
        ? apr_global_mutex_child_init(&keeper->mutex,
              apr_global_mutex_lockfile(keeper->mutex), pchild)
        : APR_SUCCESS;

    /* Without its lock it would be damaged for all. */
    if (status != APR_SUCCESS) {
        keeper->unusable = 1;
        complain(s, status);
    }
}

static int rests(const apikey_keeper_t *keeper)
{
    apr_time_t until = (apr_time_t)apikey_word_get(&keeper->rests);

    return apikey_word_get(&keeper->unusable)
           || (until && apikey_board_clock() < until);
}

/* A provider on the network that fails would hold up every request. */
static void note(apikey_keeper_t *keeper, server_rec *s, apr_status_t status)
{
    if (status == APR_SUCCESS || APR_STATUS_IS_NOTFOUND(status)
        || APR_STATUS_IS_ENOSPC(status) || !keeper->sealed) {
        return;
    }
    apikey_word_set(&keeper->rests, apikey_board_clock() + REST);
    ap_log_error(APLOG_MARK, APLOG_WARNING, status, s,
                 "APIKEY0141: the cache (ApiKeyCache %s) does not work and is "
                 "left alone for a second; meanwhile the database answers",
                 keeper->spec);
}

/* Whether this is the seal of one of the ring: while a new secret is brought
 * to several servers, each writes with its own first one. */
static int is_sealed(const apikey_ring_t *ring,
                     const unsigned char *context, const char *digest,
                     const unsigned char *bytes, apr_size_t len)
{
    unsigned char seal[APIKEY_SEAL_LEN];
    int i;

    for (i = 0; i < apikey_ring_count(ring); i++) {
        if (apikey_entry_seal(seal, ring, i, context, digest, bytes, len)
                == APR_SUCCESS
            && apikey_equal(seal, bytes + len, APIKEY_SEAL_LEN)) {
            return 1;
        }
    }
    return 0;
}

/* A lock that fails does not come back. */
static int lock(apikey_keeper_t *keeper, server_rec *s)
{
    apr_status_t status = keeper->mutex
                          ? apr_global_mutex_lock(keeper->mutex)
                          : APR_SUCCESS;

    if (status != APR_SUCCESS && apikey_word_swap(&keeper->unusable, 0, 1)) {
        complain(s, status);
    }
    return status == APR_SUCCESS;
}

static void unlock(apikey_keeper_t *keeper)
{
    if (keeper->mutex) {
        apr_global_mutex_unlock(keeper->mutex);
    }
}

int apikey_keeper_get(apikey_keeper_t *keeper, server_rec *s,
                      const apikey_ring_t *ring,
                      const unsigned char *context, const char *digest,
                      apikey_entry_t *entry,
                      apr_pool_t *pool)
{
    unsigned char bytes[APIKEY_ENTRY_MAX + APIKEY_SEAL_LEN];
    unsigned char id[APIKEY_ENTRY_ID_LEN];
    unsigned int len = sizeof(bytes);
    apr_status_t status;

    if (apikey_entry_id(id, context, digest) != APR_SUCCESS
        || rests(keeper) || !lock(keeper, s)) {
        return 0;
    }
    status = keeper->provider->retrieve(keeper->instance, s, id, sizeof(id),
                                        bytes, &len, pool);
    unlock(keeper);
    note(keeper, s, status);
    if (status != APR_SUCCESS) {
        return 0;
    }
    if (keeper->sealed) {
        if (len < APIKEY_SEAL_LEN) {
            return 0;
        }
        len -= APIKEY_SEAL_LEN;
        if (!is_sealed(ring, context, digest, bytes, len)) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                         "APIKEY0142: an entry in the cache (ApiKeyCache %s) "
                         "was not written by a server with these secrets, "
                         "and is passed over; who else writes there?",
                         keeper->spec);
            return 0;
        }
    }
    return apikey_entry_read(entry, apr_pmemdup(pool, bytes, len), len,
                             apr_pstrmemdup(pool, digest, APIKEY_DIGEST_HEX),
                             pool);
}

void apikey_keeper_put(apikey_keeper_t *keeper, server_rec *s,
                       const apikey_ring_t *ring,
                       const unsigned char *context,
                       const apikey_entry_t *entry, apr_time_t expires,
                       apr_pool_t *pool)
{
    unsigned char bytes[APIKEY_ENTRY_MAX + APIKEY_SEAL_LEN];
    unsigned char id[APIKEY_ENTRY_ID_LEN];
    const char *digest = entry->record->digest;
    apr_size_t len = apikey_entry_write(bytes, APIKEY_ENTRY_MAX, entry);
    apr_status_t status;

    if (!len || rests(keeper)
        || apikey_entry_id(id, context, digest) != APR_SUCCESS) {
        return;
    }
    if (keeper->sealed) {
        if (apikey_entry_seal(bytes + len, ring, 0, context, digest, bytes,
                              len) != APR_SUCCESS) {
            return;
        }
        len += APIKEY_SEAL_LEN;
    }
    if (lock(keeper, s)) {
        status = keeper->provider->store(keeper->instance, s, id, sizeof(id),
                                         expires, bytes, (unsigned int)len,
                                         pool);
        unlock(keeper);
        note(keeper, s, status);
    }
}

const char *apikey_keeper_spec(const apikey_keeper_t *keeper)
{
    return keeper->spec;
}
