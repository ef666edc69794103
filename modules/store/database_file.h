/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file database_file.h
 * @brief The file of a SQLite database, looked at without opening it: SQLite
 *        makes an empty file of a mistyped path.
 */
#ifndef APIKEY_DATABASE_FILE_H
#define APIKEY_DATABASE_FILE_H

#include <apr_pools.h>

/**
 * Whether the parameters are known to lead to SQLite: those of the driver
 * sqlite3, and those of odbc with a DRIVER that has sqlite in its name.  What
 * a data source of ODBC is, is not known.
 * @param file what they name, in @a pool; NULL: a database without a file
 */
int apikey_database_is_file(const char **file, const char *driver,
                            const char *params, apr_pool_t *pool);

/**
 * Why this process's user cannot use the file, with what to do; NULL: it can.
 * A file on a disk that is read-only need not be writable.  Makes nothing.
 * @param file   NULL: there is none
 * @param params what named it: a URI may forbid to write
 * @param write  it must be writable, and so must its folder
 */
const char *apikey_database_file_fault(const char *file, const char *params,
                                       int write, apr_pool_t *pool);

#endif
