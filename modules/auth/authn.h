/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file authn.h
 * @brief Authentication: whose key the request has, and whether it is good.
 */
#ifndef APIKEY_AUTHN_H
#define APIKEY_AUTHN_H

#include "../request/state.h"

/** check_authn, in areas: makes the decision, sets r->user and the variables.
 * @return a status; OK; or DECLINED outside of areas */
int apikey_check_authn(request_rec *r);

/** force_authn: OK if the request has a credential of an area, so that it is
 * checked although no Require needs a user (Satisfy Any). */
int apikey_force_authn(request_rec *r);

#endif
