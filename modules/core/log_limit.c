/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "log_limit.h"

#include <string.h>

#include <apr_strings.h>

#include "atomics.h"

#define OTHERS APIKEY_LIMIT_PLACES      /* for causes without a place */
#define TRIES 100
#define WORDS (APIKEY_LIMIT_LABEL / sizeof(apr_uint64_t))

/* The state of a place is one word, so that one of all processes decides what
 * is said: who has exchanged it.
 *
 *   16 bits  of the hash, and never 0: a place that was given to another cause
 *            meanwhile is seen
 *    1 bit   it has begun and is not over
 *    1 bit   and that was said
 *    6 bits  how often it was said in full in this minute
 *   40 bits  the second of the last line that the minute counts from; 0: there
 *            was none
 */
#define CHECK(hash) (((apr_uint64_t)(hash) >> 48 | 1) << 48)
#define CHECK_OF(state) ((state) >> 48)
#define OPEN ((apr_uint64_t)1 << 47)
#define SAID ((apr_uint64_t)1 << 46)
#define TURN ((apr_uint64_t)1 << 40)
#define TURNS_OF(state) ((state) >> 40 & 63)
#define TOLD_MASK (TURN - 1)
#define TOLD_OF(state) ((state) & TOLD_MASK)
#define LEAVING ((apr_uint64_t)1)       /* of no cause: about to be free */

typedef struct place_t {
    apikey_word_t state;        /* 0: free, or not yet furnished */
    apikey_word_t count;        /* what was not told */
    apikey_word_t total;        /* since it began */
    apikey_word_t begun;
    apikey_word_t last;         /* when it last happened */
    apikey_word_t owner;        /* these two are written before the state */
    apikey_word_t label[WORDS];
} place_t;

/* A kind. */
typedef struct row_t {
    apikey_word_t open;         /* places that have begun: at least as many as
                                 * there are */
    apikey_word_t hash[APIKEY_LIMIT_PLACES];    /* 0: the place is free */
    place_t place[APIKEY_LIMIT_PLACES + 1];
} row_t;

struct apikey_limit_t {
    const apikey_limit_end_e *ends;
    int kinds;
    apikey_word_t used;         /* places, likewise */
    apikey_word_t swept;        /* the second of the last sweep */
    row_t row[1];               /* of as many as there are kinds */
};

#define relaxed(word) __atomic_load_n((word), __ATOMIC_RELAXED)
#define take(word) __atomic_exchange_n((word), 0, __ATOMIC_SEQ_CST)
#define less(word) __atomic_fetch_sub((word), 1, __ATOMIC_SEQ_CST)

apr_size_t apikey_limit_size(int kinds)
{
    return sizeof(apikey_limit_t) + (apr_size_t)(kinds - 1) * sizeof(row_t);
}

apikey_limit_t *apikey_limit_create(void *memory, int kinds,
                                    const apikey_limit_end_e *ends)
{
    apikey_limit_t *limit = memory;
    int kind;

    limit->ends = ends;
    limit->kinds = kinds;
    for (kind = 0; kind < kinds; kind++) {
        limit->row[kind].place[OTHERS].state = CHECK(0);
    }
    return limit;
}

/* FNV-1a, which is short; who could choose two causes with one hash has only
 * his own message counted with another of the same kind. */
static apr_uint64_t mix(apr_uint64_t hash, const void *data, apr_size_t len)
{
    const unsigned char *at = data;

    while (len--) {
        hash = (hash ^ *at++) * APR_UINT64_C(1099511628211);
    }
    return hash;
}

apr_uint64_t apikey_limit_hash(const void *owner, const char *what)
{
    apr_uint64_t hash = mix(APR_UINT64_C(14695981039346656037), &owner,
                            sizeof(owner));

    hash = mix(hash, what ? what : "", what ? strlen(what) : 0);
    return hash ? hash : 1;
}

/* ---- Places ---- */

