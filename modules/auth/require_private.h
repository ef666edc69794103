/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file require_private.h
 * @brief What require*.c share, for these files only.
 */
#ifndef APIKEY_REQUIRE_PRIVATE_H
#define APIKEY_REQUIRE_PRIVATE_H

#include <mod_auth.h>

#include "require.h"

/** A provider: Require apikey-tenant and so on. */
typedef struct apikey_require_kind_t {
    const char *name;
    apikey_result_e result;     /**< if a line of this kind fails */
    const char *(*name_fault)(const char *word);    /**< what is wrong with the
                                                     * name before the values;
                                                     * NULL: it has no name */
    const char *(*fault)(const char *word);         /**< with a value */
    int (*matches)(const apikey_record_t *record, const char *name,
                   const char *wanted);
} apikey_require_kind_t;

/** An argument of a line. */
typedef struct {
    const char *literal;        /**< NULL: evaluate the expression */
    ap_expr_info_t *expr;
} wanted_t;

/** The container of a line: <RequireAny>, <RequireAll>, or the section, which
 * is as a <RequireAny>. */
typedef struct group_t {
    const void *node;           /**< identifies it; not dereferenced */
    int all;                    /**< it is a <RequireAll> */
    struct group_t *outer;      /**< NULL: this is the section */
} group_t;

/** A Require line of a configuration. */
typedef struct {
    const apikey_require_kind_t *kind;
    wanted_t *name;             /**< NULL: the kind has no name */
    apr_array_header_t *wanted; /**< wanted_t; at least one */
    group_t *group;
    int negated;                /**< if it fails, that refuses no request */
    const struct ap_directive_t *directive;
    int in_htaccess;            /**< it lives as long as the request */
} require_t;

/** A line that mod_authz_core has evaluated for a request. */
typedef struct {
    const request_rec *r;
    const require_t *line;
} request_line_t;

#define APIKEY_REQUIRE_KINDS 5

/** The kinds, from 0 on, in the order of reasons: if lines of several kinds
 * fail, the first kind is the reason. */
const apikey_require_kind_t *apikey_require_kind(int which);

/** The functions of authz_provider for these kinds. */
const char *apikey_require_parse(cmd_parms *cmd, const char *line,
                                 const void **parsed,
                                 const apikey_require_kind_t *kind);
authz_status apikey_require_check(request_rec *r, const char *line,
                                  const void *parsed);

/** Whether the line that is being read is inverted: "Require not",
 * <RequireNone>. */
int apikey_require_negated(cmd_parms *cmd);

/** Whether the line that is being read is in an .htaccess. */
int apikey_require_in_htaccess(cmd_parms *cmd);

/** The lines that mod_authz_core evaluated for @a r before it asked for a user,
 * without inverted ones: const require_t *, in r->pool. */
apr_array_header_t *apikey_require_lines(request_rec *r);

/** Whether a line that fails is a reason for a refusal: no RequireAny around it
 * is met by other lines of ours. */
int apikey_require_counts(request_rec *r, const apr_array_header_t *lines,
                          const require_t *line,
                          apikey_decision_t *decision);

/** pre_config: forgets the lines of other modules. */
void apikey_require_scope_init(apr_pool_t *pconf);

/** Reads a Require that is not ours. If a user may meet it, it is an
 * alternative to a scope (require_scope.c). */
void apikey_require_read_other(cmd_parms *cmd, apikey_dir_t *conf,
                               const char *name);

/** pre_config, after mod_authz_core: Require expr and Require env that read an
 * APIKEY_* variable need a user from now on (require_variables.c). */
void apikey_require_variables_register(apr_pool_t *pconf);

/** The provider of mod_authz_core to call for an alias of such a line; NULL:
 * the alias is none.
 * @param args what the alias stands for */
const authz_provider *apikey_require_variables_provider(const char *provider,
                                                        const char *args);

/** The functions of authz_provider for such a line.
 * @param provider of mod_authz_core */
const char *apikey_require_variables_parse(cmd_parms *cmd, const char *line,
                                           const void **parsed,
                                           const authz_provider *provider);
authz_status apikey_require_variables_check(request_rec *r, const char *line,
                                            const void *parsed);

#endif
