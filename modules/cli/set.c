/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/scope.h"
#include "../core/time_text.h"
#include "commands.h"

/* A list with commas as it should be given: "--scope a --scope b". */
static const char *one_by_one(const char *scopes, const char *option,
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
                                     scope, one_by_one(scope, option,
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

/* A duration counts from now, but the whole life must be allowed. */
static cli_exit_e change_expiry(cli_t *cli, apr_int64_t *expires)
{
    apikey_key_row_t *key;
    const char *error = NULL;
    apr_status_t status;
    apr_int64_t since;

    if (apikey_expiry_parse(expires, cli->value[CLI_EXPIRES],
                            cli->actor.now) != APR_SUCCESS) {
        return cli_usage(cli, "--expires wants " APIKEY_EXPIRY_FORMS);
    }
    status = apikey_keys_show(cli->store, cli->words[0],
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
static cli_exit_e told(cli_t *cli, apr_status_t status, int changed,
                       const char *done, const char *error)
{
    apikey_key_row_t *key;
    cli_json_t json = { cli->pool, 0 };

    if (status == APR_SUCCESS) {
        status = apikey_keys_show(cli->store, cli->words[0],
                                  cli->actor.keyspace, &key, cli->pool,
                                  &error);
    }
    if (status != APR_SUCCESS) {
        return cli_fail(cli, status, error);
    }
    if (cli->json) {
        cli_json_open(&json, NULL, '{');
        cli_key_json(cli, &json, key);
        cli_json_flag(&json, "changed", changed);
        cli_json_close(&json, '}');
        cli_out("\n");
    }
    else {
        cli_tell_key(cli, key, changed ? done : NULL);
    }
    return CLI_DONE;
}

void cli_tell_key(cli_t *cli, const apikey_key_row_t *key, const char *done)
{
    apr_pool_t *pool = cli->pool;
    const char *state = cli_state(cli, key);
    int same = done && strcmp(done, state) == 0;

    cli_out("The key %s (%s, %s) ", cli_clean(key->record.id, pool),
            cli_clean(key->record.tenant, pool),
            cli_clean(key->record.name, pool));
    if (done) {
        cli_out("has been %s%s%s.\n", done, same ? "" : ", and is ",
                same ? "" : state);
    }
    else {
        cli_out("is %s, as before; nothing was changed.\n", state);
    }
}

/* Reads what is to be changed; the database must be open for an expiry. */
static cli_exit_e read_change(cli_t *cli, apikey_change_t *change,
                              apr_int64_t *expires)
{
    cli_exit_e code;

    change->name = cli->value[CLI_NAME];
    change->env = cli->value[CLI_ENV];
    code = cli_details(cli, &change->owner, &change->networks, &change->meta);
    if (code != CLI_DONE) {
        return code;
    }
    code = cli_scopes(cli, CLI_SCOPE, &change->scopes);
    if (code != CLI_DONE
        || (code = cli_scopes(cli, CLI_ADD_SCOPE, &change->add_scopes))
           != CLI_DONE
        || (code = cli_scopes(cli, CLI_REMOVE_SCOPE, &change->remove_scopes))
           != CLI_DONE) {
        return code;
    }
    if (change->scopes && (change->add_scopes || change->remove_scopes)) {
        return cli_usage(cli, "--scope names all scopes; --add-scope and "
                         "--remove-scope change what there is: use the one or "
                         "the others");
    }
    if (!change->name && !change->env && !cli->value[CLI_EXPIRES]
        && !change->scopes && !change->add_scopes && !change->remove_scopes
        && !change->owner && !change->networks && !change->meta) {
        return cli_usage(cli, "set wants at least one of --name, --scope, "
                         "--add-scope, --remove-scope, --expires, --env, "
                         "--owner, --network and --meta");
    }
    code = cli_open(cli, 0);
    if (code == CLI_DONE && cli->value[CLI_EXPIRES]) {
        change->expires = expires;
        code = change_expiry(cli, expires);
    }
    return code;
}

cli_exit_e cli_cmd_set(cli_t *cli)
{
    apikey_change_t change = { 0 };
    const char *error = NULL;
    apr_int64_t expires;
    apr_status_t status;
    int changed = 0;
    cli_exit_e code = read_change(cli, &change, &expires);

    if (code != CLI_DONE) {
        return code;
    }
    status = apikey_keys_set(cli->store, cli->words[0], &change,
                             &cli->actor, &changed, cli->pool, &error);
    return told(cli, status, changed, "changed", error);
}

static cli_exit_e disable(cli_t *cli, int on)
{
    const char *error = NULL;
    apr_status_t status;
    int changed = 0;
    cli_exit_e code = cli_open(cli, 0);

    if (code != CLI_DONE) {
        return code;
    }
    status = apikey_keys_disable(cli->store, cli->words[0], on, &cli->actor,
                                 &changed, cli->pool, &error);
    return told(cli, status, changed, on ? "disabled" : "enabled", error);
}

cli_exit_e cli_cmd_disable(cli_t *cli)
{
    return disable(cli, 1);
}

cli_exit_e cli_cmd_enable(cli_t *cli)
{
    return disable(cli, 0);
}
