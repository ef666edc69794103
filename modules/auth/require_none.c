/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Require apikey-none: no key meets it, for methods and paths that an API does
 * not have. Unlike "Require all denied" it asks for a key, so that a client
 * without a key gets 401, as everywhere in the area. */

#include <http_core.h>
#include <http_request.h>
#include <mod_auth.h>

#include "require.h"

#define NAME "apikey-none"

/* A line of the configuration. */
typedef struct {
    const ap_directive_t *directive;
    int in_htaccess;            /* it lives as long as the request */
} none_line_t;

static authz_status check_none(request_rec *r, const char *line APIKEY_UNUSED,
                               const void *parsed)
{
    const none_line_t *none = parsed;
    apikey_decision_t *decision = apikey_decision_own(r);

    if (decision && decision->require_mode == APIKEY_REQUIRE_OTHERS) {
        return AUTHZ_GRANTED;
    }
    if (!decision || decision->result != APIKEY_GRANTED) {
        return AUTHZ_DENIED_NO_USER;
    }
    /* apikey_require_reason() replaces it if a line with a reason failed. */
    decision->refused_by = none->directive;
    decision->in_htaccess |= none->in_htaccess;
    return AUTHZ_DENIED;
}

static const char *parse_none(cmd_parms *cmd, const char *line,
                              const void **parsed)
{
    none_line_t *none = apr_palloc(cmd->pool, sizeof(*none));

    if (*ap_getword_conf(cmd->temp_pool, &line)) {
        return "Require " NAME " takes no argument";
    }
    none->directive = cmd->directive;
    none->in_htaccess = ap_check_cmd_context(cmd, NOT_IN_HTACCESS) != NULL;
    *parsed = none;
    return NULL;
}

static const authz_provider provider = { check_none, parse_none };

void apikey_require_none_register(apr_pool_t *pool)
{
    ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, NAME,
                              AUTHZ_PROVIDER_VERSION, &provider,
                              AP_AUTH_INTERNAL_PER_CONF);
}
