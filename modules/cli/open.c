/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * Before a command: who runs it, CONF and the database.  After it: rows that
 * are too old are removed.
 */

#include <stdlib.h>
#include <unistd.h>

#include <apr_strings.h>
#include <apr_user.h>

#include "../core/text.h"
#include "../store/prune.h"
#include "../store/schema.h"
#include "commands.h"

#define PRUNE_TIME apr_time_from_sec(1)

void cli_set_actor(cli_t *cli)
{
    const char *sudo = geteuid() == 0 ? getenv("SUDO_USER") : NULL;
    char *name = NULL;
    apr_uid_t uid;
    apr_gid_t gid;

    cli->actor.now = apr_time_sec(apr_time_now());
    if (sudo && !apikey_text_fault(sudo)) {
        cli->actor.who = sudo;
    }
    else if (apr_uid_current(&uid, &gid, cli->pool) == APR_SUCCESS
             && apr_uid_name_get(&name, uid, cli->pool) == APR_SUCCESS
             && !apikey_text_fault(name)) {
        cli->actor.who = name;
    }
    else {
        cli->actor.who = apr_psprintf(cli->pool, "uid %lu",
                                      (unsigned long)geteuid());
    }
}

cli_exit_e cli_read_conf(cli_t *cli)
{
    const char *error = NULL;
    const char *params;

    if (!cli->conf_path || !*cli->conf_path) {
        return cli_usage(cli, "which database? Name the file with DBDriver, "
                         "DBDParams and the ApiKey directives: "
                         "htapikey -f CONF, or set APIKEY_CONF");
    }
    if (cli_conf_read(&cli->conf, cli->conf_path, cli->pool, &error)
        != APR_SUCCESS) {
        return cli_fail(cli, APR_EINVAL, error);
    }
    if (cli->conf.own_driver || cli->conf.own_params) {
        /* As in httpd: ApiKeyDBDriver and ApiKeyDBDParams together replace
         * mod_dbd's two.  Where only one of them is written, the other is
         * missing; mod_dbd's does not stand in for it. */
        cli->conf.driver = cli->conf.own_driver;
        cli->conf.params = cli->conf.own_params;
    }
    if (!cli->conf.driver || !cli->conf.params) {
        return cli_fail(cli, APR_EINVAL,
                        apr_psprintf(cli->pool, "%s has no %s; write both "
                                     "DBDriver and DBDParams in it (or "
                                     "ApiKeyDBDriver and ApiKeyDBDParams)",
                                     cli->conf_path, cli->conf.driver
                                     ? "DBDParams" : "DBDriver"));
    }
    cli->actor.keyspace = cli->value[CLI_KEYSPACE] ? cli->value[CLI_KEYSPACE]
                                                   : cli->conf.keyspace;
    params = cli->conf.params;
    if (strcmp(cli->conf.driver, "sqlite3") == 0
        && (strncmp(params, "file:", 5) == 0 ? params[5] : *params) != '/') {
        cli_say(cli->pool, "%s: the path in DBDParams does not begin with "
                "'/', so httpd may use another database than this one",
                cli->conf_path);
    }
    return CLI_DONE;
}

cli_exit_e cli_open(cli_t *cli, int secrets)
{
    const char *error = NULL;
    apr_status_t status;
    cli_exit_e code = cli_read_conf(cli);

    if (code != CLI_DONE) {
        return code;
    }
    if (secrets && !cli->conf.secret_file) {
        return cli_fail(cli, APR_EINVAL,
                        apr_psprintf(cli->pool, "%s has no ApiKeySecretFile",
                                     cli->conf_path));
    }
    if (secrets
        && apikey_secrets_load(&cli->secrets, cli->conf.secret_file, cli->pool,
                               &error)
               != APR_SUCCESS) {
        return cli_fail(cli, APR_EINVAL, error);
    }
    status = apikey_store_open(&cli->store, cli->conf.driver,
                               cli->conf.params, cli->pool, &error);
    if (status == APR_SUCCESS) {
        status = apikey_schema_check(cli->store, cli->pool, &error);
    }
    return status == APR_SUCCESS ? cli_refuse_keys(cli)
                                 : cli_fail(cli, status, error);
}

void cli_prune(cli_t *cli)
{
    const char *error = NULL;
    apikey_prune_t prune = { .before = cli->actor.now - cli->conf.retention,
                             .audit = 1, .budget = PRUNE_TIME };

    if (cli->command && cli->command->changes && cli->store
        && apikey_store_prune(cli->store, &prune, cli->pool, &error)
           != APR_SUCCESS) {
        cli_say(cli->pool, "done; but rows that are older than "
                "ApiKeyRetention could not be removed: %s", error);
    }
}
