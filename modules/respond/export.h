/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file export.h
 * @brief What the application is told.
 */
#ifndef APIKEY_EXPORT_H
#define APIKEY_EXPORT_H

#include "../request/request.h"

/**
 * fixups, before all others: authorization is behind us, and other modules'
 * fixups may read the variables. What they do to them does not last.
 */
int apikey_authorized(request_rec *r);

/**
 * fixups, behind all others: removes what anybody else said in our name, then
 * sets the variables and headers from the decision and from nothing else.
 */
int apikey_export(request_rec *r);

/** The value of REMOTE_USER for a granted key, as ApiKeyUser wants it. */
char *apikey_export_user(request_rec *r, const apikey_record_t *record);

/** Sets APIKEY_RESULT, and the notes for the log if the key is known. */
void apikey_export_result(request_rec *r, apikey_reason_e reason,
                          const apikey_record_t *record);

#endif
