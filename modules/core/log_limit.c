/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "log_limit.h"

#include <string.h>

#include <apr_strings.h>

#include "atomics.h"

#define OVERFLOW APIKEY_LIMIT_SLOTS     /* the slot that causes share */
#define TRIES 100
#define WORDS (APIKEY_LIMIT_LABEL / sizeof(apr_uint64_t))

/* The state of a slot is one word, which is changed by compare-and-swap: the
 * process whose swap succeeds logs the line.
 *
 *   16 bits  tag of the cause's hash, never 0: a process that still has the
 *            slot's former cause sees that the slot was given away
 *    1 bit   OPEN: the cause has begun and is not over
 *    1 bit   LOGGED: a line said that it has begun
 *    6 bits  lines in full in this minute
 *   40 bits  the second of the line from which the minute counts; 0: there was
 *            none
 */
#define TAG(hash) (((apr_uint64_t)(hash) >> 48 | 1) << 48)
#define TAG_OF(state) ((state) >> 48)
#define OPEN ((apr_uint64_t)1 << 47)
#define LOGGED ((apr_uint64_t)1 << 46)
#define FULL_LINE ((apr_uint64_t)1 << 40)
#define FULL_LINES(state) ((state) >> 40 & 63)
#define TIME_MASK (FULL_LINE - 1)
#define LINE_TIME(state) ((state) & TIME_MASK)
#define FREEING ((apr_uint64_t)1)       /* of no cause, to be free soon */

typedef struct slot_t {
    apikey_word_t state;        /* 0: free, or not yet filled */
    apikey_word_t count;        /* since the last line */
    apikey_word_t total;        /* since it began */
    apikey_word_t begun;
    apikey_word_t last;         /* the second in which it last happened */
    apikey_word_t owner;        /* owner and label are written before state */
    apikey_word_t label[WORDS];
} slot_t;

/* The slots of a kind. */
typedef struct row_t {
    apikey_word_t open;         /* open slots; for a moment more than there
                                 * are, never fewer */
    apikey_word_t hash[APIKEY_LIMIT_SLOTS];     /* 0: the slot is free */
    slot_t slot[APIKEY_LIMIT_SLOTS + 1];
} row_t;

struct apikey_limit_t {
    const apikey_limit_end_e *ends;
    int kinds;
    apikey_word_t used;         /* slots in use; never fewer than there are */
    apikey_word_t swept;        /* the second of the last sweep */
    row_t row[1];               /* one per kind */
};

#define load_relaxed(word) __atomic_load_n((word), __ATOMIC_RELAXED)
#define exchange_zero(word) __atomic_exchange_n((word), 0, __ATOMIC_SEQ_CST)
#define decrement(word) __atomic_fetch_sub((word), 1, __ATOMIC_SEQ_CST)

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
        limit->row[kind].slot[OVERFLOW].state = TAG(0);
    }
    return limit;
}

/* FNV-1a.  Two causes with one hash are counted as one: a collision hides no
 * message of another kind. */
static apr_uint64_t fnv1a(apr_uint64_t hash, const void *data, apr_size_t len)
{
    const unsigned char *at = data;

    while (len--) {
        hash = (hash ^ *at++) * APR_UINT64_C(1099511628211);
    }
    return hash;
}

apr_uint64_t apikey_limit_hash(const void *owner, const char *what)
{
    apr_uint64_t hash = fnv1a(APR_UINT64_C(14695981039346656037), &owner,
                              sizeof(owner));

    hash = fnv1a(hash, what ? what : "", what ? strlen(what) : 0);
    return hash ? hash : 1;
}

/* ---- Slots ---- */

/* Fills a slot whose hash is set and whose state is 0.  Each process that finds
 * it so writes the same values, so none waits for the process that set the
 * hash, which may have been killed. */
