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

    /* What the driver calls itself. */
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

int apikey_dialect_says(const char *const *words, const char *message)
{
    for (; words && *words && message; words++) {
        if (strstr(message, *words)) {
            return 1;
        }
    }
    return 0;
}
