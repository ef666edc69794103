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
#include "require.h"

APLOG_USE_MODULE(apikey);

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

typedef struct kind_t kind_t;

/* A Require line, read once. */
typedef struct {
    const kind_t *kind;
    apr_array_header_t *wanted; /* wanted_t */
    group_t *group;
    int negated;                /* its failure refuses nobody */
} require_t;

struct kind_t {
    const char *name;
    apikey_reason_e reason;
    const char *(*fault)(const char *word);
    int (*matches)(const apikey_record_t *record, const char *wanted);
};

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

static const kind_t kinds[] = {
    { "apikey-tenant", APIKEY_TENANT, apikey_text_fault, tenant_matches },
    { "apikey-env", APIKEY_ENV, apikey_word_fault, env_matches },
    { "apikey-id", APIKEY_ID, apikey_text_fault, id_matches },
    { "apikey-scope", APIKEY_SCOPE, apikey_scope_fault, scope_matches }
};

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

/* The lines of one container share no group_t, but its node. <Limit> says
 * when a line counts, not how. */
static group_t *group_of(cmd_parms *cmd, const ap_directive_t *node)
{
    group_t *group = apr_pcalloc(cmd->pool, sizeof(*group));

    while (node && !ap_cstr_casecmpn(node->directive, "<Limit", 6)) {
        node = node->parent;
    }
    /* An .htaccess has no node, but a configuration of its own. */
    group->node = node ? (const void *)node : cmd->context;
    if (node && !ap_cstr_casecmpn(node->directive, "<Require", 8)) {
        group->all = !ap_cstr_casecmp(node->directive, "<RequireAll");
        group->outer = group_of(cmd, node->parent);
    }
    return group;
}

