/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file decision_log.h
 * @brief LogLevel apikey:debug: one line per client's request says what was
 *        decided and by which Require.
 */
#ifndef APIKEY_DECISION_LOG_H
#define APIKEY_DECISION_LOG_H

#include "../request/state.h"

/** log_transaction: logs the decision, if the request was in an area. */
int apikey_log_decision(request_rec *r);

#endif
