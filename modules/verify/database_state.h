/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file database_state.h
 * @brief Which state of a database an answer is of, beside the one that is
 *        known.
 *
 * A replica lags, and a pool may lead to the primary now and to a replica
 * then.  What is read there is an older state than the segment knows of: it
 * nothing about the changes since, so a key that was revoked in one of them
 * stands there as good.
 */
#ifndef APIKEY_DATABASE_STATE_H
#define APIKEY_DATABASE_STATE_H

#include "../store/lookup.h"
#include "revocations.h"

typedef enum {
    APIKEY_STATE_KNOWN,         /**< the one that is known, or newer */
    APIKEY_STATE_OLDER,         /**< an older one of the same database */
    APIKEY_STATE_OTHER          /**< of another, which no poll has seen yet */
} apikey_state_e;

/** What stands for something that these words tell; never 0. */
apr_uint64_t apikey_state_hash(const char *words);

/** What stands for a database by its UUID, its epoch, and a salt for one that
 * cannot be told another epoch; never 0. */
apr_uint64_t apikey_state_identity(const char *uuid, apr_int64_t epoch,
                                   apr_uint64_t salt);

/** Whether a database of this UUID and epoch is what is known, before it was
 * told the epoch that is known. */
int apikey_state_precedes(const apikey_poll_t *known, const char *uuid,
                          apr_int64_t epoch);

/**
 * Compares the state that an answer was read from with what was known before
 * it was asked for.
 * @param known what apikey_poll_begin() said then
 * @param stamp out: what the answer can be kept under; one of an older state
 *              can be used if apikey_stamp_is_current() says so of this stamp
 */
apikey_state_e apikey_state_compare(const apikey_poll_t *known,
                                    const apikey_state_t *state,
                                    apikey_stamp_t *stamp);

#endif
