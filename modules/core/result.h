/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file result.h
 * @brief Results: granted, or why not; status, code and sentence of each, and
 *        the result of a record.
 */
#ifndef APIKEY_RESULT_H
#define APIKEY_RESULT_H

#include "record.h"

typedef enum {
    APIKEY_GRANTED = 0,
    APIKEY_MISSING,
    APIKEY_INVALID,
    APIKEY_EXPIRED,
    APIKEY_REVOKED,
    APIKEY_DISABLED,
    APIKEY_SUSPENDED,
    APIKEY_AMBIGUOUS,
    APIKEY_NETWORK,
    APIKEY_TENANT,
    APIKEY_ENV,
    APIKEY_ID,
    APIKEY_META,
    APIKEY_SCOPE,
    APIKEY_FORBIDDEN,           /**< a valid key, refused by another module or
                                 * rule */
    APIKEY_DENIED,              /**< has the same code; refused whatever the
                                 * key */
    APIKEY_UNAVAILABLE,
    APIKEY_EXPOSED,
    APIKEY_RESULTS              /**< how many there are */
} apikey_result_e;

typedef struct apikey_result_t {
    const char *code;           /**< APIKEY_RESULT, problem's code */
    int status;                 /**< HTTP status */
    const char *title;          /**< the status' phrase (RFC 9457, 4.2.1) */
    const char *error;          /**< RFC 6750, 3.1; NULL: none */
    int describe;               /**< error_description goes with error */
    const char *message;        /**< a sentence for people; fixed text */
} apikey_result_t;

/** The row of @a result in the table, which is static.  Any thread. */
const apikey_result_t *apikey_result(apikey_result_e result);

/**
 * The result of a record alone, in this order: INVALID (another keyspace),
 * REVOKED, DISABLED, EXPIRED, SUSPENDED, else GRANTED.  A key is expired from
 * the second @a now == expires on.
 * @param keyspace the server's; NULL: any
 * @param now      epoch seconds
 */
apikey_result_e apikey_record_result(const apikey_record_t *record,
                                     const char *keyspace, apr_int64_t now);

/**
 * NULL if the row could be read, a header can carry all that would be exported,
 * and no time lies after the year 9999; else a sentence fragment in @a pool
 * that names the column ("its name is not UTF-8").  Only id and tenant must not
 * be empty.  A record with a fault is never granted.
 */
const char *apikey_record_fault(const apikey_record_t *record,
                                apr_pool_t *pool);

#endif
