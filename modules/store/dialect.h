/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file dialect.h
 * @brief What differs between databases and between the drivers of APR DBD.
 *
 * A dialect is found by the name of its driver (DBDriver).  For odbc the
 * database that the connection leads to is asked: its dialect, with the traits
 * of ODBC's driver, is the one of that connection.
 *
 * The statements are in sql_text.c, once for all databases.  Marks in them
 * stand for what the dialect has:
 *   %s         a parameter, which is text on every driver
 *   %n         a parameter cast to a number: number
 *   %[ %]      around a column: text_open, text_close
 *   %( %)      the same around a column that may be long: see short_texts
 *   %b         after_key
 *   %h         lock_row
 *   %u         add_usage
 *   %i %j      import.column, import.value
 *   %k         import.valid_keys, or apikey
 *   %v         import.valid_condition
 */
#ifndef APIKEY_DIALECT_H
#define APIKEY_DIALECT_H

#include <apr_dbd.h>
#include <apr_pools.h>

/** add_usage of SQLite (3.24) and PostgreSQL (9.5). */
#define APIKEY_ADD_USAGE                                                    \
    " ON CONFLICT (id) DO UPDATE SET"                                       \
    " use_count = apikey_usage.use_count + excluded.use_count, last_used ="  \
    " CASE WHEN apikey_usage.last_used < excluded.last_used"                \
    " THEN excluded.last_used ELSE apikey_usage.last_used END"

/** A setting of the database that `htapikey doctor` checks. */
typedef struct apikey_probe_t {
    const char *check;          /**< what is checked, a word or two */
    const char *sql;            /**< selects one text */
    const char *want;           /**< what it should be */
    int fails;                  /**< another text is an error, not a warning */
    const char *good;           /**< a sentence */
    const char *bad;            /**< a sentence that goes on after the text */
} apikey_probe_t;

/** What to do about an error whose message does not say so. */
typedef struct apikey_advice_t {
    const char *words;          /**< part of the message */
    const char *advice;
} apikey_advice_t;

/** Kinds of errors that are handled. */
typedef enum {
    APIKEY_ERROR_LOCKED,        /**< another process holds a lock */
    APIKEY_ERROR_PASSING,       /**< over in a moment without action */
    APIKEY_ERROR_DUPLICATE,     /**< a primary or unique key exists already */
    APIKEY_ERROR_DEADLOCK,      /**< of two transactions that waited for each
                                 * other this one was rolled back */
    APIKEY_ERROR_READ_ONLY,     /**< this user, or every user, may not write */
    APIKEY_ERROR_OUTDATED,      /**< a table has changed since the statement was
                                 * prepared; most databases prepare it again
                                 * themselves */
    APIKEY_ERROR_NO_ROW,        /**< an UPDATE or DELETE matched no row, which
                                 * is no error elsewhere */
    APIKEY_ERROR_COUNT
} apikey_error_e;

#define APIKEY_ERROR_CODES 2
#define APIKEY_ERROR_WORDS 5

/** How a kind of error is known: by one of the driver's codes, or by words of
 * its message.  Either list ends early at 0 or NULL. */
typedef struct apikey_error_words_t {
    int codes[APIKEY_ERROR_CODES];
    const char *words[APIKEY_ERROR_WORDS];
} apikey_error_words_t;

/** What a driver of APR DBD does in its own way. */
typedef struct apikey_traits_t {
    /** How a result is asked for: pgsql wants random access (without it an
     * empty result costs 100 ms and an SQL error reads as "no row"), ODBC
     * refuses it.  Rows are always read in sequence. */
    int random;
    /** A statement is prepared only where it has a label. */
    int labels;
    /** A long column comes in pieces, to be read until there is none. */
    int pieces;
    /** The driver gives the length of a column, by which a text with a NUL is
     * found.  PostgreSQL has no such text. */
    int lengths;
    /** Of an expression the driver gives 255 characters, so a column that may
     * be longer is read without text_open. */
    int short_texts;
    /** The database is a file: no answer to COMMIT can get lost. */
    int no_server;
    /** The file that params name, in pool; NULL: none.  May be NULL itself. */
    const char *(*file)(const char *params, apr_pool_t *pool);
    /** What a connection is opened with instead of params; NULL: params. */
    const char *(*params)(const char *params, apr_pool_t *pool);
    /** Begins a transaction that COMMIT or ROLLBACK ends, all as plain SQL;
     * NULL: apr_dbd's functions do.  (The driver pgsql crashes where it begins
     * one on a connection that has just died.) */
    const char *begin;
    /** Selects one row of NULLs with the columns of another select, for a
     * driver that does not know the column names of an empty result.  Holds
     * one %s, which may end with a comment.  NULL: the driver knows them. */
    const char *columns_of;
} apikey_traits_t;

/**
 * Importing many keys.  Where steps is 0 an import is one transaction;
 * otherwise it has many, and its keys become valid together in the last one.
 * Lists end with NULL; a list that is NULL has nothing to do.
 */