static void fill_slot(slot_t *slot, apikey_word_t *hash,
                      const apikey_cause_t *cause)
{
    apr_uint64_t label[WORDS] = { 0 };
    apr_size_t i;

    apr_cpystrn((char *)label, cause->label ? cause->label : "",
                sizeof(label));
    for (i = 0; i < WORDS; i++) {
        apikey_word_set(&slot->label[i], label[i]);
    }
    apikey_word_set(&slot->owner, (apr_uintptr_t)cause->owner);
    if (apikey_word_get(hash) == cause->hash) {
        apikey_word_swap(&slot->state, 0, TAG(cause->hash));
    }
}

/* Linear probing: the slot that has this hash, else the first free one from
 * where the hash points; OVERFLOW: there is neither. */
static int find_slot(const row_t *row, apr_uint64_t hash)
{
    int start = (int)(hash % APIKEY_LIMIT_SLOTS), free = OVERFLOW, i;

    for (i = 0; i < APIKEY_LIMIT_SLOTS; i++) {
        int at = (start + i) % APIKEY_LIMIT_SLOTS;
        apr_uint64_t there = apikey_word_get(&row->hash[at]);

        if (there == hash) {
            return at;
        }
        if (!there && free == OVERFLOW) {
            free = at;
        }
    }
    return free;
}

/* The slot of a cause, claimed where it has none. */
static slot_t *slot_of(apikey_limit_t *limit, const apikey_cause_t *cause)
{
    row_t *row = &limit->row[cause->kind];
    int tries;

    for (tries = 0; tries < TRIES; tries++) {
        int at = find_slot(row, cause->hash);
        slot_t *slot = &row->slot[at];

        if (at == OVERFLOW) {
            break;
        }
        if (apikey_word_get(&row->hash[at]) != cause->hash) {
            apikey_word_add(&limit->used, 1);
            if (!apikey_word_swap(&row->hash[at], 0, cause->hash)) {
                decrement(&limit->used);
                continue;
            }
        }
        if (!apikey_word_get(&slot->state)) {
            fill_slot(slot, &row->hash[at], cause);
        }
        if (TAG_OF(apikey_word_get(&slot->state))
            == TAG_OF(TAG(cause->hash))) {
            return slot;
        }
    }
    return &row->slot[OVERFLOW];
}

/* Frees a slot.  Its state is FREEING, set by this process, so no other writes
 * to it. */
static void free_slot(apikey_limit_t *limit, row_t *row, int at)
{
    slot_t *slot = &row->slot[at];

    apikey_word_set(&slot->count, 0);
    apikey_word_set(&slot->total, 0);
    apikey_word_set(&slot->last, 0);
    apikey_word_set(&row->hash[at], 0);
    apikey_word_set(&slot->state, 0);
    decrement(&limit->used);
}

/* ---- What is to be logged ---- */

/* Whether a minute has passed since the last line.  now may be a bit before
 * that line: processes read the clock at different moments. */
static int is_line_due(apr_uint64_t state, apr_uint64_t now)
{
    return !LINE_TIME(state) || now >= LINE_TIME(state) + APIKEY_LIMIT_MINUTE;
}

static int is_quiet(const slot_t *slot, apr_uint64_t now)
{
    return now >= apikey_word_get(&slot->last) + APIKEY_LIMIT_MINUTE;
}

/* The state after the cause has happened once more, and what to log of that.
 * is_new: it has not happened for a minute, and all was logged. */
static apr_uint64_t next_state(apr_uint64_t state, apr_uint64_t now, int is_new,
                               apikey_limit_e *what)
{
    apr_uint64_t check = state & ~(FULL_LINE * 256 - 1);
    apr_uint64_t fresh = check | OPEN | LOGGED | FULL_LINE | (now & TIME_MASK);

    *what = APIKEY_LIMIT_COUNTED;
    if (is_line_due(state, now)) {
        *what = state & OPEN && !is_new ? APIKEY_LIMIT_MORE
                                        : APIKEY_LIMIT_FULL;
        return fresh;
    }
    if (state & OPEN) {
        return state;
    }
    if (FULL_LINES(state) >= APIKEY_LIMIT_FULL_LINES) {
        return state | OPEN;
    }
    *what = APIKEY_LIMIT_FULL;
    return (state + FULL_LINE) | OPEN | LOGGED;
}

