/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "poll_task.h"

#include <apr_strings.h>

#include "../core/mutex.h"
#include "../store/changes.h"
#include "../store/schema.h"

/* More changes than this in one poll void everything: they would void most of
 * it anyway, and a poll must not take for as long as they are many.  So do
 * those of a few pages where the database is slow. */
#define MANY 8192
#define SOME 1024
#define SLOW apr_time_from_msec(250)

/* An older state may be a replica's that lags, or the database's own. */
#define GRACE apr_time_from_sec(5)
#define GRACE_POLLS 3
#define TRY_AGAIN apr_time_from_sec(30)

typedef struct reading_t {
    apikey_poll_task_t *task;
    apikey_poll_t poll;
    apr_uint64_t number;        /* the last that was read */
    apr_uint64_t row;           /* what it was */
    int begun;                  /* one was read */
    apr_uint64_t pruned;        /* changes up to this are gone for their age */
    int lost;                   /* what was the last is not there, or other */
    int noted;                  /* changes */
    int many;                   /* there are more of them than are read */
    int excessive;              /* a number is beyond all */
    const char *uuid;           /* of the database; NULL with changes */
    apr_int64_t epoch;
    apr_pool_t *pool;
} reading_t;

/* What a change was, for the next poll to know it again.  The time is part of
 * it: where one key is changed over and over, each history is of its digest. */
static apr_uint64_t row_of(apikey_changed_e kind, const char *value,
                           apr_int64_t changed)
{
    char text[512];

    apr_snprintf(text, sizeof(text), "%" APR_INT64_T_FMT " %d %s", changed,
                 kind, value ? value : "");
    return apikey_state_hash(text);
}

/* The change is the last of the poll before.  What was deleted for its age
 * then stands in a replica that has not done so yet. */
static int is_known(const reading_t *reading, apr_uint64_t number,
                    apr_uint64_t row)
{
    return number == reading->poll.number
           && (row == reading->poll.row
               || row_of(APIKEY_CHANGED_ALL, "", 0) == reading->poll.row);
}

/* The first change that is read stands where the last of the poll before was.
 * If that was deleted for its age, "everything" stands there, with a number
 * not below it; "everything" at its very number may also be the change of
 * another history, in which the numbers were given once more. */
static int is_other(const reading_t *reading, apr_uint64_t number,
                    apikey_changed_e kind)
{
    return kind != APIKEY_CHANGED_ALL
           || (number == reading->poll.number
               && number > reading->pruned);
}

static int is_many(const reading_t *reading, int noted)
{
    return !reading->task->changes
           && (noted >= MANY
               || (noted % SOME == 0 && apikey_clock()
                                        - reading->poll.begun > SLOW));
}

/* apikey_changed_fn */
static apr_status_t note(void *baton, apr_int64_t number,
                         apikey_changed_e kind, const char *value,
                         apr_int64_t changed)
{
    reading_t *reading = baton;
    apr_uint64_t row = row_of(kind, value, changed);
    int first = !reading->begun && reading->poll.number;

    if ((apr_uint64_t)number > APIKEY_NUMBER_MAX) {
        reading->excessive = 1;
        return APIKEY_EANSWER;
    }
    reading->begun = 1;
    if (first && is_known(reading, (apr_uint64_t)number, row)) {
        return APR_SUCCESS;
    }
    if (first && !reading->task->changes
        && is_other(reading, (apr_uint64_t)number, kind)) {
        reading->lost = 1;
        return APR_EOF;
    }
    apikey_poll_add_change(reading->task->segment, &reading->poll,
                           (apr_uint64_t)number,
                           kind == APIKEY_CHANGED_DIGEST ? value : NULL,
                           kind == APIKEY_CHANGED_TENANT ? value : NULL);
    reading->number = (apr_uint64_t)number;
    reading->row = row;
    reading->many = is_many(reading, ++reading->noted);
    return reading->many ? APR_EOF : APR_SUCCESS;
}

/* Behind the last change, whatever it is. */
static apr_status_t find_last(void *baton, apr_int64_t number,
                              apikey_changed_e kind, const char *value,
                              apr_int64_t changed)
{
    reading_t *reading = baton;

    if ((apr_uint64_t)number > APIKEY_NUMBER_MAX) {
        reading->excessive = 1;
        return APIKEY_EANSWER;
    }
    reading->number = (apr_uint64_t)number;
    reading->row = row_of(kind, value, changed);
    return APR_SUCCESS;
}

static apr_status_t begin_era(reading_t *reading, apikey_store_t *store,
                              apr_uint64_t identity, const char **error)
{
    apikey_poll_task_t *task = reading->task;
    apr_status_t status;

    reading->number = 0;
    if (reading->poll.identity && task->outcome != APIKEY_POLL_SALTED) {
        task->outcome = APIKEY_POLL_REPLACED;
    }
    status = task->changes
             ? apikey_changes_custom(store, task->changes, 0, find_last,
                                     reading, reading->pool, error)
             : apikey_changes_last(store, find_last, reading,
                                   reading->pool, error);
    if (status == APR_SUCCESS) {
        apikey_poll_new_era(task->segment, &reading->poll, identity,
                            reading->epoch, reading->number, reading->row);
    }
    return status;
}

static apr_status_t identify(reading_t *reading, apikey_store_t *store,
                             apr_uint64_t *identity, const char **error)
{
    apikey_identity_t who;
    apr_status_t status = apikey_schema_identity(store, &who, reading->pool,
                                                 error);

    if (status == APR_SUCCESS) {
        reading->uuid = who.uuid;
        reading->epoch = who.epoch;
        reading->pruned = (apr_uint64_t)who.pruned;
        reading->task->origin = apikey_state_hash(who.uuid);
        *identity = apikey_state_identity(who.uuid, who.epoch,
                                          reading->poll.salt);
    }
    return status;
}

