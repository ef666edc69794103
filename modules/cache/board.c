/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "board.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include <apr_hash.h>
#include <apr_shm.h>

#include "../core/atomics.h"

#define KEY_PLACES 16384        /* of 8 bytes */
#define TENANT_PLACES 4096      /* of 8 bytes */
#define ABSENT_PLACES 8192      /* of 32 bytes */
#define ASKED_PLACES 1024       /* of 8 bytes */
#define ERAS 8                  /* identities remembered */
#define STRIPES 64              /* of counters: one a process, nearly */
#define ROWS 16                 /* numbers whose change is remembered */

/* A number of this board: the era, then how far the database's number is from
 * the one that the era began with. */
#define NUMBER_BITS 34
#define NUMBER_MASK (((apr_uint64_t)1 << NUMBER_BITS) - 1)
#define ERA_MAX (((apr_uint64_t)1 << (64 - NUMBER_BITS)) - 1)
#define ERA_OF(word) ((word) >> NUMBER_BITS)
#define IN_ERA(era, number) \
    ((apr_uint64_t)(era) << NUMBER_BITS | ((number) & NUMBER_MASK))
/* No answer of any era is above it. */
#define NOTHING_HOLDS IN_ERA(ERA_MAX, NUMBER_MASK)

/* A digest that is not in the database.  Even: to be read; odd: somebody
 * writes. Who is killed in the middle leaves the place odd, and unused. */
typedef struct absent_t {
    apikey_word_t turn;
    apikey_word_t tag;
    apikey_word_t stamp;
    apikey_word_t until;        /* apikey_board_clock() */
} absent_t;

/* The database of an era.  Two pollers may write at once and leave some words
 * of each: then the seal is neither's, and nothing is known. */
typedef struct era_t {
    apikey_word_t identity;
    apikey_word_t epoch;        /* the identity is of this one */
    apikey_word_t base;         /* the number that the era began with */
    apikey_word_t seal;
} era_t;

/* A line of the processor's cache, or two, for each process. */
typedef struct stripe_t {
    apikey_word_t counter[APIKEY_COUNTER_COUNT];
    char pad[128 - APIKEY_COUNTER_COUNT * sizeof(apikey_word_t) % 128];
} stripe_t;

typedef struct shared_t {
    apikey_word_t known;        /* the last change seen, in its era */
    apikey_word_t floor;        /* the last change of everything */
    era_t era[ERAS];            /* by era */
    apikey_word_t row[ROWS];    /* what a change was, by its number: two
                                 * words cannot be read at once, and the
                                 * last number must not meet another's */
    apikey_word_t since;        /* when the era began; apr_time_now() */
    apikey_word_t salt;
    apikey_word_t origin;       /* of the database and of its copies */
    apikey_word_t polled;       /* when the last good poll began */
    apikey_word_t older;        /* since when polls find an older state */
    apikey_word_t older_polls;  /* how many have */
    apikey_word_t older_tried;  /* when it was last tried what it is */
    apikey_word_t claimed;      /* when somebody last set out to poll */
    apikey_word_t wanted;       /* when a request last wanted an answer */
    apikey_word_t key[KEY_PLACES];
    apikey_word_t tenant[TENANT_PLACES];
    apikey_word_t asked[ASKED_PLACES];
    absent_t absent[ABSENT_PLACES];
    stripe_t stripe[STRIPES];
} shared_t;

struct apikey_board_t {
    shared_t *shared;
    apr_shm_t *memory;
    int stripe;                 /* this process' */
};

apr_time_t apikey_board_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    /* Never 0, which stands for "never". */
    return apr_time_make(now.tv_sec, now.tv_nsec / 1000) + 1;
}

