/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file list_output.h
 * @brief A list on its way out, as a table or as a JSON array.
 */
#ifndef APIKEY_CLI_LIST_OUTPUT_H
#define APIKEY_CLI_LIST_OUTPUT_H

#include "cli.h"

typedef struct cli_list_output_t {
    cli_t *cli;
    cli_table_t *table;         /**< NULL: JSON */
    cli_json_t json;
    apr_pool_t *row_pool;
} cli_list_output_t;

/** Begins it: with JSON if that is asked for, else with @a table. */
void cli_list_begin(cli_list_output_t *listing, cli_t *cli,
                    cli_table_t *table);

/** The pool of one row, cleared for it. */
apr_pool_t *cli_list_row_pool(cli_list_output_t *listing);

/** Writes what is left; or says why it could not be read whole. */
cli_exit_e cli_list_end(cli_list_output_t *listing, apr_status_t status,
                        const char *error);

#endif
