/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The stamp that a look-up which begins now would have. */
#ifndef APIKEY_STAMP_FIXTURE_H
#define APIKEY_STAMP_FIXTURE_H

#include "verify/revocations.h"

/** Reads the stamp; 0: nothing is known of the database. */
static inline int read_stamp(const apikey_segment_t *segment,
                             apikey_stamp_t *stamp)
{
    apikey_poll_t poll;

    apikey_poll_begin(segment, &poll);
    stamp->identity = poll.identity;
    stamp->number = poll.number;
    return poll.identity != 0;
}

#endif
