/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The way to a record: what is refused unseen, what memory knows, what the
 * database says, and who asks it. */

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

/* How long somebody can be asking: as long as that may take
 * (db/threads.c), and then some. */
#define PATIENCE apr_time_from_msec(2000)
/* How long another waits for that answer. Then he asks, too: he shall have an
 * answer, or a 503, within two seconds. */
#define WAIT apr_time_from_msec(400)
#define NAP apr_time_from_msec(1)
/* An answer of an older state than the one known may come from one of several
 * servers that a pool leads to: it is asked for again, so often at most and
 * for so long. */
#define TRIES 4
#define TRYING apr_time_from_msec(400)

typedef struct question_t {
    request_rec *r;
    apikey_cache_t *cache;
    const char *key;
    apr_size_t key_len;
    const apikey_candidates_t *candidates;      /* made of the key */
    apr_pool_t *pool;
    int *faulty;                /* out: the database has answered, but what
                                 * it has can be given to nobody */
} question_t;

static void count(const question_t *q, apikey_counter_e counter)
{
    apikey_counter_add(q->cache->segment, counter, 1);
}

static const apikey_secrets_t *secrets_of(const question_t *q)
{
    return apikey_server_conf(q->r->server)->policy.secrets;
}

/* Whether the last poll is so recent that what changed since cannot be older
 * than ApiKeyRevocationPoll and a bit. */
static int is_fresh(const apikey_cache_t *cache)
{
    return !cache->polled
           || apikey_poll_age(cache->segment) <= cache->max_poll_age;
}

/* No known change speaks against it, and it is not older than @a ttl; one
 * from the future was written before the clock was set back. */
static int holds(const question_t *q, const apikey_cached_record_t *entry,
                 apr_time_t ttl)
{
    apr_time_t now = apr_time_now();

    return now >= entry->written && now - entry->written <= ttl
           && entry->written >= apikey_era_begun(q->cache->segment)
           && apikey_stamp_is_current(q->cache->segment, &entry->stamp,
                                      entry->record->digest,
                                      entry->record->tenant);
}

static apikey_record_t *recall_one(const question_t *q, const char *digest,
                                   apr_time_t ttl)
{
    apikey_cached_record_t entry;

    if (!apikey_socache_get(q->cache->socache, q->r->server, secrets_of(q),
                            q->cache->context, digest, &entry, q->pool)
        || !holds(q, &entry, ttl)) {
        return NULL;
    }
    apikey_local_cache_put(q->cache->local, q->cache, q->key, q->key_len,
                           &entry);
    return entry.record;
}

static apikey_record_t *recall(const question_t *q, apr_time_t ttl)
{
    apikey_record_t *record = NULL;
    int i;

    for (i = 0; !record && i < q->candidates->count; i++) {
        record = recall_one(q, q->candidates->at[i].hex, ttl);
    }
    return record;
}

static void tell_no_digest(request_rec *r, apr_status_t status)
{
    apikey_event_t event = { APIKEY_LOG_NO_DIGEST, r->server, r, NULL, NULL,
                             NULL, NULL };

    if (apikey_log_is_due(&event)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, status, r,
                      "APIKEY0104: OpenSSL cannot make a digest; is a FIPS "
                      "policy or a lack of memory in the way?");
    }
}

/* Every digest that the key could be stored under is known not to be. */
static int all_absent(const question_t *q)
{
    int i;

    for (i = 0; i < q->candidates->count; i++) {
        if (!apikey_miss_is_known(q->cache->segment,
                                  q->candidates->at[i].hex)) {
            return 0;
        }
    }
    return 1;
}

/* Without as much as a digest. */
static apikey_record_t *recall_at_once(const question_t *q)
{
    apikey_cached_record_t entry;

    if (!is_fresh(q->cache)
        || !apikey_local_cache_get(q->cache->local, q->cache, q->key,
                                   q->key_len, &entry, q->pool)
        || !holds(q, &entry, q->cache->ttl)) {
        return NULL;
    }
    count(q, APIKEY_COUNT_HITS);
    return entry.record;
}

