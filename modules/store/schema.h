/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file schema.h
 * @brief Creating and upgrading the tables, and the identity of a database.
 *
 * The SQL is that of conf/schema/DRIVER/NNN_name.sql, which build/embed-schema
 * compiles into htapikey.
 */
#ifndef APIKEY_SCHEMA_H
#define APIKEY_SCHEMA_H

#include "connection.h"

/** The number of the last file in conf/schema/DRIVER; a test compares. */
#define APIKEY_SCHEMA_VERSION 6

/** One statement of a schema file. */
typedef struct apikey_schema_part_t {
    const char *driver;
    int number;                 /**< of the file */
    const char *name;           /**< of the file */
    const char *sql;
} apikey_schema_part_t;

/** In order; ends with a part whose driver is NULL.  Generated. */
extern const apikey_schema_part_t apikey_schema_parts[];

/** Which database it is, and its history: what was cached from another one is
 * void. */
typedef struct apikey_identity_t {
    const char *uuid;
    apr_int64_t epoch;
    apr_int64_t version;
    apr_int64_t kept_since;     /**< older audit entries may be gone */
    apr_int64_t pruned;         /**< changes up to this number are gone */
} apikey_identity_t;

/**
 * As apikey_store_open(), but creates the database's file if there is none.
 * Created by root, the file is given to the owner of its folder (httpd's
 * user).
 */
apr_status_t apikey_schema_open(apikey_store_t **store, const char *driver,
                                const char *params, apr_pool_t *pool,
                                const char **error);

/**
 * Creates or upgrades the tables, each schema file in one transaction; may be
 * repeated, and run by several processes at once.  Then does what
 * apikey_schema_rotations() does.
 * @param from,to the version before and after
 */
apr_status_t apikey_schema_init(apikey_store_t *store, const char *who,
                                int *from, int *to, apr_pool_t *pool,
                                const char **error);

/** Fills in the columns rotated_from and root of keys that were rotated before
 * these columns existed, from the audit; one statement per key, so that no
 * lock is held for long. */
apr_status_t apikey_schema_rotations(apikey_store_t *store, apr_pool_t *pool,
                                     const char **error);

/** The schema's version in the database; 0: it has none of the module's
 * tables. */
apr_status_t apikey_schema_version(apikey_store_t *store,
                                   apr_int64_t *version, apr_pool_t *pool,
                                   const char **error);

/** Whether the tables are of this program's version: APR_SUCCESS,
 * APIKEY_ESCHEMA, or APIKEY_EDATABASE where that cannot be found out. */
apr_status_t apikey_schema_check(apikey_store_t *store, apr_pool_t *pool,
                                 const char **error);

apr_status_t apikey_schema_identity(apikey_store_t *store,
                                    apikey_identity_t *identity,
                                    apr_pool_t *pool, const char **error);

/**
 * Gives a database that was copied from another a new identity, which voids
 * what was cached from it, and writes that to the audit.
 * @param uuid out, in @a pool
 */
apr_status_t apikey_schema_new_identity(apikey_store_t *store,
                                        const char *who, const char **uuid,
                                        apr_pool_t *pool, const char **error);

/**
 * Voids what was cached, because the database has another history than before
 * (an older state was restored): sets its epoch to @a next if it still is @a
 * epoch. Whether it was is to be read afterwards (apikey_schema_identity()).
 * @param without set it only if the database has no change with this number or
 *                a greater one: it may be another server than the one that was
 *                read; 0: set it in any case
 */
apr_status_t apikey_schema_next_epoch(apikey_store_t *store,
                                      apr_int64_t epoch, apr_int64_t next,
                                      apr_int64_t without, apr_pool_t *pool,
                                      const char **error);

#endif