/* Writes an epoch above all that are known, and reads what has become of it. */
static apr_status_t next_epoch(reading_t *reading, apikey_store_t *store,
                               apr_uint64_t without, apr_int64_t *next,
                               apr_uint64_t *identity, const char **error)
{
    apikey_poll_task_t *task = reading->task;
    const char *unwritten = "";
    apr_int64_t epoch = reading->epoch;

    *next = 1 + (epoch > reading->poll.epoch ? epoch : reading->poll.epoch);
    if (apikey_schema_next_epoch(store, epoch, *next, (apr_int64_t)without,
                                 reading->pool, &unwritten) != APR_SUCCESS) {
        apr_cpystrn(task->epoch_error, unwritten, sizeof(task->epoch_error));
    }
    return identify(reading, store, identity, error);
}

/* Another history of the same database: its numbers are given once more. A new
 * epoch tells every server; where it cannot be written, this one helps itself
 * with an identity of its own. */
static apr_status_t restored(reading_t *reading, apikey_store_t *store,
                             const char **error)
{
    apr_uint64_t identity;
    apr_int64_t next;
    apr_status_t status = next_epoch(reading, store, 0, &next, &identity,
                                     error);

    if (status == APR_SUCCESS && *reading->task->epoch_error) {
        reading->task->outcome = APIKEY_POLL_SALTED;
        reading->poll.salt = apikey_poll_new_salt(reading->task->segment);
        identity = apikey_state_identity(reading->uuid, reading->epoch,
                                         reading->poll.salt);
    }
    return status == APR_SUCCESS
           ? begin_era(reading, store, identity, error) : status;
}

/* A replica that lags looks so, and a database that was restored from a
 * backup. Where a pool hands what is written to the primary, the epoch that is
 * read afterwards may still be the replica's. */
static apr_status_t older(reading_t *reading, apikey_store_t *store,
                          const char **error)
{
    apikey_poll_task_t *task = reading->task;
    apr_uint64_t without = reading->epoch < reading->poll.epoch
                           ? 0 : reading->poll.number;
    apr_uint64_t identity;
    apr_int64_t next;
    apr_status_t status;

    task->outcome = APIKEY_POLL_OLDER;
    if (!apikey_poll_older(task->segment, GRACE, GRACE_POLLS, TRY_AGAIN)) {
        return APR_SUCCESS;
    }
    status = next_epoch(reading, store, without, &next, &identity, error);
    if (status == APR_SUCCESS && reading->epoch >= next) {
        return begin_era(reading, store, identity, error);
    }
    task->outcome = APIKEY_POLL_STUCK;
    return status;
}

/* Up to the last change, without reading those before it. */
static apr_status_t void_all(reading_t *reading, apikey_store_t *store,
                             const char **error)
{
    apr_status_t status = apikey_changes_last(store, find_last, reading,
                                              reading->pool, error);

    if (status == APR_SUCCESS) {
        apikey_poll_add_change(reading->task->segment, &reading->poll,
                               reading->number, NULL, NULL);
    }
    return status;
}

/* What is new in a database that is the one it was. */
static apr_status_t go_on(reading_t *reading, apikey_store_t *store,
                          const char **error)
{
    apikey_poll_task_t *task = reading->task;
    apr_int64_t since = (apr_int64_t)reading->poll.number;
    apr_status_t status;

    reading->number = reading->poll.number;
    reading->row = reading->poll.row;
    if (task->changes) {
        status = apikey_changes_custom(store, task->changes, since, note,
                                       reading, reading->pool, error);
    }
    else {
        status = apikey_changes_since(store, since ? since - 1 : 0, note,
                                      reading, reading->pool, error);
        if (reading->many) {
            status = void_all(reading, store, error);
        }
        if (reading->lost) {
            return restored(reading, store, error);
        }
        if (status == APR_SUCCESS && since && !reading->begun) {
            return older(reading, store, error);
        }
    }
    if (status == APR_SUCCESS) {
        if (reading->poll.older) {
            task->outcome = APIKEY_POLL_CAUGHT_UP;
        }
        apikey_poll_finish(task->segment, &reading->poll, reading->number,
                           reading->row);
    }
    return status;
}

apr_status_t apikey_poll(apikey_store_t *store, void *baton, apr_pool_t *pool,
                         const char **error)
{
    reading_t reading = { .task = baton, .pool = pool };
    apr_uint64_t identity = reading.task->identity;
    apr_status_t status = APR_SUCCESS;

    apikey_poll_begin(reading.task->segment, &reading.poll);
    reading.task->outcome = APIKEY_POLL_NORMAL;
    reading.task->known_number = reading.poll.number;
    *reading.task->epoch_error = '\0';
    if (!reading.task->changes) {
        status = identify(&reading, store, &identity, error);
    }
    if (status == APR_SUCCESS) {
        status = identity == reading.poll.identity
                 ? go_on(&reading, store, error)
                 : reading.uuid && apikey_state_precedes(&reading.poll,
                                                         reading.uuid,
                                                         reading.epoch)
                 ? older(&reading, store, error)
                 : begin_era(&reading, store, identity, error);
    }
    if (reading.excessive) {
        *error = "a change has a number above 4503599627370495; give smaller "
                 "ones (not nanoseconds)";
    }
    return status;
}
