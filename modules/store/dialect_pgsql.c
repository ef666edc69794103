/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <string.h>

#include <apr_strings.h>

#include "dialect.h"

/* Waits five seconds for a lock, at COMMIT too, where the deferred triggers
 * take theirs; all text is UTF-8, whatever the client's default is. */
static const char *const on_open[] = {
    "SELECT set_config('lock_timeout', '5000', false)",
    "SELECT set_config('client_encoding', 'UTF8', false)",
    NULL
};

/* One init at a time: a second one waits, and finds all done.  The lock ends
 * with the connection; 1634756971 is "apik". */
static const char *const on_init[] = {
    "SELECT pg_advisory_lock(1634756971, 0)",
    NULL
};

/* An import looks for existing keys in a table that has no statistics yet; it
 * must use the indexes nevertheless. */
static const char *const bulk_on[] = {
    "SET LOCAL apikey.bulk = '1'",
    "SET LOCAL enable_seqscan = off",
    NULL
};

/* The triggers record the change of the kind 'all' (002_changes.sql). */
static const char *const bulk_off[] = {
    "SET LOCAL apikey.bulk = ''",
    NULL
};

/* Backends that hold a lock on the module's tables, the oldest transaction
 * first.  Their columns are NULL for most roles, hence COALESCE. */
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

/* tgtype's bits, as pg_trigger.h of PostgreSQL has them. */
static const struct { const char *word; int bit; } trigger_types[] = {
    { " BEFORE ", 2 }, { " INSERT ", 4 }, { " DELETE ", 8 },
    { " UPDATE ", 16 }, { " TRUNCATE ", 32 }
};
#define FOR_EACH_ROW 1

/* PostgreSQL returns a condition with other blanks, parentheses and casts, so
 * these are removed. */
static const char triggers[] =
    "SELECT t.tgname || ' ' || c.relname,"
    " CASE WHEN t.tgenabled = 'D' THEN 'switched off (ALTER TABLE ... ENABLE"
    " TRIGGER)' WHEN t.tgenabled = 'R' THEN 'at work in replication alone"
    " (ALTER TABLE ... ENABLE TRIGGER)' WHEN p.pronamespace <> c.relnamespace"
    " THEN 'calling a function of another schema' ELSE '' END,"
    " t.tgtype || CASE WHEN t.tgdeferrable AND t.tginitdeferred"
    " THEN ' deferred ' ELSE ' immediate ' END || p.proname || ' '"
    " || array_to_string(t.tgattr::smallint[], ' ')"
    " || replace(replace(replace(replace(COALESCE("
    "substring(pg_get_triggerdef(t.oid) from ' WHEN (.*) EXECUTE '), ''),"
    " '::text', ''), ' ', ''), '(', ''), ')', '')"
    " FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
    " JOIN pg_proc p ON p.oid = t.tgfoid"
    " WHERE NOT t.tgisinternal AND pg_table_is_visible(c.oid)";

static const char functions[] =
    "SELECT p.proname, CASE WHEN p.prosecdef AND l.lanname = 'plpgsql'"
    " AND p.proconfig = ARRAY['search_path=' || quote_ident(n.nspname)"
    " || ', pg_temp'] THEN '' ELSE 'without the rights of their owner, or with"
    " another search_path' END, CAST(p.prosrc AS VARCHAR(4000))"
    " FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang"
    " JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.oid ="
    " (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('apikey'))";

/* The text after before, up to one of the characters of end. */
static const char *word_after(const char *sql, const char *before,
                              const char *end, apr_pool_t *pool)
{
    const char *at = strstr(sql, before);

    at = at ? at + strlen(before) : "";
    return apr_pstrmemdup(pool, at, strcspn(at, end));
}

/* The same from the CREATE TRIGGER of a schema file, where WHEN (...) is a line
 * of its own. */
