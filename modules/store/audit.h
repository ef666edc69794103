/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file audit.h
 * @brief The audit: who changed what, and when.
 *
 * Entries are only ever appended; pruning (prune.h) removes the oldest.
 */
#ifndef APIKEY_AUDIT_H
#define APIKEY_AUDIT_H

#include "connection.h"

/** Who makes a change, and when. */
typedef struct apikey_actor_t {
    const char *who;
    apr_int64_t now;            /**< epoch seconds */
    const char *keyspace;       /**< ids are looked up in this one; NULL: in
                                 all */
} apikey_actor_t;

/** Characters of apikey_audit_t.was at most, on every database. */
#define APIKEY_AUDIT_MAX 15000

/** The reason of an entry about a key made by rotation: the id of the key that
 * it replaces, and of the first one of that line. */
#define APIKEY_AUDIT_ROTATED_FROM "in place of %s (root %s)"

/** An entry; NULL strings are written as "". */
typedef struct apikey_audit_t {
    apr_int64_t number;         /**< the database assigns it */
    apr_int64_t happened;       /**< epoch seconds */
    const char *who;
    const char *action;
    const char *id;             /**< of the key; "": about no key */
    const char *tenant;
    const char *reason;
    const char *was;            /**< JSON: what was replaced, by the column's
                                 * name, and as "now" the new values; or "" */
    const char *fault;          /**< out: happened could not be read; or NULL */
} apikey_audit_t;

/**
 * Makes apikey_audit_t.was of members of JSON as they were and as they are now.
 * Where both are longer than APIKEY_AUDIT_MAX the new ones are left out, which
 * the row itself or the next entry has.
 */
const char *apikey_audit_change_json(const char *was, const char *now,
                                     apr_pool_t *pool);

/** Refuses a reason that contains what cannot be displayed; "" is none. */
apr_status_t apikey_audit_reason_check(const char *reason, apr_pool_t *pool,
                                       const char **error);

/** The first id in a text of APIKEY_AUDIT_ROTATED_FROM, or in "in place of ID",
 * which was the whole text before version 5; NULL: it is another text. */
const char *apikey_audit_rotated_from(const char *reason, apr_pool_t *pool);

/** Writes an entry in the running transaction, which makes the change. */
apr_status_t apikey_audit_write(apikey_store_t *store,
                                const apikey_audit_t *entry,
                                apr_pool_t *pool, const char **error);

/** @return anything but APR_SUCCESS ends the list and is returned */
typedef apr_status_t (*apikey_audit_fn)(void *baton,
                                        const apikey_audit_t *entry);

/**
 * Calls @a each with the entries, oldest first.
 * @param id,tenant only those; NULL: all
 * @param since only those of that time (epoch seconds) or later
 */
apr_status_t apikey_audit_list(apikey_store_t *store, const char *id,
                               const char *tenant, apr_int64_t since,
                               apikey_audit_fn each, void *baton,
                               apr_pool_t *pool, const char **error);

#endif
