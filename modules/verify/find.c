/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The way to a record, in the order of this file:
 *
 *   1. the local cache of this process, by the key itself;
 *   2. the digests that the key may be stored under; a key whose check
 *      characters are wrong has none, and goes no further;
 *   3. the socache by digest, and the misses (digests known to be unknown);
 *   4. if the last poll is too old for 1 and 3: a poll, then 3 again;
 *   5. the database.  Of several requests with the same key one asks it, and
 *      the others wait a moment for its result in 3;
 *   6. if the database does not answer: what 3 has, up to ApiKeyStaleLimit.
 *
 * A cached record is void (is_current()) when its TTL is over, or when a change
 * of its key, its tenant or everything is known that it may not contain:
 * revocations.h.  Its stamp and time are taken before the look-up, so that a
 * change during the look-up voids it. */

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_strings.h>

#include "../config/limited_log.h"
#include "../core/key.h"
#include "../core/mutex.h"
#include "../db/lookup.h"
#include "cache_setup.h"
#include "counters.h"
#include "database_state.h"
#include "find.h"
#include "misses.h"
#include "poll_report.h"

APLOG_USE_MODULE(apikey);

/* How long a claim of a look-up counts: longer than a look-up may take
 * (db/connections.c: DEADLINE). */
#define CLAIM_TIME apr_time_from_msec(2000)
/* How long a request waits for another one's look-up.  Then it asks the
 * database itself, and still has its response within two seconds. */
#define WAIT apr_time_from_msec(400)
#define NAP apr_time_from_msec(1)
/* If the database answers with an older state than the known one, a load
 * balancer may have chosen a replica that lags: ask again, so often and for so
 * long at most. */
#define OLDER_TRIES 4
#define OLDER_TIME apr_time_from_msec(400)

/* What is looked for, and where. */
typedef struct find_ctx_t {
    request_rec *r;
    apikey_cache_t *cache;      /* NULL: ApiKeyCache off */
    const char *key;
    apr_size_t key_len;
    const apikey_candidates_t *candidates;      /* the key's digests */
    apr_pool_t *pool;
    int *faulty;                /* out: the database has answered, with a
                                 * record that cannot be used */
} find_ctx_t;

static void add_count(const find_ctx_t *ctx, apikey_counter_e counter)
{
    apikey_counter_add(ctx->cache->segment, counter, 1);
}

/* ---- What voids a cached record ---- */

/* Whether a change that no poll has seen yet is at most ApiKeyRevocationPoll
 * and half a second old. */
static int is_polled_lately(const apikey_cache_t *cache)
{
    return !cache->polled
           || apikey_poll_age(cache->segment) <= cache->max_poll_age;
}

/* Whether a cached record can be used.  One with a time in the future was
 * written before the clock was set back. */
static int is_current(const find_ctx_t *ctx,
                      const apikey_cached_record_t *cached, apr_time_t ttl)
{
    apr_time_t now = apr_time_now();

    return now >= cached->written && now - cached->written <= ttl
           && cached->written >= apikey_era_begun(ctx->cache->segment)
           && apikey_stamp_is_current(ctx->cache->segment, &cached->stamp,
                                      cached->record->digest,
                                      cached->record->tenant);
}

/* ---- 1: the local cache ---- */

static apikey_record_t *find_local(const find_ctx_t *ctx)
{
    apikey_cached_record_t cached;

    if (!is_polled_lately(ctx->cache)
        || !apikey_local_cache_get(ctx->cache->local, ctx->cache, ctx->key,
                                   ctx->key_len, &cached, ctx->pool)
        || !is_current(ctx, &cached, ctx->cache->ttl)) {
        return NULL;
    }
    add_count(ctx, APIKEY_COUNT_HITS);
    return cached.record;
}

/* ---- 3: the socache and the misses ---- */

static const apikey_secrets_t *secrets_of(const find_ctx_t *ctx)
{
    return apikey_server_conf(ctx->r->server)->policy.secrets;
}

static apikey_record_t *find_digest_in_socache(const find_ctx_t *ctx,
                                               const char *digest,
                                               apr_time_t ttl)
{
    apikey_cached_record_t cached;

    if (!apikey_socache_get(ctx->cache->socache, ctx->r->server,
                            secrets_of(ctx), ctx->cache->context, digest,
                            &cached, ctx->pool)
        || !is_current(ctx, &cached, ttl)) {
        return NULL;
    }
    apikey_local_cache_put(ctx->cache->local, ctx->cache, ctx->key,
                           ctx->key_len, &cached);
    return cached.record;
}

static apikey_record_t *find_in_socache(const find_ctx_t *ctx, apr_time_t ttl)
{
    apikey_record_t *record = NULL;
    int i;

    for (i = 0; !record && i < ctx->candidates->count; i++) {
        record = find_digest_in_socache(ctx, ctx->candidates->at[i].hex, ttl);
    }
    return record;
}

static int all_are_misses(const find_ctx_t *ctx)
{
    int i;

    for (i = 0; i < ctx->candidates->count; i++) {
        if (!apikey_miss_is_known(ctx->cache->segment,
                                  ctx->candidates->at[i].hex)) {
            return 0;
        }
    }
    return 1;
}