/* The hash stands there, and the state is 0: each that finds it so writes the
 * same, and one of them is the first.  So nothing is waited for, and none is
 * missed where the first was killed. */
static void furnish(place_t *place, apikey_word_t *hash,
                    const apikey_cause_t *cause)
{
    apr_uint64_t label[WORDS] = { 0 };
    apr_size_t i;

    apr_cpystrn((char *)label, cause->label ? cause->label : "",
                sizeof(label));
    for (i = 0; i < WORDS; i++) {
        apikey_word_set(&place->label[i], label[i]);
    }
    apikey_word_set(&place->owner, (apr_uintptr_t)cause->owner);
    if (apikey_word_get(hash) == cause->hash) {
        apikey_word_swap(&place->state, 0, CHECK(cause->hash));
    }
}

/* The place that has this hash, or else the first that is free, from where the
 * hash points; OTHERS: there is neither. */
static int seek(const row_t *row, apr_uint64_t hash)
{
    int start = (int)(hash % APIKEY_LIMIT_PLACES), free = OTHERS, i;

    for (i = 0; i < APIKEY_LIMIT_PLACES; i++) {
        int at = (start + i) % APIKEY_LIMIT_PLACES;
        apr_uint64_t there = apikey_word_get(&row->hash[at]);

        if (there == hash) {
            return at;
        }
        if (!there && free == OTHERS) {
            free = at;
        }
    }
    return free;
}

/* The place of a cause, which is given one where it has none. */
static place_t *place_of(apikey_limit_t *limit, const apikey_cause_t *cause)
{
    row_t *row = &limit->row[cause->kind];
    int tries;

    for (tries = 0; tries < TRIES; tries++) {
        int at = seek(row, cause->hash);
        place_t *place = &row->place[at];

        if (at == OTHERS) {
            break;
        }
        if (apikey_word_get(&row->hash[at]) != cause->hash) {
            apikey_word_add(&limit->used, 1);
            if (!apikey_word_swap(&row->hash[at], 0, cause->hash)) {
                less(&limit->used);
                continue;
            }
        }
        if (!apikey_word_get(&place->state)) {
            furnish(place, &row->hash[at], cause);
        }
        if (CHECK_OF(apikey_word_get(&place->state))
            == CHECK_OF(CHECK(cause->hash))) {
            return place;
        }
    }
    return &row->place[OTHERS];
}

/* The state is LEAVING, and the process that made it so is alone. */
static void leave(apikey_limit_t *limit, row_t *row, int at)
{
    place_t *place = &row->place[at];

    apikey_word_set(&place->count, 0);
    apikey_word_set(&place->total, 0);
    apikey_word_set(&place->last, 0);
    apikey_word_set(&row->hash[at], 0);
    apikey_word_set(&place->state, 0);
    less(&limit->used);
}

/* ---- What is to be said ---- */

/* Whether a minute has gone since it was last told; a process' clock may be
 * read a bit before another's. */
static int is_due(apr_uint64_t state, apr_uint64_t now)
{
    return !TOLD_OF(state) || now >= TOLD_OF(state) + APIKEY_LIMIT_MINUTE;
}

static int is_quiet(const place_t *place, apr_uint64_t now)
{
    return now >= apikey_word_get(&place->last) + APIKEY_LIMIT_MINUTE;
}

/* The state after it has happened once more.  is_new: not for a minute, and
 * nothing is left to be told. */
static apr_uint64_t after(apr_uint64_t state, apr_uint64_t now, int is_new,
                          apikey_limit_e *what)
{
    apr_uint64_t check = state & ~(TURN * 256 - 1);
    apr_uint64_t fresh = check | OPEN | SAID | TURN | (now & TOLD_MASK);

    *what = APIKEY_LIMIT_COUNTED;
    if (is_due(state, now)) {
        *what = state & OPEN && !is_new ? APIKEY_LIMIT_MORE
                                        : APIKEY_LIMIT_FULL;
        return fresh;
    }
    if (state & OPEN) {
        return state;
    }
    if (TURNS_OF(state) >= APIKEY_LIMIT_TURNS) {
        return state | OPEN;
    }
    *what = APIKEY_LIMIT_FULL;
    return (state + TURN) | OPEN | SAID;
}

