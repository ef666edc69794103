/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* What httpd's chain of Require says to a key, and which line decides. */

#include <apr_strings.h>

#include "../core/scope.h"
#include "explain.h"

/* Ours, in the order in which a failure is told. */
static const struct { const char *name; apikey_reason_e reason; } kinds[] = {
    { "apikey-tenant", APIKEY_TENANT }, { "apikey-env", APIKEY_ENV },
    { "apikey-id", APIKEY_ID }, { "apikey-scope", APIKEY_SCOPE }
};

#define KINDS ((int)(sizeof(kinds) / sizeof(kinds[0])))

/* A section's lines, or a container's within it. */
typedef struct walk_t {
    int negated;                /* an odd number of "not" around it */
    int excused;                /* something beside it is met: not its fault */
    int credited;               /* it is by these that the whole is met */
} walk_t;

static explain_met_e yes_or_no(int yes)
{
    return yes ? EXPLAIN_MET : EXPLAIN_NOT_MET;
}

static int is_container(const conf_node_t *node)
{
    return conf_is(node, "<RequireAll") || conf_is(node, "<RequireAny")
           || conf_is(node, "<RequireNone");
}

/* The line's arguments, without "not"; *first: which of them is the first. */
static const char *kind_of(const conf_node_t *node, int *first)
{
    const char *word = conf_arg(node, 0);

    *first = strcasecmp(word, "not") == 0;
    return conf_arg(node, (*first)++);
}

static int is_negated(const conf_node_t *node)
{
    return conf_is(node, "<RequireNone")
           || (!is_container(node)
               && strcasecmp(conf_arg(node, 0), "not") == 0);
}

static int matches_ours(const apikey_record_t *record, const char *kind,
                        const char *word)
{
    if (strcasecmp(kind, "apikey-scope") == 0) {
        return apikey_scope_covers(record->scopes, word);
    }
    return strcmp(word, strcasecmp(kind, "apikey-tenant") == 0
                            ? record->tenant
                        : strcasecmp(kind, "apikey-env") == 0 ? record->env
                                                              : record->id)
           == 0;
}

/* A line of words, of which any will do; what is an expression, only httpd
 * can evaluate. */
static explain_met_e any_word(explain_t *explain, const conf_node_t *node,
                              const char *kind, int first)
{
    explain_met_e met = EXPLAIN_NOT_MET;
    const char *word;

    for (; *(word = conf_arg(node, first)); first++) {
        int same;

        if (strncasecmp(kind, "apikey-", 7) == 0) {
            if (strstr(word, "%{") || strstr(word, "${")) {
                met = EXPLAIN_UNKNOWN;
                continue;
            }
            same = matches_ours(explain->record, kind, word);
        }
        else if (strcasecmp(kind, "user") == 0) {
            same = explain->user && strcmp(word, explain->user) == 0;
        }
        else {
            same = strcmp(word, explain->method) == 0
                   || (strcmp(word, "GET") == 0
                       && strcmp(explain->method, "HEAD") == 0);
        }
        if (same) {
            return EXPLAIN_MET;
        }
    }
    return met;
}

static explain_met_e line_met(explain_t *explain, const conf_node_t *node)
{
    int first, k;
    const char *kind = kind_of(node, &first);

    for (k = 0; k < KINDS; k++) {
        if (strcasecmp(kind, kinds[k].name) == 0) {
            return any_word(explain, node, kind, first);
        }
    }
    if (strcasecmp(kind, "user") == 0 || strcasecmp(kind, "method") == 0) {
        return any_word(explain, node, kind, first);
    }
    if (strcasecmp(kind, "valid-user") == 0) {
        return yes_or_no(explain->user != NULL);
    }
    if (strcasecmp(kind, "all") == 0) {
        return yes_or_no(strcasecmp(conf_arg(node, first), "granted") == 0);
    }
    return EXPLAIN_UNKNOWN;
}

/* Whether <Limit> and <LimitExcept> are for this method. */
static int is_limited(explain_t *explain, const conf_node_t *node)
{
    int named = any_word(explain, node, "", 0) == EXPLAIN_MET;

    return conf_is(node, "<LimitExcept") ? !named : named;
}

static explain_met_e combine(explain_met_e a, explain_met_e b, int all)
{
    static const explain_met_e in_all[] = {
        EXPLAIN_NOT_MET, EXPLAIN_UNKNOWN, EXPLAIN_MET
    };
    static const explain_met_e in_any[] = {
        EXPLAIN_MET, EXPLAIN_UNKNOWN, EXPLAIN_NOT_MET
    };
    const explain_met_e *order = all ? in_all : in_any;
    int i;

    for (i = 0; i < 3; i++) {
        if (a == order[i] || b == order[i]) {
            return order[i];
        }
    }
    return EXPLAIN_NEUTRAL;
}

static explain_met_e node_met(explain_t *explain, const conf_node_t *node);

/* The Require lines in a container, or of a section, which is a RequireAny. */
static explain_met_e inside_met(explain_t *explain, const conf_node_t *node,
                                int all)
{
    explain_met_e met = EXPLAIN_NEUTRAL;
    const conf_node_t *each;

    for (each = node->first; each; each = each->next) {
        if (strncasecmp(each->name, "<Limit", 6) == 0) {
            if (is_limited(explain, each)) {
                met = combine(met, inside_met(explain, each, all), all);
            }
        }
        else if (conf_is(each, "Require") || is_container(each)) {
            met = combine(met, node_met(explain, each), all);
        }
    }
    return met;
}

