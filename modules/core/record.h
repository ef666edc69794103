/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file record.h
 * @brief A key as the database has it.
 */
#ifndef APIKEY_RECORD_H
#define APIKEY_RECORD_H

#include "networks.h"

#include <apr_tables.h>

/** Strings are never NULL ("" where the database has NULL) and live in the
 * pool that the reader was given.  Times are epoch seconds, 0 for "not". */
typedef struct apikey_record_t {
    const char *id;
    const char *keyspace;
    const char *tenant;
    const char *name;
    const char *env;
    const char *scopes;         /**< separated by one blank */
    const char *digest;         /**< APIKEY_DIGEST_HEX of its characters; ""
                                 * where a query does not give it */
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
    apr_table_t *meta;          /**< what an application is told besides, by
                                 * the names behind APIKEY_META_: further
                                 * columns of a query, or core/meta.h's; may be
                                 * NULL */
    const char *withheld;       /**< names of a query's columns that are not in
                                 * meta, since they give the key or its digest
                                 * away; NULL: none */
    const char *fault;          /**< what of the row could not be read, as
                                 * apikey_record_fault() says it; or NULL */
} apikey_record_t;

#endif
