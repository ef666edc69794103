/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Require apikey-scope, apikey-tenant, apikey-env, apikey-id: any of the
 * arguments, each of which may be an expression.
 *
 * An alias of one of them (<AuthzProviderAlias>) is a provider of ours, too.
 * Left to mod_authz_core, a Require that names an alias is not read by us, so
 * that its container is not known, and is asked under a configuration that
 * httpd merges for the alias, under which no decision is found. */

#include <ap_provider.h>
#include <http_core.h>
#include <http_log.h>
#include <http_request.h>
#include <mod_auth.h>
#include <util_cfgtree.h>
#include <apr_hash.h>
#include <apr_strings.h>

#include "../config/log.h"
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
    const ap_directive_t *directive;
    int in_htaccess;            /* gone with the request that read it */
} require_t;

/* A line that counts for a request. */
typedef struct {
    const request_rec *r;
    const require_t *line;
} noted_t;

/* An <AuthzProviderAlias>. */
typedef struct {
    const char *name;
    const kind_t *kind;         /* NULL: of another module's provider */
    const char *args;
    int varies;                 /* see apikey_dir_t */
} alias_t;

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

static int in_htaccess(cmd_parms *cmd)
{
    return ap_check_cmd_context(cmd, NOT_IN_HTACCESS) != NULL;
}