/* Changes the slot's state to the next.
 * @return 0: another cause has the slot now */
static int advance_state(row_t *row, slot_t *slot, apr_uint64_t check,
                         apr_uint64_t now, int is_new, apikey_limit_e *what)
{
    for (;;) {
        apr_uint64_t state = apikey_word_get(&slot->state);
        apr_uint64_t next = next_state(state, now, is_new, what);
        int opens = !(state & OPEN);

        if (TAG_OF(state) != check) {
            return 0;
        }
        if (next == state) {
            return 1;
        }
        if (opens) {
            apikey_word_add(&row->open, 1);
            apikey_word_set(&slot->begun, now);
        }
        if (apikey_word_swap(&slot->state, state, next)) {
            return 1;
        }
        if (opens) {
            decrement(&row->open);
        }
    }
}

static int count_in_slot(row_t *row, slot_t *slot, apr_uint64_t hash,
                         apr_uint64_t now, apikey_limit_e *what)
{
    int is_new = is_quiet(slot, now) && !apikey_word_get(&slot->count);

    apikey_word_set(&slot->last, now);
    return advance_state(row, slot, TAG_OF(TAG(hash)), now, is_new, what);
}

apikey_limit_e apikey_limit_count(apikey_limit_t *limit,
                                  const apikey_cause_t *cause,
                                  apr_uint64_t amount, apr_uint64_t now,
                                  apikey_limit_report_t *report)
{
    row_t *row = &limit->row[cause->kind];
    slot_t *overflow = &row->slot[OVERFLOW], *slot = slot_of(limit, cause);
    apikey_limit_e what;

    if (slot == overflow
        || !count_in_slot(row, slot, cause->hash, now, &what)) {
        slot = overflow;
        count_in_slot(row, slot, 0, now, &what);
    }
    apikey_word_add(&slot->total, amount);
    if (what == APIKEY_LIMIT_COUNTED) {
        apikey_word_add(&slot->count, amount);
    }
    if (what == APIKEY_LIMIT_MORE) {
        report->cause = *cause;
        if (slot == overflow) {
            report->cause.owner = NULL;
            report->cause.label = NULL;
        }
        report->more = exchange_zero(&slot->count) + amount;
    }
    return what;
}

/* ---- Ends ---- */

static void report_end(slot_t *slot, apr_uint64_t now,
                       apikey_limit_report_t *report)
{
    apr_uint64_t begun = apikey_word_get(&slot->begun);

    report->total = exchange_zero(&slot->total);
    report->seconds = now > begun ? now - begun : 0;
}

/* Ends a cause.  One whose begin was not logged ends without a line, and what
 * was counted of it stays for the minute's line. */
static int close_slot(row_t *row, slot_t *slot, apr_uint64_t hash,
                      apr_uint64_t now, apikey_limit_report_t *report)
{
    apr_uint64_t state = apikey_word_get(&slot->state);

    while (TAG_OF(state) == TAG_OF(TAG(hash)) && state & OPEN) {
        if (apikey_word_swap(&slot->state, state, state & ~(OPEN | LOGGED))) {
            decrement(&row->open);
            if (!(state & LOGGED)) {
                return 0;
            }
            exchange_zero(&slot->count);
            report_end(slot, now, report);
            return 1;
        }
        state = apikey_word_get(&slot->state);
    }
    return 0;
}

int apikey_limit_is_open(const apikey_limit_t *limit, int kind)
{
    return load_relaxed(&limit->row[kind].open) != 0;
}

int apikey_limit_end(apikey_limit_t *limit, const apikey_cause_t *cause,
                     apr_uint64_t now, apikey_limit_report_t *report)
{
    row_t *row = &limit->row[cause->kind];
    int at, over = 0;

    /* Two processes may each have claimed a slot for it at the same moment. */
    for (at = 0; at < APIKEY_LIMIT_SLOTS; at++) {
        if (load_relaxed(&row->hash[at]) == cause->hash) {
            over |= close_slot(row, &row->slot[at], cause->hash, now, report);
        }
    }
    return over;
}