typedef struct apikey_bulk_import_t {
    /** Commands around the insertion, in its transaction: between them changed
     * rows of apikey and apikey_tenant are not recorded in apikey_change;
     * bulk_off records a single change of the kind 'all'. */
    const char *const *bulk_on;
    const char *const *bulk_off;
    /** Commands after that transaction, however it ended: they undo what a
     * rollback does not. */
    const char *const *bulk_over;
    /** A statement that meets a duplicate key is undone, and its transaction
     * goes on: duplicates need not be looked for first. */
    int duplicate_undone;
    int steps;                  /**< whether there are steps; all that follows
                                 * belongs to them */
    /** Commands of the first transaction; of the last, which makes the keys
     * valid; and of the last where the import is given up. */
    const char *const *begin;
    const char *const *finish;
    const char *const *abandon;
    /** Selects that set the connection up for the steps, and for the last of
     * them; bulk_over follows. */
    const char *const *settings;
    const char *const *last_settings;
    /** A column of a key that is being imported, and its value: the mark that
     * the import has not ended. */
    const char *column, *value;
    /** The view of apikey without such keys, and a condition of apikey k and
     * apikey_identity i that excludes them. */
    const char *valid_keys, *valid_condition;
    /** Selects a number, not 0 while an import has begun and not ended. */
    const char *unfinished;
    /** Selects the last of some thousand digests after one, or NULL; deletes
     * such keys after one digest up to another.  Hold a %s for each digest. */
    const char *range, *remove;
    /** Selects the name of the file that the database is in, or "". */
    const char *file;
} apikey_bulk_import_t;

typedef struct apikey_dialect_t {
    const char *driver;         /**< DBDriver's, and conf/schema's folder */
    /** Finds out what database a connection leads to, and returns its dialect
     * for this driver, in @a store_pool.  NULL: this is it. */
    const struct apikey_dialect_t *(*detect)(const apr_dbd_driver_t *driver,
                                             apr_dbd_t *handle,
                                             apr_pool_t *store_pool,
                                             apr_pool_t *pool,
                                             const char **error);
    apikey_traits_t traits;
    apikey_error_words_t errors[APIKEY_ERROR_COUNT];
    const apikey_advice_t *advice;      /**< the first that fits counts; ends
                                         * with NULL words; may be NULL */

    /* Selects that set a connection up; each list ends with NULL. */
    const char *const *on_open;         /**< our own, when it is open */
    const char *const *on_adopt;        /**< mod_dbd's; may be NULL */
    const char *const *on_init;         /**< before the schema is made */
    const char *const *on_close;        /**< before closing one that has
                                         * written; errors are ignored; may be
                                         * NULL */

    /* What stands for the marks in sql_text.c. */
    const char *number;         /**< a text parameter as a 64-bit number */
    /** Around a column: reads its text as the bytes that are stored, whatever
     * the connection's character set, and, where the driver gives no length, a
     * NUL as a byte that is refused; NULL: nothing. */
    const char *text_open, *text_close;
    /** Whether a key k comes after another in the order of created and id, by
     * the index however many were made in one second.  Holds two or three %s:
     * created, id and created.  On SQLite a row may have any text for created,
     * which comes after all numbers. */
    const char *after_key;
    /** Ends a select of apikey k: locks the row until the transaction is over.
     * NULL: the database has one writer. */
    const char *lock_row;
    /** Ends an INSERT into apikey_usage of rows v of id, uses and latest: adds
     * to a row that exists, whose time never becomes older. */
    const char *add_usage;

    /* Other SQL. */
    const char *probe;          /**< selects one number: how many tables are
                                 * called apikey_identity; works on every
                                 * database that answers at all */
    /** Selects one number: how many columns a table has with a name; holds two
     * %s, table and column.  NULL: a step of the schema that fails is undone
     * whole, so it is not asked for. */
    const char *has_column;
    const char *never_waits;    /**< selects one row where no writer delays a
                                 * reader, else none; NULL: a writer may */
    /** Selects that name the holder of the lock that could not be taken, in
     * their first column; the first that gives a row counts, one that fails is
     * ignored.  Ends with NULL; may be NULL. */
    const char *const *blockers;

    /* What `htapikey doctor` looks at. */
    /** Selects all triggers: "name table"; why it does not work, a sentence
     * fragment, or ""; its shape, in which blanks and quotes do not count. */
    const char *triggers;
    /** The shape that a CREATE TRIGGER of the schema makes; NULL: its text. */
    const char *(*trigger_shape)(const char *sql, apr_pool_t *pool);
    /** Selects functions: name, fault, body.  NULL: triggers call none. */
    const char *functions;
    const apikey_probe_t *probes;       /**< end with a NULL check */

    apikey_bulk_import_t import;
} apikey_dialect_t;

extern const apikey_dialect_t apikey_dialect_odbc;
extern const apikey_dialect_t apikey_dialect_pgsql;
extern const apikey_dialect_t apikey_dialect_sqlite3;
extern const apikey_dialect_t apikey_dialect_mysql;

/**
 * The dialect of a driver, or NULL with a sentence in @a error that lists the
 * drivers there are.
 */
const apikey_dialect_t *apikey_dialect_find(const char *driver,
                                            apr_pool_t *pool,
                                            const char **error);

/** Whether an error of the driver is of a kind.
 * @param message the driver's; may be NULL */
int apikey_dialect_is(const apikey_dialect_t *dialect, apikey_error_e kind,
                      int code, const char *message);

#endif