/* UNAVAILABLE: the database has to be asked. */
static apikey_result_e find_in_cache(const find_ctx_t *ctx,
                                     apikey_record_t **record)
{
    if (!is_polled_lately(ctx->cache)) {
        return APIKEY_UNAVAILABLE;
    }
    *record = find_in_socache(ctx, ctx->cache->ttl);
    if (*record) {
        add_count(ctx, APIKEY_COUNT_HITS);
        return APIKEY_GRANTED;
    }
    if (all_are_misses(ctx)) {
        add_count(ctx, APIKEY_COUNT_NEGATIVE_HITS);
        return APIKEY_INVALID;
    }
    return APIKEY_UNAVAILABLE;
}

/* Caches a record, or that there is none (cached->record is NULL). */
static void store_in_cache(const find_ctx_t *ctx,
                           const apikey_cached_record_t *cached)
{
    apikey_cache_t *cache = ctx->cache;
    int i;

    if (cached->record) {
        apikey_socache_put(cache->socache, ctx->r->server, secrets_of(ctx),
                           cache->context, cached,
                           cached->written + cache->ttl + cache->stale,
                           ctx->pool);
        apikey_local_cache_put(cache->local, cache, ctx->key, ctx->key_len,
                               cached);
        return;
    }
    for (i = 0; i < ctx->candidates->count; i++) {
        apikey_miss_add(cache->segment, ctx->candidates->at[i].hex,
                        &cached->stamp, cache->ttl_negative);
    }
}

/* ---- 5: the database ---- */

/* Limited per row and fault. */
static void log_faulty_record(const find_ctx_t *ctx,
                              const apikey_record_t *record, const char *fault)
{
    server_rec *s = ctx->r->server;
    apikey_event_t event = { APIKEY_LOG_FAULTY, s, ctx->r,
                             apikey_server_conf(s)->database,
                             apr_pstrcat(ctx->pool, record->digest, fault,
                                         NULL),
                             apr_pstrcat(ctx->pool, "key ", record->id, NULL),
                             fault };

    if (apikey_log_is_due(&event)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, ctx->r,
                      "APIKEY0102: the key %s in the database cannot be "
                      "used: %s; correct its row", record->id, fault);
    }
}

/* A record that cannot be exported (a line break in its tenant, say) is
 * neither returned nor cached. */
static apikey_result_e ask_database(const find_ctx_t *ctx,
                                    apikey_record_t **record,
                                    apikey_state_t *state)
{
    apikey_result_e result = apikey_lookup(ctx->r, ctx->candidates, record,
                                           state, ctx->pool);
    const char *fault = result == APIKEY_GRANTED
                        ? apikey_record_fault(*record, ctx->pool) : NULL;

    if (fault) {
        log_faulty_record(ctx, *record, fault);
        *record = NULL;
        *ctx->faulty = 1;
        return APIKEY_UNAVAILABLE;
    }
    return result;
}

/* Whether a result from an older state of the database is still true: no change
 * of this key or tenant is known since that state. */
static int is_still_true(const find_ctx_t *ctx, const apikey_stamp_t *stamp,
                         const apikey_record_t *record)
{
    const apikey_segment_t *segment = ctx->cache->segment;
    int i;

    if (record) {
        return apikey_stamp_is_current(segment, stamp, record->digest,
                                       record->tenant);
    }
    for (i = 0; i < ctx->candidates->count; i++) {
        if (!apikey_stamp_is_current(segment, stamp,
                                     ctx->candidates->at[i].hex, NULL)) {
            return 0;
        }
    }
    return 1;
}

/* Asks the database and caches the result.  A result from an older state that a
 * known change contradicts is not used: a key that was revoked since is still
 * valid there.
 * @param retry out: that was so; another server may answer better */
static apikey_result_e ask_and_store(const find_ctx_t *ctx,
                                     apikey_cached_record_t *cached,
                                     int *retry)
{
    apikey_segment_t *segment = ctx->cache->segment;
    apikey_state_t state;
    apikey_state_e compared;
    apikey_poll_t known;
    apikey_result_e result;

    apikey_poll_begin(segment, &known);
    cached->written = apr_time_now();
    result = ask_database(ctx, &cached->record, &state);
    add_count(ctx, APIKEY_COUNT_LOOKUPS);
    *retry = 0;
    if (result == APIKEY_UNAVAILABLE) {
        add_count(ctx, APIKEY_COUNT_ERRORS);
        return result;
    }
    compared = apikey_state_compare(&known, &state, &cached->stamp);
    if (compared == APIKEY_STATE_OLDER
        && !is_still_true(ctx, &cached->stamp, cached->record)) {
        apikey_report_older_state(ctx->r->server, segment, known.number);
        cached->record = NULL;
        *retry = 1;
        return APIKEY_UNAVAILABLE;
    }
    if (compared != APIKEY_STATE_OTHER && cached->stamp.identity) {
        store_in_cache(ctx, cached);
    }
    return result;
}