apr_status_t apikey_board_make(apikey_board_t **out, apr_pool_t *pool)
{
    apikey_board_t *board = apr_pcalloc(pool, sizeof(*board));
    apr_status_t status = apr_shm_create(&board->memory, sizeof(shared_t),
                                         NULL, pool);

    *out = NULL;
    if (status == APR_SUCCESS) {
        /* Anonymous memory is zero, and not there until it is used. */
        board->shared = apr_shm_baseaddr_get(board->memory);
        apikey_board_want(board);
        *out = board;
    }
    return status;
}

void apikey_board_child(apikey_board_t *board)
{
    board->stripe = getpid() % STRIPES;
}

/* The first 64 bits of a digest: they are as good as random. */
static apr_uint64_t tag_of(const char *digest)
{
    apr_uint64_t tag = 0;
    int i;

    for (i = 0; i < 16; i++) {
        int c = digest[i];

        if (c == '\0') {
            break;
        }
        tag = tag << 4 | ((c <= '9' ? c : c + 9) & 15);
    }
    return tag;
}

static apikey_word_t *key_place(shared_t *shared, const char *digest)
{
    return &shared->key[tag_of(digest) % KEY_PLACES];
}

static apikey_word_t *tenant_place(shared_t *shared, const char *tenant)
{
    apr_ssize_t len = APR_HASH_KEY_STRING;

    return &shared->tenant[apr_hashfunc_default(tenant, &len)
                           % TENANT_PLACES];
}

/* ---- Answers ---- */

static apr_uint64_t seal_of(apr_uint64_t identity, apr_uint64_t epoch,
                            apr_uint64_t base)
{
    return (identity ^ base * 0x9e3779b97f4a7c15ULL
            ^ epoch * 0xc2b2ae3d27d4eb4fULL) | 1;
}

/* What is known of a database. */
typedef struct known_t {
    apr_uint64_t word;          /* era and number; 0: nothing is known */
    apr_uint64_t identity;
    apr_uint64_t epoch;
    apr_uint64_t base;
} known_t;

static known_t known(const shared_t *shared)
{
    known_t now = { apikey_word_get(&shared->known), 0, 0, 0 };
    const era_t *era = &shared->era[ERA_OF(now.word) % ERAS];

    now.identity = apikey_word_get(&era->identity);
    now.epoch = apikey_word_get(&era->epoch);
    now.base = apikey_word_get(&era->base);
    /* These belong to the era only if that has not ended. */
    if (!now.identity
        || apikey_word_get(&era->seal) != seal_of(now.identity, now.epoch,
                                                  now.base)
        || ERA_OF(apikey_word_get(&shared->known)) != ERA_OF(now.word)) {
        now.word = now.identity = now.epoch = now.base = 0;
    }
    return now;
}

static apr_uint64_t number_of(const known_t *now)
{
    return now->base + (now->word & NUMBER_MASK);
}

/* An answer's number as a number of this board; 0, which is below all: it is
 * of another database, of before the era, or is not known yet: another
 * machine's, which is ahead, so what changed before it may be news to this
 * one. */
static apr_uint64_t stamped(const known_t *now, const apikey_stamp_t *stamp)
{
    return now->word && now->identity == stamp->identity
           && stamp->number >= now->base && stamp->number <= number_of(now)
           ? IN_ERA(ERA_OF(now->word), stamp->number - now->base) : 0;
}

int apikey_board_stamp(const apikey_board_t *board, apikey_stamp_t *stamp)
{
    known_t now = known(board->shared);

    stamp->identity = now.identity;
    stamp->number = number_of(&now);
    return now.word != 0;
}

int apikey_board_holds(const apikey_board_t *board,
                       const apikey_stamp_t *stamp, const char *digest,
                       const char *tenant)
{
    shared_t *shared = board->shared;
    known_t now = known(shared);
    apr_uint64_t word = stamped(&now, stamp);

    return word && word >= apikey_word_get(&shared->floor)
           && word >= apikey_word_get(key_place(shared, digest))
           && (!tenant
               || word >= apikey_word_get(tenant_place(shared, tenant)));
}

