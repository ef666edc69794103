/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "listing.h"

void cli_listing_begin(cli_listing_t *listing, cli_t *cli, cli_table_t *table)
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

apr_pool_t *cli_listing_pool(cli_listing_t *listing)
{
    apr_pool_clear(listing->row_pool);
    return listing->row_pool;
}

cli_exit_e cli_listing_end(cli_listing_t *listing, apr_status_t status,
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
