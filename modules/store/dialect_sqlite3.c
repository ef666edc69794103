/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_lib.h>
#include <apr_strings.h>

#include "dialect.h"

/* SQLite's own numbers; its header is not needed for a few of them. */
#define SQLITE3_BUSY 5
#define SQLITE3_LOCKED 6
#define SQLITE3_CANTOPEN 14

/*
 * The driver tries a locked statement 16 times, 100 ms apart.  With this each
 * try waits in SQLite, too (which looks far more often), and all of them
 * together take the five seconds that we promise: 16 * (0.212 + 0.1).
 */
static const char *const on_open[] = {
    "PRAGMA busy_timeout = 212",
    NULL
};

/* Readers are never blocked by a writer; the file remembers it. */
static const char *const on_init[] = {
    "PRAGMA journal_mode = WAL",
    NULL
};

/* A path, or a URI as sqlite3_open() takes it: file:PATH?mode=rw. */
static const char *file(const char *params, apr_pool_t *pool)
{
    const char *path = params;
    char *plain;
    apr_size_t i, n = 0;

    if (strncmp(path, "file:", 5) != 0) {
        return *path && strcmp(path, ":memory:") != 0 ? path : NULL;
    }
    path += 5;
    if (strncmp(path, "//", 2) == 0) {
        path += 2;
        path += strcspn(path, "/?#");
    }
    plain = apr_pstrmemdup(pool, path, strcspn(path, "?#"));
    for (i = 0; plain[i]; i++, n++) {
        plain[n] = plain[i];
        if (plain[i] == '%' && apr_isxdigit(plain[i + 1])
            && apr_isxdigit(plain[i + 2])) {
            const char hex[3] = { plain[i + 1], plain[i + 2], '\0' };

            plain[n] = (char)apr_strtoi64(hex, NULL, 16);
            i += 2;
        }
    }
    plain[n] = '\0';
    return *plain && strcmp(plain, ":memory:") != 0
           && !strstr(params, "mode=memory") ? plain : NULL;
}

static int is_locked(int error, const char *message)
{
    return error == SQLITE3_BUSY || error == SQLITE3_LOCKED
           || (message && strcmp(message, "database is locked") == 0);
}

/* Where root was the first to open the database, its -wal and -shm belong to
 * root until SQLite has given them to the file's owner. */
static int is_passing(int error)
{
    return error == SQLITE3_CANTOPEN;
}

const apikey_dialect_t apikey_dialect_sqlite3 = {
    "sqlite3",
    0,
    "CAST(%s AS INTEGER)",
    "SELECT COUNT(*) FROM sqlite_master WHERE name = 'apikey_identity'",
    on_open,
    on_init,
    file,
    is_locked,
    is_passing
};
