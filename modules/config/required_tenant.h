/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file required_tenant.h
 * @brief Whose word an ApiKeyTenant takes: what its expression reads.
 *
 * httpd asks a hook for each variable and each function while it parses an
 * expression, with the function's argument where that is constant.  What is
 * recorded there is what the expression reads, however it is spelt.
 */
#ifndef APIKEY_REQUIRED_TENANT_H
#define APIKEY_REQUIRED_TENANT_H

#include "config.h"

/** What an expression reads.  Lives in the pool that its text is parsed in. */
typedef struct apikey_expr_reads_t {
    apr_pool_t *pool;
    const char *choice;         /**< what the client alone chooses; or NULL */
    const char *unknown;        /**< what only a request tells; or NULL */
    int named;                  /**< SERVER_NAME or SERVER_PORT */
    int address;                /**< it compares the client's address */
    apr_array_header_t *headers;    /**< names of request headers */
    apr_array_header_t *variables;  /**< names of environment variables */
} apikey_expr_reads_t;

/** expr_lookup, ahead of all: records, and always declines.  Does nothing
 * unless the one thread that starts httpd is parsing for this file. */
int apikey_expr_lookup(ap_expr_lookup_parms *parms);

/** ApiKeyTenant's argument, parsed into cmd->pool, with what it reads; NULL
 * with httpd's complaint in @a error where it is no expression. */
ap_expr_info_t *apikey_required_tenant_parse(cmd_parms *cmd, const char *text,
                                             apikey_expr_reads_t **reads,
                                             const char **error);

/**
 * check_config: whether the tenant of @a s could be the client's choice.
 * @param renamed a section's UseCanonicalName is not On
 * @return OK, or not, with a message
 */
int apikey_check_required_tenant(server_rec *s, const apikey_server_t *conf,
                                 int renamed, apr_pool_t *ptemp);

#endif
