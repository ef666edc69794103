/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The way to a record: what is refused unseen, what memory knows, what the
 * database says, and who asks it. */

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_strings.h>

#include "../config/log.h"
#include "../core/key.h"
#include "../lookup/lookup.h"
#include "cache.h"
#include "keeper.h"
#include "memo.h"
#include "state.h"

APLOG_USE_MODULE(apikey);

/* How long somebody can be asking: as long as that may take
 * (lookup/workers.c), and then some. */
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

static void tell_no_digest(request_rec *r, apr_status_t status)
{
    apikey_event_t event = { APIKEY_LOG_NO_DIGEST, r->server, r, NULL, NULL,
                             NULL, NULL };

    if (apikey_log_now(&event)) {
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

    if (apikey_log_now(&event)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, q->r,
                      "APIKEY0102: the key %s in the database cannot be "
                      "used: %s; correct its row", record->id, fault);
    }
}

/* A record that no header could carry is never handed on, nor kept. */
static apikey_reason_e ask_database(const question_t *q,
                                    apikey_record_t **record,
                                    apikey_state_t *state)
{
    apikey_reason_e reason = apikey_lookup(q->r, q->candidates, record,
                                           state, q->pool);
    const char *fault = reason == APIKEY_GRANTED
                        ? apikey_record_fault(*record, q->pool) : NULL;

    if (fault) {
        tell_faulty(q, *record, fault);
        *record = NULL;
        *q->faulty = 1;
        return APIKEY_UNAVAILABLE;
    }
    return reason;
}

/* Whether what an older state of the database says is as true as it was: no
 * change that is known since speaks against it. */
static int is_still_true(const question_t *q, const apikey_stamp_t *stamp,
                         const apikey_record_t *record)
{
    int i;

    if (record) {
        return apikey_board_holds(q->cache->board, stamp, record->digest,
                                  record->tenant);
    }
    for (i = 0; i < q->candidates->count; i++) {
        if (!apikey_board_holds(q->cache->board, stamp,
                                q->candidates->at[i].hex, NULL)) {
            return 0;
        }
    }
    return 1;
}

/* Stamp and time are of before the look-up: a change that races with it is
 * newer.  What an older state says against what is known is never believed: a
 * key that was revoked since stands there as good. */
static apikey_reason_e ask_known(const question_t *q, apikey_entry_t *entry,
                                 int *again)
{
    apikey_board_t *board = q->cache->board;
    apikey_state_t state;
    apikey_state_e is;
    apikey_poll_t known;
    apikey_reason_e reason;

    apikey_poll_begin(board, &known);
    entry->written = apr_time_now();
    reason = ask_database(q, &entry->record, &state);
    count(q, APIKEY_COUNT_LOOKUPS);
    *again = 0;
    if (reason == APIKEY_UNAVAILABLE) {
        count(q, APIKEY_COUNT_ERRORS);
        return reason;
    }
    is = apikey_state_compare(&known, &state, &entry->stamp);
    if (is == APIKEY_STATE_OLDER
        && !is_still_true(q, &entry->stamp, entry->record)) {
        apikey_cache_tell_older(q->r->server, board, known.number);
        entry->record = NULL;
        *again = 1;
        return APIKEY_UNAVAILABLE;
    }
    if (is != APIKEY_STATE_OTHER && entry->stamp.identity) {
        keep(q, entry);
    }
    return reason;
}

static apikey_reason_e ask_and_keep(const question_t *q,
                                    apikey_record_t **record)
{
    apr_time_t end = apikey_board_clock() + TRYING;
    apikey_entry_t entry = { { 0, 0 }, 0, NULL };
    apikey_reason_e reason;
    int tries = 0, again;

    do {
        reason = ask_known(q, &entry, &again);
    } while (again && ++tries < TRIES && apikey_board_clock() < end);
    *record = entry.record;
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
        polled = apikey_cache_poll(q->cache->poller);
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
    apikey_state_t state;
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
