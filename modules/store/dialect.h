/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file dialect.h
 * @brief What differs between databases; everything else is written once.
 *
 * A dialect is a structure of SQL strings and traits, found by the name of
 * its APR DBD driver; for odbc, by asking the database.  The statements
 * themselves stand in statements.c: their parameters are all text, a number is
 * written %n there and cast as the dialect says, a text between %[ and %] is
 * read as its bytes (%( and %): one that may be long), and %h holds the rows,
 * %u is used_again; %i %j %k %v are those of an import.
 */
#ifndef APIKEY_DIALECT_H
#define APIKEY_DIALECT_H

#include <apr_dbd.h>
#include <apr_pools.h>

/** used_again of SQLite (3.24) and PostgreSQL (9.5). */
#define APIKEY_USED_AGAIN                                                   \
    " ON CONFLICT (id) DO UPDATE SET"                                       \
    " use_count = apikey_usage.use_count + excluded.use_count, last_used ="  \
    " CASE WHEN apikey_usage.last_used < excluded.last_used"                \
    " THEN excluded.last_used ELSE apikey_usage.last_used END"

/** Something to ask a database that may be set up badly. */
typedef struct apikey_probe_t {
    const char *check;          /**< what is looked at, a word or two */
    const char *sql;            /**< selects one text */
    const char *want;           /**< what it should be */
    int fails;                  /**< another one is more than a warning */
    const char *good;           /**< a sentence */
    const char *bad;            /**< a sentence that goes on behind the text */
} apikey_probe_t;

/** What to do where the database's own words do not tell. */
typedef struct apikey_advice_t {
    const char *words;          /**< what stands in its message */
    const char *advice;
} apikey_advice_t;

