/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file credential.h
 * @brief Credentials in an Authorization field (RFC 9110, 11.6.2).
 *
 * Pure parsing of hostile text; any thread may call.
 */
#ifndef APIKEY_CREDENTIAL_H
#define APIKEY_CREDENTIAL_H

#include <apr_pools.h>

typedef enum {
    APIKEY_SCHEME_BEARER,       /**< RFC 6750, 2.1 */
    APIKEY_SCHEME_BASIC,        /**< RFC 7617 */
    APIKEY_SCHEME_NAMED,        /**< NAME KEY, or NAME and a parameter: NAME
                                 * token=KEY, NAME token="KEY" (RFC 9110,
                                 * 11.4) */
    APIKEY_SCHEME_NONE          /**< the key alone, in one word */
} apikey_scheme_e;

typedef struct apikey_credential_t {
    /** Basic: the user-id.  Else the token.  Points into the field's value
     * or into the pool.  Empty where the scheme stands alone, Basic does not
     * decode, or a parameter is malformed.  NUL-terminated. */
    const char *token;
    apr_size_t token_len;
    /** Basic: what follows the first colon ("" if none); else NULL. */
    const char *password;
    /** The value has a comma: the field came more than once, or looks as if it
     * had. */
    int repeated;
} apikey_credential_t;

/**
 * Splits the value of an Authorization field.  The scheme is compared without
 * case, and so is the parameter's name; blanks and tabs around and between are
 * ignored.  A Basic value that holds a NUL after decoding has an empty token.
 * Where fields were joined by commas, the first of this scheme counts, wherever
 * it stands, so that a key after another scheme's field is found.  Without a
 * scheme, the first field must be a word.
 * @param name  of APIKEY_SCHEME_NAMED; of the others not read
 * @param value NUL-terminated, as httpd keeps it
 * @param pool  the request's: for the decoded Basic value and a token that is
 *              not the value's end, which are not wiped
 * @return 1: there is one of this scheme; 0: the token is empty
 */
int apikey_credential_parse(apikey_credential_t *credential,
                            apikey_scheme_e scheme, const char *name,
                            const char *value, apr_pool_t *pool);

#endif
