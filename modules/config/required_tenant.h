/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file required_tenant.h
 * @brief ApiKeyTenant: what its expression reads, and whether the client can
 *        choose that.
 *
 * While httpd parses an expression it runs the expr_lookup hook for each
 * variable and each function, with the function's argument where that is
 * constant.  Our function on the hook records them, so the expression's text
 * need not be read here.
 */
#ifndef APIKEY_REQUIRED_TENANT_H
#define APIKEY_REQUIRED_TENANT_H

#include "config.h"

/** What an expression reads.  Lives in the pool that its text is parsed in. */
typedef struct apikey_expr_reads_t {
    apr_pool_t *pool;
    const char *choice;         /**< what the client chooses; NULL: nothing */
    const char *unknown;        /**< what only a request has; NULL: nothing */
    int named;                  /**< SERVER_NAME or SERVER_PORT */
    int address;                /**< it compares the client's address */
    apr_array_header_t *headers;    /**< names of request headers */
    apr_array_header_t *variables;  /**< names of environment variables */
} apikey_expr_reads_t;

/** expr_lookup hook, before all other modules: records and declines.  Does
 * nothing unless this file has started the parse. */
int apikey_expr_lookup(ap_expr_lookup_parms *parms);

/** Parses ApiKeyTenant's argument.
 * @param reads out, in cmd->pool
 * @param error out: httpd's message
 * @return the expression, in cmd->pool; NULL where the text is none */
ap_expr_info_t *apikey_required_tenant_parse(cmd_parms *cmd, const char *text,
                                             apikey_expr_reads_t **reads,
                                             const char **error);

/**
 * check_config: refuses an ApiKeyTenant of @a s whose value the client can
 * choose.
 * @param renamed a section's UseCanonicalName is not On
 * @return OK, or not, with a message
 */
int apikey_check_required_tenant(server_rec *s, const apikey_server_t *conf,
                                 int renamed, apr_pool_t *ptemp);

#endif
