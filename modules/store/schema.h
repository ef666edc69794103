/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file schema.h
 * @brief The tables, and how a database gets them.
 *
 * conf/schema/DRIVER/NNN_name.sql, put into the program by build/embed-schema.
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

/** Who a database is: verdicts learnt from another one are void. */
typedef struct apikey_identity_t {
    const char *uuid;
    apr_int64_t epoch;
    apr_int64_t version;
    apr_int64_t kept_since;     /**< older audit entries may be gone */
    apr_int64_t pruned;         /**< changes up to this number are gone */
} apikey_identity_t;

/**
 * Opens a store as apikey_store_open() does, and makes the database's file
 * first where there is none.  As root, the file goes to the owner of its
 * folder: who may write there (httpd's user) can use it.
 */
apr_status_t apikey_schema_open(apikey_store_t **store, const char *driver,
                                const char *params, apr_pool_t *pool,
                                const char **error);

/**
 * Makes the tables or upgrades them, each file in one transaction; safe to
 * repeat and safe beside another.  Then the keys that were rotated before the
 * tables had columns for it get their line, as the audit tells it.
 * @param from,to the version before and after
 */
apr_status_t apikey_schema_init(apikey_store_t *store, const char *who,
                                int *from, int *to, apr_pool_t *pool,
                                const char **error);

/** Writes into each key's row what it was rotated from and the root of its
 * line, where only the audit knows it; a key a statement, so that no lock is
 * held for long. */
apr_status_t apikey_schema_rotations(apikey_store_t *store, apr_pool_t *pool,
                                     const char **error);

/** The schema's version in the database; 0: it has none of the module's
 * tables. */
apr_status_t apikey_schema_version(apikey_store_t *store,
                                   apr_int64_t *version, apr_pool_t *pool,
                                   const char **error);

/** Whether the database has this program's tables; see APIKEY_ESCHEMA. */
apr_status_t apikey_schema_check(apikey_store_t *store, apr_pool_t *pool,
                                 const char **error);

apr_status_t apikey_schema_identity(apikey_store_t *store,
                                    apikey_identity_t *identity,
                                    apr_pool_t *pool, const char **error);

/**
 * Gives a database that is a copy of another an identity of its own: what was
 * learnt of it until now is void.  It stands in the audit.
 * @param uuid out, in @a pool
 */
apr_status_t apikey_schema_new_identity(apikey_store_t *store,
                                        const char *who, const char **uuid,
                                        apr_pool_t *pool, const char **error);

/**
 * Says that the database has another history than it had: its epoch becomes
 * @a next, unless another has seen to that since it was @a epoch.  Whether it
 * did is to be read (apikey_schema_identity()).
 * @param without only where no change with this number or a greater one is in
 *                the database that is written to, which need not be the one
 *                that was read; 0: whatever is in it
 */
apr_status_t apikey_schema_next_epoch(apikey_store_t *store,
                                      apr_int64_t epoch, apr_int64_t next,
                                      apr_int64_t without, apr_pool_t *pool,
                                      const char **error);

#endif