static explain_met_e node_met(explain_t *explain, const conf_node_t *node)
{
    explain_met_e met = is_container(node)
                        ? inside_met(explain, node,
                                     conf_is(node, "<RequireAll"))
                        : line_met(explain, node);

    if (!is_negated(node)) {
        return met;
    }
    return met == EXPLAIN_MET ? EXPLAIN_NOT_MET
           : met == EXPLAIN_NOT_MET ? EXPLAIN_NEUTRAL : met;
}

typedef struct list_t {
    explain_t *explain;
    int failed[KINDS];          /* lines of ours whose failure counts */
} list_t;

static int kind_number(const conf_node_t *node)
{
    int first, k;
    const char *kind = kind_of(node, &first);

    for (k = 0; k < KINDS && strcasecmp(kind, kinds[k].name) != 0; k++) {
        ;
    }
    return k;
}

static void list_line(list_t *list, const conf_node_t *node, walk_t walk)
{
    explain_t *explain = list->explain;
    explain_line_t *line = &APR_ARRAY_PUSH(explain->lines, explain_line_t);
    int kind = kind_number(node);

    line->node = node;
    line->met = node_met(explain, node);
    line->decides = walk.credited && line->met == EXPLAIN_MET;
    if (kind < KINDS && !walk.negated && !walk.excused
        && line->met == EXPLAIN_NOT_MET && !is_negated(node)) {
        list->failed[kind]++;
    }
}

static void list_inside(list_t *list, const conf_node_t *node, int all,
                        walk_t walk)
{
    explain_t *explain = list->explain;
    int met = inside_met(explain, node, all) == EXPLAIN_MET;
    int credited = walk.credited && met;
    const conf_node_t *each;

    walk.excused |= !all && met;
    for (each = node->first; each; each = each->next) {
        walk_t inner = walk;

        inner.credited = credited;
        if (strncasecmp(each->name, "<Limit", 6) == 0) {
            if (is_limited(explain, each)) {
                list_inside(list, each, all, inner);
            }
        }
        else if (is_container(each)) {
            inner.negated ^= is_negated(each);
            inner.credited &= !is_negated(each);
            list_inside(list, each, conf_is(each, "<RequireAll"), inner);
        }
        else if (conf_is(each, "Require")) {
            list_line(list, each, inner);
        }
        /* One is enough where any is. */
        credited &= all || node_met(explain, each) != EXPLAIN_MET
                    || (!conf_is(each, "Require") && !is_container(each));
    }
}

/* Sections whose lines are in effect: AuthMerging Off, the default, lets go of
 * what was said before. */
static explain_met_e merged(explain_t *explain, apr_array_header_t *effective)
{
    explain_met_e met = EXPLAIN_NEUTRAL;
    int i;

    for (i = 0; i < explain->sections->nelts; i++) {
        const conf_node_t *section = explain_section(explain, i);
        const conf_node_t *each, *merging = conf_last(section, "AuthMerging");
        const char *how = merging ? conf_arg(merging, 0) : "Off";
        int any = 0;

        for (each = section->first; each; each = each->next) {
            any |= conf_is(each, "Require") || is_container(each)
                   || strncasecmp(each->name, "<Limit", 6) == 0;
        }
        if (!any) {
            continue;
        }
        if (strcasecmp(how, "Off") == 0 || !effective->nelts) {
            /* What it is merged with may be a folder's. */
            explain->doubtful |= strcasecmp(how, "Off") != 0
                                 && explain->file_unknown != NULL;
            effective->nelts = 0;
            met = inside_met(explain, section, 0);
        }
        else {
            met = combine(met, inside_met(explain, section, 0),
                          strcasecmp(how, "And") == 0);
        }
        APR_ARRAY_PUSH(effective, const conf_node_t *) = section;
    }
    return met;
}

/* The lines whose failure is told; where none of ours is, all that failed. */
static apikey_reason_e blame(list_t *list)
{
    explain_t *explain = list->explain;
    apikey_reason_e reason = APIKEY_FORBIDDEN;
    int i, k;

    for (k = 0; k < KINDS && !list->failed[k]; k++) {
        ;
    }
    if (k < KINDS) {
        reason = kinds[k].reason;
    }
    for (i = 0; i < explain->lines->nelts; i++) {
        explain_line_t *line = &APR_ARRAY_IDX(explain->lines, i,
                                              explain_line_t);

        line->decides = line->met == EXPLAIN_NOT_MET
                        && (k == KINDS
                            || kind_number(line->node) == k);
    }
    return reason;
}

apikey_reason_e explain_require(explain_t *explain)
{
    apr_array_header_t *effective = apr_array_make(explain->pool, 4,
                                                   sizeof(conf_node_t *));
    explain_met_e met = merged(explain, effective);
    list_t list = { explain, { 0 } };
    walk_t walk = { 0, 0, met == EXPLAIN_MET };
    const conf_node_t *satisfy = explain_of_sections(explain, "Satisfy");
    int i;

    for (i = 0; i < effective->nelts; i++) {
        list_inside(&list, APR_ARRAY_IDX(effective, i, const conf_node_t *),
                    0, walk);
    }
    if (satisfy || explain_of_sections(explain, "Order")
        || explain_of_sections(explain, "Deny")) {
        conf_unknown(explain->tree, "what Satisfy, Order, Allow and Deny of "
                     "mod_access_compat say");
        explain->doubtful = 1;
    }
    if (!effective->nelts) {
        conf_unknown(explain->tree, "no Require is in effect there, which "
                     "httpd answers with 500");
        explain->doubtful = 1;
    }
    explain->doubtful |= met == EXPLAIN_UNKNOWN;
    return met == EXPLAIN_MET || met == EXPLAIN_UNKNOWN ? APIKEY_GRANTED
                                                        : blame(&list);
}
