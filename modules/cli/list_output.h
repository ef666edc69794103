/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file list_output.h
 * @brief A list of rows, written as they are read: a table or a JSON array.
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

/** Begins a JSON array where --json was given, else a table.
 * @param heads as in cli_table_make() */
void cli_list_begin(cli_list_output_t *listing, cli_t *cli,
                    const char *const *heads);

/** The pool of one row; what it held of the row before is gone. */
apr_pool_t *cli_list_row_pool(cli_list_output_t *listing);

/** Ends the list; or writes why it could not be read to its end. */
cli_exit_e cli_list_end(cli_list_output_t *listing, apr_status_t status,
                        const char *error);

#endif
