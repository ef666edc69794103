/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file config_check.h
 * @brief What the directives leave to be checked when all of them are known.
 */
#ifndef APIKEY_CONFIG_CHECK_H
#define APIKEY_CONFIG_CHECK_H

#include "config.h"

/** Notes a section's ApiKeyFrom, to be compared with its server's by
 * apikey_check_config(). Start-up only. */
void apikey_check_from_later(cmd_parms *cmd, const apr_array_header_t *from);

/** NULL if @a s accepts every source in @a from, else a sentence in @a pool:
 * a section can drop sources, it cannot add any. */
const char *apikey_from_fault(apr_pool_t *pool, server_rec *s,
                              const apr_array_header_t *from);

#endif
