/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file reserved_names.h
 * @brief Names under which only this module speaks, however they are spelled.
 *
 * CGI makes '_' of all that is no letter or digit and folds the case of
 * headers: X_Apikey-TENANT arrives as X-Apikey-Tenant does, and is forged if
 * it came from anybody else.
 */
#ifndef APIKEY_RESERVED_NAMES_H
#define APIKEY_RESERVED_NAMES_H

#include <apr_tables.h>

#define APIKEY_HEADERS_DEFAULT "X-Apikey-"

/**
 * Whether only this module may say it.
 * @param own ApiKeyHeaders' prefix beside the default; "" for none
 */
typedef int (*apikey_reserved_fn)(const char *name, const char *own);

/** A request header. */
int apikey_reserved_header(const char *name, const char *own);

/** Whether an application may take one header for the other: CGI gives both
 * the same name. */
int apikey_header_is_same(const char *name, const char *other);

/** Whether a variable is what CGI makes of that header, behind any number of
 * REDIRECT_. */
int apikey_variable_is_header(const char *name, const char *header);

/** A variable: APIKEY_*, or a header's HTTP_*; behind REDIRECT_ (an internal
 * redirect's) and AJP_ (of which mod_proxy_ajp makes an attribute), too. */
int apikey_reserved_variable(const char *name, const char *own);

/** A variable that says who the user of a request before it was. */
int apikey_reserved_user(const char *name, const char *own);

/** Removes all that @a is_reserved says yes to. */
void apikey_reserved_remove(apr_table_t *table, const char *own,
                            apikey_reserved_fn is_reserved);

/**
 * The value of Connection without the names of such headers: mod_proxy would
 * drop the true ones.
 * @return NULL if there is none in it
 */
const char *apikey_reserved_connection(apr_pool_t *pool, const char *value,
                                       const char *own);

#endif
