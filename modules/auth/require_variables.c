/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Require expr and Require env that read a variable of ours (APIKEY_...).
 *
 * httpd asks both before it asks for a user, when these variables are not there
 * yet: what wants one would be refused whatever the key, and what wants none
 * let in without one. Where AuthType is ApiKey, such a line says that it needs
 * a user first, as httpd's own says of REMOTE_USER. All other lines go to
 * mod_authz_core's provider as they are. */

#include <ap_provider.h>
#include <http_core.h>
#include <http_request.h>
#include <apr_strings.h>

#include "require_private.h"

#define OURS "APIKEY_"

typedef struct {
    const char *name;
    const authz_provider *original;     /* mod_authz_core's */
} waiting_t;

/* Set before any configuration is read. */
static waiting_t waiting[] = { { "expr", NULL }, { "env", NULL } };

#define COUNT ((int)(sizeof(waiting) / sizeof(waiting[0])))

/* A line that waits. */
typedef struct {
    const authz_provider *original;
    const char *args;
    const void *parsed;         /* by original */
    int negated;
} line_t;

/* The names of variables are the same in either case. */
static int reads_ours(const char *args)
{
    for (; (args = strpbrk(args, "Aa")) != NULL; args++) {
        if (!ap_cstr_casecmpn(args, OURS, sizeof(OURS) - 1)) {
            return 1;
        }
    }
    return 0;
}

const char *apikey_require_variables_parse(cmd_parms *cmd, const char *args,
                                           const void **parsed,
                                           const authz_provider *original)
{
    line_t *line = apr_pcalloc(cmd->pool, sizeof(*line));

    line->original = original;
    line->args = args;
    line->negated = apikey_require_negated(cmd);
    *parsed = line;
    return original->parse_require_line
           ? original->parse_require_line(cmd, args, &line->parsed) : NULL;
}

authz_status apikey_require_variables_check(request_rec *r,
                                            const char *args APIKEY_UNUSED,
                                            const void *parsed)
{
    const line_t *line = parsed;
    const apikey_decision_t *decision;

    if (apikey_in_area(r)) {
        decision = apikey_decision_own(r);
        if (decision && decision->require_mode == APIKEY_REQUIRE_OTHERS) {
            return line->negated ? AUTHZ_DENIED : AUTHZ_GRANTED;
        }
        if (!decision || decision->result != APIKEY_GRANTED) {
            return AUTHZ_DENIED_NO_USER;
        }
    }
    return line->original->check_authorization(r, line->args, line->parsed);
}

static const char *parse(cmd_parms *cmd, const char *args,
                         const void **parsed, int which)
{
    const authz_provider *original = waiting[which].original;

    if (reads_ours(args)) {
        return apikey_require_variables_parse(cmd, args, parsed, original);
    }
    return original->parse_require_line
           ? original->parse_require_line(cmd, args, parsed) : NULL;
}

static authz_status check(request_rec *r, const char *args,
                          const void *parsed, int which)
{
    return reads_ours(args)
           ? apikey_require_variables_check(r, args, parsed)
           : waiting[which].original->check_authorization(r, args, parsed);
}

static const char *parse_expr(cmd_parms *cmd, const char *args,
                              const void **parsed)
{
    return parse(cmd, args, parsed, 0);
}

static authz_status check_expr(request_rec *r, const char *args,
                               const void *parsed)
{
    return check(r, args, parsed, 0);
}

static const char *parse_env(cmd_parms *cmd, const char *args,
                             const void **parsed)
{
    return parse(cmd, args, parsed, 1);
}

static authz_status check_env(request_rec *r, const char *args,
                              const void *parsed)
{
    return check(r, args, parsed, 1);
}

/* In the place of each of the others, which httpd has counted: ours, in its
 * place, is not counted again. */
void apikey_require_variables_register(apr_pool_t *pconf)
{
    static const authz_provider ours[] = {
        { check_expr, parse_expr }, { check_env, parse_env }
    };
    int i;

    for (i = 0; i < COUNT; i++) {
        const authz_provider *there =
            ap_lookup_provider(AUTHZ_PROVIDER_GROUP, waiting[i].name,
                               AUTHZ_PROVIDER_VERSION);

        if (there && there != &ours[i]) {
            waiting[i].original = there;
            ap_register_provider(pconf, AUTHZ_PROVIDER_GROUP, waiting[i].name,
                                 AUTHZ_PROVIDER_VERSION, &ours[i]);
        }
    }
}

const authz_provider *apikey_require_variables_provider(const char *provider,
                                                        const char *args)
{
    int i;

    for (i = 0; i < COUNT; i++) {
        if (!strcmp(waiting[i].name, provider) && reads_ours(args)) {
            return waiting[i].original;
        }
    }
    return NULL;
}