apr_time_t apikey_board_since(const apikey_board_t *board)
{
    return (apr_time_t)apikey_word_get(&board->shared->since);
}

/* Each second is enough: all processes write the same line of the cache. */
void apikey_board_want(apikey_board_t *board)
{
    apikey_word_t *wanted = &board->shared->wanted;
    apr_uint64_t now = (apr_uint64_t)apikey_board_clock();

    if (now - apikey_word_get(wanted) > APR_USEC_PER_SEC) {
        apikey_word_set(wanted, now);
    }
}

int apikey_board_wanted(const apikey_board_t *board, apr_time_t period)
{
    apr_time_t at = (apr_time_t)apikey_word_get(&board->shared->wanted);

    return apikey_board_clock() - at <= period + APR_USEC_PER_SEC;
}

apr_time_t apikey_board_age(const apikey_board_t *board)
{
    apr_time_t polled = (apr_time_t)apikey_word_get(&board->shared->polled);

    return polled ? apikey_board_clock() - polled : APR_INT64_MAX;
}

/* ---- Keys that were not found ---- */

static absent_t *absent_place(shared_t *shared, const char *digest)
{
    return &shared->absent[tag_of(digest) % ABSENT_PLACES];
}

void apikey_board_absent(apikey_board_t *board, const char *digest,
                         const apikey_stamp_t *stamp, apr_time_t ttl)
{
    absent_t *place = absent_place(board->shared, digest);
    apr_uint64_t turn = apikey_word_get(&place->turn);
    known_t now = known(board->shared);
    apr_uint64_t word = stamped(&now, stamp);

    if (!word || turn % 2
        || !apikey_word_swap(&place->turn, turn, turn + 1)) {
        return;
    }
    apikey_word_set(&place->tag, tag_of(digest));
    apikey_word_set(&place->stamp, word);
    apikey_word_set(&place->until, apikey_board_clock() + ttl);
    apikey_word_set(&place->turn, turn + 2);
}

int apikey_board_is_absent(const apikey_board_t *board, const char *digest)
{
    shared_t *shared = board->shared;
    absent_t *place = absent_place(shared, digest);
    apr_uint64_t turn = apikey_word_get(&place->turn);
    apr_uint64_t stamp = apikey_word_get(&place->stamp);
    apr_uint64_t word = known(shared).word;

    return word && turn && turn % 2 == 0
           && apikey_word_get(&place->tag) == tag_of(digest)
           && (apr_time_t)apikey_word_get(&place->until)
              > apikey_board_clock()
           && ERA_OF(stamp) == ERA_OF(word)
           && stamp >= apikey_word_get(&shared->floor)
           && stamp >= apikey_word_get(key_place(shared, digest))
           && apikey_word_get(&place->turn) == turn;
}

/* ---- One asks for all ---- */

/* Who is asked for, and since when in milliseconds; never 0. */
static apr_uint64_t asked_word(const char *digest)
{
    return (tag_of(digest) & ~(apr_uint64_t)0xffffffff)
           | ((apikey_board_clock() / 1000) & 0xffffffff) | 1;
}

static apikey_word_t *asked_place(shared_t *shared, const char *digest)
{
    return &shared->asked[tag_of(digest) % ASKED_PLACES];
}

/* The word says that this digest is asked for, and has not for too long. It
 * may be younger than ours, which was made before the place was read; what
 * is of the future by more is left from before the milliseconds wrapped. */
static int is_asked(apr_uint64_t word, apr_uint64_t mine, apr_time_t patience)
{
    apr_int32_t age = (apr_int32_t)((apr_uint32_t)mine - (apr_uint32_t)word);

    return word && word >> 32 == mine >> 32
           && age > -1000 && age < patience / 1000;
}

