/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "sql.h"

/* The driver odbc answers -1 to an error, too, and says what it was. */
static int broke_off(apikey_store_t *store, int code)
{
    return store->dialect->is_nothing
           && !store->dialect->is_nothing(code,
                                          apr_dbd_error(store->driver,
                                                        store->handle, code));
}

int apikey_rows_next(apikey_rows_t *rows)
{
    int code;

    rows->column = 0;
    if (!rows->results) {
        return 0;
    }
    /* In sequence (-1): mysql and ODBC can do nothing else. */
    code = apr_dbd_get_row(rows->store->driver, rows->pool, rows->results,
                           &rows->row, -1);
    if (code == 0) {
        return 1;
    }
    if ((code != -1 || broke_off(rows->store, code)) && !rows->fault) {
        rows->fault = "the database broke off in the middle of a result";
        rows->unusable = 0;
    }
    rows->results = NULL;
    return 0;
}

/* What a driver gives where it could not give a column. */
static const char *const no_text = (const char *)-1;

const char *apikey_rows_text(apikey_rows_t *rows)
{
    const apr_dbd_driver_t *driver = rows->store->driver;
    const char *text = apr_dbd_get_entry(driver, rows->row, rows->column);
    const char *more = text;

    /* Until NULL: what did not fit at once. */
    while (rows->store->dialect->pieces && more && more != no_text) {
        more = apr_dbd_get_entry(driver, rows->row, rows->column);
        if (more) {
            text = more == no_text ? more
                                   : apr_pstrcat(rows->pool, text, more, NULL);
        }
    }
    rows->column++;
    if (text == no_text) {
        rows->fault = "the database driver could not give a column";
        rows->unusable = 0;
        return "";
    }
    return text ? text : "";
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

    /* All that is usual, and what cannot overflow. */
    while (digits < 18 && text[digits] >= '0' && text[digits] <= '9') {
        number = number * 10 + (text[digits++] - '0');
    }
    if (text[digits]) {
        errno = 0;
        number = apr_strtoi64(text, &rest, 10);
        if (*rest || rest == text || errno != 0) {
            rows->fault = apr_psprintf(rows->pool, "column %s of a row is not "
                "a whole number (epoch seconds, 0 for not); correct the row",
                apr_dbd_get_name(rows->store->driver, rows->results,
                                 rows->column - 1));
            rows->unusable = 1;
            number = 0;
        }
    }
    return number;
}

apr_status_t apikey_rows_end(apikey_rows_t *rows, apr_pool_t *pool,
                             const char **error)
{
    apr_status_t status = APR_SUCCESS;

    while (rows->results) {
        apikey_rows_next(rows);
    }
    if (rows->fault) {
        *error = apr_pstrdup(pool, rows->fault);
        status = rows->unusable ? APIKEY_EANSWER : APIKEY_EDATABASE;
    }
    apr_pool_destroy(rows->pool);
    return status;
}
