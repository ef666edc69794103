/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file decision_log.h
 * @brief LogLevel apikey:debug: one line a request, what was decided and by
 *        which Require.
 */
#ifndef APIKEY_DECISION_LOG_H
#define APIKEY_DECISION_LOG_H

#include "../request/state.h"

/** log_transaction: a request in an area of ours, once, at level debug. */
int apikey_log_decision(request_rec *r);

#endif
