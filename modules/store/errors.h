/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file errors.h
 * @brief What the functions of this folder answer besides APR_SUCCESS.
 *
 * Each comes with a sentence for the operator in the caller's @a error, in the
 * pool that the function was given; no key and no secret is part of one.
 */
#ifndef APIKEY_ERRORS_H
#define APIKEY_ERRORS_H

#include <apr_errno.h>
#include <apr_pools.h>

/** The tables are missing or of another version: run `htapikey init`. */
#define APIKEY_ESCHEMA (APR_OS_START_USERERR + 4201)
/** The database answered with an error, or not at all. */
#define APIKEY_EDATABASE (APR_OS_START_USERERR + 4202)
/** Another process holds a lock for longer than this one waits. */
#define APIKEY_ELOCKED (APR_OS_START_USERERR + 4203)
/** The change is not possible, or not with these values; nothing was
 * changed. */
#define APIKEY_EREFUSED (APR_OS_START_USERERR + 4204)
/** The database answered, but a row or the administrator's query is wrong and
 * must be corrected.  The connection is fine. */
#define APIKEY_EANSWER (APR_OS_START_USERERR + 4210)
/** The connection was lost during COMMIT: the changes may be there or not. */
#define APIKEY_EUNSURE (APR_OS_START_USERERR + 4211)
/** The database answered, but this user cannot write there: it is a replica,
 * or the user has no right to. */
#define APIKEY_EREADONLY (APR_OS_START_USERERR + 4212)

/** Formats @a error in @a pool and answers APIKEY_EREFUSED. */
apr_status_t apikey_reject(apr_pool_t *pool, const char **error,
                           const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
