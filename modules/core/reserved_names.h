/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file reserved_names.h
 * @brief Headers and variables that only this module may set, in any spelling.
 *
 * CGI makes '_' of all but letters and digits and folds the case of headers: to
 * an application X_Apikey-TENANT is X-Apikey-Tenant.  So both are reserved, and
 * forged where a client or another module has set them.
 */
#ifndef APIKEY_RESERVED_NAMES_H
#define APIKEY_RESERVED_NAMES_H

#include <apr_tables.h>

#define APIKEY_HEADERS_DEFAULT "X-Apikey-"

/**
 * Whether a name is reserved.
 * @param own the prefix of ApiKeyHeaders, reserved in addition to
 *        APIKEY_HEADERS_DEFAULT; "": none
 */
typedef int (*apikey_reserved_fn)(const char *name, const char *own);

/** Of a request header. */
int apikey_reserved_header(const char *name, const char *own);

/** Whether CGI gives both headers the same variable. */
int apikey_header_is_same(const char *name, const char *other);

/** Whether a variable is what CGI makes of that header, after any number of
 * REDIRECT_. */
int apikey_variable_is_header(const char *name, const char *header);

/** Of a variable: APIKEY_*, or the HTTP_* of a reserved header; also after
 * REDIRECT_ (internal redirects) and AJP_ (mod_proxy_ajp's attributes). */
int apikey_reserved_variable(const char *name, const char *own);

/** Of a variable with the user of the request before an internal redirect:
 * REDIRECT_REMOTE_USER. */
int apikey_reserved_user(const char *name, const char *own);

/** Removes the entries of which @a is_reserved is true. */
void apikey_reserved_remove(apr_table_t *table, const char *own,
                            apikey_reserved_fn is_reserved);

/**
 * The value of a Connection header without reserved names, in @a pool:
 * mod_proxy drops headers that Connection names, which would be ours.
 * @return NULL if no reserved name is in it
 */
const char *apikey_reserved_connection(apr_pool_t *pool, const char *value,
                                       const char *own);

#endif
