/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file export.h
 * @brief Exports a granted key to the application: REMOTE_USER, APIKEY_*
 *        variables, X-Apikey-* headers.
 */
#ifndef APIKEY_EXPORT_H
#define APIKEY_EXPORT_H

#include "../request/state.h"

/**
 * check_authn has found the key good: sets the variables, so that expressions
 * of Require can read them. apikey_refuse() removes them again.
 */
void apikey_export_early(request_rec *r, const apikey_record_t *record);

/**
 * fixups, before all others: @a r is authorized. Sets the variables for the
 * fixups of other modules (RequestHeader, RewriteCond); what these do to them
 * is undone by apikey_export().
 */
int apikey_export_authorized(request_rec *r);

/**
 * fixups, after all others: removes reserved headers and variables, then sets
 * them from the decision and from nothing else.
 */
int apikey_export(request_rec *r);

/** The value of REMOTE_USER for a granted key, by ApiKeyUser of @a config;
 * owned by @a record. */
char *apikey_export_user(const ap_conf_vector_t *config,
                         const apikey_record_t *record);

/** Sets APIKEY_RESULT. */
void apikey_export_result(request_rec *r, apikey_result_e result);

/**
 * insert_error_filter, before all others: a response that is made before the
 * last fixup. Sets the variables as apikey_export() does, because an .htaccess
 * may have set them.
 */
void apikey_export_to_error(request_rec *r);

/**
 * log_transaction, before any log is written: sets the variables as
 * apikey_export() does, because a handler may have set them (#set of an SSI
 * page); and sets the notes apikey-id and apikey-tenant, also of a refused key.
 */
int apikey_export_to_log(request_rec *r);

#endif
