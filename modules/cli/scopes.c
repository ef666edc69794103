/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * scope add, list and remove: the catalogue that create and set check scopes
 * against where it is not empty.
 */

#include "commands.h"
#include "list_output.h"

static apr_status_t list_scope(void *baton, const char *name,
                               const char *description)
{
    cli_list_output_t *listing = baton;
    const char *cells[] = { name, description };

    cli_list_row_pool(listing);
    if (listing->table) {
        cli_table_row(listing->table, cells);
    }
    else {
        cli_json_open(&listing->json, NULL, '{');
        cli_json_text(&listing->json, "name", name);
        cli_json_text(&listing->json, "description", description);
        cli_json_close(&listing->json, '}');
    }
    return APR_SUCCESS;
}

cli_exit_e cli_cmd_scope_list(cli_t *cli)
{
    static const char *const heads[] = { "SCOPE", "DESCRIPTION", NULL };
    cli_list_output_t listing;
    const char *error = NULL;
    apr_status_t status;

    cli_list_begin(&listing, cli, heads);
    status = apikey_scope_list(cli->store, list_scope, &listing, cli->pool,
                               &error);
    return cli_list_end(&listing, status, error);
}

/* Writes what has been done to the scope that was named.
 * @param description NULL: it is not in the catalogue now */
static cli_exit_e report_scope(cli_t *cli, const char *description,
                               int changed, const char *sentence)
{
    cli_json_t json = { .pool = cli->pool };

    if (!cli->json) {
        cli_out("The scope %s %s.\n", cli_clean(cli->words[0], cli->pool),
                sentence);
        return CLI_DONE;
    }
    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "name", cli->words[0]);
    if (description) {
        cli_json_text(&json, "description", description);
    }
    cli_json_flag(&json, "listed", description != NULL);
    cli_json_flag(&json, "changed", changed);
    cli_json_close(&json, '}');
    return CLI_DONE;
}

cli_exit_e cli_cmd_scope_add(cli_t *cli)
{
    const char *error = NULL;
    apikey_scope_done_t done;
    apr_status_t status;
    cli_exit_e code = cli_scope(cli, cli->words[0], "htapikey scope add");

    if (code != CLI_DONE || (code = cli_open(cli, 0)) != CLI_DONE) {
        return code;
    }
    status = apikey_scope_add(cli->store, cli->words[0],
                              cli->word_count > 1 ? cli->words[1] : "",
                              &cli->actor, &done, cli->pool, &error);
    return status == APR_SUCCESS
           ? report_scope(cli, done.description, done.changed, !done.was_there
                          ? "is in the catalogue now; create and set grant "
                            "what the catalogue has" : done.changed
                          ? "is in the catalogue, and has a new description"
                          : "is in the catalogue already; nothing was changed")
           : cli_fail(cli, status, error);
}

cli_exit_e cli_cmd_scope_remove(cli_t *cli)
{
    const char *error = NULL;
    apr_status_t status = apikey_scope_remove(cli->store, cli->words[0],
                                              &cli->actor, cli->pool, &error);

    return status == APR_SUCCESS
           ? report_scope(cli, NULL, 1, "is no longer in the catalogue; keys "
                          "that have it keep it")
           : cli_fail(cli, status, error);
}
