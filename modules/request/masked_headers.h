/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file masked_headers.h
 * @brief Masked headers: there for httpd, its modules and its logs, and not for
 *        applications.
 *
 * A header that holds a key shows the key's hint from post_read_request on
 * (take.h).  An application is no reader of hints, and might take one for a
 * credential: what its request holds of it is removed before its handler runs,
 * and is there again for what httpd does afterwards.  What others have put in
 * such a header's place, and that they have removed it, stands.
 */
#ifndef APIKEY_MASKED_HEADERS_H
#define APIKEY_MASKED_HEADERS_H

#include "state.h"

/**
 * insert_filter, after all others: the handler of @a r is about to run.  The
 * masked headers, and every copy of them in its headers and variables, are
 * removed; with ApiKeyPassKey, the accepted key is given back in its place.
 */
void apikey_hide_masked_headers(request_rec *r);

/** create_request: a sub-request has copies of its parent's headers and
 * variables.  In them, masked headers are as they were before the parent's
 * handler. */
int apikey_restore_in_subrequest(request_rec *r);

/** post_read_request of an internal redirect, which has the headers of the
 * request before it: likewise. */
void apikey_restore_in_redirect(request_rec *r);

/** log_transaction: likewise, for the log of @a r. */
void apikey_restore_for_log(request_rec *r);

#endif
