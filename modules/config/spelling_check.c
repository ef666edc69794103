/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* httpd takes every AuthType, and answers 500 where no module knows it; of a
 * Require that it does not know it says no more than that. */

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

#include "spelling_check.h"
#include "limited_log.h"

APLOG_USE_MODULE(apikey);

#define LETTERS_MAX 32          /* of a name; a longer one is none of ours */
#define UNKNOWN "Unknown Authz provider: "      /* mod_authz_core's words */

typedef struct {
    apr_pool_t *pool;
    apr_hash_t *aliases;        /* names that <AuthzProviderAlias> gives */
    int others;                 /* who else knows an AuthType is at work */
    int found;
} look_t;

/* Letters and digits alone, in lower case; 0: there are too many. */
static int plain(char letters[LETTERS_MAX + 1], const char *name)
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

/* How many letters must be put in, left out, changed or swapped with their
 * neighbour to make one of the other. */
static int distance(const char *one, const char *other)
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

/* Whether it is ApiKey but for blanks and one letter, and not ApiKey. */
static int is_nearly_our_type(const char *type)
{
    char letters[LETTERS_MAX + 1];

    return ap_cstr_casecmp(type, APIKEY_AUTH_TYPE) && plain(letters, type)
           && distance(letters, "apikey") <= 1;
}

/* The Require of ours that @a name is nearly; all of them where it only
 * begins like one; NULL: it is not like ours. */
static const char *nearly_our_require(const char *name, apr_pool_t *pool)
{
    apr_array_header_t *provided =
        ap_list_provider_names(pool, AUTHZ_PROVIDER_GROUP,
                               AUTHZ_PROVIDER_VERSION);
    char letters[LETTERS_MAX + 1], ours[LETTERS_MAX + 1];
    const char *nearest = NULL, *all = "";
    int least = 3, i;

    if (!plain(letters, name)) {
        return NULL;
    }
    for (i = 0; i < provided->nelts; i++) {
        const char *other = APR_ARRAY_IDX(provided, i,
                                          ap_list_provider_names_t)
                                .provider_name;
        int far;

        if (strncmp(other, "apikey-", 7) != 0 || !plain(ours, other)) {
            continue;
        }
        far = distance(letters, ours);
        if (far < least) {
            least = far;
            nearest = apr_pstrcat(pool, "'Require ", other, "'", NULL);
        }
        all = apr_pstrcat(pool, all, *all ? ", " : "", other, NULL);
    }
    return nearest || strncmp(letters, "apikey", 6) != 0 ? nearest
           : apr_pstrcat(pool, "'Require' with one of ", all, NULL);
}

static const char *text_of_type(const char *where, const char *type,
                                apr_pool_t *pool)
{
    return apr_psprintf(pool, "APIKEY0191: %s: 'AuthType %s' is no type of "
                        "mod_apikey's, and every request there is answered "
                        "500 if no other module knows it: write 'AuthType "
                        APIKEY_AUTH_TYPE "'", where, type);
}

static const char *text_of_require(const char *where, const char *name,
                                   const char *right, apr_pool_t *pool)
{
    return apr_psprintf(pool, "APIKEY0192: %s: there is no 'Require %s': "
                        "write %s", where, name, right);
}

static void check_type(look_t *look, const ap_directive_t *node,
                       const char *where)
{
    const char *args = node->args;
    const char *type = ap_getword_conf(look->pool, &args);

    if (is_nearly_our_type(type)) {
        ap_log_error(APLOG_MARK, (look->others ? APLOG_WARNING : APLOG_ERR)
                     | APLOG_STARTUP, 0, NULL, "%s",
                     text_of_type(where, type, look->pool));
        look->found |= !look->others;
    }
}

static void check_require(look_t *look, const ap_directive_t *node,
                          const char *where)
{
    const char *args = node->args;
    const char *name = ap_getword_conf(look->pool, &args), *right;

    if (!ap_cstr_casecmp(name, "not")) {
        name = ap_getword_conf(look->pool, &args);
    }
    if (apr_hash_get(look->aliases, name, APR_HASH_KEY_STRING)
        || ap_lookup_provider(AUTHZ_PROVIDER_GROUP, name,
                              AUTHZ_PROVIDER_VERSION)) {
        return;
    }
    right = nearly_our_require(name, look->pool);
    if (right) {
        ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0, NULL, "%s",
                     text_of_require(where, name, right, look->pool));
        look->found = 1;
    }
}

static void check_nodes(look_t *look, const ap_directive_t *node)
{
    for (; node; node = node->next) {
        const char *where = apr_psprintf(look->pool, "%s:%d", node->filename,
                                         node->line_num);

        if (!ap_cstr_casecmp(node->directive, "AuthType")) {
            check_type(look, node, where);
        }
        else if (!ap_cstr_casecmp(node->directive, "Require")
                 || !ap_cstr_casecmp(node->directive,
                                     "<AuthzProviderAlias")) {
            check_require(look, node, where);
        }
        check_nodes(look, node->first_child);
    }
}

/* What the checks must know of the whole tree. */
static void collect(look_t *look, const ap_directive_t *node)
{
    static const char *const hands_over[] = {
        "AuthnzFcgiCheckAuthnProvider", "LuaHookAuthChecker",
        "LuaHookCheckUserID", "PerlAuthenHandler", NULL
    };
    int i;

    for (; node; node = node->next) {
        if (!ap_cstr_casecmp(node->directive, "<AuthzProviderAlias")) {
            const char *args = node->args;
            const char *alias;

            ap_getword_conf(look->pool, &args);
            alias = ap_getword_conf(look->pool, &args);
            apr_hash_set(look->aliases, alias, APR_HASH_KEY_STRING, alias);
        }
        for (i = 0; hands_over[i]; i++) {
            look->others |= !ap_cstr_casecmp(node->directive, hands_over[i]);
        }
        collect(look, node->first_child);
    }
}

/* Whether a module that is not one of httpd's own takes AuthTypes.  What those
 * of httpd's hand them over to, collect() finds. */
static int is_foreign_at_work(void)
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
    look_t look = { NULL, NULL, 0, 0 };

    look.pool = ptemp;
    look.aliases = apr_hash_make(ptemp);
    look.others = is_foreign_at_work();
    collect(&look, ap_conftree);
    check_nodes(&look, ap_conftree);
    return look.found ? !OK : OK;
}

/* Of each name in each server. */
static int is_said(const request_rec *r, apikey_log_e kind, const char *name)
{
    apikey_event_t event = { kind, r->server, r, r->server, name, NULL, NULL };

    return apikey_log_is_due(&event);
}

int apikey_log_misspelt_type(request_rec *r)
{
    const char *type = ap_auth_type(r);

    if (type && is_nearly_our_type(type)
        && is_said(r, APIKEY_LOG_TYPE, type)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "%s",
                      text_of_type("a section or an .htaccess", type,
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
    right = nearly_our_require(name, info->r->pool);
    if (right && is_said(info->r, APIKEY_LOG_NO_REQUIRE, name)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, info->r, "%s",
                      text_of_require("an .htaccess", name, right,
                                      info->r->pool));
    }
}
