/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Require expr and Require env that read APIKEY_* variables.
 *
 * mod_authz_core evaluates both before it asks for a user, when these variables
 * are not set yet. A line that wants a variable would refuse every key, and one
 * that wants it unset would grant access without a key. So in an area such a
 * line answers AUTHZ_DENIED_NO_USER until a key is granted. All other lines are
 * passed on to the providers of mod_authz_core. */

#include <ap_provider.h>

#include "require_private.h"

#define OURS "APIKEY_"

/* A provider of mod_authz_core that is replaced. Set before a configuration is
 * read. */
typedef struct {
    const char *name;
    const authz_provider *original;
} provider_t;

static provider_t providers[] = { { "expr", NULL }, { "env", NULL } };

#define COUNT ((int)(sizeof(providers) / sizeof(providers[0])))

/* A line of one of these providers. */
typedef struct {
    const authz_provider *original;
    const char *args;
    const void *parsed;         /* what original has made of it */
    int needs_user;             /* it reads an APIKEY_* variable */
    int negated;                /* see apikey_require_negated() */
} variables_line_t;

/* The case of letters does not matter in names of variables. */
static int reads_apikey_variable(const char *args)
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
    variables_line_t *line = apr_pcalloc(cmd->pool, sizeof(*line));

    line->original = original;
    line->args = args;
    line->needs_user = reads_apikey_variable(args);
    line->negated = apikey_require_negated(cmd);
    *parsed = line;
    return original->parse_require_line
           ? original->parse_require_line(cmd, args, &line->parsed) : NULL;
}

authz_status apikey_require_variables_check(request_rec *r,
                                            const char *args APIKEY_UNUSED,
                                            const void *parsed)
{
    const variables_line_t *line = parsed;
    const apikey_decision_t *decision;

    if (line->needs_user && apikey_in_area(r)) {
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

static const char *parse_expr(cmd_parms *cmd, const char *args,
                              const void **parsed)
{
    return apikey_require_variables_parse(cmd, args, parsed,
                                          providers[0].original);
}

static const char *parse_env(cmd_parms *cmd, const char *args,
                             const void **parsed)
{
    return apikey_require_variables_parse(cmd, args, parsed,
                                          providers[1].original);
}

/* ap_register_provider() replaces the provider of that name.
 * ap_register_auth_provider() would count it again in httpd's number of
 * providers per configuration (AP_AUTH_INTERNAL_PER_CONF). */
void apikey_require_variables_register(apr_pool_t *pconf)
{
    static const authz_provider ours[] = {
        { apikey_require_variables_check, parse_expr },
        { apikey_require_variables_check, parse_env }
    };
    int i;

    for (i = 0; i < COUNT; i++) {
        const authz_provider *there =
            ap_lookup_provider(AUTHZ_PROVIDER_GROUP, providers[i].name,
                               AUTHZ_PROVIDER_VERSION);

        if (there && there != &ours[i]) {
            providers[i].original = there;
            ap_register_provider(pconf, AUTHZ_PROVIDER_GROUP, providers[i].name,
                                 AUTHZ_PROVIDER_VERSION, &ours[i]);
        }
    }
}

const authz_provider *apikey_require_variables_provider(const char *provider,
                                                        const char *args)
{
    int i;

    for (i = 0; i < COUNT; i++) {
        if (!strcmp(providers[i].name, provider)
            && reads_apikey_variable(args)) {
            return providers[i].original;
        }
    }
    return NULL;
}
