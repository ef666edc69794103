/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "segment_private.h"

#include <apr_hash.h>

static apikey_word_t *tenant_slot(shared_t *shared, const char *tenant)
{
    apr_ssize_t len = APR_HASH_KEY_STRING;

    return &shared->tenant[apr_hashfunc_default(tenant, &len) % TENANT_SLOTS];
}

/* ---- The present era ---- */

static apr_uint64_t era_seal(apr_uint64_t identity, apr_uint64_t epoch,
                             apr_uint64_t base)
{
    return (identity ^ base * 0x9e3779b97f4a7c15ULL
            ^ epoch * 0xc2b2ae3d27d4eb4fULL) | 1;
}

known_t apikey_segment_known(const shared_t *shared)
{
    known_t now = { apikey_word_get(&shared->known), 0, 0, 0 };
    const era_t *era = &shared->era[ERA_OF(now.word) % ERAS];

    now.identity = apikey_word_get(&era->identity);
    now.epoch = apikey_word_get(&era->epoch);
    now.base = apikey_word_get(&era->base);
    /* They are of one era only if it has not ended meanwhile. */
    if (!now.identity
        || apikey_word_get(&era->seal) != era_seal(now.identity, now.epoch,
                                                  now.base)
        || ERA_OF(apikey_word_get(&shared->known)) != ERA_OF(now.word)) {
        now.word = now.identity = now.epoch = now.base = 0;
    }
    return now;
}

static apr_uint64_t last_number(const known_t *now)
{
    return now->base + (now->word & NUMBER_MASK);
}

apr_uint64_t apikey_segment_stamp(const known_t *now,
                                  const apikey_stamp_t *stamp)
{
    return now->word && now->identity == stamp->identity
           && stamp->number >= now->base && stamp->number <= last_number(now)
           ? IN_ERA(ERA_OF(now->word), stamp->number - now->base) : 0;
}

/* ---- Stamps ---- */

int apikey_stamp_is_current(const apikey_segment_t *segment,
                            const apikey_stamp_t *stamp, const char *digest,
                            const char *tenant)
{
    shared_t *shared = segment->shared;
    known_t now = apikey_segment_known(shared);
    apr_uint64_t word = apikey_segment_stamp(&now, stamp);

    return word && word >= apikey_word_get(&shared->floor)
           && word >= apikey_word_get(KEY_SLOT(shared, digest))
           && (!tenant
               || word >= apikey_word_get(tenant_slot(shared, tenant)));
}

apr_time_t apikey_era_begun(const apikey_segment_t *segment)
{
    return (apr_time_t)apikey_word_get(&segment->shared->since);
}

apr_time_t apikey_poll_age(const apikey_segment_t *segment)
{
    apr_time_t polled = (apr_time_t)apikey_word_get(&segment->shared->polled);

    return polled ? apikey_clock() - polled : APR_INT64_MAX;
}

/* ---- Polls ---- */

int apikey_poll_claim(apikey_segment_t *segment, apr_time_t interval)
{
    apikey_word_t *claimed = &segment->shared->poll_claimed;
    apr_uint64_t was = apikey_word_get(claimed);
    apr_time_t now = apikey_clock();

    return now - (apr_time_t)was >= interval
           && apikey_word_swap(claimed, was, now);
}

void apikey_poll_release(apikey_segment_t *segment)
{
    apikey_word_set(&segment->shared->poll_claimed, 0);
}

void apikey_poll_begin(const apikey_segment_t *segment, apikey_poll_t *poll)
{
    shared_t *shared = segment->shared;
    known_t now = apikey_segment_known(shared);

    poll->begun = apikey_clock();
    poll->era = ERA_OF(apikey_word_get(&shared->known));
    poll->base = now.base;
    poll->identity = ERA_OF(now.word) == poll->era ? now.identity : 0;
    poll->epoch = (apr_int64_t)now.epoch;
    poll->number = last_number(&now);
    poll->row = apikey_word_get(&shared->row[poll->number % ROWS]);
    poll->salt = apikey_word_get(&shared->salt);
    poll->older = (apr_time_t)apikey_word_get(&shared->older);
    /* A poller died between raising floor and known: start the era again. */
    if (ERA_OF(apikey_word_get(&shared->floor)) > poll->era) {
        poll->identity = 0;
    }
}

/* A number as a word of the poll's era.  A number that is too large for the
 * era becomes the greatest: a new era follows (apikey_poll_finish()). */
static apr_uint64_t number_in_era(const apikey_poll_t *poll,
                                  apr_uint64_t number)
{
    apr_uint64_t far = number > poll->base ? number - poll->base : 0;

    return IN_ERA(poll->era, far < NUMBER_MASK ? far : NUMBER_MASK);
}

void apikey_poll_add_change(apikey_segment_t *segment,
                            const apikey_poll_t *poll, apr_uint64_t number,
                            const char *digest, const char *tenant)
{
    shared_t *shared = segment->shared;

    apikey_word_raise(digest ? KEY_SLOT(shared, digest)
                      : tenant ? tenant_slot(shared, tenant)
                      : &shared->floor, number_in_era(poll, number));
    apikey_counter_add(segment, APIKEY_COUNT_CHANGES, 1);
}

