/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file authn.h
 * @brief Who the client is: from what it presented to a verdict.
 */
#ifndef APIKEY_AUTHN_H
#define APIKEY_AUTHN_H

#include "../request/state.h"

/** check_authn, in areas of AuthType ApiKey. */
int apikey_check_authn(request_rec *r);

/** force_authn: a key presented where none is needed still counts. */
int apikey_force_authn(request_rec *r);

#endif
