/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file dialect.h
 * @brief What differs between databases; everything else is written once.
 *
 * A dialect is a structure of SQL strings and traits, found by the name of
 * its APR DBD driver.  The statements themselves stand in statements.c: their
 * parameters are all text, a number is written %n there and cast as the
 * dialect says.
 */
#ifndef APIKEY_DIALECT_H
#define APIKEY_DIALECT_H

#include <apr_pools.h>

typedef struct apikey_dialect_t {
    const char *driver;         /**< DBDriver's argument */
    /** How a result is asked for: pgsql wants random access (without it an
     * empty result costs 100 ms and an SQL error reads as "no row"), ODBC
     * refuses it.  Rows are always read in sequence. */
    int random;
    /** A text parameter as a 64-bit number; holds one %s. */
    const char *number;
    /** Selects one number: how many tables are called apikey_identity.  It
     * must work on every database that answers at all. */
    const char *probe;
    /** Selects that set a connection of our own up; ends with NULL. */
    const char *const *on_open;
    /** Selects to run before the schema is made; ends with NULL. */
    const char *const *on_init;
    /** The file that params name, in pool; NULL: none.  May be NULL itself. */
    const char *(*file)(const char *params, apr_pool_t *pool);
    /** Whether the driver's error means that another holds a lock. */
    int (*is_locked)(int error, const char *message);
    /** Whether it is gone in a moment by itself; may be NULL. */
    int (*is_passing)(int error);
} apikey_dialect_t;

extern const apikey_dialect_t apikey_dialect_sqlite3;

/**
 * The dialect of a driver, or NULL with a sentence in @a error that lists the
 * drivers there are.
 */
const apikey_dialect_t *apikey_dialect_find(const char *driver,
                                            apr_pool_t *pool,
                                            const char **error);

#endif