/* What memory alone can answer; UNAVAILABLE: nothing. */
static apikey_result_e remember(const question_t *q, apikey_record_t **record)
{
    if (!is_fresh(q->cache)) {
        return APIKEY_UNAVAILABLE;
    }
    *record = recall(q, q->cache->ttl);
    if (*record) {
        count(q, APIKEY_COUNT_HITS);
        return APIKEY_GRANTED;
    }
    if (all_absent(q)) {
        count(q, APIKEY_COUNT_NEGATIVE_HITS);
        return APIKEY_INVALID;
    }
    return APIKEY_UNAVAILABLE;
}

static void keep(const question_t *q, const apikey_cached_record_t *entry)
{
    int i;

    if (entry->record) {
        apikey_socache_put(q->cache->socache, q->r->server, secrets_of(q),
                           q->cache->context, entry,
                           entry->written + q->cache->ttl + q->cache->stale,
                           q->pool);
        apikey_local_cache_put(q->cache->local, q->cache, q->key, q->key_len,
                               entry);
        return;
    }
    for (i = 0; i < q->candidates->count; i++) {
        apikey_miss_add(q->cache->segment, q->candidates->at[i].hex,
                        &entry->stamp, q->cache->ttl_negative);
    }
}

/* Of each fault of each row. */
static void tell_faulty(const question_t *q, const apikey_record_t *record,
                        const char *fault)
{
    server_rec *s = q->r->server;
    apikey_event_t event = { APIKEY_LOG_FAULTY, s, q->r,
                             apikey_server_conf(s)->database,
                             apr_pstrcat(q->pool, record->digest, fault,
                                         NULL),
                             apr_pstrcat(q->pool, "key ", record->id, NULL),
                             fault };

    if (apikey_log_is_due(&event)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, q->r,
                      "APIKEY0102: the key %s in the database cannot be "
                      "used: %s; correct its row", record->id, fault);
    }
}

/* A record that no header could carry is never handed on, nor kept. */
static apikey_result_e ask_database(const question_t *q,
                                    apikey_record_t **record,
                                    apikey_state_t *state)
{
    apikey_result_e result = apikey_lookup(q->r, q->candidates, record,
                                           state, q->pool);
    const char *fault = result == APIKEY_GRANTED
                        ? apikey_record_fault(*record, q->pool) : NULL;

    if (fault) {
        tell_faulty(q, *record, fault);
        *record = NULL;
        *q->faulty = 1;
        return APIKEY_UNAVAILABLE;
    }
    return result;
}

/* Whether what an older state of the database says is as true as it was: no
 * change that is known since speaks against it. */
static int is_still_true(const question_t *q, const apikey_stamp_t *stamp,
                         const apikey_record_t *record)
{
    int i;

    if (record) {
        return apikey_stamp_is_current(q->cache->segment, stamp, record->digest,
                                       record->tenant);
    }
    for (i = 0; i < q->candidates->count; i++) {
        if (!apikey_stamp_is_current(q->cache->segment, stamp,
                                     q->candidates->at[i].hex, NULL)) {
            return 0;
        }
    }
    return 1;
}

/* Stamp and time are of before the look-up: a change that races with it is
 * newer.  What an older state says against what is known is never believed: a
 * key that was revoked since stands there as good. */
static apikey_result_e ask_known(const question_t *q,
                                 apikey_cached_record_t *entry, int *again)
{
    apikey_segment_t *segment = q->cache->segment;
    apikey_state_t state;
    apikey_state_e is;
    apikey_poll_t known;
    apikey_result_e result;

    apikey_poll_begin(segment, &known);
    entry->written = apr_time_now();
    result = ask_database(q, &entry->record, &state);
    count(q, APIKEY_COUNT_LOOKUPS);
    *again = 0;
    if (result == APIKEY_UNAVAILABLE) {
        count(q, APIKEY_COUNT_ERRORS);
        return result;
    }
    is = apikey_state_compare(&known, &state, &entry->stamp);
    if (is == APIKEY_STATE_OLDER
        && !is_still_true(q, &entry->stamp, entry->record)) {
        apikey_report_older_state(q->r->server, segment, known.number);
        entry->record = NULL;
        *again = 1;
        return APIKEY_UNAVAILABLE;
    }
    if (is != APIKEY_STATE_OTHER && entry->stamp.identity) {
        keep(q, entry);
    }
    return result;
}