/* 0: another cause has the place now. */
static int step(row_t *row, place_t *place, apr_uint64_t check,
                apr_uint64_t now, int is_new, apikey_limit_e *what)
{
    for (;;) {
        apr_uint64_t state = apikey_word_get(&place->state);
        apr_uint64_t next = after(state, now, is_new, what);
        int opens = !(state & OPEN);

        if (CHECK_OF(state) != check) {
            return 0;
        }
        if (next == state) {
            return 1;
        }
        if (opens) {
            apikey_word_add(&row->open, 1);
            apikey_word_set(&place->begun, now);
        }
        if (apikey_word_swap(&place->state, state, next)) {
            return 1;
        }
        if (opens) {
            less(&row->open);
        }
    }
}

static int note(row_t *row, place_t *place, apr_uint64_t hash,
                apr_uint64_t now, apikey_limit_e *what)
{
    int is_new = is_quiet(place, now) && !apikey_word_get(&place->count);

    apikey_word_set(&place->last, now);
    return step(row, place, CHECK_OF(CHECK(hash)), now, is_new, what);
}

apikey_limit_e apikey_limit_count(apikey_limit_t *limit,
                                  const apikey_cause_t *cause,
                                  apr_uint64_t amount, apr_uint64_t now,
                                  apikey_limit_report_t *report)
{
    row_t *row = &limit->row[cause->kind];
    place_t *others = &row->place[OTHERS], *place = place_of(limit, cause);
    apikey_limit_e what;

    if (place == others || !note(row, place, cause->hash, now, &what)) {
        place = others;
        note(row, place, 0, now, &what);
    }
    apikey_word_add(&place->total, amount);
    if (what == APIKEY_LIMIT_COUNTED) {
        apikey_word_add(&place->count, amount);
    }
    if (what == APIKEY_LIMIT_MORE) {
        report->cause = *cause;
        if (place == others) {
            report->cause.owner = NULL;
            report->cause.label = NULL;
        }
        report->more = take(&place->count) + amount;
    }
    return what;
}

/* ---- What is over ---- */

static void tell_end(place_t *place, apr_uint64_t now,
                     apikey_limit_report_t *report)
{
    apr_uint64_t begun = apikey_word_get(&place->begun);

    report->total = take(&place->total);
    report->seconds = now > begun ? now - begun : 0;
}

/* Of one that was not said in full nothing is said now; what was counted is
 * told when the minute is over. */
static int close_place(row_t *row, place_t *place, apr_uint64_t hash,
                       apr_uint64_t now, apikey_limit_report_t *report)
{
    apr_uint64_t state = apikey_word_get(&place->state);

    while (CHECK_OF(state) == CHECK_OF(CHECK(hash)) && state & OPEN) {
        if (apikey_word_swap(&place->state, state, state & ~(OPEN | SAID))) {
            less(&row->open);
            if (!(state & SAID)) {
                return 0;
            }
            take(&place->count);
            tell_end(place, now, report);
            return 1;
        }
        state = apikey_word_get(&place->state);
    }
    return 0;
}

int apikey_limit_is_open(const apikey_limit_t *limit, int kind)
{
    return relaxed(&limit->row[kind].open) != 0;
}

int apikey_limit_end(apikey_limit_t *limit, const apikey_cause_t *cause,
                     apr_uint64_t now, apikey_limit_report_t *report)
{
    row_t *row = &limit->row[cause->kind];
    int at, over = 0;

    /* Two processes may have given it a place each, in the same moment. */
    for (at = 0; at < APIKEY_LIMIT_PLACES; at++) {
        if (relaxed(&row->hash[at]) == cause->hash) {
            over |= close_place(row, &row->place[at], cause->hash, now, report);
        }
    }
    return over;
}

