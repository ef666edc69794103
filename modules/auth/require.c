/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Require apikey-scope, apikey-tenant, apikey-env, apikey-id: any of the
 * arguments, each of which may be an expression; apikey-meta has a name before
 * them. */

#include <http_core.h>
#include <http_log.h>
#include <http_request.h>
#include <util_cfgtree.h>
#include <apr_strings.h>

#include "../config/limited_log.h"
#include "../core/meta.h"
#include "../core/scope.h"
#include "../core/text.h"
#include "require_private.h"

APLOG_USE_MODULE(apikey);

static int scope_matches(const apikey_record_t *record,
                         const char *name APIKEY_UNUSED, const char *wanted)
{
    return apikey_scope_covers(record->scopes, wanted);
}

static int tenant_matches(const apikey_record_t *record,
                          const char *name APIKEY_UNUSED, const char *wanted)
{
    return !strcmp(record->tenant, wanted);
}

static int env_matches(const apikey_record_t *record,
                       const char *name APIKEY_UNUSED, const char *wanted)
{
    return !strcmp(record->env, wanted);
}

static int id_matches(const apikey_record_t *record,
                      const char *name APIKEY_UNUSED, const char *wanted)
{
    return !strcmp(record->id, wanted);
}

/* A name is the same in either case, a value is not. */
static int meta_matches(const apikey_record_t *record, const char *name,
                        const char *wanted)
{
    const char *value = record->meta ? apr_table_get(record->meta, name)
                                     : NULL;

    return value && !strcmp(value, wanted);
}

static const char *meta_name_fault(const char *name)
{
    return apikey_meta_fault(name, "") ? "is not letters, digits and '_'"
                                       : NULL;
}

/* In the order in which a failure is told. */
static const apikey_kind_t kinds[APIKEY_KINDS] = {
    { "apikey-tenant", APIKEY_TENANT, NULL, apikey_text_fault,
      tenant_matches },
    { "apikey-env", APIKEY_ENV, NULL, apikey_word_fault, env_matches },
    { "apikey-id", APIKEY_ID, NULL, apikey_text_fault, id_matches },
    { "apikey-meta", APIKEY_META, meta_name_fault, apikey_text_fault,
      meta_matches },
    { "apikey-scope", APIKEY_SCOPE, NULL, apikey_scope_fault, scope_matches }
};

const apikey_kind_t *apikey_require_kind(int which)
{
    return &kinds[which];
}

/* "Require not", <RequireNone> and <RequireNone> inside of that: the parity
 * says whether a failure of this line is one of the whole. */
int apikey_require_negated(cmd_parms *cmd)
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

int apikey_require_in_htaccess(cmd_parms *cmd)
{
    return ap_check_cmd_context(cmd, NOT_IN_HTACCESS) != NULL;
}

/* NULL, or what is wrong with the word. */
static const char *read_wanted(cmd_parms *cmd, wanted_t *wanted,
                               const char *word,
                               const char *(*fault)(const char *word))
{
    const char *error = NULL;

    memset(wanted, 0, sizeof(*wanted));
    if (!strstr(word, "%{")) {
        wanted->literal = word;
        return fault(word);
    }
    wanted->expr = ap_expr_parse_cmd(cmd, word, AP_EXPR_FLAG_STRING_RESULT,
                                     &error, NULL);
    return error;
}

