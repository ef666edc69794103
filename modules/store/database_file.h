/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file database_file.h
 * @brief Checks of a SQLite file before it is opened: SQLite would create an
 *        empty file for a mistyped path.
 */
#ifndef APIKEY_DATABASE_FILE_H
#define APIKEY_DATABASE_FILE_H

#include <apr_pools.h>

/**
 * Whether the parameters lead to SQLite: those of the driver sqlite3, and those
 * of odbc with a DRIVER that has sqlite in its name.  A data source of ODBC
 * (DSN=) counts as no file.
 * @param file out, in @a pool; NULL: a database without a file
 */
int apikey_database_is_file(const char **file, const char *driver,
                            const char *params, apr_pool_t *pool);

/**
 * Why this process's user cannot use the file, with what to do; NULL: it can.
 * On a read-only file system a file need not be writable.  Creates nothing.
 * @param file   NULL: the parameters name none
 * @param params its URI, which may forbid writing, or its path
 * @param write  it must be writable, and so must its folder
 */
const char *apikey_database_file_fault(const char *file, const char *params,
                                       int write, apr_pool_t *pool);

#endif
