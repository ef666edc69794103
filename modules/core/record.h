/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file record.h
 * @brief A key's record: its row of the database, or of an ApiKeyQuery.
 */
#ifndef APIKEY_RECORD_H
#define APIKEY_RECORD_H

#include "networks.h"

#include <apr_tables.h>

/** Strings are never NULL ("" where the database has NULL), except withheld and
 * fault, and live in the pool of the look-up.  Times are epoch seconds; 0: not
 * set. */
typedef struct apikey_record_t {
    const char *id;
    const char *keyspace;
    const char *tenant;
    const char *name;
    const char *env;
    const char *scopes;         /**< separated by one blank */
    const char *digest;         /**< the first APIKEY_DIGEST_HEX characters of
                                 * its hex form; "" where an ApiKeyQuery does
                                 * not select it */
    const char *secret_id;      /**< "" for SHA-256 and SHA-512 digests */
    const char *format;         /**< base62, hex64 or opaque */
    const char *hint;
    const char *creator;
    apr_int64_t created;
    apr_int64_t expires;        /**< APIKEY_NEVER: never */
    apr_int64_t revoked;        /**< when */
    apr_int64_t disabled;       /**< when */
    apr_int64_t suspended;      /**< when its tenant lost API access */
    apr_int64_t last_used;
    apr_int64_t use_count;
    const apikey_network_t *networks;   /**< from where it may be used */
    int network_count;          /**< 0: from anywhere */
    apr_table_t *meta;          /**< exported as APIKEY_META_NAME: further
                                 * columns of an ApiKeyQuery, or core/meta.h's
                                 * pairs; NULL: none */
    const char *withheld;       /**< names of columns that are not in meta,
                                 * since they disclose the key or its digest;
                                 * NULL: none */
    const char *fault;          /**< what of the row could not be read, for
                                 * apikey_record_fault(); NULL: nothing */
} apikey_record_t;

#endif
