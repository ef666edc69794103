/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Registers the providers, and replaces the aliases of them.
 *
 * mod_authz_core registers a provider for each <AuthzProviderAlias>, which
 * merges a configuration and calls the original. Under that configuration no
 * decision is found, and the containers of the Require line are not known. So
 * an alias of one of our providers is replaced by a provider of ours. */

#include <ap_provider.h>
#include <http_request.h>
#include <apr_hash.h>
#include <apr_strings.h>

#include "require_private.h"

/* An <AuthzProviderAlias>: what it stands for. */
typedef struct {
    const char *name;
    const apikey_require_kind_t *kind;  /* NULL: a provider of another module */
    const authz_provider *original;     /* of require_variables.c; or NULL */
    const char *args;
    int varies;                 /* see apikey_dir_t */
} alias_t;

/* alias_t by name. Filled while the configuration is read, by one thread;
 * read-only after start-up. */
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

static const alias_t *find_alias(const char *name)
{
    return apr_hash_get(aliases, name, APR_HASH_KEY_STRING);
}

static const apikey_require_kind_t *find_kind(const char *name)
{
    int k;

    for (k = 0; k < APIKEY_REQUIRE_KINDS; k++) {
        if (!strcmp(apikey_require_kind(k)->name, name)) {
            return apikey_require_kind(k);
        }
    }
    return NULL;
}

/* Parses a Require that names an alias as if it had what the alias stands for:
 * each of these lines is in a container of its own. */
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
    alias = find_alias(name);
    return alias->kind
           ? apikey_require_parse(cmd, alias->args, parsed, alias->kind)
           : apikey_require_variables_parse(cmd, alias->args, parsed,
                                            alias->original);
}

static const authz_provider alias_provider = {
    apikey_require_check, parse_alias
};
static const authz_provider variables_alias_provider = {
    apikey_require_variables_check, parse_alias
};

/* Replaces the providers that mod_authz_core has registered for our aliases;
 * see apikey_require_variables_register() for why by ap_register_provider(). */
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
             : alias->original ? &variables_alias_provider : NULL;
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

/* Whether the answer of a line may depend on the URI or the file, under one
 * configuration. */
static int varies_by_uri(const char *name, const char *args)
{
    static const char *const others[] = {
        "expr", "env", "file-owner", "file-group"
    };
    const alias_t *alias = find_alias(name);
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
    alias->kind = find_kind(provider);
    alias->original = apikey_require_variables_provider(provider, alias->args);
    alias->varies = varies_by_uri(provider, alias->args);
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
    else if (!find_alias(name) || !find_alias(name)->kind) {
        apikey_require_read_other(cmd, conf, name);
    }
    if (varies_by_uri(name, line)) {
        conf->varies = 1;
    }
    /* At start-up. When requests are served, all aliases are ours already. */
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
    static const authz_provider *const providers[APIKEY_REQUIRE_KINDS] = {
        &provider_0, &provider_1, &provider_2, &provider_3, &provider_4
    };
    int k;

    for (k = 0; k < APIKEY_REQUIRE_KINDS; k++) {
        ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP,
                                  apikey_require_kind(k)->name,
                                  AUTHZ_PROVIDER_VERSION, providers[k],
                                  AP_AUTH_INTERNAL_PER_CONF);
    }
}
