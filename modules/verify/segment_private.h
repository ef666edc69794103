/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file segment_private.h
 * @brief The layout of the shared segment.  Included by the files that read
 *        and write it, and by no others: segment.c, revocations.c, misses.c
 *        and counters.c.
 *
 *   +------------------------------------------------------------------+
 *   | revocations  known   era and number of the last change seen      |
 *   |              floor   the last change that voids everything       |
 *   |              era[8]  identity, epoch, base, seal of a database   |
 *   |              row[16] what the last changes were                  |
 *   |              since, salt, origin, polled, older..., poll_claimed |
 *   |              key[16384]    last change of a digest, by hash      |
 *   |              tenant[4096]  last change of a tenant, by hash      |
 *   +------------------------------------------------------------------+
 *   | misses       lookup[1024]  claims of look-ups, by digest          |
 *   |              miss[8192]    digests that are not in the database  |
 *   +------------------------------------------------------------------+
 *   | counters     stripe[64]    of mod_status, a stripe per process   |
 *   +------------------------------------------------------------------+
 *
 * Lock rule: there is no lock.  Each word is read and written atomically
 * (core/atomics.h, sequentially consistent).  Words that only grow are raised
 * by compare-and-swap.  Words that belong together have a seal (era) or a
 * sequence (miss), by which a reader recognizes that it has read a mixture.  A
 * process may be killed between any two instructions.
 */
#ifndef APIKEY_SEGMENT_PRIVATE_H
#define APIKEY_SEGMENT_PRIVATE_H

#include <stddef.h>

#include <apr_shm.h>

#include "../core/atomics.h"
#include "../core/digest.h"
#include "../core/mutex.h"
#include "counters.h"
#include "misses.h"
#include "revocations.h"

#define KEY_SLOTS 16384        /* of 8 bytes */
#define TENANT_SLOTS 4096      /* of 8 bytes */
#define MISS_SLOTS 8192      /* of 32 bytes */
#define CLAIM_SLOTS 1024       /* of 8 bytes */
#define ERAS 8                  /* the databases of the last eras */
#define STRIPES 64              /* of counters: about one per process */
#define ROWS 16                 /* numbers whose change is remembered */

/* A word with an era and a number: how far the database's number is from the
 * one that the era began with (era_t.base). */
#define NUMBER_BITS 34
#define NUMBER_MASK (((apr_uint64_t)1 << NUMBER_BITS) - 1)
#define ERA_MAX (((apr_uint64_t)1 << (64 - NUMBER_BITS)) - 1)
#define ERA_OF(word) ((word) >> NUMBER_BITS)
#define IN_ERA(era, number) \
    ((apr_uint64_t)(era) << NUMBER_BITS | ((number) & NUMBER_MASK))
/* Above every stamp of every era: as the floor, it voids all records. */
#define NOTHING_HOLDS IN_ERA(ERA_MAX, NUMBER_MASK)

/* A digest that is not in the database.  An even sequence: the slot can be
 * read; an odd one: a process is writing it.  A process that is killed while it
 * writes leaves the sequence odd, and the slot is not used again. */
typedef struct miss_t {
    apikey_word_t sequence;
    apikey_word_t tag;
    apikey_word_t stamp;
    apikey_word_t until;        /* apikey_clock() */
} miss_t;

/* The database of an era.  If two pollers write at once, some words may be of
 * the one and some of the other; the seal then fits neither, and a reader
 * takes the database as unknown. */
typedef struct era_t {
    apikey_word_t identity;
    apikey_word_t epoch;        /* the identity is of this one */
    apikey_word_t base;         /* the number that the era began with */
    apikey_word_t seal;
} era_t;

/* The counters of a process, padded so that processes do not write the same
 * line of the processor's cache. */
typedef struct stripe_t {
    apikey_word_t counter[APIKEY_COUNTER_COUNT];
    char pad[128 - APIKEY_COUNTER_COUNT * sizeof(apikey_word_t) % 128];
} stripe_t;

typedef struct shared_t {
    apikey_word_t known;        /* the last change seen, in its era */
    apikey_word_t floor;        /* the last change that voids everything */
    era_t era[ERAS];            /* by era modulo ERAS */
    apikey_word_t row[ROWS];    /* what a change was, by its number modulo
                                 * ROWS; so a number is never read with the
                                 * row of another */
    apikey_word_t since;        /* when the era began; apr_time_now() */
    apikey_word_t salt;
    apikey_word_t origin;       /* of the database and of its copies */
    apikey_word_t polled;       /* when the last good poll began */
    apikey_word_t older;        /* since when polls find an older state */
    apikey_word_t older_polls;  /* how many have */
    apikey_word_t older_tried;  /* when the reason was last looked for */
    apikey_word_t poll_claimed; /* when a process last began to poll */
    apikey_word_t used;         /* when a request last used the cache */
    apikey_word_t key[KEY_SLOTS];
    apikey_word_t tenant[TENANT_SLOTS];
    apikey_word_t lookup[CLAIM_SLOTS];
    miss_t miss[MISS_SLOTS];
    stripe_t stripe[STRIPES];
} shared_t;

/* The build fails if a word could be torn, or if the layout grows unseen. */
typedef char words_are_aligned[offsetof(shared_t, key)
                               % sizeof(apikey_word_t) == 0 ? 1 : -1];
typedef char slots_are_whole[sizeof(miss_t) == 32
                              && sizeof(stripe_t) % 128 == 0 ? 1 : -1];
typedef char segment_is_small[sizeof(shared_t) <= 512 * 1024 ? 1 : -1];

struct apikey_segment_t {
    shared_t *shared;
    apr_shm_t *memory;
    int stripe;                 /* of this process */
};

/* The database that is polled; all zero while none is known. */
typedef struct known_t {
    apr_uint64_t word;          /* era and number of the last change seen */
    apr_uint64_t identity;
    apr_uint64_t epoch;
    apr_uint64_t base;
} known_t;

/* A consistent copy. */
known_t apikey_segment_known(const shared_t *shared);

/* A stamp as a word of this segment; 0, which is below all words: the record is
 * of another database, of an earlier era, or of a later
 * state than this segment has seen (another machine's: what changed before
 * it may not be known here yet). */
apr_uint64_t apikey_segment_stamp(const known_t *now,
                                  const apikey_stamp_t *stamp);

/* Writes the database of an era. */
void apikey_segment_write_era(era_t *era, apr_uint64_t identity,
                              apr_uint64_t epoch, apr_uint64_t base);

/* The first 64 bits of a digest, which are as good as random. */
apr_uint64_t apikey_segment_tag(const char *digest);

/* Where the last change of a digest stands. */
#define KEY_SLOT(shared, digest) \
    (&(shared)->key[apikey_segment_tag(digest) % KEY_SLOTS])

#endif
