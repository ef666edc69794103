/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file inspect.h
 * @brief The checks of `htapikey doctor` on a database.
 *
 * Nothing here changes anything.  The tables must be of this program's
 * version: apikey_schema_check().
 */
#ifndef APIKEY_INSPECT_H
#define APIKEY_INSPECT_H

#include <apr_tables.h>

#include "connection.h"

/** Whether every statement of the store can be prepared; an error names the
 * one that cannot. */
apr_status_t apikey_inspect_statements(apikey_store_t *store,
                                       apr_pool_t *pool, const char **error);

/**
 * Compares the triggers, and the functions that they call, with the schema's:
 * whether each exists, is enabled, and has the same body.
 * @param faults "NAME on TABLE, ..." or "NAME()" by what is wrong with them, a
 *               sentence fragment; empty: nothing
 * @param count  how many triggers there should be
 */
apr_status_t apikey_inspect_triggers(apikey_store_t *store,
                                     apr_table_t **faults, int *count,
                                     apr_pool_t *pool, const char **error);

/** Keys whose digests are alike. */
typedef struct apikey_digested_t {
    const char *secret_id;      /**< "": they are by no secret */
    const char *format;
    apr_int64_t len;            /**< of the digests, hex characters */
    apr_int64_t keys;           /**< how many there are */
    apr_int64_t live;           /**< of them, neither revoked nor expired */
} apikey_digested_t;

/** @return anything but APR_SUCCESS ends the list and is returned */
typedef apr_status_t (*apikey_digested_fn)(void *baton,
                                           const apikey_digested_t *keys);

apr_status_t apikey_inspect_secrets(apikey_store_t *store, apr_int64_t now,
                                    apikey_digested_fn each, void *baton,
                                    apr_pool_t *pool, const char **error);

/** Keys that are neither revoked nor expired. */
typedef struct apikey_strengths_t {
    apr_int64_t keys;
    apr_int64_t weak;           /**< fewer than APIKEY_KEY_MIN_BITS bits */
    apr_int64_t unknown;        /**< opaque ones that came as a digest, or were
                                 not imported by this program */
} apikey_strengths_t;

apr_status_t apikey_inspect_strengths(apikey_store_t *store, apr_int64_t now,
                                      apikey_strengths_t *strengths,
                                      apr_pool_t *pool, const char **error);

/**
 * What this kind of database should be asked besides.
 * @param check what was looked at
 * @param level 0: all is well; 1: better change it; 2: change it
 * @param text  a sentence
 */
typedef void (*apikey_probe_fn)(void *baton, const char *check, int level,
                                const char *text);

apr_status_t apikey_inspect_settings(apikey_store_t *store,
                                     apikey_probe_fn each, void *baton,
                                     apr_pool_t *pool, const char **error);

/** The file that a database of this driver lives in; NULL: no file. */
const char *apikey_inspect_file(const char *driver, const char *params,
                                apr_pool_t *pool);

#endif