static const char *parse(cmd_parms *cmd, const char *line,
                         const void **parsed, const kind_t *kind)
{
    require_t *require = apr_pcalloc(cmd->pool, sizeof(*require));
    const char *word;

    require->kind = kind;
    require->negated = negated(cmd);
    require->group = group_of(cmd, cmd->directive->parent);
    require->wanted = apr_array_make(cmd->pool, 2, sizeof(wanted_t));
    while (*(word = ap_getword_conf(cmd->pool, &line))) {
        wanted_t *wanted = &APR_ARRAY_PUSH(require->wanted, wanted_t);
        const char *error = NULL;

        memset(wanted, 0, sizeof(*wanted));
        if (!strstr(word, "%{")) {
            wanted->literal = word;
            error = kind->fault(word);
        }
        else {
            wanted->expr = ap_expr_parse_cmd(cmd, word,
                                             AP_EXPR_FLAG_STRING_RESULT,
                                             &error, NULL);
        }
        if (error) {
            return apr_psprintf(cmd->pool, "Require %s: '%s' %s", kind->name,
                                word, error);
        }
    }
    if (!require->wanted->nelts) {
        return apr_psprintf(cmd->pool, "Require %s: name at least one",
                            kind->name);
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

/* Whether one of the values matches; else, of scopes, which were wanted. */
static int met(request_rec *r, const require_t *require,
               const apikey_record_t *record, const char **values)
{
    int i;

    *values = NULL;
    for (i = 0; i < require->wanted->nelts; i++) {
        const char *value =
            value_of(r, &APR_ARRAY_IDX(require->wanted, i, wanted_t));

        if (*value && require->kind->matches(record, value)) {
            return 1;
        }
        if (!apikey_scope_fault(value)) {
            *values = *values ? apr_pstrcat(r->pool, *values, " ", value,
                                            NULL) : value;
        }
    }
    return 0;
}

int apikey_require_begin(request_rec *r)
{
    apikey_request_t *state = apikey_request_get(r);

    if (state) {
        state->required = NULL;
    }
    return DECLINED;
}

/* Before it asks for a user, httpd goes through the lines that count for this
 * request, in this section and with this method. Ours do not end its search
 * then, so these are the ones among which a failure is looked for. */
static authz_status note(request_rec *r, const require_t *require)
{
    apikey_request_t *state = apikey_request_get(r);

    if (state && !require->negated) {
        if (!state->required) {
            /* Not in r->pool: it may be a sub-request's. */
            state->required = apr_array_make(state->decisions->pool, 4,
                                             sizeof(require_t *));
        }
        APR_ARRAY_PUSH(state->required, const require_t *) = require;
    }
    return AUTHZ_DENIED_NO_USER;
}

static authz_status check(request_rec *r, const char *line APIKEY_UNUSED,
                          const void *parsed)
{
    const require_t *require = parsed;
    const apikey_decision_t *decision = apikey_decision_own(r);
    const char *values;

    if (decision && decision->checking == APIKEY_CHECKING_OTHERS) {
        return require->negated ? AUTHZ_DENIED : AUTHZ_GRANTED;
    }
    if (!decision || decision->reason != APIKEY_GRANTED) {
        return note(r, require);
    }
    return met(r, require, decision->record, &values) ? AUTHZ_GRANTED
                                                      : AUTHZ_DENIED;
}

static int within(const group_t *inner, const group_t *outer)
{
    for (; inner; inner = inner->outer) {
        if (inner->node == outer->node) {
            return 1;
        }
    }
    return 0;
}

/* Whether the lines of ours that count meet this container. */
static int group_met(request_rec *r, const apr_array_header_t *lines,
                     const group_t *group, const apikey_record_t *record)
{
    const char *values;
    int i;

    for (i = 0; i < lines->nelts; i++) {
        const require_t *line = APR_ARRAY_IDX(lines, i, const require_t *);
        const group_t *child = line->group;
        int good;

        if (!within(child, group)) {
            continue;
        }
        if (child->node == group->node) {
            good = met(r, line, record, &values);
        }
        else {
            while (child->outer->node != group->node) {
                child = child->outer;
            }
            good = group_met(r, lines, child, record);
        }
        if (good != group->all) {
            return good;
        }
    }
    return group->all;
}

static int counts(request_rec *r, const apr_array_header_t *lines,
                  const require_t *line, const apikey_record_t *record)
{
    const group_t *group;

    for (group = line->group; group; group = group->outer) {
        if (!group->all && group_met(r, lines, group, record)) {
            return 0;
        }
    }
    return 1;
}

apikey_reason_e apikey_require_failed(request_rec *r,
                                      apikey_decision_t *decision)
{
    const apr_array_header_t *lines = apikey_request_get(r)->required;
    const char *values;
    apr_size_t k;
    int i;

    for (k = 0; lines && k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        for (i = 0; i < lines->nelts; i++) {
            const require_t *line = APR_ARRAY_IDX(lines, i,
                                                  const require_t *);

            if (line->kind == &kinds[k]
                && !met(r, line, decision->record, &values)
                && counts(r, lines, line, decision->record)) {
                decision->wanted_scope =
                    kinds[k].reason == APIKEY_SCOPE ? values : NULL;
                return kinds[k].reason;
            }
        }
    }
    return APIKEY_FORBIDDEN;
}

#define PROVIDER(i)                                                         \
    static const char *parse_##i(cmd_parms *cmd, const char *line,          \
                                 const void **parsed)                       \
    {                                                                       \
        return parse(cmd, line, parsed, &kinds[i]);                         \
    }                                                                       \
    static const authz_provider provider_##i = { check, parse_##i };

PROVIDER(0)
PROVIDER(1)
PROVIDER(2)
PROVIDER(3)

void apikey_require_register(apr_pool_t *pool)
{
    static const authz_provider *const providers[] = {
        &provider_0, &provider_1, &provider_2, &provider_3
    };
    apr_size_t k;

    for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, kinds[k].name,
                                  AUTHZ_PROVIDER_VERSION, providers[k],
                                  AP_AUTH_INTERNAL_PER_CONF);
    }
}
