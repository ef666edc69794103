/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * Values of options that several commands have: scopes, times, and a key's
 * owner, networks and meta.
 */

#include <apr_strings.h>

#include "../core/meta.h"
#include "../core/networks.h"
#include "../core/scope.h"
#include "../core/time_text.h"
#include "cli.h"

/* A list with commas in the right spelling: "--scope a --scope b". */
static const char *spell_one_by_one(const char *scopes, const char *option,
                                    apr_pool_t *pool)
{
    char *rest = apr_pstrdup(pool, scopes);
    char *state = NULL;
    const char *scope = apr_strtok(rest, ",", &state);
    const char *spelled = "";

    for (; scope; scope = apr_strtok(NULL, ",", &state)) {
        spelled = apr_pstrcat(pool, spelled, *spelled ? " " : "", option, " ",
                              scope, NULL);
    }
    return spelled;
}

cli_exit_e cli_scope(cli_t *cli, const char *scope, const char *option)
{
    const char *fault = apikey_scope_grant_fault(scope);

    if (strchr(scope, ',')) {
        return cli_fail(cli, APIKEY_EREFUSED,
                        apr_psprintf(cli->pool, "the scope \"%s\" has a "
                                     "comma; scopes are given one by one: %s",
                                     scope, spell_one_by_one(scope, option,
                                                             cli->pool)));
    }
    return fault ? cli_fail(cli, APIKEY_EREFUSED,
                            apr_psprintf(cli->pool, "the scope \"%s\" %s",
                                         scope, fault)) : CLI_DONE;
}

cli_exit_e cli_scopes(cli_t *cli, cli_option_e option, const char **scopes)
{
    const char *name = apr_pstrcat(cli->pool, "--", cli_options[option].name,
                                   NULL);
    const apr_array_header_t *list = cli->list[option];
    int i;

    *scopes = list->nelts ? "" : NULL;
    for (i = 0; i < list->nelts; i++) {
        const char *scope = APR_ARRAY_IDX(list, i, const char *);
        cli_exit_e code = cli_scope(cli, scope, name);

        if (code != CLI_DONE) {
            return code;
        }
        if (!apikey_scope_listed(*scopes, scope)) {
            *scopes = apr_pstrcat(cli->pool, *scopes, **scopes ? " " : "",
                                  scope, NULL);
        }
    }
    return CLI_DONE;
}

cli_exit_e cli_since(cli_t *cli, cli_option_e option, apr_int64_t *since)
{
    return cli->value[option]
           && apikey_since_parse(since, cli->value[option], cli->actor.now)
              != APR_SUCCESS
           ? cli_usage(cli, "--%s wants " APIKEY_SINCE_FORMS,
                       cli_options[option].name) : CLI_DONE;
}

/* Whether an option was given once with an empty argument, as in --meta '':
 * the key is to have none. */
static int is_given_empty(const apr_array_header_t *list)
{
    return list->nelts == 1 && !*APR_ARRAY_IDX(list, 0, const char *);
}

static cli_exit_e read_network_option(cli_t *cli, const char **networks)
{
    const apr_array_header_t *list = cli->list[CLI_NETWORK];
    const apikey_network_t *read;
    int i, count;

    *networks = list->nelts ? "" : NULL;
    for (i = 0; i < list->nelts && !is_given_empty(list); i++) {
        const char *text = APR_ARRAY_IDX(list, i, const char *);
        const char *fault = apikey_networks_parse(&read, &count, text,
                                                  cli->pool);

        if (fault || count < 1) {
            return cli_fail(cli, APIKEY_EREFUSED,
                            apr_psprintf(cli->pool, "--network \"%s\": it %s; "
                                         "write an address or a block, "
                                         "192.0.2.0/24 or 2001:db8::/32",
                                         text, fault ? fault : "is empty"));
        }
        *networks = apr_pstrcat(cli->pool, *networks, **networks ? " " : "",
                                text, NULL);
    }
    return CLI_DONE;
}

cli_exit_e cli_meta(cli_t *cli, const char **meta)
{
    const apr_array_header_t *list = cli->list[CLI_META];
    apr_table_t *pairs = apr_table_make(cli->pool, 4);
    int i;

    *meta = list->nelts ? "" : NULL;
    for (i = 0; i < list->nelts && !is_given_empty(list); i++) {
        const char *text = APR_ARRAY_IDX(list, i, const char *);
        const char *value = strchr(text, '=');
        const char *name = value ? apr_pstrmemdup(cli->pool, text,
                                                  (apr_size_t)(value - text))
                                 : NULL;
        const char *fault = !name ? "has no '='"
                          : apr_table_get(pairs, name)
                          ? "has a name that is there already"
                          : apikey_meta_fault(name, value + 1);

        if (fault) {
            return cli_fail(cli, APIKEY_EREFUSED,
                            apr_psprintf(cli->pool, "--meta \"%s\": %s; write "
                                         "NAME=VALUE", text, fault));
        }
        apr_table_addn(pairs, name, value + 1);
    }
    if (apr_table_elts(pairs)->nelts) {
        *meta = apikey_meta_format(pairs, cli->pool);
    }
    return CLI_DONE;
}

cli_exit_e cli_details(cli_t *cli, const char **owner, const char **networks,
                       const char **meta)
{
    cli_exit_e code = read_network_option(cli, networks);

    *owner = cli->value[CLI_OWNER];
    return code == CLI_DONE ? cli_meta(cli, meta) : code;
}
