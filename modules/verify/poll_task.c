/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "poll_task.h"

#include <apr_strings.h>

#include "../core/mutex.h"
#include "../store/changes.h"
#include "../store/schema.h"

/* A poll with more changes than this voids everything instead of reading them
 * all, so that it does not take long: they would void most records anyway.  If
 * the database is slow, fewer changes do so: every CHANGES_STEP changes the
 * time is checked. */
#define CHANGES_MAX 8192
#define CHANGES_STEP 1024
#define SLOW_READ apr_time_from_msec(250)

/* An older state may be that of a replica that lags.  After so long, and so
 * many polls, the database counts as restored if it takes a new epoch; that is
 * tried once per RETRY_TIME. */
#define OLDER_TIME apr_time_from_sec(5)
#define OLDER_POLLS 3
#define RETRY_TIME apr_time_from_sec(30)

typedef struct reading_t {
    apikey_poll_task_t *task;
    apikey_poll_t poll;
    apr_uint64_t number;        /* of the last change that was read */
    apr_uint64_t row;           /* what it was: hash_row() */
    int any;                    /* 1: a change was read */
    apr_uint64_t pruned;        /* changes up to this were pruned */
    int other_history;          /* the last known change is missing, or is
                                 * another one */
    int added;                  /* how many changes */
    int too_many;               /* they are not all read */
    int excessive;              /* a number is above APIKEY_NUMBER_MAX */
    const char *uuid;           /* of the database; NULL with changes */
    apr_int64_t epoch;
    apr_pool_t *pool;
} reading_t;

/* A hash of a change, by which the next poll recognizes it.  It includes the
 * time: two histories may both consist of changes of one key. */
static apr_uint64_t hash_row(apikey_changed_e kind, const char *value,
                             apr_int64_t changed)
{
    char text[512];

    apr_snprintf(text, sizeof(text), "%" APR_INT64_T_FMT " %d %s", changed,
                 kind, value ? value : "");
    return apikey_state_hash(text);
}

/* Whether this is the last change of the poll before.  If that was "everything"
 * because of a pruning, a replica that has not pruned yet may still have the
 * original row. */
static int is_last_known(const reading_t *reading, apr_uint64_t number,
                         apr_uint64_t row)
{
    return number == reading->poll.number
        && (row == reading->poll.row
            || hash_row(APIKEY_CHANGED_ALL, "", 0) == reading->poll.row);
}

/* Whether the first change that is read shows that the database has another
 * history.  Normally it is the last change of the poll before.  If that one was
 * pruned, it is "everything", with at least its number.  "Everything" with the
 * same number, though not pruned, is a change of another history, in which the
 * numbers were given again. */
static int is_other_history(const reading_t *reading, apr_uint64_t number,
                            apikey_changed_e kind)
{
    return kind != APIKEY_CHANGED_ALL
           || (number == reading->poll.number
               && number > reading->pruned);
}

static int has_too_many(const reading_t *reading, int added)
{
    return !reading->task->changes
        && (added >= CHANGES_MAX
            || (added % CHANGES_STEP == 0
                && apikey_clock() - reading->poll.begun > SLOW_READ));
}

/* apikey_changed_fn */
static apr_status_t add_change(void *baton, apr_int64_t number,
                               apikey_changed_e kind, const char *value,
                               apr_int64_t changed)
{
    reading_t *reading = baton;
    apr_uint64_t row = hash_row(kind, value, changed);
    int first = !reading->any && reading->poll.number;

    if ((apr_uint64_t)number > APIKEY_NUMBER_MAX) {
        reading->excessive = 1;
        return APIKEY_EANSWER;
    }
    reading->any = 1;
    if (first && is_last_known(reading, (apr_uint64_t)number, row)) {
        return APR_SUCCESS;
    }
    if (first && !reading->task->changes
        && is_other_history(reading, (apr_uint64_t)number, kind)) {
        reading->other_history = 1;
        return APR_EOF;
    }
    apikey_poll_add_change(reading->task->segment, &reading->poll,
                           (apr_uint64_t)number,
                           kind == APIKEY_CHANGED_DIGEST ? value : NULL,
                           kind == APIKEY_CHANGED_TENANT ? value : NULL);
    reading->number = (apr_uint64_t)number;
    reading->row = row;
    reading->too_many = has_too_many(reading, ++reading->added);
    return reading->too_many ? APR_EOF : APR_SUCCESS;
}

/* apikey_changed_fn: keeps the last change, and voids nothing. */
static apr_status_t keep_last_change(void *baton, apr_int64_t number,
                                     apikey_changed_e kind, const char *value,
                                     apr_int64_t changed)
{
    reading_t *reading = baton;

    if ((apr_uint64_t)number > APIKEY_NUMBER_MAX) {
        reading->excessive = 1;
        return APIKEY_EANSWER;
    }
    reading->number = (apr_uint64_t)number;
    reading->row = hash_row(kind, value, changed);
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
    status = task->changes ? apikey_changes_custom(store, task->changes, 0,
                                                   keep_last_change, reading,
                                                   reading->pool, error)
                           : apikey_changes_last(store, keep_last_change,
                                                 reading, reading->pool, error);
    if (status == APR_SUCCESS) {
        apikey_poll_new_era(task->segment, &reading->poll, identity,
                            reading->epoch, reading->number, reading->row);
    }
    return status;
}

