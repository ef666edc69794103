/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file listing.h
 * @brief A list on its way out, as a table or as a JSON array.
 */
#ifndef APIKEY_CLI_LISTING_H
#define APIKEY_CLI_LISTING_H

#include "cli.h"

typedef struct cli_listing_t {
    cli_t *cli;
    cli_table_t *table;         /**< NULL: JSON */
    cli_json_t json;
    apr_pool_t *row_pool;
} cli_listing_t;

/** Begins it: with JSON if that is asked for, else with @a table. */
void cli_listing_begin(cli_listing_t *listing, cli_t *cli,
                       cli_table_t *table);

/** The pool of one row, cleared for it. */
apr_pool_t *cli_listing_pool(cli_listing_t *listing);

/** Writes what is left; or says why it could not be read whole. */
cli_exit_e cli_listing_end(cli_listing_t *listing, apr_status_t status,
                           const char *error);

#endif
