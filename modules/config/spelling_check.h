/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file spelling_check.h
 * @brief Misspelt AuthType ApiKey and Require apikey-….
 *
 * httpd takes every AuthType and answers each request with 500 where no module
 * knows it.  Of a Require that no module provides it logs only the name.
 */
#ifndef APIKEY_SPELLING_CHECK_H
#define APIKEY_SPELLING_CHECK_H

#include <http_core.h>

#include "config.h"

/**
 * pre_config hook, after all others: httpd's tree has been read, and no
 * directive in it executed.  Refuses a Require that no module provides and that
 * is nearly one of ours, and an AuthType that is nearly ApiKey.  The latter is
 * a warning where another module authenticates by an AuthType of its own, since
 * the name may be that module's.
 */
int apikey_check_spelling(apr_pool_t *pconf, apr_pool_t *plog,
                          apr_pool_t *ptemp);

/** check_authn hook, after all but mod_authn_core, so no module has taken the
 * AuthType: logs one that is nearly ApiKey, and declines (httpd answers 500).
 * It may stand in an .htaccess, which apikey_check_spelling() does not see. */
int apikey_log_misspelt_type(request_rec *r);

/** error_log hook: after httpd's line about a Require in an .htaccess that no
 * module provides, logs the right spelling. */
void apikey_log_misspelt_require(const ap_errorlog_info *info,
                                 const char *line);

#endif
