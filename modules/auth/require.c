/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Require apikey-scope, apikey-tenant, apikey-env, apikey-id: any of the
 * arguments, each of which may be an expression. */

#include <http_core.h>
#include <http_log.h>
#include <http_request.h>
#include <mod_auth.h>
#include <util_cfgtree.h>
#include <apr_strings.h>

#include "../core/scope.h"
#include "../core/text.h"
#include "authz.h"

APLOG_USE_MODULE(apikey);

typedef struct {
    const char *literal;        /* NULL: evaluate the expression */
    ap_expr_info_t *expr;
} wanted_t;

/* A Require line, read once. */
typedef struct {
    apr_array_header_t *wanted; /* wanted_t */
    int negated;                /* its failure refuses nobody */
} require_t;

typedef int (*matches_t)(const apikey_record_t *record, const char *wanted);

static int scope_matches(const apikey_record_t *record, const char *wanted)
{
    return apikey_scope_covers(record->scopes, wanted);
}

static int tenant_matches(const apikey_record_t *record, const char *wanted)
{
    return !strcmp(record->tenant, wanted);
}

static int env_matches(const apikey_record_t *record, const char *wanted)
{
    return !strcmp(record->env, wanted);
}

static int id_matches(const apikey_record_t *record, const char *wanted)
{
    return !strcmp(record->id, wanted);
}

/* "Require not", <RequireNone> and <RequireNone> inside of that: the parity
 * says whether a failure of this line is one of the whole. */
static int negated(cmd_parms *cmd)
{
    const ap_directive_t *node = cmd->directive;
    const char *args = node->args;
    int odd = !ap_cstr_casecmp(ap_getword_conf(cmd->temp_pool, &args), "not");

    for (node = node->parent; node; node = node->parent) {
        odd ^= !ap_cstr_casecmp(node->directive, "<RequireNone");
    }
    return odd;
}

static const char *parse(cmd_parms *cmd, const char *line,
                         const void **parsed, const char *name,
                         const char *(*fault)(const char *))
{
    require_t *require = apr_pcalloc(cmd->pool, sizeof(*require));
    const char *word;

    require->negated = negated(cmd);
    require->wanted = apr_array_make(cmd->pool, 2, sizeof(wanted_t));
    while (*(word = ap_getword_conf(cmd->pool, &line))) {
        wanted_t *wanted = &APR_ARRAY_PUSH(require->wanted, wanted_t);
        const char *error = NULL;

        memset(wanted, 0, sizeof(*wanted));
        if (!strstr(word, "%{")) {
            wanted->literal = word;
            error = fault(word);
        }
        else {
            wanted->expr = ap_expr_parse_cmd(cmd, word,
                                             AP_EXPR_FLAG_STRING_RESULT,
                                             &error, NULL);
        }
        if (error) {
            return apr_psprintf(cmd->pool, "Require %s: '%s' %s", name, word,
                                error);
        }
    }
    if (!require->wanted->nelts) {
        return apr_psprintf(cmd->pool, "Require %s: name at least one", name);
    }
    *parsed = require;
    return NULL;
}

/* An expression that comes out empty or fails matches nothing. */
static const char *value_of(request_rec *r, const wanted_t *wanted)
{
    const char *error = NULL, *value;

    if (wanted->literal) {
        return wanted->literal;
    }
    value = ap_expr_str_exec(r, wanted->expr, &error);
    if (error) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "APIKEY0108: an expression in Require cannot be "
                      "evaluated, so it matches nothing: %s", error);
        return "";
    }
    return value;
}

static authz_status failed(const require_t *require,
                           apikey_decision_t *decision,
                           apikey_reason_e reason, const char *values)
{
    if (!require->negated && decision->checking) {
        decision->failed |= 1u << reason;
        if (reason == APIKEY_SCOPE && !decision->wanted_scope) {
            decision->wanted_scope = values;
        }
    }
    return decision->checking == APIKEY_CHECKING_ALL ? AUTHZ_DENIED_NO_USER
                                                     : AUTHZ_DENIED;
}

static authz_status check(request_rec *r, const void *parsed,
                          matches_t matches, apikey_reason_e reason)
{
    const require_t *require = parsed;
    apikey_decision_t *decision = apikey_decision_own(r);
    const char *values = NULL;
    int i;

    if (!decision || decision->reason != APIKEY_GRANTED) {
        return AUTHZ_DENIED_NO_USER;
    }
    for (i = 0; i < require->wanted->nelts; i++) {
        const char *value =
            value_of(r, &APR_ARRAY_IDX(require->wanted, i, wanted_t));

        if (*value && matches(decision->record, value)) {
            return AUTHZ_GRANTED;
        }
        if (reason == APIKEY_SCOPE && !apikey_scope_fault(value)) {
            values = values ? apr_pstrcat(r->pool, values, " ", value, NULL)
                            : value;
        }
    }
    return failed(require, decision, reason, values);
}

#define PROVIDER(what, name, fault, reason)                                 \
    static const char *what##_parse(cmd_parms *cmd, const char *line,       \
                                    const void **parsed)                    \
    {                                                                       \
        return parse(cmd, line, parsed, name, fault);                       \
    }                                                                       \
    static authz_status what##_check(request_rec *r,                        \
                                     const char *line APIKEY_UNUSED,        \
                                     const void *parsed)                    \
    {                                                                       \
        return check(r, parsed, what##_matches, reason);                    \
    }                                                                       \
    static const authz_provider what##_provider = {                         \
        what##_check, what##_parse                                          \
    };

PROVIDER(scope, "apikey-scope", apikey_scope_fault, APIKEY_SCOPE)
PROVIDER(tenant, "apikey-tenant", apikey_text_fault, APIKEY_TENANT)
PROVIDER(env, "apikey-env", apikey_word_fault, APIKEY_ENV)
PROVIDER(id, "apikey-id", apikey_text_fault, APIKEY_ID)

void apikey_require_register(apr_pool_t *pool)
{
    const struct {
        const char *name;
        const authz_provider *provider;
    } all[] = {
        { "apikey-scope", &scope_provider },
        { "apikey-tenant", &tenant_provider },
        { "apikey-env", &env_provider },
        { "apikey-id", &id_provider }
    };
    apr_size_t i;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, all[i].name,
                                  AUTHZ_PROVIDER_VERSION, all[i].provider,
                                  AP_AUTH_INTERNAL_PER_CONF);
    }
}
