/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file spelling_check.h
 * @brief AuthType and Require that were meant for us and are spelt otherwise.
 */
#ifndef APIKEY_SPELLING_CHECK_H
#define APIKEY_SPELLING_CHECK_H

#include <http_core.h>

#include "config.h"

/**
 * pre_config, behind all others: httpd's tree has been read, and no directive
 * in it executed.  A Require that no module provides and that is nearly one of
 * ours is refused, and so is an AuthType that is nearly ApiKey; where another
 * module that authenticates by an AuthType of its own is at work, the latter
 * is a warning, since the name may be that module's.
 */
int apikey_check_spelling(apr_pool_t *pconf, apr_pool_t *plog,
                          apr_pool_t *ptemp);

/** check_authn, behind all but mod_authn_core: no module has taken the
 * AuthType.  Says so where it is nearly ours, and declines: httpd answers
 * 500. */
int apikey_log_misspelt_type(request_rec *r);

/** error_log: follows httpd's line of a Require in an .htaccess that no
 * module provides with one that has the right spelling. */
void apikey_log_misspelt_require(const ap_errorlog_info *info,
                                 const char *line);

#endif
