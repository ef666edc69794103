/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "list_output.h"

void cli_list_begin(cli_list_output_t *listing, cli_t *cli, cli_table_t *table)
{
    listing->cli = cli;
    listing->table = cli->json ? NULL : table;
    apr_pool_create(&listing->row_pool, cli->pool);
    listing->json.pool = listing->row_pool;
    listing->json.more = 0;
    if (cli->json) {
        cli_json_open(&listing->json, NULL, '[');
    }
}

apr_pool_t *cli_list_row_pool(cli_list_output_t *listing)
{
    apr_pool_clear(listing->row_pool);
    return listing->row_pool;
}

cli_exit_e cli_list_end(cli_list_output_t *listing, apr_status_t status,
                        const char *error)
{
    if (status != APR_SUCCESS) {
        return cli_fail(listing->cli, status, error);
    }
    if (listing->table) {
        cli_table_write(listing->table);
    }
    else {
        cli_json_close(&listing->json, ']');
        cli_out("\n");
    }
    return CLI_DONE;
}
