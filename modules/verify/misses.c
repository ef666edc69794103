/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "segment_private.h"

static miss_t *miss_place(shared_t *shared, const char *digest)
{
    return &shared->absent[apikey_segment_tag(digest) % ABSENT_PLACES];
}

void apikey_miss_add(apikey_segment_t *segment, const char *digest,
                         const apikey_stamp_t *stamp, apr_time_t ttl)
{
    miss_t *place = miss_place(segment->shared, digest);
    apr_uint64_t turn = apikey_word_get(&place->turn);
    known_t now = apikey_segment_known(segment->shared);
    apr_uint64_t word = apikey_segment_stamp(&now, stamp);

    if (!word || turn % 2
        || !apikey_word_swap(&place->turn, turn, turn + 1)) {
        return;
    }
    apikey_word_set(&place->tag, apikey_segment_tag(digest));
    apikey_word_set(&place->stamp, word);
    apikey_word_set(&place->until, apikey_clock() + ttl);
    apikey_word_set(&place->turn, turn + 2);
}

int apikey_miss_is_known(const apikey_segment_t *segment, const char *digest)
{
    shared_t *shared = segment->shared;
    miss_t *place = miss_place(shared, digest);
    apr_uint64_t turn = apikey_word_get(&place->turn);
    apr_uint64_t stamp = apikey_word_get(&place->stamp);
    apr_uint64_t word = apikey_segment_known(shared).word;

    return word && turn && turn % 2 == 0
           && apikey_word_get(&place->tag) == apikey_segment_tag(digest)
           && (apr_time_t)apikey_word_get(&place->until)
              > apikey_clock()
           && ERA_OF(stamp) == ERA_OF(word)
           && stamp >= apikey_word_get(&shared->floor)
           && stamp >= apikey_word_get(KEY_PLACE(shared, digest))
           && apikey_word_get(&place->turn) == turn;
}

/* ---- One asks for all ---- */

/* Upper half: which digest is being looked up; lower half: since when, in
 * milliseconds.  Never 0. */
static apr_uint64_t claim_word(const char *digest)
{
    return (apikey_segment_tag(digest) & ~(apr_uint64_t)0xffffffff)
           | ((apikey_clock() / 1000) & 0xffffffff) | 1;
}

static apikey_word_t *claim_place(shared_t *shared, const char *digest)
{
    return &shared->asked[apikey_segment_tag(digest) % ASKED_PLACES];
}

/* Whether the word claims the digest of @a mine, less than @a patience ago.  It
 * may be a little younger than @a mine, which was made before the place was
 * read; one that is more than a second younger is from before the milliseconds
 * wrapped, and claims nothing. */
static int is_claimed(apr_uint64_t word, apr_uint64_t mine, apr_time_t patience)
{
    apr_int32_t age = (apr_int32_t)((apr_uint32_t)mine - (apr_uint32_t)word);

    return word && word >> 32 == mine >> 32
           && age > -1000 && age < patience / 1000;
}

int apikey_lookup_claim(apikey_segment_t *segment, const char *digest,
                        apr_time_t patience)
{
    apikey_word_t *place = claim_place(segment->shared, digest);
    apr_uint64_t was = apikey_word_get(place);
    apr_uint64_t mine = claim_word(digest);

    if (is_claimed(was, mine, patience)) {
        return 0;
    }
    /* Another digest may have had the place: it is overwritten, and may be
     * looked up twice. */
    return apikey_word_swap(place, was, mine)
           || !is_claimed(apikey_word_get(place), mine, patience);
}

void apikey_lookup_release(apikey_segment_t *segment, const char *digest)
{
    apikey_word_t *place = claim_place(segment->shared, digest);
    apr_uint64_t word = apikey_word_get(place);

    if (word >> 32 == claim_word(digest) >> 32) {
        apikey_word_swap(place, word, 0);
    }
}

int apikey_lookup_is_claimed(const apikey_segment_t *segment,
                             const char *digest, apr_time_t patience)
{
    return is_claimed(apikey_word_get(claim_place(segment->shared, digest)),
                      claim_word(digest), patience);
}
