/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file config_check.h
 * @brief What several directives together must say, checked when all of them
 *        have been read.
 */
#ifndef APIKEY_CONFIG_CHECK_H
#define APIKEY_CONFIG_CHECK_H

#include "config.h"

/**
 * check_config hook (`httpd -t` runs it, too): loads the secret files, fills
 * the derived fields of each server's configuration and refuses what cannot
 * work, each with a sentence.
 */
int apikey_check_config(apr_pool_t *pconf, apr_pool_t *plog,
                        apr_pool_t *ptemp, server_rec *s);

/**
 * Whether a database is named for @a conf, by ApiKeyDBDriver and
 * ApiKeyDBDParams or by mod_dbd's directives; mod_dbd must be loaded then.
 * SQLite needs DBDParams; the other drivers have defaults of their own.
 */
int apikey_has_database(const apikey_server_t *conf);

#endif
