/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file require_private.h
 * @brief What the files behind require.h share; for them only.
 */
#ifndef APIKEY_REQUIRE_PRIVATE_H
#define APIKEY_REQUIRE_PRIVATE_H

#include <mod_auth.h>

#include "require.h"

/** A provider of ours. */
typedef struct apikey_kind_t {
    const char *name;
    apikey_result_e result;     /**< of a failure */
    const char *(*name_fault)(const char *word);    /**< of the word before the
                                                     * values; NULL: there is
                                                     * none */
    const char *(*fault)(const char *word);         /**< of a value */
    int (*matches)(const apikey_record_t *record, const char *name,
                   const char *wanted);
} apikey_kind_t;

typedef struct {
    const char *literal;        /* NULL: evaluate the expression */
    ap_expr_info_t *expr;
} wanted_t;

/* RequireAny, RequireAll or the section itself, which is a RequireAny. */
typedef struct group_t {
    const void *node;           /* which container: compared, not read */
    int all;
    struct group_t *outer;      /* NULL: the section */
} group_t;

/* A Require line, read once. */
typedef struct {
    const apikey_kind_t *kind;
    wanted_t *name;             /* of what is compared; NULL: kind says it */
    apr_array_header_t *wanted; /* wanted_t */
    group_t *group;
    int negated;                /* its failure refuses nobody */
    const struct ap_directive_t *directive;
    int in_htaccess;            /* gone with the request that read it */
} require_t;

/* A line that counts for a request. */
typedef struct {
    const request_rec *r;
    const require_t *line;
} noted_t;

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

/** The lines that httpd went through for @a r, before it asked for a user:
 * const require_t *, without negated ones.  In r->pool. */
apr_array_header_t *apikey_require_lines(request_rec *r);

/** Whether a line that fails is one by which the whole fails: no RequireAny
 * around it is met by other lines of ours. */
int apikey_require_counts(request_rec *r, const apr_array_header_t *lines,
                          const require_t *line,
                          apikey_decision_t *decision);

/** pre_config, and a reader of each Require that is not ours: which of them
 * may be met by who the user is. */
void apikey_require_scope_init(apr_pool_t *pconf);
void apikey_require_read_other(cmd_parms *cmd, apikey_dir_t *conf,
                               const char *name);

/** pre_config, behind mod_authz_core: Require expr and Require env that read a
 * variable of ours wait until it is there. */
void apikey_require_variables_register(apr_pool_t *pconf);

/** Such a provider, for an alias of it; NULL: it does not wait.
 * @param args what the alias stands for */
const authz_provider *apikey_require_variables_provider(const char *provider,
                                                        const char *args);

/** Reads a line for that provider. */
const char *apikey_require_variables_parse(cmd_parms *cmd, const char *line,
                                           const void **parsed,
                                           const authz_provider *provider);

/** Asks it. */
authz_status apikey_require_variables_check(request_rec *r, const char *line,
                                            const void *parsed);

#endif
