/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file directives.h
 * @brief The functions of the directive table in mod_apikey.c.
 *
 * Each has the arguments of its kind of directive (http_config.h) and returns
 * NULL, or a sentence that says what to write instead.  Strings that are kept
 * live in cmd->pool, as httpd's arguments do.
 */
#ifndef APIKEY_DIRECTIVES_H
#define APIKEY_DIRECTIVES_H

#include "config.h"

const char *apikey_set_secret_file(cmd_parms *cmd, void *dir,
                                   const char *path);
const char *apikey_set_keyspace(cmd_parms *cmd, void *dir, const char *name);
const char *apikey_set_tenant(cmd_parms *cmd, void *dir, const char *expr);
const char *apikey_set_db_driver(cmd_parms *cmd, void *dir,
                                 const char *name);
const char *apikey_set_db_params(cmd_parms *cmd, void *dir,
                                 const char *params);
const char *apikey_set_dbd_driver(cmd_parms *cmd, void *dir,
                                  const char *name);
const char *apikey_set_dbd_max(cmd_parms *cmd, void *dir, const char *number);
const char *apikey_set_dbd_persist(cmd_parms *cmd, void *dir, int on);
const char *apikey_set_dbd_params(cmd_parms *cmd, void *dir,
                                  const char *params);
const char *apikey_set_dbd_init(cmd_parms *cmd, void *dir, const char *sql);
const char *apikey_set_query(cmd_parms *cmd, void *dir, const char *sql);
const char *apikey_set_changes_query(cmd_parms *cmd, void *dir,
                                     const char *sql);
const char *apikey_set_prefix(cmd_parms *cmd, void *dir, int argc,
                              char *const argv[]);
const char *apikey_set_format(cmd_parms *cmd, void *dir, const char *name);
const char *apikey_set_digest(cmd_parms *cmd, void *dir, int argc,
                              char *const argv[]);
const char *apikey_set_lifetime(cmd_parms *cmd, void *dir, int argc,
                                char *const argv[]);
const char *apikey_set_retention(cmd_parms *cmd, void *dir,
                                 const char *days);
const char *apikey_set_from(cmd_parms *cmd, void *dir, int argc,
                            char *const argv[]);
const char *apikey_set_challenge(cmd_parms *cmd, void *dir, int argc,
                                 char *const argv[]);
const char *apikey_set_user(cmd_parms *cmd, void *dir, const char *what);
const char *apikey_set_headers(cmd_parms *cmd, void *dir, const char *what);
const char *apikey_set_pass_key(cmd_parms *cmd, void *dir, int on);
const char *apikey_set_error_format(cmd_parms *cmd, void *dir,
                                    const char *what);
const char *apikey_set_error_body(cmd_parms *cmd, void *dir,
                                  const char *status, const char *type,
                                  const char *text);
const char *apikey_set_cache(cmd_parms *cmd, void *dir, const char *spec);
const char *apikey_set_cache_ttl(cmd_parms *cmd, void *dir,
                                 const char *positive, const char *negative);
const char *apikey_set_revocation_poll(cmd_parms *cmd, void *dir,
                                       const char *ms);
const char *apikey_set_stale_limit(cmd_parms *cmd, void *dir,
                                   const char *seconds);
const char *apikey_set_usage_flush(cmd_parms *cmd, void *dir,
                                   const char *seconds);
const char *apikey_set_enforce(cmd_parms *cmd, void *dir, const char *word);

#endif
