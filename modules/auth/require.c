/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Require apikey-scope, apikey-tenant, apikey-env, apikey-id and apikey-meta.
 *
 * A line is met if one of its values matches the record of the key. A value may
 * be an expression; the first argument of apikey-meta is a name.
 *
 * mod_authz_core evaluates the lines twice: before it asks for a user, when
 * these providers only note the line and answer AUTHZ_DENIED_NO_USER, and after
 * check_authn, when they answer. If that refuses the key, the noted lines are
 * evaluated here once more to find the reason. One pass is not enough:
 * mod_authz_core stops at the first line that fails in a RequireAll, and the
 * reason must not depend on the order of lines. */

#include <http_core.h>
#include <http_log.h>
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

/* The case of the letters matters in a value, but not in a name. */
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

/* In the order of reasons: the first kind that failed is the reason. */
static const apikey_require_kind_t kinds[APIKEY_REQUIRE_KINDS] = {
    { "apikey-tenant", APIKEY_TENANT, NULL, apikey_text_fault,
      tenant_matches },
    { "apikey-env", APIKEY_ENV, NULL, apikey_word_fault, env_matches },
    { "apikey-id", APIKEY_ID, NULL, apikey_text_fault, id_matches },
    { "apikey-meta", APIKEY_META, meta_name_fault, apikey_text_fault,
      meta_matches },
    { "apikey-scope", APIKEY_SCOPE, NULL, apikey_scope_fault, scope_matches }
};

const apikey_require_kind_t *apikey_require_kind(int which)
{
    return &kinds[which];
}

/* "Require not" and each <RequireNone> around it invert the line. */
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

/* The container of a line, and those around it. Each line has group_ts of its
 * own; lines of the same container have the same node. <Limit> and
 * <LimitExcept> are no containers. */
static group_t *group_of(cmd_parms *cmd, const ap_directive_t *node)
{
    group_t *group = apr_pcalloc(cmd->pool, sizeof(*group));

    while (node && !ap_cstr_casecmpn(node->directive, "<Limit", 6)) {
        node = node->parent;
    }
    /* An .htaccess has no node: its configuration stands for it. */
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

/* @return NULL, or what is wrong with the word */
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
                                 const apikey_require_kind_t *kind)
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
                                        ? " value after its name" : "");
    }
    *parsed = require;
    return NULL;
}

/* For the log; a line that is evaluated later may replace it. */
static void set_refused_by(apikey_decision_t *decision,
                           const require_t *require)
{
    decision->refused_by = require->directive;
    decision->in_htaccess |= require->in_htaccess;
}

/* APIKEY0108, limited per line of a configuration or .htaccess. */
static void log_expression_failed(request_rec *r, const ap_directive_t *line,
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

/* The value of an argument; an empty one matches nothing. NULL: its expression
 * has failed. */
static const char *evaluate_wanted(request_rec *r, const require_t *require,
                                   const wanted_t *wanted)
{
    const char *error = NULL, *value;

    if (wanted->literal) {
        return wanted->literal;
    }
    value = ap_expr_str_exec(r, wanted->expr, &error);
    if (error) {
        log_expression_failed(r, require->directive, error);
        return NULL;
    }
    return value;
}

/* The name of apikey-meta; "" for other kinds; NULL: its expression failed. */
static const char *evaluate_name(request_rec *r, const require_t *require)
{
    return require->name ? evaluate_wanted(r, require, require->name) : "";
}

/* Whether one of the values matches the record. Sets
 * decision->expression_failed if that cannot be evaluated.
 * @param values out: values that are scopes, separated by blanks, if none
 *               matches; NULL: none */
static int line_met(request_rec *r, const require_t *require,
                    apikey_decision_t *decision, const char **values)
{
    const apikey_record_t *record = decision->record;
    const char *name;
    int i;

    *values = NULL;
    if (decision->require_mode == APIKEY_REQUIRE_SCOPE) {
        return require->kind->result != APIKEY_SCOPE;
    }
    name = evaluate_name(r, require);
    for (i = 0; i < require->wanted->nelts; i++) {
        const char *value = !name ? NULL
            : evaluate_wanted(r, require, &APR_ARRAY_IDX(require->wanted, i,
                                                         wanted_t));

        if (!value) {
            decision->expression_failed = 1;
            set_refused_by(decision, require);
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

static int is_ancestor(const request_rec *first, const request_rec *r)
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

    /* While a request is authorized, an expression of its Require may look
     * another URI up (-U), which is a sub-request. The lines of the ancestors
     * of @a r are kept; those of other requests are not needed any more. */
    for (i = 0; all && i < all->nelts; i++) {
        request_line_t noted = APR_ARRAY_IDX(all, i, request_line_t);

        if (is_ancestor(noted.r, r)) {
            APR_ARRAY_IDX(all, kept++, request_line_t) = noted;
        }
    }
    if (all) {
        all->nelts = kept;
    }
    return DECLINED;
}

/* mod_authz_core evaluates the lines for the URI and method of this request
 * before it asks for a user. AUTHZ_DENIED_NO_USER does not end its search, so
 * all of our lines that may refuse the request are noted. */
static authz_status note_line(request_rec *r, const require_t *require)
{
    apikey_request_t *state = apikey_request_get(r);
    request_line_t noted = { r, require };

    if (state && !require->negated) {
        if (!state->require_lines) {
            /* Not in r->pool, which may be that of a sub-request. */
            state->require_lines =
                apr_array_make(state->decisions->pool, 4,
                               sizeof(request_line_t));
        }
        APR_ARRAY_PUSH(state->require_lines, request_line_t) = noted;
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
        const request_line_t *noted = &APR_ARRAY_IDX(all, i, request_line_t);

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
        return note_line(r, require);
    }
    good = line_met(r, require, decision, &values);
    if (decision->expression_failed) {
        return AUTHZ_GENERAL_ERROR;
    }
    if (good && require->negated) {
        set_refused_by(decision, require);
    }
    else if (good) {
        decision->granted_by = require->directive;
        decision->in_htaccess |= require->in_htaccess;
    }
    return good ? AUTHZ_GRANTED : AUTHZ_DENIED;
}

static int is_within(const group_t *inner, const group_t *outer)
{
    for (; inner; inner = inner->outer) {
        if (inner->node == outer->node) {
            return 1;
        }
    }
    return 0;
}

/* Whether the noted lines meet this container. Lines of other modules are not
 * considered. */
static int group_met(request_rec *r, const apr_array_header_t *lines,
                     const group_t *group, apikey_decision_t *decision)
{
    const char *values;
    int i;

    for (i = 0; i < lines->nelts; i++) {
        const require_t *line = APR_ARRAY_IDX(lines, i, const require_t *);
        const group_t *child = line->group;
        int good;

        if (!is_within(child, group)) {
            continue;
        }
        if (child->node == group->node) {
            good = line_met(r, line, decision, &values);
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

    for (k = 0; k < APIKEY_REQUIRE_KINDS; k++) {
        for (i = 0; i < lines->nelts; i++) {
            const require_t *line = APR_ARRAY_IDX(lines, i,
                                                  const require_t *);
            int failed = line->kind == &kinds[k]
                         && !line_met(r, line, decision, &values)
                         && apikey_require_counts(r, lines, line,
                                                  decision);

            if (decision->expression_failed) {
                return APIKEY_UNAVAILABLE;
            }
            if (failed) {
                set_refused_by(decision, line);
                decision->wanted_scope =
                    kinds[k].result == APIKEY_SCOPE ? values : NULL;
                return kinds[k].result;
            }
        }
    }
    return APIKEY_FORBIDDEN;
}
