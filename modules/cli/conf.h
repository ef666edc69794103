/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file conf.h
 * @brief The few directives of httpd's configuration that htapikey shares.
 */
#ifndef APIKEY_CLI_CONF_H
#define APIKEY_CLI_CONF_H

#include "../core/digest_kinds.h"
#include "../core/lifetime.h"

typedef struct cli_conf_t {
    const char *driver;             /**< DBDriver; NULL: not written */
    const char *params;             /**< DBDParams; NULL: not written */
    const char *own_driver;         /**< ApiKeyDBDriver: replaces driver */
    const char *own_params;         /**< ApiKeyDBDParams, with it */
    const char *secret_file;        /**< NULL: not written */
    const char *keyspace;
    const apikey_prefix_t *prefixes;    /**< ApiKeyPrefix; NULL: any */
    const char *prefix;             /**< the first, as it is written; NULL */
    const char *prefix_words;       /**< all, one blank between; NULL */
    unsigned int formats;           /**< apikey_format_e flags */
    apikey_format_e first_format;   /**< what `create` makes */
    apikey_digest_kinds_t digests;
    apikey_lifetime_t lifetime;
    apr_int64_t retention;          /**< seconds */
    const char *query;              /**< ApiKeyQuery, for doctor; or NULL */
    const char *changes;            /**< ApiKeyChangesQuery; or NULL */
} cli_conf_t;

/**
 * Reads CONF by httpd's rules: quotes, line continuation, names in any case.
 * The file must be one that only its owner can write.  Directives of other
 * modules are ignored.  Sections, Include and ${ are an error, since what they
 * mean is known to httpd only; so is a name that begins with ApiKey and is no
 * directive.
 * @param conf takes its strings from @a pool
 * @param error a sentence, with file and line where a line is wrong
 */
apr_status_t cli_conf_read(cli_conf_t *conf, const char *path,
                           apr_pool_t *pool, const char **error);

#endif