static const char *parse(cmd_parms *cmd, const char *line,
                         const void **parsed, const kind_t *kind)
{
    require_t *require = apr_pcalloc(cmd->pool, sizeof(*require));
    const char *word;

    require->kind = kind;
    require->directive = cmd->directive;
    require->in_htaccess = in_htaccess(cmd);
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

    if (apikey_log_now(&event)) {
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

/* Whether one of the values matches; else, of scopes, which were wanted. Sets
 * decision->failed where that cannot be known. */
static int met(request_rec *r, const require_t *require,
               apikey_decision_t *decision, const char **values)
{
    const apikey_record_t *record = decision->record;
    int i;

    *values = NULL;
    for (i = 0; i < require->wanted->nelts; i++) {
        const char *value =
            value_of(r, require, &APR_ARRAY_IDX(require->wanted, i, wanted_t));

        if (!value) {
            decision->failed = 1;
            refused_by(decision, require);
            return 0;
        }
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

static int comes_before(const request_rec *first, const request_rec *r)
{
    do {
        r = apikey_request_before(r);
    } while (r && r != first);
    return r != NULL;
}

int apikey_require_begin(request_rec *r)
{
    apikey_request_t *state = apikey_request_get(r);
    apr_array_header_t *all = state ? state->required : NULL;
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
        if (!state->required) {
            /* Not in r->pool: it may be a sub-request's. */
            state->required = apr_array_make(state->decisions->pool, 4,
                                             sizeof(noted_t));
        }
        APR_ARRAY_PUSH(state->required, noted_t) = noted;
    }
    return AUTHZ_DENIED_NO_USER;
}

static apr_array_header_t *lines_of(request_rec *r)
{
    const apr_array_header_t *all = apikey_request_get(r)->required;
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

static authz_status check(request_rec *r, const char *line APIKEY_UNUSED,
                          const void *parsed)
{
    const require_t *require = parsed;
    apikey_decision_t *decision = apikey_decision_own(r);
    const char *values;
    int good;

    if (decision && decision->checking == APIKEY_CHECKING_OTHERS) {
        return require->negated ? AUTHZ_DENIED : AUTHZ_GRANTED;
    }
    if (!decision || decision->reason != APIKEY_GRANTED) {
        return note(r, require);
    }
    good = met(r, require, decision, &values);
    if (decision->failed) {
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

static int counts(request_rec *r, const apr_array_header_t *lines,
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

apikey_reason_e apikey_require_failed(request_rec *r,
                                      apikey_decision_t *decision)
{
    const apr_array_header_t *lines = lines_of(r);
    const char *values;
    apr_size_t k;
    int i;

    for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        for (i = 0; i < lines->nelts; i++) {
            const require_t *line = APR_ARRAY_IDX(lines, i,
                                                  const require_t *);
            int failed = line->kind == &kinds[k]
                         && !met(r, line, decision, &values)
                         && counts(r, lines, line, decision);

            if (decision->failed) {
                return APIKEY_UNAVAILABLE;
            }
            if (failed) {
                refused_by(decision, line);
                decision->wanted_scope =
                    kinds[k].reason == APIKEY_SCOPE ? values : NULL;
                return kinds[k].reason;
            }
        }
    }
    return APIKEY_FORBIDDEN;
}

/* ---- What stands in the configuration ---- */

/* Those of this start, by name. Filled by the one thread that reads the
 * configuration, read by any. */
static apr_hash_t *aliases;

int apikey_require_pre_config(apr_pool_t *pconf,
                              apr_pool_t *plog APIKEY_UNUSED,
                              apr_pool_t *ptemp APIKEY_UNUSED)
{
    aliases = apr_hash_make(pconf);
    return OK;
}

static const alias_t *alias_of(const char *name)
{
    return apr_hash_get(aliases, name, APR_HASH_KEY_STRING);
}

static const kind_t *kind_of(const char *name)
{
    apr_size_t k;

    for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        if (!strcmp(kinds[k].name, name)) {
            return &kinds[k];
        }
    }
    return NULL;
}

/* A Require that names an alias is parsed like one that says what the alias
 * stands for: each has a container of its own. */
static const char *parse_alias(cmd_parms *cmd,
                               const char *line APIKEY_UNUSED,
                               const void **parsed)
{
    const alias_t *alias;
    void *name = NULL;

    if (!ap_cstr_casecmpn(cmd->directive->directive, "<Authz", 6)) {
        return "an alias stands for a provider, not for another alias: name "
               "the provider";
    }
    apr_pool_userdata_get(&name, AUTHZ_PROVIDER_NAME_NOTE, cmd->temp_pool);
    alias = alias_of(name);
    return parse(cmd, alias->args, parsed, alias->kind);
}

static const authz_provider alias_provider = { check, parse_alias };

/* mod_authz_core registers a provider of its own for each alias. It has been
 * counted by httpd, so ours, in its place, is not counted again. */
static void claim_aliases(apr_pool_t *pconf)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(pconf, aliases); i; i = apr_hash_next(i)) {
        const alias_t *alias;
        void *value;

        apr_hash_this(i, NULL, NULL, &value);
        alias = value;
        if (alias->kind
            && ap_lookup_provider(AUTHZ_PROVIDER_GROUP, alias->name,
                                  AUTHZ_PROVIDER_VERSION)
               != &alias_provider) {
            ap_register_provider(pconf, AUTHZ_PROVIDER_GROUP, alias->name,
                                 AUTHZ_PROVIDER_VERSION, &alias_provider);
        }
    }
}

int apikey_require_check_config(apr_pool_t *pconf,
                                apr_pool_t *plog APIKEY_UNUSED,
                                apr_pool_t *ptemp APIKEY_UNUSED,
                                server_rec *s APIKEY_UNUSED)
{
    claim_aliases(pconf);
    return OK;
}

/* Whether the answer of a line may differ from URI to URI, or from file to
 * file, under one configuration. */
static int varies(const char *name, const char *args)
{
    static const char *const others[] = {
        "expr", "env", "file-owner", "file-group"
    };
    const alias_t *alias = alias_of(name);
    apr_size_t i;

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (!strcmp(others[i], name)) {
            return 1;
        }
    }
    return strstr(args, "%{") || (alias && alias->varies);
}

const char *apikey_see_alias(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                             const char *line)
{
    alias_t *alias = apr_pcalloc(cmd->pool, sizeof(*alias));
    const char *end = ap_strrchr_c(line, '>');
    const char *provider;

    line = apr_pstrmemdup(cmd->pool, line,
                          end ? (apr_size_t)(end - line) : strlen(line));
    provider = ap_getword_conf(cmd->pool, &line);
    alias->name = ap_getword_conf(cmd->pool, &line);
    alias->args = ap_getword_conf(cmd->pool, &line);
    alias->kind = kind_of(provider);
    alias->varies = varies(provider, alias->args);
    apr_hash_set(aliases, alias->name, APR_HASH_KEY_STRING, alias);
    claim_aliases(cmd->pool);
    return NULL;
}

const char *apikey_see_require(cmd_parms *cmd, void *dir, const char *line)
{
    apikey_dir_t *conf = dir;
    const char *name = ap_getword_conf(cmd->temp_pool, &line);

    if (!ap_find_linked_module("mod_authz_core.c")) {
        return "Require is mod_authz_core's: load it";
    }
    if (!ap_cstr_casecmp(name, "not")) {
        name = ap_getword_conf(cmd->temp_pool, &line);
    }
    if (varies(name, line)) {
        conf->varies = 1;
    }
    /* While requests are served, all of them are ours already. */
    if (!in_htaccess(cmd)) {
        claim_aliases(cmd->pool);
    }
    return NULL;
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
