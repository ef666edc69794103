/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file masked_headers.h
 * @brief Hides masked headers from applications and shows them to httpd, its
 *        modules and its logs.
 *
 * From post_read_request on, a header that held a key holds the hint of the
 * key (credentials.h). An application might take that for a credential, so the
 * header and every copy of it are removed before the handler runs, and are put
 * back for what httpd does afterwards: sub-requests, redirects, logs. A header
 * that another module has replaced or removed stays as that module left it.
 */
#ifndef APIKEY_MASKED_HEADERS_H
#define APIKEY_MASKED_HEADERS_H

#include "state.h"

/**
 * insert_filter, after all others: the handler of @a r is about to run.
 * Removes masked headers and every copy of their values in the headers and
 * variables of @a r. With ApiKeyPassKey the accepted key is put in the place
 * of its hint instead.
 */
void apikey_hide_masked_headers(request_rec *r);

/** create_request: a sub-request starts with copies of its parent's headers
 * and variables. Puts masked headers back in them. */
int apikey_restore_in_subrequest(request_rec *r);

/** post_read_request of an internal redirect, which has the headers of the
 * request before it. Puts masked headers back. */
void apikey_restore_in_redirect(request_rec *r);

/** log_transaction: puts masked headers back for the log line of @a r. */
void apikey_restore_for_log(request_rec *r);

#endif
