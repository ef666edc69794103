/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file audit.h
 * @brief Who did what and when: append-only.
 */
#ifndef APIKEY_AUDIT_H
#define APIKEY_AUDIT_H

#include "connection.h"

/** Who does it, and when; every change takes one. */
typedef struct apikey_actor_t {
    const char *who;
    apr_int64_t now;            /**< epoch seconds */
    const char *keyspace;       /**< only its keys are found by their ids;
                                     NULL: those of any */
} apikey_actor_t;

/** Characters of what an entry tells of a change, on every database. */
#define APIKEY_AUDIT_MAX 15000

/** An entry; NULL strings are written as "". */
typedef struct apikey_audit_t {
    apr_int64_t number;         /**< the database gives it */
    apr_int64_t happened;       /**< epoch seconds */
    const char *who;
    const char *action;
    const char *id;             /**< of the key; "" where it is about none */
    const char *tenant;
    const char *reason;
    const char *was;            /**< JSON: what the action replaced, by its
                                 * name, and in "now" what by; or "" */
    const char *fault;          /**< out: happened could not be read; or NULL */
} apikey_audit_t;

/**
 * What an entry has as `was`: members of JSON as they were, and as they are
 * now.  The new ones are left out where there is no room for them: they are
 * what the row has, or what the next change has replaced.
 */
const char *apikey_audit_change_json(const char *was, const char *now,
                                     apr_pool_t *pool);

/** Writes an entry in the running transaction, beside what it tells of. */
apr_status_t apikey_audit_write(apikey_store_t *store,
                                const apikey_audit_t *entry,
                                apr_pool_t *pool, const char **error);

/** @return anything but APR_SUCCESS ends the list and is handed on */
typedef apr_status_t (*apikey_audit_fn)(void *baton,
                                        const apikey_audit_t *entry);

/**
 * Hands the entries to @a each, oldest first.
 * @param id,tenant only those; NULL: all
 * @param since only those of that time (epoch seconds) or later
 */
apr_status_t apikey_audit_list(apikey_store_t *store, const char *id,
                               const char *tenant, apr_int64_t since,
                               apikey_audit_fn each, void *baton,
                               apr_pool_t *pool, const char **error);

#endif
