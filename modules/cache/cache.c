/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The way to a record: what is refused unseen, what memory knows, what the
 * database says, and who asks it. */

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>

#include "../core/key.h"
#include "../lookup/lookup.h"
#include "cache.h"
#include "keeper.h"
#include "memo.h"

APLOG_USE_MODULE(apikey);

/* How long somebody can be asking: as long as that may take
 * (lookup/workers.c), and then some. */
#define PATIENCE apr_time_from_msec(2000)
/* How long another waits for that answer. Then he asks, too: he shall have an
 * answer, or a 503, within two seconds. */
#define WAIT apr_time_from_msec(400)
#define NAP apr_time_from_msec(1)

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
    apikey_board_count(q->cache->board, counter, 1);
}

static const apikey_ring_t *ring_of(const question_t *q)
{
    return apikey_server_conf(q->r->server)->policy.ring;
}

/* Whether the last poll is so recent that what changed since cannot be older
 * than ApiKeyRevocationPoll and a bit. */
static int is_fresh(const apikey_cache_t *cache)
{
    return !cache->polled
           || apikey_board_age(cache->board) <= cache->fresh;
}

/* No known change speaks against it, and it is not older than @a ttl; one
 * from the future was written before the clock was set back. */
static int holds(const question_t *q, const apikey_entry_t *entry,
                 apr_time_t ttl)
{
    apr_time_t now = apr_time_now();

    return now >= entry->written && now - entry->written <= ttl
           && entry->written >= apikey_board_since(q->cache->board)
           && apikey_board_holds(q->cache->board, &entry->stamp,
                                 entry->record->digest,
                                 entry->record->tenant);
}

static apikey_record_t *recall_one(const question_t *q, const char *digest,
                                   apr_time_t ttl)
{
    apikey_entry_t entry;

    if (!apikey_keeper_get(q->cache->keeper, q->r->server, ring_of(q),
                           q->cache->context, digest, &entry, q->pool)
        || !holds(q, &entry, ttl)) {
        return NULL;
    }
    apikey_memo_put(q->cache->memo, q->cache, q->key, q->key_len, &entry);
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

/* Every digest that the key could be stored under is known not to be. */
static int all_absent(const question_t *q)
{
    int i;

    for (i = 0; i < q->candidates->count; i++) {
        if (!apikey_board_is_absent(q->cache->board,
                                    q->candidates->at[i].hex)) {
            return 0;
        }
    }
    return 1;
}

/* Without as much as a digest. */
static apikey_record_t *recall_at_once(const question_t *q)
{
    apikey_entry_t entry;

    if (!is_fresh(q->cache)
        || !apikey_memo_get(q->cache->memo, q->cache, q->key, q->key_len,
                            &entry, q->pool)
        || !holds(q, &entry, q->cache->ttl)) {
        return NULL;
    }
    count(q, APIKEY_COUNT_HITS);
    return entry.record;
}

/* What memory alone can answer; UNAVAILABLE: nothing. */
static apikey_reason_e remember(const question_t *q, apikey_record_t **record)
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

static void keep(const question_t *q, const apikey_entry_t *entry)
{
    int i;

    if (entry->record) {
        apikey_keeper_put(q->cache->keeper, q->r->server, ring_of(q),
                          q->cache->context, entry,
                          entry->written + q->cache->ttl + q->cache->stale,
                          q->pool);
        apikey_memo_put(q->cache->memo, q->cache, q->key, q->key_len, entry);
        return;
    }
    for (i = 0; i < q->candidates->count; i++) {
        apikey_board_absent(q->cache->board, q->candidates->at[i].hex,
                            &entry->stamp, q->cache->ttl_negative);
    }
}

/* A record that no header could carry is never handed on, nor kept. */
static apikey_reason_e ask_database(const question_t *q,
                                    apikey_record_t **record)
{
    apikey_reason_e reason = apikey_lookup(q->r, q->candidates, record,
                                           q->pool);
    const char *fault = reason == APIKEY_GRANTED
                        ? apikey_record_fault(*record, q->pool) : NULL;

    if (fault) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, q->r,
                      "APIKEY0102: the key %s in the database cannot be "
                      "used: %s; correct its row", (*record)->id, fault);
        *record = NULL;
        *q->faulty = 1;
        return APIKEY_UNAVAILABLE;
    }
    return reason;
}