static const char *pgsql_trigger_shape(const char *sql, apr_pool_t *pool)
{
    char *text = apr_pstrdup(pool, sql);
    const char *when = word_after(sql, "WHEN (", "\n", pool);
    char *condition = apr_pstrdup(pool, when), *to = condition;
    const char *events;
    int type = strstr(sql, "FOR EACH ROW") ? FOR_EACH_ROW : 0;
    apr_size_t i;

    for (i = 0; text[i]; i++) {
        text[i] = text[i] == '\n' ? ' ' : text[i];
    }
    events = apr_pstrmemdup(pool, text, strstr(text, " ON ") + 1 - text);
    for (i = 0; i < sizeof(trigger_types) / sizeof(*trigger_types); i++) {
        type |= strstr(events, trigger_types[i].word)
                ? trigger_types[i].bit : 0;
    }
    for (; *when; when++) {
        if (strncmp(when, "::text", 6) == 0) {
            when += 5;
        }
        else if (!strchr(" ()", *when)) {
            *to++ = *when;
        }
    }
    *to = '\0';
    return apr_psprintf(pool, "%d %s %s %s", type,
                        strstr(sql, "INITIALLY DEFERRED") ? "deferred"
                                                          : "immediate",
                        word_after(sql, "EXECUTE FUNCTION ", "(", pool),
                        condition);
}

static const apikey_probe_t probes[] = {
    { "role", "SELECT current_setting('session_replication_role')", "origin",
      1, "Triggers are at work for this user.",
      "is session_replication_role, so that no trigger is at work and changes "
      "are not noticed; take it from the settings of the database and of the "
      "user" },
    { "numbers", "SELECT pg_get_expr(d.adbin, d.adrelid) || ' ' || s.seqcache"
      " FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid"
      " AND a.attnum = d.adnum, pg_sequence s"
      " WHERE d.adrelid = to_regclass('apikey_change')"
      " AND a.attname = 'number'"
      " AND s.seqrelid = to_regclass('apikey_change_numbers')",
      "apikey_change_number() 1", 1,
      "Changes get their numbers in the order of their commits.",
      "is where apikey_change.number comes from, and the sequence's CACHE: "
      "numbers may commit out of order and changes be missed; take both from "
      "the schema's files" },
    { "rules", "SELECT COUNT(*) FROM pg_class WHERE relname LIKE 'apikey%'"
      " AND relkind = 'r' AND (relhasrules OR relrowsecurity)"
      " AND pg_table_is_visible(oid)", "0", 1,
      "No rule or row security stands before the tables.",
      "tables have rules or row security, which may keep changes from being "
      "recorded; drop them" },
    { NULL, NULL, NULL, 0, NULL, NULL }
};

const apikey_dialect_t apikey_dialect_pgsql = {
    .driver = "pgsql",
    .traits = { .random = 1, .labels = 1,
                .begin = "BEGIN ISOLATION LEVEL READ COMMITTED" },
    .number = "CAST(%s AS BIGINT)",
    .after_key = "(k.created, k.id) > (CAST(%s AS BIGINT), %s)",
    .probe = "SELECT COUNT(*) FROM pg_catalog.pg_class"
             " WHERE oid = to_regclass('apikey_identity')",
    .on_open = on_open,
    .on_init = on_init,
    /* The words are the server's, in its language; the codes (SQLSTATE) stand
     * in messages of ODBC only. */
    .errors = {
        [APIKEY_ERROR_LOCKED] = { { 0 }, { "due to lock timeout",
                                           " 55P03" } },
        [APIKEY_ERROR_DUPLICATE] = { { 0 }, { "duplicate key value",
                                              " 23505" } },
        [APIKEY_ERROR_DEADLOCK] = { { 0 }, { "deadlock detected",
                                             " 40P01" } },
        [APIKEY_ERROR_READ_ONLY] = {
            { 0 }, { "in a read-only transaction", " 25006",
                     "permission denied for", " 42501" } }
    },
    .import = { .bulk_on = bulk_on, .bulk_off = bulk_off },
    .blockers = blockers,
    .lock_row = " FOR UPDATE OF k",
    .add_usage = APIKEY_ADD_USAGE,
    .triggers = triggers,
    .trigger_shape = pgsql_trigger_shape,
    .functions = functions,
    .probes = probes
};