static apikey_result_e ask_with_retries(const find_ctx_t *ctx,
                                        apikey_record_t **record)
{
    apr_time_t end = apikey_clock() + OLDER_TIME;
    apikey_cached_record_t cached = { { 0, 0 }, 0, NULL };
    apikey_result_e result;
    int tries = 0, retry;

    do {
        result = ask_and_store(ctx, &cached, &retry);
    } while (retry && ++tries < OLDER_TRIES && apikey_clock() < end);
    *record = cached.record;
    return result;
}

/* One request asks for all of this machine: it claims the look-up in shared
 * memory, and the others wait until it has cached its result.  They do not wait
 * longer than WAIT, so it does not matter if its process is killed. */
static apikey_result_e ask_once_for_all(const find_ctx_t *ctx,
                                        apikey_record_t **record)
{
    apikey_segment_t *segment = ctx->cache->segment;
    const char *digest = ctx->candidates->at[0].hex;
    apr_time_t end = apikey_clock() + WAIT;
    apikey_result_e result = APIKEY_UNAVAILABLE;
    int claimed = is_polled_lately(ctx->cache)
                  && apikey_lookup_claim(segment, digest, CLAIM_TIME);

    if (!claimed && is_polled_lately(ctx->cache)) {
        while (apikey_lookup_is_claimed(segment, digest, CLAIM_TIME)
               && apikey_clock() < end) {
            apr_sleep(NAP);
        }
        result = find_in_cache(ctx, record);
    }
    if (result == APIKEY_UNAVAILABLE) {
        result = ask_with_retries(ctx, record);
    }
    if (claimed) {
        apikey_lookup_release(segment, digest);
    }
    return result;
}

/* ---- 6: the database does not answer ---- */

/* A record that was current when the database was last seen is used until
 * ApiKeyStaleLimit after that. */
static apikey_result_e find_stale(const find_ctx_t *ctx,
                                  apikey_record_t **record)
{
    const apikey_cache_t *cache = ctx->cache;
    apr_time_t age = cache->polled ? apikey_poll_age(cache->segment) : 0;

    if (age > cache->stale) {
        return APIKEY_UNAVAILABLE;
    }
    *record = find_in_socache(ctx, cache->polled ? cache->ttl + age
                                                 : cache->stale);
    if (!*record) {
        return APIKEY_UNAVAILABLE;
    }
    add_count(ctx, APIKEY_COUNT_STALE);
    return APIKEY_GRANTED;
}

/* ---- All steps ---- */

/* Steps 3 to 6.  The watchdogs normally poll in time.  Where they do not
 * (children are started and stopped, the machine is busy), the request polls
 * itself: that costs as much as a look-up, and makes the cache usable again for
 * all. */
static apikey_result_e find_with_cache(const find_ctx_t *ctx,
                                       apikey_record_t **record)
{
    apikey_result_e result = find_in_cache(ctx, record);
    apr_status_t polled = APR_SUCCESS;

    if (result == APIKEY_UNAVAILABLE && !is_polled_lately(ctx->cache)) {
        polled = apikey_poller_run(ctx->cache->poller);
        result = find_in_cache(ctx, record);
    }
    if (result != APIKEY_UNAVAILABLE) {
        return result;
    }
    add_count(ctx, APIKEY_COUNT_MISSES);
    /* The poll timed out: do not wait for the database again. */
    if (!APR_STATUS_IS_TIMEUP(polled)) {
        result = ask_once_for_all(ctx, record);
    }
    return result == APIKEY_UNAVAILABLE && !*ctx->faulty
           ? find_stale(ctx, record) : result;
}

static void log_no_digest(request_rec *r, apr_status_t status)
{
    apikey_event_t event = { APIKEY_LOG_NO_DIGEST, r->server, r, NULL, NULL,
                             NULL, NULL };

    if (apikey_log_is_due(&event)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, status, r,
                      "APIKEY0104: OpenSSL cannot make a digest; is a FIPS "
                      "policy or a lack of memory in the way?");
    }
}

apikey_result_e apikey_find(request_rec *r, apikey_format_e shape,
                            const char *key, apr_size_t key_len,
                            apikey_record_t **record, apr_pool_t *pool)
{
    const apikey_server_t *conf = apikey_server_conf(r->server);
    apikey_candidates_t candidates;
    int faulty = 0;
    apikey_state_t state;
    find_ctx_t ctx = { r, conf->server_cache, key, key_len, &candidates, pool,
                       &faulty };
    apr_status_t status;

    *record = NULL;
    if (ctx.cache) {
        apikey_segment_mark_used(ctx.cache->segment);
        *record = find_local(&ctx);
    }
    if (*record) {
        return APIKEY_GRANTED;
    }
    status = apikey_shape_candidates(&candidates, &conf->policy, shape, key,
                                     key_len);
    if (status != APR_SUCCESS) {
        log_no_digest(r, status);
        return APIKEY_UNAVAILABLE;
    }
    if (!candidates.count) {
        if (ctx.cache) {
            add_count(&ctx, APIKEY_COUNT_REFUSED_UNSEEN);
        }
        return APIKEY_INVALID;
    }
    return ctx.cache ? find_with_cache(&ctx, record)
                     : ask_database(&ctx, record, &state);
}
