/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <string.h>

#include "../core/digest.h"
#include "csv.h"

/* What is read instead of a byte at the end of the file, and after an error. */
#define END (-1)
#define BAD (-2)

struct apikey_csv_t {
    apr_file_t *file;
    apr_status_t status;        /* of the last read */
    const char *fault;
    apr_int64_t line;           /* of the next byte, from 1 */
    apr_size_t at, len;         /* in buffer */
    apr_size_t used;            /* of text */
    int quotes;                 /* the last field had some */
    unsigned char buffer[32 * 1024];
    char text[APIKEY_CSV_ROW + 1];
};

static apr_status_t wipe_csv(void *data)
{
    apikey_wipe(data, sizeof(apikey_csv_t));
    return APR_SUCCESS;
}

apikey_csv_t *apikey_csv_make(apr_file_t *file, apr_pool_t *pool)
{
    apikey_csv_t *csv = apr_pcalloc(pool, sizeof(*csv));

    csv->file = file;
    csv->line = 1;
    apr_pool_cleanup_register(pool, csv, wipe_csv, apr_pool_cleanup_null);
    csv->status = apr_file_read_full(file, csv->buffer, 3, &csv->len);
    if (csv->len == 3 && memcmp(csv->buffer, "\xEF\xBB\xBF", 3) == 0) {
        csv->at = 3;
    }
    return csv;
}

static int csv_fault(apikey_csv_t *csv, const char *what)
{
    csv->fault = what;
    return BAD;
}

static int read_csv_byte(apikey_csv_t *csv)
{
    if (csv->at == csv->len && csv->status == APR_SUCCESS) {
        csv->at = 0;
        csv->len = sizeof(csv->buffer);
        csv->status = apr_file_read(csv->file, csv->buffer, &csv->len);
        if (csv->status != APR_SUCCESS) {
            csv->len = 0;
        }
    }
    if (csv->at < csv->len) {
        return csv->buffer[csv->at++];
    }
    return APR_STATUS_IS_EOF(csv->status) ? END
           : csv_fault(csv, "cannot be read");
}

static int append_byte(apikey_csv_t *csv, int c)
{
    if (c == '\0') {
        return csv_fault(csv, "has a NUL byte; the file must be UTF-8 text");
    }
    if (csv->used == APIKEY_CSV_ROW) {
        return csv_fault(csv, "begins a row that is longer than 64 KiB; is a "
                         "closing quote missing?");
    }
    csv->text[csv->used++] = (char)c;
    return c;
}

/* Checks what follows a field: a comma, the end of the line or of the file.
 * @param c the first byte after it */
static int check_separator(apikey_csv_t *csv, int c, const char *otherwise)
{
    if (c == '\r') {
        c = read_csv_byte(csv);
        return c == '\n' || c == BAD ? c
               : csv_fault(csv, "has a carriage return that ends no line");
    }
    return c == ',' || c == '\n' || c < 0 ? c : csv_fault(csv, otherwise);
}

static int read_quoted_field(apikey_csv_t *csv)
{
    int c;

    csv->quotes = 1;
    while ((c = read_csv_byte(csv)) >= 0) {
        if (c == '"' && (c = read_csv_byte(csv)) != '"') {
            return check_separator(csv, c,
                                   "has something after a closing quote; "
                                   "double the quotes inside of a field");
        }
        csv->line += c == '\n';
        if (append_byte(csv, c) == BAD) {
            return BAD;
        }
    }
    return c == END ? csv_fault(csv, "begins a row whose last quote is not "
                                "closed") : BAD;
}

static int read_plain_field(apikey_csv_t *csv, int c)
{
    csv->quotes = 0;
    while (c >= 0 && c != ',' && c != '\n' && c != '\r' && c != '"') {
        if (append_byte(csv, c) == BAD) {
            return BAD;
        }
        c = read_csv_byte(csv);
    }
    return check_separator(csv, c,
                           "has a quote inside of a field without quotes; "
                           "put the whole field in quotes and double that one");
}

static int read_csv_row(apikey_csv_t *csv, apikey_csv_row_t *row)
{
    int c;

    row->count = 0;
    row->line = csv->line;
    csv->used = 0;
    do {
        if (row->count == APIKEY_CSV_FIELDS) {
            return csv_fault(csv, "has too many fields");
        }
        row->field[row->count++] = csv->text + csv->used;
        c = read_csv_byte(csv);
        c = c == '"' ? read_quoted_field(csv) : read_plain_field(csv, c);
        if (csv->used == APIKEY_CSV_ROW && c != BAD) {
            c = append_byte(csv, ' ');
        }
        csv->text[csv->used++] = '\0';
    } while (c == ',');
    csv->line += c == '\n';
    return c;
}

apr_status_t apikey_csv_read(apikey_csv_t *csv, apikey_csv_row_t *row,
                             const char **what)
{
    int c, empty;

    do {
        c = read_csv_row(csv, row);
        empty = row->count == 1 && !csv->quotes && !*row->field[0];
    } while (c == '\n' && empty);
    if (c == BAD) {
        *what = csv->fault;
        return csv->status == APR_SUCCESS || APR_STATUS_IS_EOF(csv->status)
               ? APR_EINVAL : csv->status;
    }
    return c == END && empty ? APR_EOF : APR_SUCCESS;
}
