/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "list_output.h"

void cli_list_begin(cli_list_output_t *listing, cli_t *cli,
                    const char *const *heads)
{
    memset(listing, 0, sizeof(*listing));
    listing->cli = cli;
    apr_pool_create(&listing->row_pool, cli->pool);
    if (cli->json) {
        listing->json.pool = listing->row_pool;
        cli_json_open(&listing->json, NULL, '[');
    }
    else {
        listing->table = cli_table_make(heads, cli->pool);
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
    }
    return CLI_DONE;
}