const char *apikey_require_parse(cmd_parms *cmd, const char *line,
                                 const void **parsed,
                                 const apikey_kind_t *kind)
{
    require_t *require = apr_pcalloc(cmd->pool, sizeof(*require));
    const char *word;

    require->kind = kind;
    require->directive = cmd->directive;
    require->in_htaccess = apikey_require_in_htaccess(cmd);
    require->negated = apikey_require_negated(cmd);
    require->group = group_of(cmd, cmd->directive->parent);
    require->wanted = apr_array_make(cmd->pool, 2, sizeof(wanted_t));
    while (*(word = ap_getword_conf(cmd->pool, &line))) {
        int is_name = kind->name_fault && !require->name;
        wanted_t *wanted = is_name
                           ? require->name = apr_palloc(cmd->pool,
                                                        sizeof(*wanted))
                           : &APR_ARRAY_PUSH(require->wanted, wanted_t);
        const char *error = read_wanted(cmd, wanted, word,
                                        is_name ? kind->name_fault
                                                : kind->fault);

        if (error) {
            return apr_psprintf(cmd->pool, "Require %s: '%s' %s", kind->name,
                                word, error);
        }
    }
    if (!require->wanted->nelts) {
        return apr_psprintf(cmd->pool, "Require %s: name at least one%s",
                            kind->name, kind->name_fault
                                        ? " value behind its name" : "");
    }
    *parsed = require;
    return NULL;
}

/* For the log: the line that decided, so far. */
static void refused_by(apikey_decision_t *decision, const require_t *require)
{
    decision->refused_by = require->directive;
    decision->in_htaccess |= require->in_htaccess;
}

/* Of each line of the configuration, and of an .htaccess. */
static void tell_failed(request_rec *r, const ap_directive_t *line,
                        const char *error)
{
    const char *where = apr_psprintf(r->pool, "'Require' (%s:%d)",
                                     line->filename, line->line_num);
    apikey_event_t event = { APIKEY_LOG_REQUIRE, r->server, r, NULL, where,
                             where, NULL };

    if (apikey_log_is_due(&event)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "APIKEY0108: an expression cannot be evaluated in "
                      "'Require %s' (%s:%d), so the request is refused with "
                      "500: %s", line->args, line->filename, line->line_num,
                      error);
    }
}

/* What an argument comes out as; empty matches nothing. NULL: it failed. */
static const char *value_of(request_rec *r, const require_t *require,
                            const wanted_t *wanted)
{
    const char *error = NULL, *value;

    if (wanted->literal) {
        return wanted->literal;
    }
    value = ap_expr_str_exec(r, wanted->expr, &error);
    if (error) {
        tell_failed(r, require->directive, error);
        return NULL;
    }
    return value;
}

/* What the values are of; "": the kind says that. */
static const char *name_of(request_rec *r, const require_t *require)
{
    return require->name ? value_of(r, require, require->name) : "";
}

/* Whether one of the values matches; else, of scopes, which were wanted. Sets
 * decision->expression_failed where that cannot be known. */
static int met(request_rec *r, const require_t *require,
               apikey_decision_t *decision, const char **values)
{
    const apikey_record_t *record = decision->record;
    const char *name;
    int i;

    *values = NULL;
    if (decision->require_mode == APIKEY_REQUIRE_SCOPE) {
        return require->kind->result != APIKEY_SCOPE;
    }
    name = name_of(r, require);
    for (i = 0; i < require->wanted->nelts; i++) {
        const char *value = !name ? NULL
            : value_of(r, require, &APR_ARRAY_IDX(require->wanted, i,
                                                  wanted_t));

        if (!value) {
            decision->expression_failed = 1;
            refused_by(decision, require);
            return 0;
        }
        if (*value && require->kind->matches(record, name, value)) {
            return 1;
        }
        if (!apikey_scope_fault(value)) {
            *values = *values ? apr_pstrcat(r->pool, *values, " ", value,
                                            NULL) : value;
        }
    }
    return 0;
}

static int comes_before(const request_rec *first, const request_rec *r)
{
    do {
        r = apikey_request_before(r);
    } while (r && r != first);
    return r != NULL;
}

int apikey_require_reset(request_rec *r)
{
    apikey_request_t *state = apikey_request_get(r);
    apr_array_header_t *all = state ? state->require_lines : NULL;
    int i, kept = 0;

    /* A Require may look another URI up (-U): what counts for the request
     * that is being authorized stays; that of others is over. */
    for (i = 0; all && i < all->nelts; i++) {
        noted_t noted = APR_ARRAY_IDX(all, i, noted_t);

        if (comes_before(noted.r, r)) {
            APR_ARRAY_IDX(all, kept++, noted_t) = noted;
        }
    }
    if (all) {
        all->nelts = kept;
    }
    return DECLINED;
}

