/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file output.h
 * @brief What htapikey writes: tables and JSON on standard output, sentences
 *        on standard error.
 *
 * Everything on standard output goes through one buffer, which is wiped at the
 * end: a key may be in it.  Text from the database may hold anything; its
 * control characters are escaped before it is written.
 */
#ifndef APIKEY_CLI_OUTPUT_H
#define APIKEY_CLI_OUTPUT_H

#include <stdio.h>

#include <apr_tables.h>

/** Gives standard output its buffer; called before anything is written. */
void cli_out_begin(void);

/** Writes what is left in the buffer and wipes it; 0: all has been written. */
int cli_out_end(void);

/** printf() to standard output, or where cli_out_to() says. */
void cli_out(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Sends what cli_out() writes to @a file, and with stdout back to standard
 * output.  No key may be written to a file: its buffer is not wiped. */
void cli_out_to(FILE *file);

/** Writes a line "htapikey: ..." to standard error, by way of cli_masked() and
 * cli_clean(). */
void cli_say(apr_pool_t *pool, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Text with "...***" in place of each part that cli_secret_part() finds. */
const char *cli_masked(const char *text, apr_pool_t *pool);

/** The first part of text that looks like the secret part of a key: at least
 * as many letters and digits as are drawn for one, after the '_', '-' or '.'
 * that ends a prefix.  NULL: there is none. */
const char *cli_secret_part(const char *text, apr_size_t *len);

/** Text that is safe for a terminal: bytes that are no printable UTF-8
 * character become \xNN. */
const char *cli_clean(const char *text, apr_pool_t *pool);

/** RFC 3339, or @a none where the time is 0. */
const char *cli_time(apr_int64_t epoch, const char *none, apr_pool_t *pool);

/** A table of text with aligned columns.  It is written a thousand rows at a
 * time, so that later rows may have wider columns, never narrower ones. */
typedef struct cli_table_t cli_table_t;

/** @param heads the columns' titles, ending with NULL */
cli_table_t *cli_table_make(const char *const *heads, apr_pool_t *pool);

/** How a column is cut where a line is too wide; widths are columns of the
 * terminal. */
typedef struct cli_fit_t {
    int turn;                   /**< columns of turn 1 first; 0: never cut */
    int least;                  /**< the width that is left to it */
    int tail;                   /**< how much of that is the cell's end */
} cli_fit_t;

/** Cuts cells so that lines are @a width wide at most.  First the gap between
 * columns becomes smaller; then columns are cut, turn by turn, and within a
 * turn the widest one.  Where that is not enough, lines stay too wide.
 * @param fits one per column; must last as long as the table */
void cli_table_fit(cli_table_t *table, int width, const cli_fit_t *fits);

/** Adds a row of as many cells as there are heads; cleaned and copied. */
void cli_table_row(cli_table_t *table, const char *const *cells);

/** Writes the rows that have not been written yet. */
void cli_table_write(cli_table_t *table);

/** Writes a line "name  value"; the values of several such lines are
 * aligned. */
void cli_field(const char *name, const char *value, apr_pool_t *pool);

/** JSON on standard output, written at once; commas are set where needed. */
typedef struct cli_json_t {
    apr_pool_t *pool;
    int more;                   /**< the next member needs a comma before it */
    int depth;                  /**< brackets that are open */
} cli_json_t;

/** @param name NULL inside an array and at the top.  The last bracket that is
 *        closed ends the line. */
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