static apr_status_t read_identity(reading_t *reading, apikey_store_t *store,
                                  apr_uint64_t *identity, const char **error)
{
    apikey_identity_t found;
    apr_status_t status =
        apikey_schema_identity(store, &found, reading->pool, error);

    if (status == APR_SUCCESS) {
        reading->uuid = found.uuid;
        reading->epoch = found.epoch;
        reading->pruned = (apr_uint64_t)found.pruned;
        reading->task->origin = apikey_state_hash(found.uuid);
        *identity =
            apikey_state_identity(found.uuid, found.epoch, reading->poll.salt);
    }
    return status;
}

/* Writes an epoch above all known ones, and reads which one the database has
 * then.
 * @param without the database must lack the change with this number; 0: none
 * @param next    out: the epoch that was written */
static apr_status_t next_epoch(reading_t *reading, apikey_store_t *store,
                               apr_uint64_t without, apr_int64_t *next,
                               apr_uint64_t *identity, const char **error)
{
    apikey_poll_task_t *task = reading->task;
    const char *error_text = "";
    apr_int64_t epoch = reading->epoch;

    *next = 1 + (epoch > reading->poll.epoch ? epoch : reading->poll.epoch);
    if (apikey_schema_next_epoch(store, epoch, *next, (apr_int64_t)without,
                                 reading->pool, &error_text)
        != APR_SUCCESS) {
        apr_cpystrn(task->epoch_error, error_text, sizeof(task->epoch_error));
    }
    return read_identity(reading, store, identity, error);
}

/* The database has another history, in which numbers are given again.  Every
 * server sees this by a new epoch; if it cannot be written, this server uses
 * an identity of its own, made with a salt. */
static apr_status_t handle_restored(reading_t *reading, apikey_store_t *store,
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

/* The database has an older state: it is a replica that lags, or was restored
 * from a backup.  It counts as restored if it takes a new epoch.  A load
 * balancer may write the epoch to the primary and then read the replica, so the
 * epoch has to be read back. */
static apr_status_t handle_older(reading_t *reading, apikey_store_t *store,
                                 const char **error)
{
    apikey_poll_task_t *task = reading->task;
    apr_uint64_t without = reading->epoch < reading->poll.epoch
                           ? 0 : reading->poll.number;
    apr_uint64_t identity;
    apr_int64_t next;
    apr_status_t status;

    task->outcome = APIKEY_POLL_OLDER;
    if (!apikey_poll_older(task->segment, OLDER_TIME, OLDER_POLLS,
                           RETRY_TIME)) {
        return APR_SUCCESS;
    }
    status = next_epoch(reading, store, without, &next, &identity, error);
    if (status == APR_SUCCESS && reading->epoch >= next) {
        return begin_era(reading, store, identity, error);
    }
    task->outcome = APIKEY_POLL_STUCK;
    return status;
}

/* Voids everything up to the last change, without reading the others. */
static apr_status_t void_everything(reading_t *reading, apikey_store_t *store,
                                    const char **error)
{
    apr_status_t status = apikey_changes_last(store, keep_last_change, reading,
                                              reading->pool, error);

    if (status == APR_SUCCESS) {
        apikey_poll_add_change(reading->task->segment, &reading->poll,
                               reading->number, NULL, NULL);
    }
    return status;
}

/* Reads what has changed in the known database. */
static apr_status_t read_changes(reading_t *reading, apikey_store_t *store,
                                 const char **error)
{
    apikey_poll_task_t *task = reading->task;
    apr_int64_t since = (apr_int64_t)reading->poll.number;
    apr_status_t status;

    reading->number = reading->poll.number;
    reading->row = reading->poll.row;
    if (task->changes) {
        status = apikey_changes_custom(store, task->changes, since, add_change,
                                       reading, reading->pool, error);
    }
    else {
        status = apikey_changes_since(store, since ? since - 1 : 0, add_change,
                                      reading, reading->pool, error);
        if (reading->too_many) {
            status = void_everything(reading, store, error);
        }
        if (reading->other_history) {
            return handle_restored(reading, store, error);
        }
        if (status == APR_SUCCESS && since && !reading->any) {
            return handle_older(reading, store, error);
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
        status = read_identity(&reading, store, &identity, error);
    }
    if (status == APR_SUCCESS) {
        status = identity == reading.poll.identity
                   ? read_changes(&reading, store, error)
               : reading.uuid
                         && apikey_state_precedes(&reading.poll, reading.uuid,
                                                  reading.epoch)
                   ? handle_older(&reading, store, error)
                   : begin_era(&reading, store, identity, error);
    }
    if (reading.excessive) {
        *error = "a change has a number above 4503599627370495; give smaller "
                 "ones (not nanoseconds)";
    }
    return status;
}
