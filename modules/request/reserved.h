/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file reserved.h
 * @brief Removes what only this module may set: X-Apikey-* headers and APIKEY_*
 *        variables. Also removes malformed headers, which a back end would
 *        read as other ones.
 */
#ifndef APIKEY_RESERVED_H
#define APIKEY_RESERVED_H

#include "../config/config.h"

/**
 * Removes every request header whose name begins with X-Apikey- or the prefix
 * of ApiKeyHeaders; '-' and '_' and the case of letters make no difference.
 * Removes the Connection options by which a proxy would drop such headers
 * (RFC 9110, 7.6.1). Removes malformed headers, with a message: a value with CR
 * or LF, a name that is no token (RFC 9110, 5.1 and 5.5).
 */
void apikey_remove_reserved_headers(request_rec *r);

/**
 * Removes every variable that an application would read as APIKEY_* or as the
 * HTTP_* variable of such a header, after any number of REDIRECT_.
 */
void apikey_remove_reserved_env(request_rec *r);

/**
 * Whether apikey_remove_reserved_env() would remove exactly these entries: they
 * are next to each other in the table, with the same addresses of name and
 * value, and no other variable is reserved.
 * @param count at least 1
 */
int apikey_reserved_env_is(request_rec *r, const apr_table_entry_t *exported,
                           int count);

/**
 * Removes REDIRECT_REMOTE_USER, REDIRECT_REDIRECT_REMOTE_USER and so on: an
 * ErrorDocument must not learn the tenant of a refused key.
 */
void apikey_remove_redirect_users(request_rec *r);

/** post_read_request, on every request of every server: removes reserved
 * headers now, and reserved trailers when they are read. */
int apikey_remove_reserved(request_rec *r);

/** register_hooks: registers the input filter of trailers, and an insert_filter
 * hook that adds it again after a fast redirect (mod_dir, mod_negotiation),
 * which drops it. */
void apikey_reserved_register(void);

#endif