/* Stamp and time are of before the look-up: a change that races with it is
 * newer. */
static apikey_reason_e ask_and_keep(const question_t *q,
                                    apikey_record_t **record)
{
    apikey_entry_t entry = { { 0, 0 }, apr_time_now(), NULL };
    int known = apikey_board_stamp(q->cache->board, &entry.stamp);
    apikey_reason_e reason = ask_database(q, record);

    count(q, APIKEY_COUNT_LOOKUPS);
    if (reason == APIKEY_UNAVAILABLE) {
        count(q, APIKEY_COUNT_ERRORS);
    }
    else if (known) {
        entry.record = *record;
        keep(q, &entry);
    }
    return reason;
}

/* The database is away. What was true when it was last seen is taken for
 * true, up to ApiKeyStaleLimit from then. */
static apikey_reason_e make_do(const question_t *q, apikey_record_t **record)
{
    const apikey_cache_t *cache = q->cache;
    apr_time_t age = cache->polled ? apikey_board_age(cache->board) : 0;

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
static apikey_reason_e ask_once(const question_t *q, apikey_record_t **record)
{
    apikey_board_t *board = q->cache->board;
    const char *digest = q->candidates->at[0].hex;
    apr_time_t end = apikey_board_clock() + WAIT;
    apikey_reason_e reason = APIKEY_UNAVAILABLE;
    int asking = is_fresh(q->cache)
                 && apikey_board_ask(board, digest, PATIENCE);

    if (!asking && is_fresh(q->cache)) {
        while (apikey_board_is_asked(board, digest, PATIENCE)
               && apikey_board_clock() < end) {
            apr_sleep(NAP);
        }
        reason = remember(q, record);
    }
    if (reason == APIKEY_UNAVAILABLE) {
        reason = ask_and_keep(q, record);
    }
    if (asking) {
        apikey_board_asked(board, digest);
    }
    return reason;
}

/* Where no watchdog has come by for too long (children come and go, the
 * machine is busy), a request looks for changes itself: that costs what a
 * look-up does, and the cache is true again for all. */
static apikey_reason_e find_cached(const question_t *q,
                                   apikey_record_t **record)
{
    apikey_reason_e reason = remember(q, record);
    apr_status_t polled = APR_SUCCESS;

    if (reason == APIKEY_UNAVAILABLE && !is_fresh(q->cache)) {
        polled = apikey_cache_poll(q->cache->poller, q->pool);
        reason = remember(q, record);
    }
    if (reason != APIKEY_UNAVAILABLE) {
        return reason;
    }
    count(q, APIKEY_COUNT_MISSES);
    /* Who has waited in vain does not wait twice. */
    if (!APR_STATUS_IS_TIMEUP(polled)) {
        reason = ask_once(q, record);
    }
    return reason == APIKEY_UNAVAILABLE && !*q->faulty ? make_do(q, record)
                                                       : reason;
}

apikey_reason_e apikey_find(request_rec *r, apikey_format_e shape,
                            const char *key, apr_size_t key_len,
                            apikey_record_t **record, apr_pool_t *pool)
{
    const apikey_server_t *conf = apikey_server_conf(r->server);
    apikey_candidates_t candidates;
    int faulty = 0;
    question_t q = { r, conf->answers, key, key_len, &candidates, pool,
                     &faulty };
    apr_status_t rv;

    *record = NULL;
    if (q.cache) {
        apikey_board_want(q.cache->board);
        *record = recall_at_once(&q);
    }
    if (*record) {
        return APIKEY_GRANTED;
    }
    rv = apikey_shape_candidates(&candidates, &conf->policy, shape, key,
                                 key_len);
    if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, r,
                      "APIKEY0104: OpenSSL cannot make a digest; is a FIPS "
                      "policy or a lack of memory in the way?");
        return APIKEY_UNAVAILABLE;
    }
    if (!candidates.count) {
        if (q.cache) {
            count(&q, APIKEY_COUNT_REFUSED_UNSEEN);
        }
        return APIKEY_INVALID;
    }
    return q.cache ? find_cached(&q, record) : ask_database(&q, record);
}
