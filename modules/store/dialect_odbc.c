/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * ODBC leads to one of the other databases: the SQL is that database's, and the
 * traits are those of APR's driver for ODBC.
 */
#include <string.h>

#include <apr_strings.h>

#include "dialect.h"

/* The first column of the first row; NULL: there is no row, or an error. */
static const char *select_one_text(const apr_dbd_driver_t *driver,
                                   apr_dbd_t *handle, const char *sql,
                                   apr_pool_t *pool)
{
    apr_dbd_results_t *results = NULL;
    apr_dbd_row_t *row = NULL;
    const char *text = NULL;

    if (apr_dbd_select(driver, pool, handle, &results, sql, 0) != 0) {
        return NULL;
    }
    while (apr_dbd_get_row(driver, pool, results, &row, -1) == 0) {
        if (!text) {
            text = apr_dbd_get_entry(driver, row, 0);
        }
    }
    return text == (const char *)-1 ? NULL : text;
}

/* SQLite's ODBC driver tries a locked statement twice, and again until the
 * Timeout (ms) of the connection string has passed, 100000 by default; the
 * manual asks for Timeout=1. */
static const char *const on_open_sqlite3[] = {
    "PRAGMA busy_timeout = 2500",
    NULL
};

/* ODBC's driver gives no length of a column, so a NUL would end its text
 * unseen. The SQL replaces it by a control character, or puts one before the
 * text, and a text with one is refused. */
static void mark_nuls(apikey_dialect_t *dialect,
                      const apikey_dialect_t *database)
{
    dialect->traits.lengths = 0;
    if (database == &apikey_dialect_mysql) {
        dialect->text_open = "REPLACE(CONVERT(";
        dialect->text_close = " USING binary), CHAR(0), CHAR(1))";
    }
    else if (database == &apikey_dialect_sqlite3) {
        dialect->text_open = "(SELECT CASE WHEN instr(v, char(0)) > 0"
                             " THEN char(1) ELSE '' END || v FROM (SELECT ";
        dialect->text_close = " AS v))";
        dialect->traits.short_texts = 1;
    }
}

static const apikey_dialect_t *odbc_to(const apikey_dialect_t *database,
                                       apr_pool_t *pool)
{
    apikey_dialect_t *dialect = apr_pmemdup(pool, database,
                                            sizeof(*dialect));

    dialect->traits.random = 0;
    dialect->traits.pieces = 1;
    /* UPDATE or DELETE of no row. */
    dialect->errors[APIKEY_ERROR_NO_ROW].words[0] = " returned SQL_NO_DATA ";
    /* DBDParams are those of ODBC, not of the database. */
    dialect->traits.params = NULL;
    dialect->traits.file = NULL;
    dialect->traits.columns_of = NULL;
    mark_nuls(dialect, database);
    /* After a failed commit apr_dbd's own transactions leave the connection
     * without autocommit, and what follows would be lost. */
    if (!dialect->traits.begin) {
        dialect->traits.begin = "BEGIN";
    }
    if (database == &apikey_dialect_sqlite3) {
        dialect->on_open = dialect->on_adopt = on_open_sqlite3;
        dialect->traits.begin = "BEGIN IMMEDIATE";
    }
    return dialect;
}

static const apikey_dialect_t *odbc_detect(const apr_dbd_driver_t *driver,
                                           apr_dbd_t *handle,
                                           apr_pool_t *store_pool,
                                           apr_pool_t *pool, const char **error)
{
    const apikey_dialect_t *found = NULL;
    apr_pool_t *sub;
    const char *version;

    apr_pool_create(&sub, pool);
    version = select_one_text(driver, handle, "SELECT version()", sub);
    if (version) {
        found = strncmp(version, "PostgreSQL ", 11) == 0
                ? &apikey_dialect_pgsql
                : *version >= '0' && *version <= '9'
                ? &apikey_dialect_mysql : NULL;
    }
    else if (select_one_text(driver, handle, "SELECT sqlite_version()", sub)) {
        found = &apikey_dialect_sqlite3;
    }
    else {
        version = apr_dbd_error(driver, handle, 0);
    }
    if (!found) {
        *error = apr_psprintf(pool, "the database that ODBC leads to is none "
                              "of PostgreSQL, MariaDB, MySQL and SQLite, or "
                              "does not answer; it says: %s", version);
    }
    apr_pool_destroy(sub);
    return found ? odbc_to(found, store_pool) : NULL;
}

const apikey_dialect_t apikey_dialect_odbc = {
    .driver = "odbc",
    .detect = odbc_detect
};
