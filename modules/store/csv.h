/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file csv.h
 * @brief Comma-separated values (RFC 4180), row by row, in constant memory.
 *
 * A field in quotes may contain commas, line ends and doubled quotes.  Lines
 * end with LF or CR LF; a byte order mark and empty lines are ignored.
 * Anything else is refused, because a row that is guessed wrongly makes a wrong
 * key.
 */
#ifndef APIKEY_CSV_H
#define APIKEY_CSV_H

#include <apr_file_io.h>

#define APIKEY_CSV_FIELDS 64        /**< of a row */
#define APIKEY_CSV_ROW (64 * 1024)  /**< bytes of a row */

typedef struct apikey_csv_t apikey_csv_t;

typedef struct apikey_csv_row_t {
    const char *field[APIKEY_CSV_FIELDS];   /**< until the next row is read */
    int count;
    apr_int64_t line;               /**< where it begins, from 1 */
} apikey_csv_row_t;

/** A reader of @a file, with its own buffer.  The file may contain keys, so the
 * cleanup of @a pool wipes what was read. */
apikey_csv_t *apikey_csv_make(apr_file_t *file, apr_pool_t *pool);

/**
 * Reads a row.
 * @param row   count and line are set on failure, too
 * @param fault on failure what is wrong, a fragment after "line N "; static
 * @return APR_EOF after the last row, APR_EINVAL, or why the file could not
 *         be read
 */
apr_status_t apikey_csv_read(apikey_csv_t *csv, apikey_csv_row_t *row,
                             const char **fault);

#endif
