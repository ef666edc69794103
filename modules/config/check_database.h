/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file check_database.h
 * @brief Whether a server that checks keys has a database.
 */
#ifndef APIKEY_CHECK_DATABASE_H
#define APIKEY_CHECK_DATABASE_H

#include "config.h"

/** Whether the directives of ApiKeyDBD… or those of mod_dbd, which must be
 * loaded then, name a database for @a conf.  SQLite has none without
 * DBDParams; other databases know where to look. */
int apikey_has_database(const apikey_server_t *conf);

/**
 * check_config.
 * @param any one of all servers has secrets and a database: what stands
 *            outside of virtual hosts may be meant for that one
 * @return OK, or not, with a message; a server that perhaps needs one gets the
 *         message as a warning
 */
int apikey_check_database(server_rec *s, const apikey_server_t *conf,
                          int any);

#endif