/* The poll has found the database in the last state that is known, or in a
 * later one. */
static void set_polled(shared_t *shared, const apikey_poll_t *poll)
{
    apikey_word_raise(&shared->polled, poll->begun);
    apikey_word_set(&shared->older, 0);
}

void apikey_poll_finish(apikey_segment_t *segment, const apikey_poll_t *poll,
                        apr_uint64_t number, apr_uint64_t row)
{
    shared_t *shared = segment->shared;
    apr_uint64_t last = number_in_era(poll, number);
    apr_uint64_t word = apikey_word_get(&shared->known);

    /* Another poll has seen as much, or has begun a new era. */
    if (ERA_OF(word) != poll->era || last < word) {
        return;
    }
    /* Half of the era's numbers are used up: begin a new one. */
    if (number - poll->base > NUMBER_MASK / 2) {
        apikey_poll_new_era(segment, poll, poll->identity, poll->epoch, number,
                             row);
        return;
    }
    apikey_word_set(&shared->row[number % ROWS], row);
    apikey_word_raise(&shared->known, last);
    if (ERA_OF(apikey_word_get(&shared->known)) == poll->era) {
        set_polled(shared, poll);
    }
    /* The clock was set back: records cached from now on would seem to be
     * older than the era. */
    if ((apr_time_t)apikey_word_get(&shared->since) > apr_time_now()) {
        apikey_word_set(&shared->since, apr_time_now());
    }
}

void apikey_segment_write_era(era_t *era, apr_uint64_t identity,
                              apr_uint64_t epoch, apr_uint64_t base)
{
    apikey_word_set(&era->identity, identity);
    apikey_word_set(&era->epoch, epoch);
    apikey_word_set(&era->base, base);
    apikey_word_set(&era->seal, era_seal(identity, epoch, base));
}

void apikey_poll_new_era(apikey_segment_t *segment, const apikey_poll_t *poll,
                         apr_uint64_t identity, apr_int64_t epoch,
                         apr_uint64_t number, apr_uint64_t row)
{
    shared_t *shared = segment->shared;
    apr_uint64_t word = apikey_word_get(&shared->known);
    apr_uint64_t era = ERA_OF(apikey_word_get(&shared->floor));
    apr_uint64_t next;

    if (ERA_OF(word) != poll->era) {
        return;
    }
    apikey_word_set(&shared->since, apr_time_now());
    /* A poller that was killed between raising floor and known has left the
     * floor ahead: take the next era after that. */
    era = (era > poll->era ? era : poll->era) + 1;
    if (era > ERA_MAX) {
        apikey_word_raise(&shared->floor, NOTHING_HOLDS);
        return;
    }
    next = IN_ERA(era, 0);
    apikey_segment_write_era(&shared->era[era % ERAS], identity,
                             (apr_uint64_t)epoch, number);
    /* First the floor, which voids all records, then known, by which new ones
     * are stamped. */
    apikey_word_raise(&shared->floor, next);
    apikey_word_set(&shared->row[number % ROWS], row);
    while (ERA_OF(word) == poll->era) {
        if (apikey_word_swap(&shared->known, word, next)) {
            set_polled(shared, poll);
            return;
        }
        word = apikey_word_get(&shared->known);
    }
}

int apikey_eras_are_used_up(const apikey_segment_t *segment)
{
    return apikey_word_get(&segment->shared->floor) == NOTHING_HOLDS;
}

int apikey_poll_older(apikey_segment_t *segment, apr_time_t grace, int polls,
                      apr_time_t again)
{
    shared_t *shared = segment->shared;
    apr_uint64_t now = (apr_uint64_t)apikey_clock();
    apr_uint64_t tried = apikey_word_get(&shared->older_tried);
    apr_uint64_t since = apikey_word_get(&shared->older);

    if (!since) {
        apikey_word_set(&shared->older_polls, 0);
        apikey_word_swap(&shared->older, 0, now);
        since = now;
    }
    apikey_word_add(&shared->older_polls, 1);
    return now - since >= (apr_uint64_t)grace
           && apikey_word_get(&shared->older_polls) >= (apr_uint64_t)polls
           && (tried < since || now - tried >= (apr_uint64_t)again)
           && apikey_word_swap(&shared->older_tried, tried, now);
}

void apikey_origin_set(apikey_segment_t *segment, apr_uint64_t origin)
{
    apikey_word_set(&segment->shared->origin, origin);
}

apr_uint64_t apikey_origin_get(const apikey_segment_t *segment)
{
    return apikey_word_get(&segment->shared->origin);
}

apr_uint64_t apikey_poll_new_salt(apikey_segment_t *segment)
{
    apr_uint64_t salt = (apr_uint64_t)apr_time_now();

    apikey_word_set(&segment->shared->salt, salt);
    return salt;
}

apr_uint64_t apikey_last_change(const apikey_segment_t *segment)
{
    known_t now = apikey_segment_known(segment->shared);

    return last_number(&now);
}
