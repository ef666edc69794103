/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file store.h
 * @brief Keys in a database, through APR DBD.  No httpd here: the command
 *        line links this too.
 *
 * A store is one connection.  It belongs to one thread at a time; whoever
 * shares it between threads hands it over as a pool of connections does.
 * Every function that fails sets @a error to a sentence with the database's
 * own words, in the pool it was given; no key and no secret stands in one.
 */
#ifndef APIKEY_STORE_H
#define APIKEY_STORE_H

#include <apr_dbd.h>
#include <apr_pools.h>

#include "../core/record.h"

typedef struct apikey_store_t apikey_store_t;

/** A child process of httpd asks over at most so many at once. */
#define APIKEY_STORES 8

/** The tables are not there, or of another version: `htapikey init`. */
#define APIKEY_ESCHEMA (APR_OS_START_USERERR + 4201)
/** The database answered with an error, or not at all. */
#define APIKEY_EDATABASE (APR_OS_START_USERERR + 4202)
/** Another holds a lock for longer than we wait. */
#define APIKEY_ELOCKED (APR_OS_START_USERERR + 4203)
/** The database answered, and its answer cannot be used: somebody must correct
 * a row or a query.  The connection is as good as before. */
#define APIKEY_EANSWER (APR_OS_START_USERERR + 4210)
/** The connection was lost while the database was asked to commit: whether it
 * has done so, nobody can tell. */
#define APIKEY_EUNSURE (APR_OS_START_USERERR + 4211)
/** The database answered, and lets this user write nothing there: it is a
 * replica, or the user has not the right. */
#define APIKEY_EREADONLY (APR_OS_START_USERERR + 4212)

/**
 * Opens a connection of our own; closed by @a pool's cleanup.
 * apr_dbd_init() must have run.
 */
apr_status_t apikey_store_open(apikey_store_t **store, const char *driver,
                               const char *params, apr_pool_t *pool,
                               const char **error);

/**
 * Takes a connection that somebody else opened and will close (mod_dbd's).
 * @param driver_name the name of DBDriver; NULL: ask apr_dbd_name()
 * @param pool as long-lived as the connection: prepared statements live there
 */
apr_status_t apikey_store_adopt(apikey_store_t **store,
                                const char *driver_name,
                                const apr_dbd_driver_t *driver,
                                apr_dbd_t *handle, apr_pool_t *pool,
                                const char **error);

/** The state of the database that an answer was read from: in one statement
 * with the answer, so that it is of no other server and no other moment. */
typedef struct apikey_state_t {
    const char *uuid;           /**< of the database; NULL: not known */
    apr_int64_t epoch;
    apr_int64_t number;         /**< of the last change that is in it */
} apikey_state_t;

/**
 * Looks a digest up: what a verdict and an application need of a key, its
 * tenant's state included, and nothing else of the record.  Prepares its
 * statement at the first call on a connection; after an error tries once more
 * on a fresh one.
 * @param digest lower-case hex, all of it
 * @param record lives in @a pool; what of its row cannot be read is its fault
 * @param state  out, in @a pool, where the digest is not found, too; may be
 *               NULL
 * @return APR_SUCCESS, APR_NOTFOUND, APIKEY_ESCHEMA, APIKEY_EANSWER or
 *         APIKEY_EDATABASE
 */
apr_status_t apikey_store_lookup(apikey_store_t *store, const char *digest,
                                 apikey_record_t **record,
                                 apikey_state_t *state, apr_pool_t *pool,
                                 const char **error);

/**
 * Whether no writer can hold up a look-up on this connection, for as long as
 * it is open.  To be asked where one has just been answered; otherwise this
 * itself may wait.
 */
int apikey_store_never_waits(apikey_store_t *store, apr_pool_t *pool);

#endif
