/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file decided.h
 * @brief LogLevel apikey:debug: one line a request, what was decided and by
 *        which Require.
 */
#ifndef APIKEY_DECIDED_H
#define APIKEY_DECIDED_H

#include "../request/request.h"

/** log_transaction: a request in an area of ours, once, at level debug. */
int apikey_log_decision(request_rec *r);

#endif
