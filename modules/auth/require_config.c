/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* What stands in the configuration: the providers, and their aliases.
 *
 * An alias of one of them (<AuthzProviderAlias>) is a provider of ours, too.
 * Left to mod_authz_core, a Require that names an alias is not read by us, so
 * that its container is not known, and is asked under a configuration that
 * httpd merges for the alias, under which no decision is found. */

#include <ap_provider.h>
#include <http_core.h>
#include <http_request.h>
#include <util_cfgtree.h>
#include <apr_hash.h>
#include <apr_strings.h>

#include "require_private.h"

/* An <AuthzProviderAlias>. */
typedef struct {
    const char *name;
    const apikey_kind_t *kind;  /* NULL: of another module's provider */
    const authz_provider *waiting;      /* which has to wait for us; or NULL */
    const char *args;
    int varies;                 /* see apikey_dir_t */
} alias_t;

/* Those of this start, by name. Filled by the one thread that reads the
 * configuration, read by any. */
static apr_hash_t *aliases;

int apikey_require_pre_config(apr_pool_t *pconf,
                              apr_pool_t *plog APIKEY_UNUSED,
                              apr_pool_t *ptemp APIKEY_UNUSED)
{
    aliases = apr_hash_make(pconf);
    apikey_require_variables_register(pconf);
    apikey_require_scope_init(pconf);
    return OK;
}

static const alias_t *alias_of(const char *name)
{
    return apr_hash_get(aliases, name, APR_HASH_KEY_STRING);
}

static const apikey_kind_t *kind_of(const char *name)
{
    int k;

    for (k = 0; k < APIKEY_KINDS; k++) {
        if (!strcmp(apikey_require_kind(k)->name, name)) {
            return apikey_require_kind(k);
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
    return alias->kind
           ? apikey_require_parse(cmd, alias->args, parsed, alias->kind)
           : apikey_require_variables_parse(cmd, alias->args, parsed,
                                            alias->waiting);
}

static const authz_provider alias_provider = {
    apikey_require_check, parse_alias
};
static const authz_provider waiting_alias_provider = {
    apikey_require_variables_check, parse_alias
};

/* mod_authz_core registers a provider of its own for each alias. It has been
 * counted by httpd, so ours, in its place, is not counted again. */
static void claim_aliases(apr_pool_t *pconf)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(pconf, aliases); i; i = apr_hash_next(i)) {
        const authz_provider *ours;
        const alias_t *alias;
        void *value;

        apr_hash_this(i, NULL, NULL, &value);
        alias = value;
        ours = alias->kind ? &alias_provider
             : alias->waiting ? &waiting_alias_provider : NULL;
        if (ours && ap_lookup_provider(AUTHZ_PROVIDER_GROUP, alias->name,
                                       AUTHZ_PROVIDER_VERSION) != ours) {
            ap_register_provider(pconf, AUTHZ_PROVIDER_GROUP, alias->name,
                                 AUTHZ_PROVIDER_VERSION, ours);
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

const char *apikey_read_alias(cmd_parms *cmd, void *dir APIKEY_UNUSED,
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
    alias->waiting = apikey_require_variables_provider(provider, alias->args);
    alias->varies = varies(provider, alias->args);
    apr_hash_set(aliases, alias->name, APR_HASH_KEY_STRING, alias);
    claim_aliases(cmd->pool);
    return NULL;
}

const char *apikey_read_require(cmd_parms *cmd, void *dir, const char *line)
{
    apikey_dir_t *conf = dir;
    const char *name = ap_getword_conf(cmd->temp_pool, &line);

    if (!ap_find_linked_module("mod_authz_core.c")) {
        return "Require is mod_authz_core's: load it";
    }
    if (!ap_cstr_casecmp(name, "not")) {
        name = ap_getword_conf(cmd->temp_pool, &line);
    }
    else if (!alias_of(name) || !alias_of(name)->kind) {
        apikey_require_read_other(cmd, conf, name);
    }
    if (varies(name, line)) {
        conf->varies = 1;
    }
    /* While requests are served, all of them are ours already. */
    if (!apikey_require_in_htaccess(cmd)) {
        claim_aliases(cmd->pool);
    }
    return NULL;
}

#define PROVIDER(i)                                                         \
    static const char *parse_##i(cmd_parms *cmd, const char *line,          \
                                 const void **parsed)                       \
    {                                                                       \
        return apikey_require_parse(cmd, line, parsed,                      \
                                    apikey_require_kind(i));                \
    }                                                                       \
    static const authz_provider provider_##i = {                            \
        apikey_require_check, parse_##i                                     \
    };

PROVIDER(0)
PROVIDER(1)
PROVIDER(2)
PROVIDER(3)
PROVIDER(4)

void apikey_require_register(apr_pool_t *pool)
{
    static const authz_provider *const providers[APIKEY_KINDS] = {
        &provider_0, &provider_1, &provider_2, &provider_3, &provider_4
    };
    int k;

    for (k = 0; k < APIKEY_KINDS; k++) {
        ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP,
                                  apikey_require_kind(k)->name,
                                  AUTHZ_PROVIDER_VERSION, providers[k],
                                  AP_AUTH_INTERNAL_PER_CONF);
    }
}
