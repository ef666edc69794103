/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* MariaDB and MySQL. */

#include <apr_strings.h>

#include "dialect.h"

/* All text is UTF-8: with the client's default, latin1, other characters would
 * be read as '?'.  The collation compares by bytes; it has another name on
 * MariaDB and on MySQL, and each runs only the comment that is meant for it.
 * (SET NAMES would do the same, but ODBC's driver forbids it.)
 * The rest makes the server's configuration irrelevant: without a strict mode
 * a text that is too long would be cut. */
static const char *const on_open[] = {
    "SET SESSION character_set_client = utf8mb4,"
    " character_set_results = utf8mb4, character_set_connection = utf8mb4"
    " /*M!100201 , collation_connection = utf8mb4_nopad_bin */"
    " /*!80017 , collation_connection = utf8mb4_0900_bin */",
    "SET SESSION innodb_lock_wait_timeout = 5, lock_wait_timeout = 5,"
    " autocommit = 1, sql_safe_updates = 0,"
    " sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    NULL
};

/* One init at a time: replacing a trigger takes two statements. */
static const char *const on_init[] = {
    "SELECT GET_LOCK(CONCAT('apikey ', MD5(COALESCE(DATABASE(), ''))), 5)",
    NULL
};

static const char *const bulk_on[] = {
    "SET @apikey_bulk = 1",
    NULL
};

static const char *const bulk_off[] = {
    "SET @apikey_bulk = NULL",
    "INSERT INTO apikey_change (kind, changed)"
    " VALUES ('all', UNIX_TIMESTAMP())",
    NULL
};

static const char *const bulk_over[] = {
    "SET @apikey_bulk = NULL",
    NULL
};

/* A transaction that changes keys locks apikey_counter and writes its
 * connection there, which can be read uncommitted without any right.  Holders
 * of other locks are in innodb_trx, which needs the right PROCESS. */
static const char *const blockers[] = {
    "SELECT number INTO @apikey_number FROM apikey_counter",
    "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED",
    "SELECT CONCAT('connection ', connection, ' of ', who,"
    " ', which changed a key or a tenant ', UNIX_TIMESTAMP() - since,"
    " ' s ago and has not committed (KILL ', connection, ' ends it)')"
    " FROM apikey_counter WHERE number <> @apikey_number",
    "SELECT CONCAT('connection ', p.id, ' of ', p.user, '@',"
    " p.host, ', it seems, whose transaction is open since ', t.trx_started,"
    " ' (KILL ', p.id, ' ends it)') FROM information_schema.innodb_trx t"
    " JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id"
    " WHERE p.id <> CONNECTION_ID()"
    " ORDER BY t.trx_rows_locked > 0 DESC, t.trx_started LIMIT 1",
    NULL
};

/* Switches off that the client library reconnects by itself, which the driver
 * asks for: the new connection would lack on_open and the open transaction.
 * The last of several options counts. */
static const char *mysql_params(const char *given, apr_pool_t *pool)
{
    return apr_pstrcat(pool, given, " reconnect=0", NULL);
}

/* "AFTER INSERT body": CREATE TRIGGER name AFTER INSERT ON table FOR EACH ROW
 * body. */
static const char *mysql_trigger_shape(const char *sql, apr_pool_t *pool)
{
    const char *name = strstr(sql, " TRIGGER ") + strlen(" TRIGGER ");
    const char *when = name + strcspn(name, " ") + 1;
    const char *on = strstr(when, " ON ");
    const char *each = strstr(when, "FOR EACH ROW");

    return on && each ? apr_pstrcat(pool, apr_pstrmemdup(pool, when,
                                                         on - when), " ",
                                    each + strlen("FOR EACH ROW"), NULL)
                      : sql;
}

static const apikey_probe_t probes[] = {
    { "engine", "SELECT COUNT(*) FROM information_schema.tables"
      " WHERE table_schema = DATABASE() AND table_name LIKE 'apikey%'"
      " AND engine <> 'InnoDB'", "0", 1,
      "All tables are of the engine InnoDB.",
      "tables are of another engine than InnoDB, so what fails is not undone; "
      "change them with ALTER TABLE ... ENGINE = InnoDB" },
    { "collation", "SELECT COUNT(*) FROM information_schema.columns"
      " WHERE table_schema = DATABASE() AND table_name LIKE 'apikey%'"
      " AND collation_name NOT IN ('utf8mb4_nopad_bin',"
      " 'utf8mb4_0900_bin')", "0", 1,
      "All columns compare to the byte.",
      "columns do not compare to the byte, so that 'k1' may find 'K1'; change "
      "them to the collation utf8mb4_nopad_bin (MySQL: utf8mb4_0900_bin)" },
    { "counter", "SELECT COUNT(*) FROM apikey_counter WHERE number >="
      " (SELECT COALESCE(MAX(number), 0) FROM apikey_change)", "1", 1,
      "The numbers of changes go on where they ended.",
      "rows of apikey_counter are as far as apikey_change, so that nothing "
      "can be changed; there must be one whose number is the last change's" },
    { NULL, NULL, NULL, 0, NULL, NULL }
};

const apikey_dialect_t apikey_dialect_mysql = {
    .driver = "mysql",
    .number = "CAST(%s AS SIGNED)",
    .after_key = "(k.created = CAST(%s AS SIGNED) AND k.id > %s"
                  " OR k.created > CAST(%s AS SIGNED))",
    .probe = "SELECT COUNT(*) FROM information_schema.tables"
             " WHERE table_schema = DATABASE()"
             " AND table_name = 'apikey_identity'",
    .on_open = on_open,
    .on_init = on_init,
    /* The server's own numbers (mysqld_error.h). */
    .errors = {
        [APIKEY_ERROR_LOCKED] = { { 1205 },
                                  { "Lock wait timeout exceeded" } },
        [APIKEY_ERROR_DUPLICATE] = { { 1062 }, { "Duplicate entry" } },
        [APIKEY_ERROR_DEADLOCK] = { { 1213 }, { "Deadlock found" } },
        [APIKEY_ERROR_READ_ONLY] = {
            { 0 }, { "--read-only", "read_only", "READ ONLY transaction",
                     "read-only mode", "command denied to user" } }
    },
    .has_column = "SELECT COUNT(*) FROM information_schema.columns"
                  " WHERE table_schema = DATABASE() AND table_name = '%s'"
                  " AND column_name = '%s'",
    .import = { .bulk_on = bulk_on, .bulk_off = bulk_off,
                .bulk_over = bulk_over, .duplicate_undone = 1 },
    .traits = { .params = mysql_params, .lengths = 1 },
    .text_open = "CONVERT(",
    .text_close = " USING binary)",
    .blockers = blockers,
    .lock_row = " FOR UPDATE",
    .add_usage = " ON DUPLICATE KEY UPDATE"
                  " use_count = apikey_usage.use_count + v.uses,"
                  " last_used = GREATEST(apikey_usage.last_used, v.latest)",
    .triggers = "SELECT CONCAT(trigger_name, ' ', event_object_table), '',"
                " CONCAT(action_timing, ' ', event_manipulation, ' ',"
                " CAST(action_statement AS CHAR(4000)))"
                " FROM information_schema.triggers"
                " WHERE trigger_schema = DATABASE()",
    .trigger_shape = mysql_trigger_shape,
    .probes = probes
};
