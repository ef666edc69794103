/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <string.h>

#include "dialect.h"

/* A default for text of another encoding would garble names; a lock that
 * another holds is waited for as long as we promise, at COMMIT too, where the
 * deferred triggers take theirs. */
static const char *const on_open[] = {
    "SELECT set_config('lock_timeout', '5000', false)",
    "SELECT set_config('client_encoding', 'UTF8', false)",
    NULL
};

/* Two at once: the second waits and finds all done.  The lock ends with the
 * connection; 1634756971 is "apik". */
static const char *const on_init[] = {
    "SELECT pg_advisory_lock(1634756971, 0)",
    NULL
};

static const char *const bulk_on[] = {
    "SET LOCAL apikey.bulk = '1'",
    NULL
};

/* The triggers have seen to the change (002_triggers.sql). */
static const char *const bulk_off[] = {
    "SET LOCAL apikey.bulk = ''",
    NULL
};

/* Who has changed rows of ours, or locked them, and is not done; the oldest
 * first.  What others run is shown to a few roles only, hence COALESCE. */
static const char *const blockers[] = {
    "SELECT 'backend ' || a.pid || ' of PostgreSQL (user '"
    " || COALESCE(a.usename, '?') || ', program '"
    " || COALESCE(NULLIF(a.application_name, ''), '?') || ', '"
    " || COALESCE(a.state, 'state not shown to us') || ')'"
    " FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.granted AND l.pid <> pg_backend_pid()"
    " AND (l.relation IN (to_regclass('apikey'),"
    " to_regclass('apikey_tenant'), to_regclass('apikey_scope'))"
    " AND l.mode NOT IN ('AccessShareLock', 'ShareUpdateExclusiveLock')"
    " OR l.locktype = 'advisory' AND l.classid = 1634756971)"
    " ORDER BY a.xact_start LIMIT 1",
    NULL
};

/* 55P03 stands in ODBC's messages only; the words are the server's, in its
 * language. */
static int is_locked(int error, const char *message)
{
    (void)error;
    return message && (strstr(message, "due to lock timeout")
                       || strstr(message, " 55P03"));
}

static int is_duplicate(int error, const char *message)
{
    (void)error;
    return message && (strstr(message, "duplicate key value")
                       || strstr(message, " 23505"));
}

static int is_deadlock(int error, const char *message)
{
    (void)error;
    return message && (strstr(message, "deadlock detected")
                       || strstr(message, " 40P01"));
}

const apikey_dialect_t apikey_dialect_pgsql = {
    .driver = "pgsql",
    .random = 1,
    .number = "CAST(%s AS BIGINT)",
    .behind_key = "(k.created, k.id) > (CAST(%s AS BIGINT), %s)",
    .probe = "SELECT COUNT(*) FROM pg_catalog.pg_class"
             " WHERE oid = to_regclass('apikey_identity')",
    .on_open = on_open,
    .on_init = on_init,
    .is_locked = is_locked,
    .is_duplicate = is_duplicate,
    .is_deadlock = is_deadlock,
    .bulk_on = bulk_on,
    .bulk_off = bulk_off,
    .blockers = blockers,
    .begin = "BEGIN ISOLATION LEVEL READ COMMITTED",
    .hold = " FOR UPDATE OF k",
    .used_again = APIKEY_USED_AGAIN,
    .triggers = "SELECT t.tgname || ' ' || c.relname FROM pg_trigger t"
                " JOIN pg_class c ON c.oid = t.tgrelid"
                " WHERE t.tgenabled <> 'D' AND pg_table_is_visible(c.oid)"
};
