/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* verify/local_cache.h: a record is found by exactly its key and owner, and is
 * never a mixture of two records. */

#include <stdlib.h>

#include <apr_general.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

/* The source: the tests write to single words of its slots. */
#include "verify/local_cache.c"
#include "tap.h"

#define KEY "ak_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6"
#define LEN (sizeof(KEY) - 1)

static const char digest[] = "1ab3f7aa1600fac4273c98287cca7592"
                             "3cabc7f2fd82e8687cea546a78344ab6";
static const int mine, others;
static apr_pool_t *pool;

/* A cached record with this text in each of its strings. */
static apikey_cached_record_t entry_of(const char *text, apr_uint64_t number)
{
    apikey_cached_record_t entry = { { 7, 0 }, 1234567890, NULL };
    apikey_record_t *record = apr_pcalloc(pool, sizeof(*record));

    entry.stamp.number = number;
    entry.record = record;
    record->digest = digest;
    record->id = record->keyspace = record->tenant = record->name = text;
    record->env = record->scopes = text;
    record->expires = (apr_int64_t)number;
    return entry;
}

static apikey_local_cache_t *fresh(void)
{
    apikey_local_cache_t *local = apikey_local_cache_create(pool);

    apikey_local_cache_child_init(local);
    return local;
}

static void found_by_its_key_alone(void)
{
    apikey_local_cache_t *local = fresh();
    apikey_cached_record_t entry = entry_of("acme", 42), got;
    char *key = apr_pstrdup(pool, KEY);

    ok(!apikey_local_cache_get(local, &mine, KEY, LEN, &got, pool),
       "an empty cache has no record");
    apikey_local_cache_put(local, &mine, key, LEN, &entry);
    memset(key, 'x', LEN);
    ok(apikey_local_cache_get(local, &mine, KEY, LEN, &got, pool),
       "a record is found by its key");
    ok(got.stamp.identity == 7 && got.stamp.number == 42
       && got.written == 1234567890, "a record has its stamp and time");
    is_str(got.record->tenant, "acme", "a record has its tenant");
    is_str(got.record->digest, digest, "a record has its digest");
    ok(!apikey_local_cache_get(local, &others, KEY, LEN, &got, pool),
       "a record is not found for another owner");
    ok(!apikey_local_cache_get(local, &mine, KEY, LEN - 1, &got, pool)
       && !apikey_local_cache_get(local, &mine, KEY "x", LEN + 1, &got, pool)
       && !apikey_local_cache_get(local, &mine, "b" KEY, LEN, &got, pool),
       "a record is not found by a similar key");
    entry = entry_of("umbrella", 43);
    apikey_local_cache_put(local, &mine, KEY, LEN, &entry);
    ok(apikey_local_cache_get(local, &mine, KEY, LEN, &got, pool),
       "a record is found after it was written again");
    is_str(got.record->tenant, "umbrella",
           "a record that was written again is the later one");
}

/* A slot has two tags of a key; both are compared. */
static void each_tag_counts(void)
{
    apikey_local_cache_t *local = fresh();
    apikey_cached_record_t entry = entry_of("acme", 42), got;
    slot_t *slot = &local->slot[key_tag(local, 0, KEY, LEN) % SLOTS];
    int i;

    for (i = 0; i < 2; i++) {
        apikey_local_cache_put(local, &mine, KEY, LEN, &entry);
        slot->tag[i] ^= (apr_uint64_t)1 << 63;
        ok(!apikey_local_cache_get(local, &mine, KEY, LEN, &got, pool),
           "a key that has one tag in common is not found (%d)", i);
    }
}

static int holds_text(const void *memory, apr_size_t size, const char *text)
{
    const char *at = memory;
    apr_size_t len = strlen(text), i;

    for (i = 0; i + len <= size; i++) {
        if (!memcmp(at + i, text, len)) {
            return 1;
        }
    }
    return 0;
}

static void no_key_is_kept(void)
{
    apikey_local_cache_t *local = fresh();
    apikey_cached_record_t entry = entry_of("acme", 42);

    apikey_local_cache_put(local, &mine, KEY, LEN, &entry);
    ok(holds_text(local, sizeof(*local), "acme"), "the memory has the tenant");
    ok(!holds_text(local, sizeof(*local), "ABCDEFGH"),
       "the memory has nothing of the key");
}

