/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* A database with changes, and a segment that polls write to. A program
 * includes this after verify/poll_task.c. */
#ifndef APIKEY_POLL_FIXTURE_H
#define APIKEY_POLL_FIXTURE_H

#include "stamp_fixture.h"
#include "store_fixture.h"

#define ALL_BUT(text) "DELETE FROM apikey_change WHERE NOT (" text ")"
#define EPOCH "SELECT epoch FROM apikey_identity"

static apikey_segment_t *segment;
static apikey_poll_task_t *task;        /* NULL: a poll of our own tables */
static apikey_poll_outcome_e found;     /* by the last poll */
static char why[256];

HELPER apr_status_t poll_segment(apikey_segment_t *on)
{
    apikey_poll_task_t ours = { .segment = on };
    apikey_poll_task_t *with = task ? task : &ours;
    apr_status_t status;

    fx.error = NULL;
    status = apikey_poll(fx.store, with, fx.pool, &fx.error);
    found = with->outcome;
    apr_cpystrn(why, with->epoch_error, sizeof(why));
    return status;
}

HELPER void poll_once(void)
{
    need(poll_segment(segment) == APR_SUCCESS, "a poll");
}

HELPER void sql(const char *text)
{
    need(raw(text) == 0, text);
}

/* Adds changes of one kind: their numbers, and the time at which they were
 * made. */
HELPER void add(int from, int to, const char *kind, const char *value, int at)
{
    sql(apr_psprintf(fx.pool, "WITH RECURSIVE n (i) AS (SELECT %d UNION ALL "
                     "SELECT i + 1 FROM n WHERE i < %d) INSERT INTO "
                     "apikey_change (number, kind, value, changed) SELECT i, "
                     "'%s', '%s', %d FROM n", from, to, kind, value, at));
}

HELPER apikey_segment_t *new_segment(void)
{
    apikey_segment_t *made;

    need(apikey_segment_create(&made, fx.pool) == APR_SUCCESS, "a segment");
    apikey_segment_child_init(made);
    return made;
}

/* Makes ten changes and a segment that knows them; returns the stamp that a
 * look-up would have then. */
HELPER apikey_stamp_t ten_changes(void)
{
    apikey_stamp_t now;

    task = NULL;
    sql("DELETE FROM apikey_change");
    sql("UPDATE apikey_identity SET pruned = 0");
    add(1, 10, "digest", DIGEST_B, 100);
    segment = new_segment();
    poll_once();
    need(read_stamp(segment, &now) && now.number == 10, "a stamp");
    return now;
}

HELPER int holds(apikey_stamp_t stamp, const char *digest)
{
    return apikey_stamp_is_current(segment, &stamp, digest, "T");
}

HELPER int epoch(void)
{
    return atoi(raw_text(EPOCH));
}

#endif
