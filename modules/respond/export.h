/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file export.h
 * @brief What the application is told.
 */
#ifndef APIKEY_EXPORT_H
#define APIKEY_EXPORT_H

#include "../request/state.h"

/**
 * check_authn has found the key good: httpd's own expressions read the
 * variables from here on. A refusal (refuse.h) takes them away again.
 */
void apikey_export_early(request_rec *r, const apikey_record_t *record);

/**
 * fixups, before all others: authorization is behind us, and other modules'
 * fixups may read the variables. What they do to them does not last.
 */
int apikey_export_authorized(request_rec *r);

/**
 * fixups, behind all others: removes what anybody else said in our name, then
 * sets the variables and headers from the decision and from nothing else.
 */
int apikey_export(request_rec *r);

/** The value of REMOTE_USER for a granted key, as ApiKeyUser wants it. */
char *apikey_export_user(request_rec *r, const apikey_record_t *record);

/** Sets APIKEY_RESULT. */
void apikey_export_result(request_rec *r, apikey_result_e result);

/**
 * insert_error_filter, ahead of all others: an answer that was made before the
 * last fixup, with variables that an .htaccess may have set.
 */
void apikey_export_to_error(request_rec *r);

/**
 * log_transaction, ahead of every log: the variables as they should be (the
 * #set of an SSI page works behind all fixups), and the notes of the key, of
 * a refused one, too.
 */
int apikey_export_to_log(request_rec *r);

#endif
