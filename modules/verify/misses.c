/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "segment_private.h"

static miss_t *miss_slot(shared_t *shared, const char *digest)
{
    return &shared->miss[apikey_segment_tag(digest) % MISS_SLOTS];
}

void apikey_miss_add(apikey_segment_t *segment, const char *digest,
                     const apikey_stamp_t *stamp, apr_time_t ttl)
{
    miss_t *slot = miss_slot(segment->shared, digest);
    apr_uint64_t sequence = apikey_word_get(&slot->sequence);
    known_t now = apikey_segment_known(segment->shared);
    apr_uint64_t word = apikey_segment_stamp(&now, stamp);

    if (!word || sequence % 2
        || !apikey_word_swap(&slot->sequence, sequence, sequence + 1)) {
        return;
    }
    apikey_word_set(&slot->tag, apikey_segment_tag(digest));
    apikey_word_set(&slot->stamp, word);
    apikey_word_set(&slot->until, apikey_clock() + ttl);
    apikey_word_set(&slot->sequence, sequence + 2);
}

int apikey_miss_is_known(const apikey_segment_t *segment, const char *digest)
{
    shared_t *shared = segment->shared;
    miss_t *slot = miss_slot(shared, digest);
    apr_uint64_t sequence = apikey_word_get(&slot->sequence);
    apr_uint64_t stamp = apikey_word_get(&slot->stamp);
    apr_uint64_t word = apikey_segment_known(shared).word;

    return word && sequence && sequence % 2 == 0
           && apikey_word_get(&slot->tag) == apikey_segment_tag(digest)
           && (apr_time_t)apikey_word_get(&slot->until) > apikey_clock()
           && ERA_OF(stamp) == ERA_OF(word)
           && stamp >= apikey_word_get(&shared->floor)
           && stamp >= apikey_word_get(KEY_SLOT(shared, digest))
           && apikey_word_get(&slot->sequence) == sequence;
}

/* ---- One request looks up for all ---- */

/* Upper half: a part of the digest; lower half: when it was claimed, in
 * milliseconds.  Never 0. */
static apr_uint64_t claim_word(const char *digest)
{
    return (apikey_segment_tag(digest) & ~(apr_uint64_t)0xffffffff)
           | ((apikey_clock() / 1000) & 0xffffffff) | 1;
}

static apikey_word_t *claim_slot(shared_t *shared, const char *digest)
{
    return &shared->lookup[apikey_segment_tag(digest) % CLAIM_SLOTS];
}

/* Whether the word claims the digest of @a mine, less than @a patience ago.  It
 * may be a little younger than @a mine, which was made before the slot was
 * read.  If it seems to be more than a second younger, the milliseconds have
 * wrapped since, and it is old. */
static int is_claimed(apr_uint64_t word, apr_uint64_t mine, apr_time_t patience)
{
    apr_int32_t age = (apr_int32_t)((apr_uint32_t)mine - (apr_uint32_t)word);

    return word && word >> 32 == mine >> 32
           && age > -1000 && age < patience / 1000;
}

int apikey_lookup_claim(apikey_segment_t *segment, const char *digest,
                        apr_time_t patience)
{
    apikey_word_t *slot = claim_slot(segment->shared, digest);
    apr_uint64_t was = apikey_word_get(slot);
    apr_uint64_t mine = claim_word(digest);

    if (is_claimed(was, mine, patience)) {
        return 0;
    }
    /* This may overwrite the claim of another digest, which is then looked up
     * twice. */
    return apikey_word_swap(slot, was, mine)
           || !is_claimed(apikey_word_get(slot), mine, patience);
}

void apikey_lookup_release(apikey_segment_t *segment, const char *digest)
{
    apikey_word_t *slot = claim_slot(segment->shared, digest);
    apr_uint64_t word = apikey_word_get(slot);

    if (word >> 32 == claim_word(digest) >> 32) {
        apikey_word_swap(slot, word, 0);
    }
}

int apikey_lookup_is_claimed(const apikey_segment_t *segment,
                             const char *digest, apr_time_t patience)
{
    return is_claimed(apikey_word_get(claim_slot(segment->shared, digest)),
                      claim_word(digest), patience);
}
