/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file require_parts.h
 * @brief What the files behind require.h share; for them only.
 */
#ifndef APIKEY_REQUIRE_PARTS_H
#define APIKEY_REQUIRE_PARTS_H

#include <mod_auth.h>

#include "require.h"

/** A provider of ours. */
typedef struct apikey_kind_t {
    const char *name;
    apikey_reason_e reason;     /**< of a failure */
    const char *(*name_fault)(const char *word);    /**< of the word before the
                                                     * values; NULL: there is
                                                     * none */
    const char *(*fault)(const char *word);         /**< of a value */
    int (*matches)(const apikey_record_t *record, const char *name,
                   const char *wanted);
} apikey_kind_t;

#define APIKEY_KINDS 5

/** Those that there are, from 0, in the order in which failures are told. */
const apikey_kind_t *apikey_require_kind(int which);

/** What authz_provider has for them. */
const char *apikey_require_parse(cmd_parms *cmd, const char *line,
                                 const void **parsed,
                                 const apikey_kind_t *kind);
authz_status apikey_require_check(request_rec *r, const char *line,
                                  const void *parsed);

/** Whether a failure of the line that is being read is none of the whole:
 * "Require not", <RequireNone>. */
int apikey_require_negated(cmd_parms *cmd);

int apikey_require_in_htaccess(cmd_parms *cmd);

/** pre_config, behind mod_authz_core: Require expr and Require env that read a
 * variable of ours wait until it is there. */
void apikey_require_wait(apr_pool_t *pconf);

/** Such a provider, for an alias of it; NULL: it does not wait.
 * @param args what the alias stands for */
const authz_provider *apikey_require_waiting(const char *provider,
                                             const char *args);

/** Reads a line for that provider. */
const char *apikey_require_parse_waiting(cmd_parms *cmd, const char *line,
                                         const void **parsed,
                                         const authz_provider *provider);

/** Asks it. */
authz_status apikey_require_check_waiting(request_rec *r, const char *line,
                                          const void *parsed);

#endif
