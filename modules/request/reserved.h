/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file reserved.h
 * @brief Removes what only we may say: X-Apikey-* headers and APIKEY_*
 *        variables, whoever set them; and headers that would become others on
 *        their way to an application.
 */
#ifndef APIKEY_RESERVED_H
#define APIKEY_RESERVED_H

#include "../config/config.h"

/**
 * Removes every request header whose name, with '-' and '_' and case folded,
 * begins with X-Apikey- or the server's own prefix, and the Connection
 * tokens that would have a proxy remove ours (RFC 9110, 7.6.1).  So goes what
 * no header can be, with a message: a value with CR or LF, a name that is no
 * token (RFC 9110, 5.1 and 5.5).
 */
void apikey_remove_reserved_headers(request_rec *r);

/**
 * Removes every variable that would reach an application as APIKEY_* or as
 * the HTTP_* form of such a header, behind any number of REDIRECT_.
 */
void apikey_remove_reserved_env(request_rec *r);

/**
 * Whether there is nothing for apikey_remove_reserved_env() but what we have
 * said ourselves, and that as we said it: these entries, next to each other, by
 * their addresses.
 * @param count at least 1
 */
int apikey_reserved_env_is(request_rec *r, const apr_table_entry_t *told,
                           int count);

/**
 * Removes what httpd remembers of the users of earlier requests, as
 * REDIRECT_REMOTE_USER and deeper: a refused key's tenant is nobody's news.
 */
void apikey_remove_redirect_users(request_rec *r);

/** post_read_request, on every request of every server: its headers, and its
 * trailers as soon as they are read. */
int apikey_remove_reserved(request_rec *r);

/** Registers the filter that sees the trailers, and a hook that brings it back
 * where a fast redirect (mod_dir, mod_negotiation) has lost it. */
void apikey_reserved_register(void);

#endif