int apikey_board_ask(apikey_board_t *board, const char *digest,
                     apr_time_t patience)
{
    apikey_word_t *place = asked_place(board->shared, digest);
    apr_uint64_t was = apikey_word_get(place);
    apr_uint64_t mine = asked_word(digest);

    if (is_asked(was, mine, patience)) {
        return 0;
    }
    /* The place may be another digest's. Then the two take turns in it, and
     * one may be asked for twice. */
    return apikey_word_swap(place, was, mine)
           || !is_asked(apikey_word_get(place), mine, patience);
}

void apikey_board_asked(apikey_board_t *board, const char *digest)
{
    apikey_word_t *place = asked_place(board->shared, digest);
    apr_uint64_t word = apikey_word_get(place);

    if (word >> 32 == asked_word(digest) >> 32) {
        apikey_word_swap(place, word, 0);
    }
}

int apikey_board_is_asked(const apikey_board_t *board, const char *digest,
                          apr_time_t patience)
{
    return is_asked(apikey_word_get(asked_place(board->shared, digest)),
                    asked_word(digest), patience);
}

/* ---- Polls ---- */

int apikey_board_claim(apikey_board_t *board, apr_time_t interval)
{
    apikey_word_t *claimed = &board->shared->claimed;
    apr_uint64_t was = apikey_word_get(claimed);
    apr_time_t now = apikey_board_clock();

    return now - (apr_time_t)was >= interval
           && apikey_word_swap(claimed, was, now);
}

void apikey_board_disclaim(apikey_board_t *board)
{
    apikey_word_set(&board->shared->claimed, 0);
}

void apikey_poll_begin(const apikey_board_t *board, apikey_poll_t *poll)
{
    shared_t *shared = board->shared;
    known_t now = known(shared);

    poll->begun = apikey_board_clock();
    poll->era = ERA_OF(apikey_word_get(&shared->known));
    poll->base = now.base;
    poll->identity = ERA_OF(now.word) == poll->era ? now.identity : 0;
    poll->epoch = (apr_int64_t)now.epoch;
    poll->number = number_of(&now);
    poll->row = apikey_word_get(&shared->row[poll->number % ROWS]);
    poll->salt = apikey_word_get(&shared->salt);
    poll->older = (apr_time_t)apikey_word_get(&shared->older);
    /* A process was killed while it began a new era: it must be begun. */
    if (ERA_OF(apikey_word_get(&shared->floor)) > poll->era) {
        poll->identity = 0;
    }
}

/* The greatest one stands for all that are beyond: a new era comes next. */
static apr_uint64_t in_era(const apikey_poll_t *poll, apr_uint64_t number)
{
    apr_uint64_t far = number > poll->base ? number - poll->base : 0;

    return IN_ERA(poll->era, far < NUMBER_MASK ? far : NUMBER_MASK);
}

void apikey_poll_note(apikey_board_t *board, const apikey_poll_t *poll,
                      apr_uint64_t number, const char *digest,
                      const char *tenant)
{
    shared_t *shared = board->shared;

    apikey_word_raise(digest ? key_place(shared, digest)
                      : tenant ? tenant_place(shared, tenant)
                      : &shared->floor, in_era(poll, number));
    apikey_board_count(board, APIKEY_COUNT_CHANGES, 1);
}

/* A poll has found the database in the last state that is known, or a newer
 * one. */
static void polled(shared_t *shared, const apikey_poll_t *poll)
{
    apikey_word_raise(&shared->polled, poll->begun);
    apikey_word_set(&shared->older, 0);
}

