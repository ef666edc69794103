/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_request.h>
#include <ap_provider.h>
#include <mod_auth.h>
#include <util_cfgtree.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "../core/text.h"
#include "spelling_check.h"
#include "limited_log.h"

APLOG_USE_MODULE(apikey);

#define LETTERS_MAX 32          /* of a name; a longer one is none of ours */
#define UNKNOWN "Unknown Authz provider: "      /* mod_authz_core's words */

typedef struct {
    apr_pool_t *pool;
    apr_hash_t *aliases;        /* names that <AuthzProviderAlias> gives */
    int others;                 /* another module takes AuthTypes of its own */
    int found;                  /* an error: httpd must not start */
} spelling_t;

/* Copies the letters and digits of a name, in lower case.
 * @return how many; 0: more than LETTERS_MAX, or none */
static int letters_of(char letters[LETTERS_MAX + 1], const char *name)
{
    int n = 0;

    for (; *name; name++) {
        if (apr_isalnum(*name)) {
            if (n == LETTERS_MAX) {
                return 0;
            }
            letters[n++] = apr_tolower(*name);
        }
    }
    letters[n] = '\0';
    return n;
}

/* How many letters must be inserted, deleted, changed or swapped with the next
 * to make one of the other (Damerau-Levenshtein, optimal string alignment). */
static int edit_distance(const char *one, const char *other)
{
    int rows[3][LETTERS_MAX + 1], i, j;
    int columns = (int)strlen(other);

    for (j = 0; j <= columns; j++) {
        rows[0][j] = j;
    }
    for (i = 1; one[i - 1]; i++) {
        int *row = rows[i % 3];
        const int *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

        row[0] = i;
        for (j = 1; j <= columns; j++) {
            int best = above[j - 1] + (one[i - 1] != other[j - 1]);

            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && one[i - 1] == other[j - 2]
                && one[i - 2] == other[j - 1] && before[j - 2] + 1 < best) {
                best = before[j - 2] + 1;
            }
            row[j] = best;
        }
    }
    return rows[(i - 1) % 3][columns];
}

/* Whether it differs from ApiKey, by at most one letter and any punctuation. */
static int is_misspelt_type(const char *type)
{
    char letters[LETTERS_MAX + 1];

    return ap_cstr_casecmp(type, APIKEY_AUTH_TYPE) && letters_of(letters, type)
           && edit_distance(letters, "apikey") <= 1;
}

/* The Require of ours that is nearest to a name, for a message; all of them
 * where the name only begins like one; NULL: it is not like ours. */
static const char *nearest_require(const char *name, apr_pool_t *pool)
{
    apr_array_header_t *provided =
        ap_list_provider_names(pool, AUTHZ_PROVIDER_GROUP,
                               AUTHZ_PROVIDER_VERSION);
    char letters[LETTERS_MAX + 1], ours[LETTERS_MAX + 1];
    const char *nearest = NULL, *all = "";
    int least = 3, i;

    if (!letters_of(letters, name)) {
        return NULL;
    }
    for (i = 0; i < provided->nelts; i++) {
        const char *other = APR_ARRAY_IDX(provided, i,
                                          ap_list_provider_names_t)
                                .provider_name;
        int far;

        if (strncmp(other, "apikey-", 7) != 0 || !letters_of(ours, other)) {
            continue;
        }
        far = edit_distance(letters, ours);
        if (far < least) {
            least = far;
            nearest = apr_pstrcat(pool, "'Require ", other, "'", NULL);
        }
        all = apr_pstrcat(pool, all, *all ? ", " : "", other, NULL);
    }
    return nearest || strncmp(letters, "apikey", 6) != 0 ? nearest
           : apr_pstrcat(pool, "'Require' with one of ", all, NULL);
}

static const char *type_message(const char *where, const char *type,
                                apr_pool_t *pool)
{
    return apr_psprintf(pool, "APIKEY0191: %s: 'AuthType %s' is no type of "
                        "mod_apikey's, and every request there is answered "
                        "500 if no other module knows it: write 'AuthType "
                        APIKEY_AUTH_TYPE "'", where, type);
}

static const char *require_message(const char *where, const char *name,
                                   const char *right, apr_pool_t *pool)
{
    return apr_psprintf(pool, "APIKEY0192: %s: there is no 'Require %s': "
                        "write %s", where, name, right);
}

static void check_auth_type(spelling_t *spelling, const ap_directive_t *node,
                            const char *where)
{
    const char *args = node->args;
    const char *type = ap_getword_conf(spelling->pool, &args);

    if (is_misspelt_type(type)) {
        ap_log_error(APLOG_MARK, (spelling->others ? APLOG_WARNING : APLOG_ERR)
                     | APLOG_STARTUP, 0, NULL, "%s",
                     type_message(where, type, spelling->pool));
        spelling->found |= !spelling->others;
    }
}