typedef struct apikey_dialect_t {
    const char *driver;         /**< DBDriver's, and conf/schema's folder */
    /** How a result is asked for: pgsql wants random access (without it an
     * empty result costs 100 ms and an SQL error reads as "no row"), ODBC
     * refuses it.  Rows are always read in sequence. */
    int random;
    /** A text parameter as a 64-bit number; holds one %s. */
    const char *number;
    /** Whether a key k lies behind another in the order of created and id, so
     * that the place is found in the index however many were made in one
     * second.  Holds two or three %s: created, id and created.  On SQLite a row
     * may have any text for created, which comes behind all numbers. */
    const char *behind_key;
    /** Selects one number: how many tables are called apikey_identity.  It
     * must work on every database that answers at all. */
    const char *probe;
    /** Selects that set a connection of our own up; ends with NULL. */
    const char *const *on_open;
    /** Selects to run before the schema is made; ends with NULL. */
    const char *const *on_init;
    /** Selects to run before a connection of our own is closed that has written
     * something; whether they succeed is nobody's concern.  Ends with NULL;
     * may be NULL. */
    const char *const *on_close;
    /** Selects one row where no writer holds up a reader, else none; NULL:
     * nobody can promise that. */
    const char *never_waits;
    /** The first whose words fit counts; ends with NULL words; may be NULL. */
    const apikey_advice_t *advice;
    /** The file that params name, in pool; NULL: none.  May be NULL itself. */
    const char *(*file)(const char *params, apr_pool_t *pool);
    /** Whether the driver's error means that another holds a lock. */
    int (*is_locked)(int error, const char *message);
    /** Whether it is gone in a moment by itself; may be NULL. */
    int (*is_passing)(int error);
    /** Whether it means that a primary or unique key is there already.  May
     * be NULL. */
    int (*is_duplicate)(int error, const char *message);
    /** A statement that meets such a key is undone, and its transaction goes
     * on. */
    int undone_alone;
    /** Whether it means that two transactions waited for each other, and this
     * one had to give way.  May be NULL. */
    int (*is_deadlock)(int error, const char *message);
    /** Words of a message that this user must not write there, or nothing can
     * write; ends with NULL. */
    const char *const *read_only;
    /** Words of a message that a table has changed since the statement was
     * prepared, so that it has to be prepared again; ends with NULL.  NULL:
     * the database does that itself. */
    const char *const *outdated;
    /** Commands that begin and end an import inside of its transaction:
     * between them no row of apikey or apikey_tenant leaves a change, and the
     * end leaves a single one, of the kind 'all'.  Each ends with NULL. */
    const char *const *bulk_on;
    const char *const *bulk_off;
    /** Whether the driver prepares what has a label alone. */
    int labels;
    /** Commands to run when that transaction is over, whatever its end: they
     * switch off what a rollback does not.  NULL: nothing to do. */
    const char *const *bulk_over;
    /** Where an import is done in steps, of a transaction each: commands of
     * the first; of the last, which make all of it valid; and of the last one
     * where it is given up.  Each ends with NULL.  NULL: it is done in one
     * transaction, and the rest of this group is NULL, too. */
    const char *const *import_begin;
    const char *const *import_over;
    const char *const *import_undone;
    /** Selects that set the connection up for the steps, and for the last of
     * them.  Each ends with NULL; bulk_over follows. */
    const char *const *import_on;
    const char *const *import_off;
    /** A further column of a key that is imported, and its value: the mark
     * that it is of an import that has not ended. */
    const char *import_column, *import_number;
    /** What is there of apikey without such keys; a condition of apikey k
     * beside apikey_identity i that it is none. */
    const char *import_known, *import_valid;
    /** Selects a number, not 0 where an import has begun and not ended; the
     * last of some thousand digests behind one, or NULL; deletes such keys
     * behind one digest and up to another.  Hold a %s for each digest. */
    const char *import_unfinished, *import_range, *import_remove;
    /** Selects the name of the file that the database is in, or "". */
    const char *import_file;
    /** What a connection of our own is opened with instead of params; NULL:
     * params. */
    const char *(*params)(const char *params, apr_pool_t *pool);
    /** What stands around a column so that its text is read as the bytes that
     * are stored, whatever the connection makes of text, and, where the driver
     * tells no length, a NUL as a byte that is refused; NULL: nothing. */
    const char *text_open, *text_close;
    /** Of such an expression the driver gives the first 255 characters: a text
     * that may be longer is read as it is. */
    int short_texts;
    /** Selects that name who holds the lock that we did not get, in their
     * first column; the first that gives a row is believed, one that fails
     * is passed over.  Ends with NULL; may be NULL. */
    const char *const *blockers;
    /** Begins a transaction that COMMIT or ROLLBACK ends, all as plain SQL;
     * NULL: apr_dbd's functions.  (The driver pgsql crashes where it begins
     * one on a connection that has just died.) */
    const char *begin;
    /** Behind a select of apikey k: the row stays locked until the
     * transaction is over.  NULL: the database has one writer anyway. */
    const char *hold;
    /** Ends an INSERT into apikey_usage from rows v of id, uses and latest: a
     * row that is there is added to; an older time changes nothing. */
    const char *used_again;
    /** Whether the driver's error says no more than that no row was there to
     * be changed.  May be NULL. */
    int (*is_nothing)(int error, const char *message);
    /** Selects one number: how many columns a table has with a name; holds two
     * %s, table and column.  NULL: a step of the schema that adds one is undone
     * where it is not done whole, so there is no need to ask. */
    const char *has_column;
    /** Whether a long column comes in pieces, read until there is none. */
    int pieces;
    /** Whether the driver tells how long a column is, so that a text with a NUL
     * in it is found out when it is read.  PostgreSQL has no such text. */
    int lengths;
    /** Finds out what database a connection leads to; all the rest is that
     * dialect's, which lives in @a store_pool.  NULL: it is known. */
    const struct apikey_dialect_t *(*behind)(const apr_dbd_driver_t *driver,
                                             apr_dbd_t *handle,
                                             apr_pool_t *store_pool,
                                             apr_pool_t *pool,
                                             const char **error);
    /** Selects all triggers: "name table"; what keeps it from working, a
     * sentence fragment, or ""; its shape, of which blanks and quotes do not
     * count. */
    const char *triggers;
    /** The shape that a CREATE TRIGGER of the schema's makes; NULL: that is
     * its text. */
    const char *(*trigger_shape)(const char *sql, apr_pool_t *pool);
    /** Selects the same of functions: name, fault, body.  NULL: triggers call
     * none. */
    const char *functions;
    /** What `htapikey doctor` asks; ends with a NULL check; may be NULL. */
    const apikey_probe_t *probes;
    /** Selects for a connection of mod_dbd's, which others use, too; ends with
     * NULL; may be NULL. */
    const char *const *on_adopt;
    /** It is a file: no answer of its own can get lost on the way. */
    int no_server;
    /** Selects one row of NULLs with the columns of another select, for a
     * driver whose empty result does not know their names.  Holds one %s,
     * which may end with a comment.  NULL: the driver's does. */
    const char *columns_of;
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

/** Whether a database's message contains one of @a words (ends with NULL; may
 * be NULL).
 * @param message may be NULL */
int apikey_dialect_says(const char *const *words, const char *message);

#endif
