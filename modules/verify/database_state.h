/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file database_state.h
 * @brief Compares the state of a database that a record was read from with the
 *        known state.
 *
 * A state is the database's UUID, its epoch and the number of its last change.
 * A load balancer may choose the primary for one query and a replica that lags
 * for the next.  The replica has an older state than the known one: a key that
 * was revoked since is still valid there.
 */
#ifndef APIKEY_DATABASE_STATE_H
#define APIKEY_DATABASE_STATE_H

#include "../store/lookup.h"
#include "revocations.h"

typedef enum {
    APIKEY_STATE_KNOWN,         /**< the known one, or a newer one */
    APIKEY_STATE_OLDER,         /**< an older one of the same database */
    APIKEY_STATE_OTHER          /**< of another database, not polled yet */
} apikey_state_e;

/** A hash of a text; never 0. */
apr_uint64_t apikey_state_hash(const char *text);

/** The identity of a database: a hash of its UUID, its epoch, and a salt if it
 * cannot be given a new epoch (0 otherwise); never 0. */
apr_uint64_t apikey_state_identity(const char *uuid, apr_int64_t epoch,
                                   apr_uint64_t salt);

/** Whether this UUID and epoch are those of the known database before it was
 * given its known epoch. */
int apikey_state_precedes(const apikey_poll_t *known, const char *uuid,
                          apr_int64_t epoch);

/**
 * Compares the state that a record was read from with the known one.
 * @param known from apikey_poll_begin(), before the look-up
 * @param state what the look-up has read
 * @param stamp out: the record's stamp.  A record of an older state can be used
 *              if apikey_stamp_is_current() with this stamp
 */
apikey_state_e apikey_state_compare(const apikey_poll_t *known,
                                    const apikey_state_t *state,
                                    apikey_stamp_t *stamp);

#endif
