/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "local_cache.h"

#include <string.h>

#include <apr_general.h>
#include <apr_siphash.h>

#include "../core/atomics.h"

#define SLOTS 1024              /* of 512 bytes: half a MiB per process */
#define WORDS 59                /* of a slot: the digest and the record */

/* Lock rule: as in segment_private.h, there is no lock.  A writer makes the
 * sequence odd (by compare-and-swap, so that there is one), writes the words,
 * and makes it even again; a reader uses what it has copied only if the
 * sequence was even and is still the same. */
typedef struct slot_t {
    apikey_word_t sequence;
    apikey_word_t tag[2];
    apikey_word_t owner;
    apikey_word_t len;          /* bytes of the record, after its digest */
    apikey_word_t word[WORDS];
} slot_t;

struct apikey_local_cache_t {
    unsigned char secret[2][APR_SIPHASH_KSIZE];
    int usable;
    slot_t slot[SLOTS];
};

/* A slot holds the digest, its NUL, and the encoded record. */
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

static apr_uint64_t key_tag(const apikey_local_cache_t *local, int secret,
                            const char *key, apr_size_t len)
{
    return apr_siphash24(key, len, local->secret[secret]);
}

/* Compares the first tag before the second is computed, so that unknown keys
 * cost one hash. */
static int is_slot_of(slot_t *slot, apr_uint64_t tag, const void *owner,
                      const apikey_local_cache_t *local, const char *key,
                      apr_size_t len)
{
    return apikey_word_get(&slot->tag[0]) == tag
           && apikey_word_get(&slot->owner) == (apr_uintptr_t)owner
           && apikey_word_get(&slot->tag[1]) == key_tag(local, 1, key, len);
}

int apikey_local_cache_get(apikey_local_cache_t *local, const void *owner,
                           const char *key, apr_size_t len,
                           apikey_cached_record_t *cached, apr_pool_t *pool)
{
    apr_uint64_t tag, sequence, *copy;
    apr_size_t count, size, i;
    slot_t *slot;

    if (!local->usable) {
        return 0;
    }
    tag = key_tag(local, 0, key, len);
    slot = &local->slot[tag % SLOTS];
    sequence = apikey_word_get(&slot->sequence);
    size = (apr_size_t)apikey_word_get(&slot->len);
    count = WORDS_OF(size);
    if (sequence % 2 || count > WORDS
        || !is_slot_of(slot, tag, owner, local, key, len)) {
        return 0;
    }
    copy = apr_palloc(pool, count * sizeof(*copy));
    for (i = 0; i < count; i++) {
        copy[i] = apikey_word_get(&slot->word[i]);
    }
    /* Another thread may have written meanwhile: then the copy is a mixture. */
    return apikey_word_get(&slot->sequence) == sequence
           && apikey_record_decode(cached, (unsigned char *)copy + DIGEST_ROOM,
                                   size, (char *)copy, pool);
}

void apikey_local_cache_put(apikey_local_cache_t *local, const void *owner,
                            const char *key, apr_size_t len,
                            const apikey_cached_record_t *cached)
{
    apr_uint64_t tag, sequence, copy[WORDS] = { 0 };
    apr_size_t size, i;
    slot_t *slot;

    memcpy(copy, cached->record->digest, APIKEY_DIGEST_HEX);
    size = apikey_record_encode((unsigned char *)copy + DIGEST_ROOM,
                                ROOM - DIGEST_ROOM, cached);
    if (!size || !local->usable) {
        return;
    }
    tag = key_tag(local, 0, key, len);
    slot = &local->slot[tag % SLOTS];
    sequence = apikey_word_get(&slot->sequence);
    if (sequence % 2
        || !apikey_word_swap(&slot->sequence, sequence, sequence + 1)) {
        return;
    }
    apikey_word_set(&slot->tag[0], tag);
    apikey_word_set(&slot->tag[1], key_tag(local, 1, key, len));
    apikey_word_set(&slot->owner, (apr_uintptr_t)owner);
    apikey_word_set(&slot->len, size);
    for (i = 0; i < WORDS_OF(size); i++) {
        apikey_word_set(&slot->word[i], copy[i]);
    }
    apikey_word_set(&slot->sequence, sequence + 2);
}
