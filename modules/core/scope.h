/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file scope.h
 * @brief Scopes: what a key may do (RFC 6749, 3.3; case-sensitive).
 */
#ifndef APIKEY_SCOPE_H
#define APIKEY_SCOPE_H

#include <apr.h>

#define APIKEY_SCOPE_MAX 128    /**< characters of one scope */

/**
 * NULL if @a scope can be required: 1 to APIKEY_SCOPE_MAX characters of RFC
 * 6749's scope-token (%x21 / %x23-5B / %x5D-7E); else what is wrong, a static
 * sentence fragment.
 */
const char *apikey_scope_fault(const char *scope);

/** NULL if @a scope can be granted to a key: as apikey_scope_fault(), and a '*'
 * only alone or last after a ':'. */
const char *apikey_scope_grant_fault(const char *scope);

/** Whether @a scope itself is in the list @a scopes, separated by blanks. */
int apikey_scope_listed(const char *scopes, const char *scope);

/**
 * Whether a key's scopes cover the required one: by the same scope, by PREFIX:*
 * where @a required begins with "PREFIX:", or by *.
 * @param granted  the key's scopes, separated by blanks; may be ""
 * @param required one scope, taken literally; one with a fault (empty, with a
 *        blank) is not covered, not even by *
 */
int apikey_scope_covers(const char *granted, const char *required);

#endif