/* One second more than the next request's minute, which says it better: it
 * knows what has happened. */
static int is_late(apr_uint64_t state, apr_uint64_t now)
{
    return now > TOLD_OF(state) + APIKEY_LIMIT_MINUTE;
}

/* A minute has gone, and there is something that was not told. */
static void sweep_count(place_t *place, apr_uint64_t state, apr_uint64_t now,
                        apikey_limit_report_t *report, apikey_limit_fn tell,
                        void *baton)
{
    apr_uint64_t next = (state & ~(TURN * 64 - 1)) | TURN | (now & TOLD_MASK);

    if (apikey_word_swap(&place->state, state,
                         state & OPEN ? next | SAID : next)) {
        report->more = take(&place->count);
        tell(baton, APIKEY_LIMIT_MORE, report);
    }
}

/* Nothing is left to be told: what has not happened for a minute is over, and
 * its place is free for others. */
static void sweep_quiet(apikey_limit_t *limit, row_t *row, int at,
                        apr_uint64_t state, apikey_limit_report_t *report,
                        apikey_limit_fn tell, void *baton)
{
    place_t *place = &row->place[at];
    apr_uint64_t last = apikey_word_get(&place->last);

    if (!apikey_word_swap(&place->state, state,
                          at == OTHERS ? CHECK(0) : LEAVING)) {
        return;
    }
    if (state & OPEN) {
        less(&row->open);
        tell_end(place, last, report);
        tell(baton, APIKEY_LIMIT_OVER, report);
    }
    if (at != OTHERS) {
        leave(limit, row, at);
    }
}

static void read_label(place_t *place, apr_uint64_t label[WORDS])
{
    apr_size_t i;

    for (i = 0; i < WORDS; i++) {
        label[i] = apikey_word_get(&place->label[i]);
    }
    ((char *)label)[APIKEY_LIMIT_LABEL - 1] = '\0';
}

static void sweep_place(apikey_limit_t *limit, int kind, int at,
                        apr_uint64_t now, apikey_limit_fn tell, void *baton)
{
    row_t *row = &limit->row[kind];
    place_t *place = &row->place[at];
    apr_uint64_t state = apikey_word_get(&place->state);
    apikey_limit_report_t report = { { kind, 0, NULL, "" }, 0, 0, 0 };
    apr_uint64_t label[WORDS];

    if (state == LEAVING || !TOLD_OF(state)) {
        return;
    }
    if (at != OTHERS) {
        read_label(place, label);
        report.cause.owner = (void *)(apr_uintptr_t)apikey_word_get(
                                                      &place->owner);
        report.cause.label = (char *)label;
    }
    if (apikey_word_get(&place->count)) {
        if (is_late(state, now)) {
            sweep_count(place, state, now, &report, tell, baton);
        }
    }
    else if (is_quiet(place, now)
             && (!(state & OPEN) || at == OTHERS
                 || limit->ends[kind] == APIKEY_LIMIT_QUIET)) {
        sweep_quiet(limit, row, at, state, &report, tell, baton);
    }
}

void apikey_limit_sweep(apikey_limit_t *limit, apr_uint64_t now,
                        apikey_limit_fn tell, void *baton)
{
    apr_uint64_t swept = relaxed(&limit->swept);
    int kind, at;

    if (swept >= now || !apikey_word_swap(&limit->swept, swept, now)) {
        return;
    }
    for (kind = 0; kind < limit->kinds; kind++) {
        for (at = 0; at < APIKEY_LIMIT_PLACES && relaxed(&limit->used); at++) {
            if (relaxed(&limit->row[kind].hash[at])) {
                sweep_place(limit, kind, at, now, tell, baton);
            }
        }
        sweep_place(limit, kind, OTHERS, now, tell, baton);
    }
}
