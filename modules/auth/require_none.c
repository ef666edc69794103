/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Require apikey-none: closed to every key, for methods and paths that an API
 * does not have. Unlike httpd's "all denied" it asks for a key first, so that
 * a client without one gets 401, as everywhere in the area. */

#include <ap_provider.h>
#include <http_core.h>
#include <http_request.h>
#include <mod_auth.h>

#include "require.h"

#define NAME "apikey-none"

/* A line, read once. */
typedef struct {
    const ap_directive_t *directive;
    int in_htaccess;            /* gone with the request that read it */
} none_t;

static authz_status check(request_rec *r, const char *line APIKEY_UNUSED,
                          const void *parsed)
{
    const none_t *none = parsed;
    apikey_decision_t *decision = apikey_decision_own(r);

    if (decision && decision->require_mode == APIKEY_REQUIRE_OTHERS) {
        return AUTHZ_GRANTED;
    }
    if (!decision || decision->result != APIKEY_GRANTED) {
        return AUTHZ_DENIED_NO_USER;
    }
    /* Unless a line that gives a reason of its own has failed, too. */
    decision->refused_by = none->directive;
    decision->in_htaccess |= none->in_htaccess;
    return AUTHZ_DENIED;
}

static const char *parse(cmd_parms *cmd, const char *line,
                         const void **parsed)
{
    none_t *none = apr_palloc(cmd->pool, sizeof(*none));

    if (*ap_getword_conf(cmd->temp_pool, &line)) {
        return "Require " NAME " takes no argument";
    }
    none->directive = cmd->directive;
    none->in_htaccess = ap_check_cmd_context(cmd, NOT_IN_HTACCESS) != NULL;
    *parsed = none;
    return NULL;
}

static const authz_provider provider = { check, parse };

void apikey_require_none_register(apr_pool_t *pool)
{
    ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, NAME,
                              AUTHZ_PROVIDER_VERSION, &provider,
                              AP_AUTH_INTERNAL_PER_CONF);
}