static apikey_result_e ask_and_keep(const question_t *q,
                                    apikey_record_t **record)
{
    apr_time_t end = apikey_clock() + TRYING;
    apikey_cached_record_t entry = { { 0, 0 }, 0, NULL };
    apikey_result_e result;
    int tries = 0, again;

    do {
        result = ask_known(q, &entry, &again);
    } while (again && ++tries < TRIES && apikey_clock() < end);
    *record = entry.record;
    return result;
}

/* The database is away. What was true when it was last seen is taken for
 * true, up to ApiKeyStaleLimit from then. */
static apikey_result_e make_do(const question_t *q, apikey_record_t **record)
{
    const apikey_cache_t *cache = q->cache;
    apr_time_t age = cache->polled ? apikey_poll_age(cache->segment) : 0;

    if (age > cache->stale) {
        return APIKEY_UNAVAILABLE;
    }
    *record = recall(q, cache->polled ? cache->ttl + age : cache->stale);
    if (!*record) {
        return APIKEY_UNAVAILABLE;
    }
    count(q, APIKEY_COUNT_STALE);
    return APIKEY_GRANTED;
}

/* Many requests with one key that memory does not know, in however many
 * processes, ask the database once: one asks, the others look whether he has
 * kept his answer. Who asks and dies, or is not answered soon, is not waited
 * for any longer. */
static apikey_result_e ask_once(const question_t *q, apikey_record_t **record)
{
    apikey_segment_t *segment = q->cache->segment;
    const char *digest = q->candidates->at[0].hex;
    apr_time_t end = apikey_clock() + WAIT;
    apikey_result_e result = APIKEY_UNAVAILABLE;
    int asking = is_fresh(q->cache)
                 && apikey_lookup_claim(segment, digest, PATIENCE);

    if (!asking && is_fresh(q->cache)) {
        while (apikey_lookup_is_claimed(segment, digest, PATIENCE)
               && apikey_clock() < end) {
            apr_sleep(NAP);
        }
        result = remember(q, record);
    }
    if (result == APIKEY_UNAVAILABLE) {
        result = ask_and_keep(q, record);
    }
    if (asking) {
        apikey_lookup_release(segment, digest);
    }
    return result;
}

/* Where no watchdog has come by for too long (children come and go, the
 * machine is busy), a request looks for changes itself: that costs what a
 * look-up does, and the cache is true again for all. */
static apikey_result_e find_cached(const question_t *q,
                                   apikey_record_t **record)
{
    apikey_result_e result = remember(q, record);
    apr_status_t polled = APR_SUCCESS;

    if (result == APIKEY_UNAVAILABLE && !is_fresh(q->cache)) {
        polled = apikey_poller_run(q->cache->poller);
        result = remember(q, record);
    }
    if (result != APIKEY_UNAVAILABLE) {
        return result;
    }
    count(q, APIKEY_COUNT_MISSES);
    /* Who has waited in vain does not wait twice. */
    if (!APR_STATUS_IS_TIMEUP(polled)) {
        result = ask_once(q, record);
    }
    return result == APIKEY_UNAVAILABLE && !*q->faulty ? make_do(q, record)
                                                       : result;
}

apikey_result_e apikey_find(request_rec *r, apikey_format_e shape,
                            const char *key, apr_size_t key_len,
                            apikey_record_t **record, apr_pool_t *pool)
{
    const apikey_server_t *conf = apikey_server_conf(r->server);
    apikey_candidates_t candidates;
    int faulty = 0;
    apikey_state_t state;
    question_t q = { r, conf->server_cache, key, key_len, &candidates, pool,
                     &faulty };
    apr_status_t rv;

    *record = NULL;
    if (q.cache) {
        apikey_segment_mark_used(q.cache->segment);
        *record = recall_at_once(&q);
    }
    if (*record) {
        return APIKEY_GRANTED;
    }
    rv = apikey_shape_candidates(&candidates, &conf->policy, shape, key,
                                 key_len);
    if (rv != APR_SUCCESS) {
        tell_no_digest(r, rv);
        return APIKEY_UNAVAILABLE;
    }
    if (!candidates.count) {
        if (q.cache) {
            count(&q, APIKEY_COUNT_REFUSED_UNSEEN);
        }
        return APIKEY_INVALID;
    }
    return q.cache ? find_cached(&q, record)
                   : ask_database(&q, record, &state);
}
