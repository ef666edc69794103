/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/scope.h"
#include "../core/text.h"
#include "cli.h"

int cli_has_word(const char *list, const char *word)
{
    apr_size_t len = strlen(word);
    const char *at;

    for (at = list; (at = strstr(at, word)) != NULL; at++) {
        if ((at == list || at[-1] == ' ')
            && (at[len] == ' ' || !at[len])) {
            return 1;
        }
    }
    return 0;
}

cli_exit_e cli_scopes(cli_t *cli, const char **scopes)
{
    int i;

    *scopes = "";
    for (i = 0; i < cli->scopes->nelts; i++) {
        const char *scope = APR_ARRAY_IDX(cli->scopes, i, const char *);
        const char *fault = apikey_scope_grant_fault(scope);

        if (fault) {
            return cli_fail(cli, APIKEY_EREFUSED,
                            apr_psprintf(cli->pool, "the scope \"%s\" %s",
                                         scope, fault));
        }
        if (!cli_has_word(*scopes, scope)) {
            *scopes = apr_pstrcat(cli->pool, *scopes, **scopes ? " " : "",
                                  scope, NULL);
        }
    }
    return CLI_DONE;
}

/* A duration counts from now, but the whole life must be allowed. */
static cli_exit_e change_expiry(cli_t *cli, apr_int64_t *expires)
{
    apikey_managed_t *key;
    const char *error = NULL;
    apr_status_t status;
    apr_int64_t since;

    if (apikey_expiry_parse(expires, cli->value[CLI_EXPIRES],
                            cli->actor.now) != APR_SUCCESS) {
        return cli_usage(cli, "--expires wants a time such as 90d, a date "
                         "such as 2030-12-31, or never");
    }
    status = apikey_manage_show(cli->store, cli->words[0],
                                cli->actor.keyspace, &key, cli->pool, &error);
    if (status != APR_SUCCESS) {
        return cli_fail(cli, status, error);
    }
    since = key->record.created ? key->record.created : cli->actor.now;
    error = apikey_lifetime_fault(&cli->conf.lifetime, since, *expires,
                               cli->actor.now, cli->pool);
    return error ? cli_fail(cli, APIKEY_EREFUSED, error) : CLI_DONE;
}

/* What a change has led to, for people or for programs. */
static cli_exit_e changed(cli_t *cli, apr_status_t status, const char *error)
{
    apikey_managed_t *key;
    cli_json_t json = { cli->pool, 0 };

    if (status == APR_SUCCESS) {
        status = apikey_manage_show(cli->store, cli->words[0],
                                    cli->actor.keyspace, &key, cli->pool,
                                    &error);
    }
    if (status != APR_SUCCESS) {
        return cli_fail(cli, status, error);
    }
    if (cli->json) {
        cli_json_open(&json, NULL, '{');
        cli_key_json(cli, &json, key);
        cli_json_close(&json, '}');
        cli_out("\n");
    }
    else {
        cli_out("The key %s (%s, %s) is %s.\n",
                cli_clean(key->record.id, cli->pool),
                cli_clean(key->record.tenant, cli->pool),
                cli_clean(key->record.name, cli->pool), cli_state(cli, key));
    }
    return CLI_DONE;
}

cli_exit_e cli_cmd_set(cli_t *cli)
{
    apikey_change_t change = { .name = cli->value[CLI_NAME],
                               .env = cli->value[CLI_ENV] };
    const char *error = NULL;
    const char *scopes;
    apr_int64_t expires;
    apr_status_t status;
    cli_exit_e code;

    if (!change.name && !change.env && !cli->value[CLI_EXPIRES]
        && !cli->scopes->nelts) {
        return cli_usage(cli, "set wants at least one of --name, --scope, "
                         "--expires and --env");
    }
    code = cli_scopes(cli, &scopes);
    if (code != CLI_DONE || (code = cli_open(cli, 0)) != CLI_DONE) {
        return code;
    }
    if (cli->scopes->nelts) {
        change.scopes = scopes;
    }
    if (cli->value[CLI_EXPIRES]) {
        code = change_expiry(cli, &expires);
        if (code != CLI_DONE) {
            return code;
        }
        change.expires = &expires;
    }
    status = apikey_manage_set(cli->store, cli->words[0], &change,
                               &cli->actor, cli->pool, &error);
    return changed(cli, status, error);
}

cli_exit_e cli_cmd_revoke(cli_t *cli)
{
    const char *reason = cli->value[CLI_REASON];
    const char *error = NULL;
    apr_status_t status;
    cli_exit_e code = cli_open(cli, 0);

    if (code != CLI_DONE) {
        return code;
    }
    status = apikey_manage_revoke(cli->store, cli->words[0],
                                  reason ? reason : "", &cli->actor,
                                  cli->pool, &error);
    return changed(cli, status, error);
}

static cli_exit_e disable(cli_t *cli, int on)
{
    const char *error = NULL;
    apr_status_t status;
    cli_exit_e code = cli_open(cli, 0);

    if (code != CLI_DONE) {
        return code;
    }
    status = apikey_manage_disable(cli->store, cli->words[0], on, &cli->actor,
                                   cli->pool, &error);
    return changed(cli, status, error);
}

cli_exit_e cli_cmd_disable(cli_t *cli)
{
    return disable(cli, 1);
}

cli_exit_e cli_cmd_enable(cli_t *cli)
{
    return disable(cli, 0);
}