static void check_require(spelling_t *spelling, const ap_directive_t *node,
                          const char *where)
{
    const char *args = node->args;
    const char *name = ap_getword_conf(spelling->pool, &args), *right;

    if (!ap_cstr_casecmp(name, "not")) {
        name = ap_getword_conf(spelling->pool, &args);
    }
    if (apr_hash_get(spelling->aliases, name, APR_HASH_KEY_STRING)
        || ap_lookup_provider(AUTHZ_PROVIDER_GROUP, name,
                              AUTHZ_PROVIDER_VERSION)) {
        return;
    }
    right = nearest_require(name, spelling->pool);
    if (right) {
        ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0, NULL, "%s",
                     require_message(where, name, right, spelling->pool));
        spelling->found = 1;
    }
}

static void check_tree(spelling_t *spelling, const ap_directive_t *node)
{
    for (; node; node = node->next) {
        const char *where = apr_psprintf(spelling->pool, "%s:%d",
                                         node->filename, node->line_num);

        if (!ap_cstr_casecmp(node->directive, "AuthType")) {
            check_auth_type(spelling, node, where);
        }
        else if (!ap_cstr_casecmp(node->directive, "Require")
                 || !ap_cstr_casecmp(node->directive,
                                     "<AuthzProviderAlias")) {
            check_require(spelling, node, where);
        }
        check_tree(spelling, node->first_child);
    }
}

/* Before the checks, which need them from the whole tree: aliases of Require,
 * and directives that hand an AuthType over to code outside of the modules. */
static void collect_aliases(spelling_t *spelling, const ap_directive_t *node)
{
    static const char *const hands_over[] = {
        "AuthnzFcgiCheckAuthnProvider", "LuaHookAuthChecker",
        "LuaHookCheckUserID", "PerlAuthenHandler", NULL
    };

    for (; node; node = node->next) {
        if (!ap_cstr_casecmp(node->directive, "<AuthzProviderAlias")) {
            const char *args = node->args;
            const char *alias;

            ap_getword_conf(spelling->pool, &args);
            alias = ap_getword_conf(spelling->pool, &args);
            apr_hash_set(spelling->aliases, alias, APR_HASH_KEY_STRING, alias);
        }
        spelling->others |= apikey_text_listed(hands_over, node->directive);
        collect_aliases(spelling, node->first_child);
    }
}

/* Whether a module that is not one of httpd's own takes AuthTypes. */
static int is_other_authn_loaded(void)
{
    static const char *const known[] = {
        "mod_apikey.c", "mod_auth_basic.c", "mod_auth_digest.c",
        "mod_auth_form.c", "mod_authn_core.c", "mod_authnz_fcgi.c",
        "mod_lua.c", "mod_perl.c", "mod_ssl.c", NULL
    };
    const apr_array_header_t *hooks = ap_hook_get_check_user_id();
    int i, k;

    for (i = 0; hooks && i < hooks->nelts; i++) {
        const char *module =
            APR_ARRAY_IDX(hooks, i, ap_LINK_check_user_id_t).szName;

        for (k = 0; known[k] && strcmp(known[k], module) != 0; k++) {
        }
        if (!known[k]) {
            return 1;
        }
    }
    return 0;
}

int apikey_check_spelling(apr_pool_t *pconf APIKEY_UNUSED,
                          apr_pool_t *plog APIKEY_UNUSED, apr_pool_t *ptemp)
{
    spelling_t spelling = { NULL, NULL, 0, 0 };

    spelling.pool = ptemp;
    spelling.aliases = apr_hash_make(ptemp);
    spelling.others = is_other_authn_loaded();
    collect_aliases(&spelling, ap_conftree);
    check_tree(&spelling, ap_conftree);
    return spelling.found ? !OK : OK;
}

/* Whether to log a misspelt name now: limited per server and name. */
static int is_misspelling_logged(const request_rec *r, apikey_log_e kind,
                                 const char *name)
{
    apikey_event_t event = { kind, r->server, r, r->server, name, NULL, NULL };

    return apikey_log_is_due(&event);
}

int apikey_log_misspelt_type(request_rec *r)
{
    const char *type = ap_auth_type(r);

    if (type && is_misspelt_type(type)
        && is_misspelling_logged(r, APIKEY_LOG_TYPE, type)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "%s",
                      type_message("a section or an .htaccess", type,
                                   r->pool));
    }
    return DECLINED;
}

void apikey_log_misspelt_require(const ap_errorlog_info *info, const char *line)
{
    const char *name = info->r && info->level == APLOG_ALERT
                       ? strstr(line, UNKNOWN) : NULL;
    const char *right;

    if (!name) {
        return;
    }
    name += sizeof(UNKNOWN) - 1;
    name = apr_pstrmemdup(info->r->pool, name, strcspn(name, ", \t\r\n"));
    right = nearest_require(name, info->r->pool);
    if (right && is_misspelling_logged(info->r, APIKEY_LOG_NO_REQUIRE, name)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, info->r, "%s",
                      require_message("an .htaccess", name, right,
                                      info->r->pool));
    }
}
