/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file result.h
 * @brief Granted, or why not: the reasons, what each means on the wire, and
 *        the verdict on a record.
 *
 * One table holds status, code and sentence; whoever answers, logs or
 * explains reads it here.
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
    APIKEY_FORBIDDEN,           /**< a good key, refused for another reason */
    APIKEY_DENIED,              /**< the same to programs; no key had a say */
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

/** The row of @a result; static, any thread. */
const apikey_result_t *apikey_result(apikey_result_e result);

/**
 * What the record alone says, in this order: another keyspace (INVALID),
 * REVOKED, DISABLED, EXPIRED, SUSPENDED, else GRANTED.  A key expires at the
 * second @a now == expires.
 * @param keyspace the server's; NULL: any
 * @param now      epoch seconds
 */
apikey_result_e apikey_record_result(const apikey_record_t *record,
                                     const char *keyspace, apr_int64_t now);

/**
 * NULL if the row could be read, everything that would be exported can be
 * carried by a header, and no time is too large to be meant; else a sentence
 * fragment naming the column and what is wrong with it ("its name is not
 * UTF-8"), in @a pool.  Only id and tenant may not be empty.  A record with a
 * fault is never granted: fail closed.
 */
const char *apikey_record_fault(const apikey_record_t *record,
                                apr_pool_t *pool);

#endif
