/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_lib.h>
#include <apr_strings.h>

#include "dialect.h"

/* The driver tries a locked statement 16 times, 100 ms apart.  With a busy
 * timeout SQLite waits in each try, too, and looks for the lock more often; all
 * tries together take five seconds: 16 * (0.212 + 0.1). */
static const char *const on_open[] = {
    "PRAGMA busy_timeout = 212",
    NULL
};

/* With a WAL readers do not wait for a writer; the mode is kept in the file. */
static const char *const on_init[] = {
    "PRAGMA journal_mode = WAL",
    NULL
};

/* Writes the log into the file and truncates it. */
static const char *const on_close[] = {
    "PRAGMA wal_checkpoint(TRUNCATE)",
    NULL
};

/* A path, or a URI as sqlite3_open() takes it: file:PATH?mode=rw. */
static const char *sqlite3_file(const char *params, apr_pool_t *pool)
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

static const apikey_advice_t advice[] = {
    { "readonly database",
      "its user must be allowed to write to the file and to its folder, where "
      "SQLite keeps a -wal and a -shm file, for reading, too" },
    { "unable to open database file",
      "its user must be allowed to enter the folder and to write there, where "
      "SQLite keeps a -wal and a -shm file, for reading, too" },
    { "disk is full",
      "make room; nothing has been changed" },
    { "disk I/O error",
      "is the disk full, or a limit on the size of files in the way?" },
    { "malformed",
      "the file is damaged, or another was copied over it while its -wal lay "
      "beside it: restore a backup with `sqlite3 FILE '.restore BACKUP'`" },
    { "not a database",
      "something else lies in its place: restore a backup, and remove the -wal "
      "and -shm files beside it" },
    { NULL, NULL }
};

/* The triggers read this flag (003_bulk.sql).  There is one writer, and a
 * rollback resets it. */
static const char *const bulk_on[] = {
    "UPDATE apikey_identity SET bulk = 1",
    NULL
};

static const char *const bulk_off[] = {
    "UPDATE apikey_identity SET bulk = 0",
    NULL
};

static const char *const bulk_over[] = {
    "PRAGMA wal_autocheckpoint = 1000",
    "PRAGMA cache_size = -2000",
    "PRAGMA temp_store = DEFAULT",
    NULL
};

/* Digests are spread over the whole table, so each step changes many pages:
 * they are kept in memory and in the log, and written to the file after many
 * changes.  Steps need not survive a crash of the machine, which ends the
 * import anyway; only the last one is synced. */
static const char *const import_on[] = {
    "PRAGMA cache_size = -65536",
    "PRAGMA wal_autocheckpoint = 16384",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA temp_store = MEMORY",
    NULL
};

static const char *const import_off[] = {
    "PRAGMA synchronous = FULL",
    NULL
};

/* apikey_identity.imported (006_meta.sql) is odd during an import, whose keys
 * have the next number as their batch: incrementing it makes them valid. */
static const char *const import_next[] = {
    "UPDATE apikey_identity SET imported = imported + 1",
    NULL
};

static const char *const import_undone[] = {
    "UPDATE apikey_identity SET imported = imported - 1",
    NULL
};

#define IMPORTED "(SELECT imported FROM apikey_identity)"

static const apikey_probe_t probes[] = {
    { "journal", "PRAGMA journal_mode", "wal", 0,
      "The journal is a WAL: readers never wait for a writer.",
      "is the journal mode, so requests wait while anything is written; "
      "set it with \"PRAGMA journal_mode = WAL\"" },
    { "integrity", "PRAGMA quick_check(1)", "ok", 1,
      "The file is whole (quick_check).",
      "is what quick_check found; restore the file from a backup" },
    { "import", "SELECT bulk FROM apikey_identity", "0", 1,
      "Changes are recorded.",
      "is in apikey_identity.bulk, so no change is recorded and a revoked "
      "key may live on in caches; set it to 0" },
    { "unfinished", "SELECT COUNT(*) FROM apikey WHERE batch > " IMPORTED,
      "0", 0, "No import has been left unfinished.",
      "keys are of an import that has not ended, and are not valid; if none is "
      "under way, the next one removes them" },
    { NULL, NULL, NULL, 0, NULL, NULL }
};

const apikey_dialect_t apikey_dialect_sqlite3 = {
    .driver = "sqlite3",
    .number = "CAST(%s AS INTEGER)",
    .after_key = "(k.created, k.id) > (%s, %s)",
    .traits = {
        .file = sqlite3_file,
        .lengths = 1,
        .no_server = 1,
        .columns_of = "SELECT q.* FROM (SELECT 1) LEFT JOIN (%s\n) q ON 1"
    },
    .probe = "SELECT COUNT(*) FROM sqlite_master"
             " WHERE name = 'apikey_identity'",
    .on_open = on_open,
    .on_init = on_init,
    .on_close = on_close,
    .never_waits = "SELECT journal_mode FROM pragma_journal_mode"
                   " WHERE journal_mode = 'wal'",
    .advice = advice,
    /* SQLite's own numbers (sqlite3.h): 5 BUSY, 6 LOCKED, 14 CANTOPEN.  The
     * last one passes: where root was the first to open the database, its -wal
     * and -shm belong to root until SQLite has given them to the file's owner.
     * A table that changes outdates a statement because the driver prepares
     * with sqlite3_prepare(), not sqlite3_prepare_v2(). */
    .errors = {
        [APIKEY_ERROR_LOCKED] = { { 5, 6 }, { "database is locked" } },
        [APIKEY_ERROR_PASSING] = { { 14 }, { NULL } },
        [APIKEY_ERROR_DUPLICATE] = { { 0 },
                                     { "UNIQUE constraint failed" } },
        [APIKEY_ERROR_READ_ONLY] = { { 0 }, { "readonly database" } },
        [APIKEY_ERROR_OUTDATED] = { { 0 }, { "schema has changed" } }
    },
    .add_usage = APIKEY_ADD_USAGE,
    .on_adopt = on_open,
    .import = {
        .bulk_on = bulk_on,
        .bulk_off = bulk_off,
        .bulk_over = bulk_over,
        .duplicate_undone = 1,
        .steps = 1,
        .settings = import_on,
        .last_settings = import_off,
        .begin = import_next,
        .finish = import_next,
        .column = ", batch",
        .value = ", 1 + " IMPORTED,
        .valid_keys = "apikey_known",
        .valid_condition = " AND k.batch <= i.imported",
        .abandon = import_undone,
        .unfinished = "SELECT imported % 2 FROM apikey_identity",
        .range = "SELECT MAX(digest) FROM (SELECT digest FROM apikey"
                 " WHERE digest > '%s' ORDER BY digest LIMIT 5000)",
        .remove = "DELETE FROM apikey WHERE digest > '%s'"
                         " AND digest <= '%s' AND batch > " IMPORTED,
        .file = "SELECT file FROM pragma_database_list"
                       " WHERE name = 'main'"
    },
    .triggers = "SELECT name || ' ' || tbl_name, '', sql FROM sqlite_master"
                " WHERE type = 'trigger'",
    .probes = probes
};
