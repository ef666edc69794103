/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file output.h
 * @brief What htapikey writes: tables and JSON on standard output, sentences
 *        on standard error.
 *
 * Everything on standard output goes through one buffer, which is wiped: a
 * key may stand in it.  Text from the database is shown without its control
 * characters, whoever typed them.
 */
#ifndef APIKEY_CLI_OUTPUT_H
#define APIKEY_CLI_OUTPUT_H

#include <stdio.h>

#include <apr_tables.h>

/** Takes over standard output; before the first line. */
void cli_out_begin(void);

/** Writes what is left and wipes it; 0 if all has arrived. */
int cli_out_end(void);

/** printf() to standard output, or where cli_out_to() says. */
void cli_out(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Sends what follows to @a file; to stdout again before anything else is
 * written there.  No key may be written so: the file's buffer is not wiped. */
void cli_out_to(FILE *file);

/** A line "htapikey: …" on standard error, in which no whole key stands. */
void cli_say(apr_pool_t *pool, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Text that a terminal may be shown: what is no printable character becomes
 * \xNN. */
const char *cli_clean(const char *text, apr_pool_t *pool);

/** RFC 3339, or @a none where the time is 0. */
const char *cli_time(apr_int64_t epoch, const char *none, apr_pool_t *pool);

/** A table of text, written a thousand rows at a time: in each the columns
 * are aligned, and they get wider only. */
typedef struct cli_table_t cli_table_t;

/** @param heads the columns' titles, ending with NULL */
cli_table_t *cli_table_make(const char *const *heads, apr_pool_t *pool);

/** How a column is cut where a line is too wide. */
typedef struct cli_fit_t {
    int turn;                   /**< columns of turn 1 first; 0: never cut */
    int least;                  /**< to how many columns of the terminal */
    int tail;                   /**< so many of them are the cell's end */
} cli_fit_t;

/** Cuts cells so that lines are @a width columns wide at most.
 * First columns stand closer, then cells are cut, within a turn those of the
 * widest column; where that is not enough, lines stay too wide.
 * @param fits of each column; as long as the table */
void cli_table_fit(cli_table_t *table, int width, const cli_fit_t *fits);

/** Adds a row of as many cells as there are heads; cleaned and copied. */
void cli_table_row(cli_table_t *table, const char *const *cells);

/** Writes the rows that have not been written yet. */
void cli_table_write(cli_table_t *table);

/** A line "name  value", aligned for a block of such lines. */
void cli_field(const char *name, const char *value, apr_pool_t *pool);

/** JSON, written as it comes. */
typedef struct cli_json_t {
    apr_pool_t *pool;
    int more;                   /**< a member stands before the next one */
} cli_json_t;

/** @param name NULL inside an array and outside of everything */
void cli_json_open(cli_json_t *json, const char *name, char bracket);
void cli_json_close(cli_json_t *json, char bracket);
/** A value that is JSON already. */
void cli_json_raw(cli_json_t *json, const char *name, const char *value);
void cli_json_text(cli_json_t *json, const char *name, const char *value);
void cli_json_number(cli_json_t *json, const char *name, apr_int64_t value);
/** true or false. */
void cli_json_flag(cli_json_t *json, const char *name, int value);
/** RFC 3339, or null where the time is 0. */
void cli_json_time(cli_json_t *json, const char *name, apr_int64_t epoch);
/** Words separated by blanks as an array. */
void cli_json_words(cli_json_t *json, const char *name, const char *words);

#endif
