/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * set, disable and enable.
 */

#include "../core/time_text.h"
#include "commands.h"

/* --expires.  A duration counts from now; the key's whole life, from when it
 * was made, must be one that ApiKeyLifetime allows. */
static cli_exit_e read_new_expiry(cli_t *cli, apr_int64_t *expires)
{
    apikey_key_row_t *key;
    const char *fault;
    apr_int64_t since;
    cli_exit_e code;

    if (apikey_expiry_parse(expires, cli->value[CLI_EXPIRES],
                            cli->actor.now) != APR_SUCCESS) {
        return cli_usage(cli, "--expires wants " APIKEY_EXPIRY_FORMS);
    }
    code = cli_get_key(cli, cli->words[0], &key);
    if (code != CLI_DONE) {
        return code;
    }
    since = key->record.created ? key->record.created : cli->actor.now;
    fault = apikey_lifetime_fault(&cli->conf.lifetime, since, *expires,
                                  cli->actor.now, cli->pool);
    return fault ? cli_fail(cli, APIKEY_EREFUSED, fault) : CLI_DONE;
}

/* Writes what the key is after the change, or why it failed. */
static cli_exit_e report_change(cli_t *cli, apr_status_t status, int changed,
                                const char *done, const char *error)
{
    apikey_key_row_t *key;
    cli_json_t json = { .pool = cli->pool };
    cli_exit_e code = cli_done(cli, status, error);

    if (code == CLI_DONE) {
        code = cli_get_key(cli, cli->words[0], &key);
    }
    if (code == CLI_DONE) {
        cli_report_key(cli, &json, key, changed ? done : NULL);
    }
    return code;
}

/* Reads what is to be changed and opens the database. */
static cli_exit_e read_set(cli_t *cli, apikey_change_t *change,
                           apr_int64_t *expires)
{
    cli_exit_e code;

    change->name = cli->value[CLI_NAME];
    change->env = cli->value[CLI_ENV];
    if ((code = cli_details(cli, &change->owner, &change->networks,
                            &change->meta)) != CLI_DONE
        || (code = cli_scopes(cli, CLI_SCOPE, &change->scopes)) != CLI_DONE
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
        code = read_new_expiry(cli, expires);
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
    cli_exit_e code = read_set(cli, &change, &expires);

    if (code != CLI_DONE) {
        return code;
    }
    status = apikey_keys_set(cli->store, cli->words[0], &change,
                             &cli->actor, &changed, cli->pool, &error);
    return report_change(cli, status, changed, "changed", error);
}

static cli_exit_e set_disabled(cli_t *cli, int disabled)
{
    const char *error = NULL;
    int changed = 0;
    apr_status_t status = apikey_keys_disable(cli->store, cli->words[0],
                                              disabled, &cli->actor, &changed,
                                              cli->pool, &error);

    return report_change(cli, status, changed,
                         disabled ? "disabled" : "enabled", error);
}

cli_exit_e cli_cmd_disable(cli_t *cli)
{
    return set_disabled(cli, 1);
}

cli_exit_e cli_cmd_enable(cli_t *cli)
{
    return set_disabled(cli, 0);
}
