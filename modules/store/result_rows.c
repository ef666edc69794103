/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "connection_private.h"

/* After the last row a driver returns -1.  That of ODBC returns -1 after an
 * error, too, and the message says which it was. */
static int is_driver_error(apikey_store_t *store, int code)
{
    return store->dialect->errors[APIKEY_ERROR_NO_ROW].words[0]
           && !apikey_store_is_no_row(store, code);
}

void apikey_rows_begin(apikey_rows_t *rows, apikey_store_t *store,
                       apr_pool_t *pool)
{
    memset(rows, 0, sizeof(*rows));
    rows->store = store;
    apr_pool_create(&rows->pool, pool);
}

int apikey_rows_next(apikey_rows_t *rows)
{
    int code;

    rows->column = 0;
    if (!rows->results) {
        return 0;
    }
    /* -1: the next row; mysql and ODBC have no random access. */
    code = apr_dbd_get_row(rows->store->driver, rows->pool, rows->results,
                           &rows->row, -1);
    if (code == 0) {
        return 1;
    }
    if ((code != -1 || is_driver_error(rows->store, code)) && !rows->fault) {
        rows->fault = "the database broke off in the middle of a result";
        rows->unusable = 0;
    }
    rows->results = NULL;
    return 0;
}

/* What apr_dbd_get_entry() returns where the driver cannot read a column. */
static const char *const driver_failed = (const char *)-1;

void apikey_rows_bad(apikey_rows_t *rows, const char *what)
{
    const char *name;

    if (!rows->bad_column) {
        name = apr_dbd_get_name(rows->store->driver, rows->results,
                                rows->column - 1);
        rows->bad_column = apr_pstrdup(rows->pool, name ? name : "");
        rows->bad_what = what;
    }
}

/* The bytes with "\\x00" for each NUL, in pool. */
static const char *escape_nuls(apr_pool_t *pool, const char *bytes,
                               apr_size_t len)
{
    char *text = apr_palloc(pool, len * 4 + 1);
    char *to = text;
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if (bytes[i]) {
            *to++ = bytes[i];
        }
        else {
            memcpy(to, "\\x00", 4);
            to += 4;
        }
    }
    *to = '\0';
    return text;
}

/* The column as a text in which NULs are escaped.  APR DBD returns a C string,
 * so a NUL hides the rest of a column.  As a BLOB the same column is a bucket,
 * which has a length, and that differs from strlen() then. */
static const char *text_with_nuls(apikey_rows_t *rows, const char *text)
{
    apikey_store_t *store = rows->store;
    const char *bytes;
    apr_bucket *bucket;
    apr_size_t len;

    if (!store->brigade) {
        store->brigade = apr_brigade_create(store->pool,
                                            apr_bucket_alloc_create(
                                                store->pool));
    }
    if (apr_dbd_datum_get(store->driver, rows->row, rows->column,
                          APR_DBD_TYPE_BLOB, store->brigade) != APR_SUCCESS
        || APR_BRIGADE_EMPTY(store->brigade)) {
        return text;
    }
    bucket = APR_BRIGADE_FIRST(store->brigade);
    if (bucket->length != strlen(text)
        && apr_bucket_read(bucket, &bytes, &len, APR_BLOCK_READ)
           == APR_SUCCESS) {
        rows->bytes = bytes;
        rows->len = len;
        text = escape_nuls(rows->pool, bytes, len);
    }
    apr_brigade_cleanup(store->brigade);
    return text;
}

const char *apikey_rows_text(apikey_rows_t *rows)
{
    const apikey_dialect_t *dialect = rows->store->dialect;
    const apr_dbd_driver_t *driver = rows->store->driver;
    const char *text = apr_dbd_get_entry(driver, rows->row, rows->column);
    const char *more = text;

    rows->bytes = NULL;
    /* A long column comes in pieces, until NULL. */
    while (dialect->traits.pieces && more && more != driver_failed) {
        more = apr_dbd_get_entry(driver, rows->row, rows->column);
        if (more) {
            text = more == driver_failed ? more
                                   : apr_pstrcat(rows->pool, text, more, NULL);
        }
    }
    if (text && dialect->traits.lengths && text != driver_failed) {
        text = text_with_nuls(rows, text);
    }
    rows->column++;
    if (rows->bytes) {
        apikey_rows_bad(rows, "has a NUL byte");
    }
    if (text == driver_failed) {
        rows->fault = "the database driver could not give a column";
        rows->unusable = 0;
        text = NULL;
    }
    return rows->text = text ? text : "";
}

const char *apikey_rows_copy(apikey_rows_t *rows, apr_pool_t *pool)
{
    const char *text = apikey_rows_text(rows);

    return *text ? apr_pstrdup(pool, text) : "";
}

apr_int64_t apikey_rows_number(apikey_rows_t *rows)
{
    const char *text = apikey_rows_text(rows);
    apr_int64_t number = 0;
    char *rest = NULL;
    int digits = 0;

    /* Up to 18 digits cannot overflow; strtoi64() reads the rest. */
    while (digits < 18 && text[digits] >= '0' && text[digits] <= '9') {
        number = number * 10 + (text[digits++] - '0');
    }
    if (text[digits]) {
        errno = 0;
        number = apr_strtoi64(text, &rest, 10);
        if (*rest || rest == text || errno != 0) {
            apikey_rows_bad(rows, "is not a whole number (epoch seconds, 0 "
                            "for not)");
            number = 1;
        }
    }
    return number;
}

const char *apikey_rows_fault(apikey_rows_t *rows, apr_pool_t *pool)
{
    const char *fault = rows->bad_column
                        ? apr_pstrcat(pool, "its ", rows->bad_column, " ",
                                      rows->bad_what, NULL) : NULL;

    rows->bad_column = NULL;
    return fault;
}

apr_status_t apikey_rows_end(apikey_rows_t *rows, apr_pool_t *pool,
                             const char **error)
{
    apr_status_t status = rows->status;

    while (rows->results) {
        apikey_rows_next(rows);
    }
    if (status == APR_SUCCESS && rows->fault) {
        *error = apr_pstrdup(pool, rows->fault);
        status = rows->unusable ? APIKEY_EANSWER : APIKEY_EDATABASE;
    }
    else if (status == APR_SUCCESS && rows->bad_column) {
        *error = apr_psprintf(pool, "column %s of a row %s; correct the row",
                              rows->bad_column, rows->bad_what);
        status = APIKEY_EANSWER;
    }
    apr_pool_destroy(rows->pool);
    return status;
}
