/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "dialect.h"

static const apikey_dialect_t *const dialects[] = {
    &apikey_dialect_sqlite3,
    &apikey_dialect_pgsql,
    &apikey_dialect_mysql,
    &apikey_dialect_odbc,
    NULL
};

const apikey_dialect_t *apikey_dialect_find(const char *driver,
                                            apr_pool_t *pool,
                                            const char **error)
{
    const char *known = "";
    int i;

    /* The name that the driver itself returns (apr_dbd_name()). */
    if (driver && strcmp(driver, "ODBC_DRIVER_NAME") == 0) {
        driver = "odbc";
    }
    for (i = 0; dialects[i]; i++) {
        if (driver && strcmp(dialects[i]->driver, driver) == 0) {
            return dialects[i];
        }
        known = apr_pstrcat(pool, known, *known ? ", " : "",
                            dialects[i]->driver, NULL);
    }
    *error = apr_psprintf(pool, "mod_apikey has no tables for the database "
                          "driver \"%s\"; write DBDriver with one of: %s",
                          driver ? driver : "", known);
    return NULL;
}

int apikey_dialect_is(const apikey_dialect_t *dialect, apikey_error_e kind,
                      int code, const char *message)
{
    const apikey_error_words_t *error = &dialect->errors[kind];
    int i;

    for (i = 0; i < APIKEY_ERROR_CODES && error->codes[i]; i++) {
        if (error->codes[i] == code) {
            return 1;
        }
    }
    for (i = 0; message && i < APIKEY_ERROR_WORDS && error->words[i]; i++) {
        if (strstr(message, error->words[i])) {
            return 1;
        }
    }
    return 0;
}