static void processes_differ(void)
{
    apikey_local_cache_t *one = fresh(), *two = fresh();

    ok(memcmp(one->secret, two->secret, sizeof(one->secret)) != 0,
       "two processes have different secrets");
    ok(memcmp(one->secret[0], one->secret[1], APR_SIPHASH_KSIZE) != 0,
       "the two secrets of a process differ");
}

static void what_is_not_kept(void)
{
    apikey_local_cache_t *local = apikey_local_cache_create(pool);
    apikey_cached_record_t entry = entry_of("acme", 42), got;
    char *text = apr_pcalloc(pool, 200);
    int len, longest = 0;

    apikey_local_cache_put(local, &mine, KEY, LEN, &entry);
    ok(!apikey_local_cache_get(local, &mine, KEY, LEN, &got, pool),
       "before child_init nothing is cached");
    for (len = 0; len < 100; len++) {
        local = fresh();
        entry = entry_of(text, 42);
        apikey_local_cache_put(local, &mine, KEY, LEN, &entry);
        if (apikey_local_cache_get(local, &mine, KEY, LEN, &got, pool)) {
            longest = len;
            is_str(got.record->scopes, text,
                   "a record with %d bytes in each string is read whole", len);
        }
        text[len] = 'x';
    }
    /* A slot has 472 bytes: 65 of the digest, 57 of numbers and the version,
     * and six strings with their NULs. */
    is_int(longest, (472 - 65 - 57) / 6 - 1, "a longer record is not cached");
}

static void a_writer_was_killed(void)
{
    apikey_local_cache_t *local = fresh();
    apikey_cached_record_t entry = entry_of("acme", 42), got;

    apikey_local_cache_put(local, &mine, KEY, LEN, &entry);
    local->slot[key_tag(local, 0, KEY, LEN) % SLOTS].sequence++;
    ok(!apikey_local_cache_get(local, &mine, KEY, LEN, &got, pool),
       "a slot that is being written is not read");
    apikey_local_cache_put(local, &mine, KEY, LEN, &entry);
    ok(!apikey_local_cache_get(local, &mine, KEY, LEN, &got, pool),
       "a slot whose writer was killed is not written again");
}

#define THREADS 4
#define ROUNDS 20000

static apikey_local_cache_t *shared;
static int torn, seen;

/* Writes and reads records, each of one letter, a length and a number that
 * belong together. */
static void *APR_THREAD_FUNC race(apr_thread_t *thread, void *data)
{
    int which = (int)(apr_uintptr_t)data, i;
    apr_pool_t *own = apr_thread_pool_get(thread);
    char *text = apr_pcalloc(own, 32);
    apikey_record_t record = { 0 };
    apikey_cached_record_t entry = { { 7, 0 }, 1, &record };

    memset(text, 'a' + which, 4 + 3 * which);
    record.digest = digest;
    record.id = record.keyspace = record.tenant = record.name = text;
    record.env = record.scopes = text;
    record.expires = entry.stamp.number = which;
    for (i = 0; i < ROUNDS; i++) {
        apikey_cached_record_t got;
        apr_pool_t *round;

        apr_pool_create(&round, own);
        if (i % 4 == 0) {
            apikey_local_cache_put(shared, &mine, KEY, LEN, &entry);
        }
        if (apikey_local_cache_get(shared, &mine, KEY, LEN, &got, round)) {
            int who = (int)got.stamp.number;

            __atomic_fetch_add(&seen, 1, __ATOMIC_RELAXED);
            if (got.record->expires != who
                || (int)strlen(got.record->id) != 4 + 3 * who
                || strspn(got.record->scopes, got.record->id)
                   != strlen(got.record->id)
                || got.record->id[0] != 'a' + who) {
                __atomic_fetch_add(&torn, 1, __ATOMIC_RELAXED);
            }
        }
        apr_pool_destroy(round);
    }
    return NULL;
}

static void threads(void)
{
    apr_thread_t *thread[THREADS];
    apr_status_t status;
    apr_uintptr_t i;

    shared = fresh();
    for (i = 0; i < THREADS; i++) {
        apr_thread_create(&thread[i], NULL, race, (void *)i, pool);
    }
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&status, thread[i]);
    }
    ok(seen > 0, "threads that write one slot also read from it");
    is_int(torn, 0, "each record that was read is that of one writer");
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    found_by_its_key_alone();
    each_tag_counts();
    no_key_is_kept();
    processes_differ();
    what_is_not_kept();
    a_writer_was_killed();
    threads();
    return done();
}