void apikey_poll_done(apikey_board_t *board, const apikey_poll_t *poll,
                      apr_uint64_t number, apr_uint64_t row)
{
    shared_t *shared = board->shared;
    apr_uint64_t last = in_era(poll, number);
    apr_uint64_t word = apikey_word_get(&shared->known);

    /* A poller that others have overtaken has nothing to tell. */
    if (ERA_OF(word) != poll->era || last < word) {
        return;
    }
    /* Numbers have gone so far that there will soon be no room for more. */
    if (number - poll->base > NUMBER_MASK / 2) {
        apikey_poll_replaced(board, poll, poll->identity, poll->epoch, number,
                             row);
        return;
    }
    apikey_word_set(&shared->row[number % ROWS], row);
    apikey_word_raise(&shared->known, last);
    if (ERA_OF(apikey_word_get(&shared->known)) == poll->era) {
        polled(shared, poll);
    }
    /* The clock was set back; what is kept from now on is of this era. */
    if ((apr_time_t)apikey_word_get(&shared->since) > apr_time_now()) {
        apikey_word_set(&shared->since, apr_time_now());
    }
}

static void write_era(era_t *era, apr_uint64_t identity, apr_uint64_t epoch,
                      apr_uint64_t base)
{
    apikey_word_set(&era->identity, identity);
    apikey_word_set(&era->epoch, epoch);
    apikey_word_set(&era->base, base);
    apikey_word_set(&era->seal, seal_of(identity, epoch, base));
}

void apikey_poll_replaced(apikey_board_t *board, const apikey_poll_t *poll,
                          apr_uint64_t identity, apr_int64_t epoch,
                          apr_uint64_t number, apr_uint64_t row)
{
    shared_t *shared = board->shared;
    apr_uint64_t word = apikey_word_get(&shared->known);
    apr_uint64_t era = ERA_OF(apikey_word_get(&shared->floor));
    apr_uint64_t next;

    if (ERA_OF(word) != poll->era) {
        return;
    }
    apikey_word_set(&shared->since, apr_time_now());
    /* The floor is ahead where a process was killed between the two. */
    era = (era > poll->era ? era : poll->era) + 1;
    if (era > ERA_MAX) {
        apikey_word_raise(&shared->floor, NOTHING_HOLDS);
        return;
    }
    next = IN_ERA(era, 0);
    write_era(&shared->era[era % ERAS], identity, (apr_uint64_t)epoch,
              number);
    /* First nothing holds, then the new does. */
    apikey_word_raise(&shared->floor, next);
    apikey_word_set(&shared->row[number % ROWS], row);
    while (ERA_OF(word) == poll->era) {
        if (apikey_word_swap(&shared->known, word, next)) {
            polled(shared, poll);
            return;
        }
        word = apikey_word_get(&shared->known);
    }
}

int apikey_board_used_up(const apikey_board_t *board)
{
    return apikey_word_get(&board->shared->floor) == NOTHING_HOLDS;
}

int apikey_poll_older(apikey_board_t *board, apr_time_t grace, int polls,
                      apr_time_t again)
{
    shared_t *shared = board->shared;
    apr_uint64_t now = (apr_uint64_t)apikey_board_clock();
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

void apikey_poll_origin(apikey_board_t *board, apr_uint64_t origin)
{
    apikey_word_set(&board->shared->origin, origin);
}

apr_uint64_t apikey_board_origin(const apikey_board_t *board)
{
    return apikey_word_get(&board->shared->origin);
}

apr_uint64_t apikey_poll_resalt(apikey_board_t *board)
{
    apr_uint64_t salt = (apr_uint64_t)apr_time_now();

    apikey_word_set(&board->shared->salt, salt);
    return salt;
}

/* ---- Counters ---- */

void apikey_board_count(apikey_board_t *board, apikey_counter_e counter,
                        apr_uint64_t more)
{
    apikey_word_add(
        &board->shared->stripe[board->stripe].counter[counter], more);
}

apr_uint64_t apikey_board_counted(const apikey_board_t *board,
                                  apikey_counter_e counter)
{
    apr_uint64_t sum = 0;
    int i;

    for (i = 0; i < STRIPES; i++) {
        sum += apikey_word_get(
            &board->shared->stripe[i].counter[counter]);
    }
    return sum;
}

apr_uint64_t apikey_board_number(const apikey_board_t *board)
{
    known_t now = known(board->shared);

    return number_of(&now);
}
