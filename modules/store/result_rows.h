/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file result_rows.h
 * @brief Reading what a select gives; for the files of this folder only.
 *
 * A result is read to its end, row by row, each column once and in order, and
 * is freed before the next statement runs: every driver of APR DBD can do
 * that, and some (mysql, ODBC) can do nothing else.
 */
#ifndef APIKEY_RESULT_ROWS_H
#define APIKEY_RESULT_ROWS_H

#include "connection.h"

/** A result while it is read; the caller's, on the stack. */
typedef struct apikey_rows_t {
    apikey_store_t *store;
    apr_status_t status;        /**< of the select; without success there are
                                 * no rows */
    apr_pool_t *pool;           /**< of the result; apikey_rows_end() ends it */
    apr_dbd_results_t *results; /**< NULL: there are no more rows */
    apr_dbd_row_t *row;
    int column;                 /**< the next to be read */
    const char *text;           /**< the last column, as it was handed out */
    const char *bytes;          /**< its bytes where one of them is a NUL */
    apr_size_t len;             /**< of bytes */
    const char *fault;          /**< what could not be read, in pool */
    int unusable;               /**< fault is about what was read, not about
                                 * reading: APIKEY_EANSWER */
    const char *bad_column;     /**< the first bad one of this row; NULL:
                                 none */
    const char *bad_what;       /**< what is wrong with it */
} apikey_rows_t;

/** Begins a result without rows, in a pool below @a pool. */
void apikey_rows_begin(apikey_rows_t *rows, apikey_store_t *store,
                       apr_pool_t *pool);

/** Goes to the next row; 0: there is none. */
int apikey_rows_next(apikey_rows_t *rows);

/** The row's next column, "" for NULL; lives until apikey_rows_end().  A text
 * with a NUL byte is bad; each NUL is handed out as the four characters "\x00",
 * so that the text is never mistaken for the part before the first. */
const char *apikey_rows_text(apikey_rows_t *rows);

/** The same, copied into @a pool. */
const char *apikey_rows_copy(apikey_rows_t *rows, apr_pool_t *pool);

/** The row's next column as a number, 0 for NULL.  A text that is no number is
 * bad, and becomes 1: of a time, 0 would mean "not revoked" or "never
 * expires". */
apr_int64_t apikey_rows_number(apikey_rows_t *rows);

/** Records that the column read last is bad, unless another one of its row was.
 * @param what static; goes on after the column's name */
void apikey_rows_bad(apikey_rows_t *rows, const char *what);

/**
 * What is bad about the row, as a sentence fragment in @a pool ("its expires is
 * not a whole number"), or NULL; to be called once per row, after it was read.
 * Without that call the first bad row is the error of apikey_rows_end(),
 * APIKEY_EANSWER, so that no bad value is used by mistake.
 */
const char *apikey_rows_fault(apikey_rows_t *rows, apr_pool_t *pool);

/** Reads what is left, frees the result, and returns the status of the select,
 * or APIKEY_EANSWER or APIKEY_EDATABASE for what was read. */
apr_status_t apikey_rows_end(apikey_rows_t *rows, apr_pool_t *pool,
                             const char **error);

#endif