/* Before it asks for a user, httpd goes through the lines that count for this
 * request, in this section and with this method. Ours do not end its search
 * then, so these are the ones among which a failure is looked for. */
static authz_status note(request_rec *r, const require_t *require)
{
    apikey_request_t *state = apikey_request_get(r);
    noted_t noted = { r, require };

    if (state && !require->negated) {
        if (!state->require_lines) {
            /* Not in r->pool: it may be a sub-request's. */
            state->require_lines = apr_array_make(state->decisions->pool, 4,
                                             sizeof(noted_t));
        }
        APR_ARRAY_PUSH(state->require_lines, noted_t) = noted;
    }
    return AUTHZ_DENIED_NO_USER;
}

apr_array_header_t *apikey_require_lines(request_rec *r)
{
    const apr_array_header_t *all = apikey_request_get(r)->require_lines;
    apr_array_header_t *lines = apr_array_make(r->pool, 4,
                                               sizeof(require_t *));
    int i;

    for (i = 0; all && i < all->nelts; i++) {
        const noted_t *noted = &APR_ARRAY_IDX(all, i, noted_t);

        if (noted->r == r) {
            APR_ARRAY_PUSH(lines, const require_t *) = noted->line;
        }
    }
    return lines;
}

authz_status apikey_require_check(request_rec *r,
                                  const char *line APIKEY_UNUSED,
                                  const void *parsed)
{
    const require_t *require = parsed;
    apikey_decision_t *decision = apikey_decision_own(r);
    const char *values;
    int good;

    if (decision && decision->require_mode == APIKEY_REQUIRE_OTHERS) {
        return require->negated ? AUTHZ_DENIED : AUTHZ_GRANTED;
    }
    if (!decision || decision->result != APIKEY_GRANTED) {
        return note(r, require);
    }
    good = met(r, require, decision, &values);
    if (decision->expression_failed) {
        return AUTHZ_GENERAL_ERROR;
    }
    if (good && require->negated) {
        refused_by(decision, require);
    }
    else if (good) {
        decision->granted_by = require->directive;
        decision->in_htaccess |= require->in_htaccess;
    }
    return good ? AUTHZ_GRANTED : AUTHZ_DENIED;
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
                     const group_t *group, apikey_decision_t *decision)
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
            good = met(r, line, decision, &values);
        }
        else {
            while (child->outer->node != group->node) {
                child = child->outer;
            }
            good = group_met(r, lines, child, decision);
        }
        if (good != group->all) {
            return good;
        }
    }
    return group->all;
}

int apikey_require_counts(request_rec *r, const apr_array_header_t *lines,
                          const require_t *line, apikey_decision_t *decision)
{
    const group_t *group;

    for (group = line->group; group; group = group->outer) {
        if (!group->all && group_met(r, lines, group, decision)) {
            return 0;
        }
    }
    return 1;
}

apikey_result_e apikey_require_reason(request_rec *r,
                                      apikey_decision_t *decision)
{
    const apr_array_header_t *lines = apikey_require_lines(r);
    const char *values;
    int i, k;

    for (k = 0; k < APIKEY_KINDS; k++) {
        for (i = 0; i < lines->nelts; i++) {
            const require_t *line = APR_ARRAY_IDX(lines, i,
                                                  const require_t *);
            int failed = line->kind == &kinds[k]
                         && !met(r, line, decision, &values)
                         && apikey_require_counts(r, lines, line,
                                                  decision);

            if (decision->expression_failed) {
                return APIKEY_UNAVAILABLE;
            }
            if (failed) {
                refused_by(decision, line);
                decision->wanted_scope =
                    kinds[k].result == APIKEY_SCOPE ? values : NULL;
                return kinds[k].result;
            }
        }
    }
    return APIKEY_FORBIDDEN;
}
