/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "local_cache.h"

#include <string.h>

#include <apr_general.h>
#include <apr_siphash.h>

#include "../core/atomics.h"

#define PLACES 1024             /* of 512 bytes, so half a MiB a process */
#define WORDS 59                /* the digest and the entry */

/* Even turn: to be read; odd: somebody writes. */
typedef struct place_t {
    apikey_word_t turn;
    apikey_word_t tag[2];
    apikey_word_t owner;
    apikey_word_t len;          /* bytes of the entry, behind the digest */
    apikey_word_t word[WORDS];
} place_t;

struct apikey_local_cache_t {
    unsigned char secret[2][APR_SIPHASH_KSIZE];
    int usable;
    place_t place[PLACES];
};

/* In a place: the digest, which ends with NUL, then the entry. */
#define DIGEST_ROOM (APIKEY_DIGEST_HEX + 1)
#define ROOM (WORDS * sizeof(apr_uint64_t))
#define WORDS_OF(len) \
    ((DIGEST_ROOM + (len) + sizeof(apr_uint64_t) - 1) / sizeof(apr_uint64_t))

apikey_local_cache_t *apikey_local_cache_create(apr_pool_t *pool)
{
    return apr_pcalloc(pool, sizeof(apikey_local_cache_t));
}

void apikey_local_cache_child_init(apikey_local_cache_t *local)
{
    local->usable =
        apr_generate_random_bytes((unsigned char *)local->secret,
                                  sizeof(local->secret)) == APR_SUCCESS;
}

static apr_uint64_t tag_of(const apikey_local_cache_t *local, int secret,
                           const char *key, apr_size_t len)
{
    return apr_siphash24(key, len, local->secret[secret]);
}

/* The second tag is asked for only where the first agrees: a flood of forged
 * keys shall cost little. */
static int is_of(place_t *place, apr_uint64_t tag, const void *owner,
                 const apikey_local_cache_t *local, const char *key,
                 apr_size_t len)
{
    return apikey_word_get(&place->tag[0]) == tag
           && apikey_word_get(&place->owner) == (apr_uintptr_t)owner
           && apikey_word_get(&place->tag[1]) == tag_of(local, 1, key, len);
}

int apikey_local_cache_get(apikey_local_cache_t *local, const void *owner,
                           const char *key, apr_size_t len,
                           apikey_cached_record_t *entry, apr_pool_t *pool)
{
    apr_uint64_t tag, turn, *copy;
    apr_size_t count, size, i;
    place_t *place;

    if (!local->usable) {
        return 0;
    }
    tag = tag_of(local, 0, key, len);
    place = &local->place[tag % PLACES];
    turn = apikey_word_get(&place->turn);
    size = (apr_size_t)apikey_word_get(&place->len);
    count = WORDS_OF(size);
    if (turn % 2 || count > WORDS
        || !is_of(place, tag, owner, local, key, len)) {
        return 0;
    }
    copy = apr_palloc(pool, count * sizeof(*copy));
    for (i = 0; i < count; i++) {
        copy[i] = apikey_word_get(&place->word[i]);
    }
    /* What another has written over meanwhile is nobody's entry. */
    return apikey_word_get(&place->turn) == turn
           && apikey_record_decode(entry, (unsigned char *)copy + DIGEST_ROOM,
                                   size, (char *)copy, pool);
}

void apikey_local_cache_put(apikey_local_cache_t *local, const void *owner,
                            const char *key, apr_size_t len,
                            const apikey_cached_record_t *entry)
{
    apr_uint64_t tag, turn, copy[WORDS] = { 0 };
    apr_size_t size, i;
    place_t *place;

    memcpy(copy, entry->record->digest, APIKEY_DIGEST_HEX);
    size = apikey_record_encode((unsigned char *)copy + DIGEST_ROOM,
                                ROOM - DIGEST_ROOM, entry);
    if (!size || !local->usable) {
        return;
    }
    tag = tag_of(local, 0, key, len);
    place = &local->place[tag % PLACES];
    turn = apikey_word_get(&place->turn);
    if (turn % 2 || !apikey_word_swap(&place->turn, turn, turn + 1)) {
        return;
    }
    apikey_word_set(&place->tag[0], tag);
    apikey_word_set(&place->tag[1], tag_of(local, 1, key, len));
    apikey_word_set(&place->owner, (apr_uintptr_t)owner);
    apikey_word_set(&place->len, size);
    for (i = 0; i < WORDS_OF(size); i++) {
        apikey_word_set(&place->word[i], copy[i]);
    }
    apikey_word_set(&place->turn, turn + 2);
}