/* A request logs the minute's line after 60 seconds, with what happened to it.
 * The sweep waits one second more, and logs it where no request came. */
static int is_line_overdue(apr_uint64_t state, apr_uint64_t now)
{
    return now > LINE_TIME(state) + APIKEY_LIMIT_MINUTE;
}

/* Logs the minute's line of what no call has logged. */
static void sweep_count(slot_t *slot, apr_uint64_t state, apr_uint64_t now,
                        apikey_limit_report_t *report, apikey_limit_fn fn,
                        void *baton)
{
    apr_uint64_t next = (state & ~(FULL_LINE * 64 - 1)) | FULL_LINE
                        | (now & TIME_MASK);

    if (apikey_word_swap(&slot->state, state,
                         state & OPEN ? next | LOGGED : next)) {
        report->more = exchange_zero(&slot->count);
        fn(baton, APIKEY_LIMIT_MORE, report);
    }
}

/* Ends and frees a slot whose cause has not happened for a minute and of which
 * all was logged. */
static void sweep_quiet(apikey_limit_t *limit, row_t *row, int at,
                        apr_uint64_t state, apikey_limit_report_t *report,
                        apikey_limit_fn fn, void *baton)
{
    slot_t *slot = &row->slot[at];
    apr_uint64_t last = apikey_word_get(&slot->last);

    if (!apikey_word_swap(&slot->state, state,
                          at == OVERFLOW ? TAG(0) : FREEING)) {
        return;
    }
    if (state & OPEN) {
        decrement(&row->open);
        report_end(slot, last, report);
        fn(baton, APIKEY_LIMIT_OVER, report);
    }
    if (at != OVERFLOW) {
        free_slot(limit, row, at);
    }
}

static void read_label(slot_t *slot, apr_uint64_t label[WORDS])
{
    apr_size_t i;

    for (i = 0; i < WORDS; i++) {
        label[i] = apikey_word_get(&slot->label[i]);
    }
    ((char *)label)[APIKEY_LIMIT_LABEL - 1] = '\0';
}

static void sweep_slot(apikey_limit_t *limit, int kind, int at,
                       apr_uint64_t now, apikey_limit_fn fn, void *baton)
{
    row_t *row = &limit->row[kind];
    slot_t *slot = &row->slot[at];
    apr_uint64_t state = apikey_word_get(&slot->state);
    apikey_limit_report_t report = { { kind, 0, NULL, "" }, 0, 0, 0 };
    apr_uint64_t label[WORDS];

    if (state == FREEING || !LINE_TIME(state)) {
        return;
    }
    if (at != OVERFLOW) {
        read_label(slot, label);
        report.cause.owner =
            (void *)(apr_uintptr_t)apikey_word_get(&slot->owner);
        report.cause.label = (char *)label;
    }
    if (apikey_word_get(&slot->count)) {
        if (is_line_overdue(state, now)) {
            sweep_count(slot, state, now, &report, fn, baton);
        }
    }
    else if (is_quiet(slot, now)
             && (!(state & OPEN) || at == OVERFLOW
                 || limit->ends[kind] == APIKEY_LIMIT_QUIET)) {
        sweep_quiet(limit, row, at, state, &report, fn, baton);
    }
}

void apikey_limit_sweep(apikey_limit_t *limit, apr_uint64_t now,
                        apikey_limit_fn fn, void *baton)
{
    apr_uint64_t swept = load_relaxed(&limit->swept);
    int kind, at;

    if (swept >= now || !apikey_word_swap(&limit->swept, swept, now)) {
        return;
    }
    for (kind = 0; kind < limit->kinds; kind++) {
        for (at = 0; at < APIKEY_LIMIT_SLOTS && load_relaxed(&limit->used);
             at++) {
            if (load_relaxed(&limit->row[kind].hash[at])) {
                sweep_slot(limit, kind, at, now, fn, baton);
            }
        }
        sweep_slot(limit, kind, OVERFLOW, now, fn, baton);
    }
}
