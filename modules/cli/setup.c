/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * secret and init: what a new installation needs.
 */

#include "../store/schema.h"
#include "commands.h"

cli_exit_e cli_cmd_secret(cli_t *cli)
{
    char *line;

    if (apikey_secrets_new_line(&line, cli->pool) != APR_SUCCESS) {
        return cli_fail(cli, APIKEY_EREFUSED, "the system gave no random "
                        "bytes; no secret was made");
    }
    /* Written as it is: the line has no character that JSON escapes, and
     * cli_json_text() would leave a copy of it in memory. */
    cli_out(cli->json ? "{\"line\":\"%s\"}\n" : "%s\n", line);
    apikey_wipe(line, strlen(line));
    return CLI_DONE;
}

cli_exit_e cli_cmd_init(cli_t *cli)
{
    const char *error = NULL, *identity = NULL;
    cli_json_t json = { .pool = cli->pool };
    int from, to;
    apr_status_t status;
    cli_exit_e code = cli_read_conf(cli);

    if (code != CLI_DONE) {
        return code;
    }
    status = apikey_schema_open(&cli->store, cli->conf.driver,
                                cli->conf.params, cli->pool, &error);
    if (status == APR_SUCCESS) {
        status = apikey_schema_init(cli->store, cli->actor.who, &from, &to,
                                    cli->pool, &error);
    }
    if (status == APR_SUCCESS && cli->value[CLI_NEW_IDENTITY]) {
        status = apikey_schema_new_identity(cli->store, cli->actor.who,
                                            &identity, cli->pool, &error);
    }
    if (status != APR_SUCCESS) {
        return cli_fail(cli, status, error);
    }
    if (from > 0 && from < to) {
        cli_report_rows(cli);
    }
    if (cli->json) {
        cli_json_open(&json, NULL, '{');
        cli_json_number(&json, "from", from);
        cli_json_number(&json, "version", to);
        if (identity) {
            cli_json_text(&json, "identity", identity);
        }
        cli_json_close(&json, '}');
    }
    else if (from == to) {
        cli_out("The tables are there already (version %d).\n", to);
    }
    else {
        cli_out("The tables have been %s (version %d).\n",
                from ? "upgraded" : "made", to);
    }
    if (identity && !cli->json) {
        cli_out("The database has a new identity, %s; what was cached of it "
                "is void.\n", identity);
    }
    return CLI_DONE;
}
