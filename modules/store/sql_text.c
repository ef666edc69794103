/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>
#include <apr_tables.h>

#include "sql_text.h"
#include "usage.h"

#define PAGE " LIMIT " APR_STRINGIFY(APIKEY_PAGE)
#define PRUNED " LIMIT " APR_STRINGIFY(APIKEY_PRUNED_AT_ONCE)

/* For each of APIKEY_USED_AT_ONCE keys. */
#define TEN(text) text text text text text text text text text text
#define USED(text) TEN(TEN(text)) TEN(TEN(text))
#if APIKEY_USED_AT_ONCE != 200
#error "USED() is not APIKEY_USED_AT_ONCE times"
#endif

/* Scopes may be long and are read without %[: SQLite's ODBC driver gives 255
 * characters of an expression.  The tables refuse a NUL in them. */
#define TEXT(column) " %[k." #column "%] AS " #column ","
#define LONG(row, column, name) " %(" #row "." #column "%) AS " #name ","
/* In the order of apikey_key_row_read() in key_row.c. */
#define KEY_COLUMNS                                                         \
    "SELECT" TEXT(id) TEXT(keyspace) TEXT(tenant) TEXT(name) TEXT(env)      \
    " k.scopes," TEXT(secret_id) TEXT(format) TEXT(prefix) TEXT(hint)       \
    TEXT(creator) " k.created, k.expires, k.revoked, k.disabled,"           \
    " k.lifetime, k.bits," TEXT(reason) TEXT(root) TEXT(rotated_from)       \
    TEXT(owner) LONG(k, networks, networks) LONG(k, meta, meta)             \
    LONG(t, meta, tenant_meta) " t.suspended,"                              \
    " %[t.reason%] AS tenant_reason, u.last_used, u.use_count, u.exposed,"  \
    " k.digest"                                                             \
    " FROM %k k"                                                            \
    " LEFT JOIN apikey_tenant t ON t.tenant = k.tenant"                     \
    " LEFT JOIN apikey_usage u ON u.id = k.id"

/* What httpd and applications need of a key, and the state of the database.
 * Both are read by one statement, because the next one may be answered by
 * another server.  There is a row without a key, too. */
#define LOOKUP(first, more, valid)                                          \
    "SELECT " first "i.uuid, i.epoch, COALESCE((SELECT MAX(number)"         \
    " FROM apikey_change), i.pruned), k.digest," TEXT(id) TEXT(keyspace)    \
    TEXT(tenant) TEXT(name) TEXT(env)                                       \
    " k.scopes," more " k.expires, k.revoked, k.disabled, t.suspended"      \
    " FROM apikey_identity i LEFT JOIN apikey k ON k.digest = %s" valid     \
    " LEFT JOIN apikey_tenant t ON t.tenant = k.tenant"

#define LIST_BEGIN KEY_COLUMNS " WHERE "
#define LIST_END "%b ORDER BY k.created, k.id" PAGE

/* In the order of read_tenant() in tenants.c. */
#define TENANT_COLUMNS                                                      \
    "SELECT n.tenant, t.created, t.suspended, t.reason,"                    \
    LONG(t, meta, meta)                                                     \
    " (SELECT COUNT(*) FROM %k k WHERE k.tenant = n.tenant)"

/* Keys of an import, each with the mark that it has not ended. */
#define IMPORT                                                              \
    "INSERT INTO apikey (digest, id, keyspace, tenant, name, env, scopes,"  \
    " secret_id, format, prefix, hint, creator, root, rotated_from, owner," \
    " networks, meta, reason, created, expires, bits, revoked, disabled,"     \
    " lifetime%i) VALUES "
#define IMPORTED                                                            \
    "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,"  \
    " %s, %n, %n, %n, %n, %n, %n%j)"
#define THIRTEEN(text) TEN(text) text text text
#define THIRTY_NINE(text) THIRTEEN(text) THIRTEEN(text) THIRTEEN(text)
#if APIKEY_IMPORTED_AT_ONCE != 40
#error "IMPORTED and THIRTY_NINE() are not APIKEY_IMPORTED_AT_ONCE rows"
#endif

static const char *const statements[APIKEY_SQL_COUNT] = {
    /* The hot path: a column takes SQLite's driver a thousand instructions. */
    [APIKEY_SQL_LOOKUP] =
    LOOKUP("", LONG(k, networks, networks) LONG(k, meta, meta)
           LONG(t, meta, tenant_meta), "%v"),
    /* The same for tables of the version before; the version is read, too. */
    [APIKEY_SQL_LOOKUP_BEFORE] =
    LOOKUP("i.schema_version, ", "", ""),

    [APIKEY_SQL_KEY_SHOW] =
    KEY_COLUMNS " WHERE k.id = %s",
    /* Locks a row that the transaction will change.  The key's row alone: a
     * lock on its row in apikey_usage would wait for batches of uses. */
    [APIKEY_SQL_KEY_LOCK] =
    "SELECT k.id FROM %k k WHERE k.id = %s%h",
    /* Conditions are added only if there are any (apikey_sql_text_list()): with
     * one that is always true, PostgreSQL expects few rows and sorts all that
     * are left for each page. */
    [APIKEY_SQL_KEY_LIST] =
    LIST_BEGIN LIST_END,
    [APIKEY_SQL_KEY_INSERT] =
    "INSERT INTO apikey (digest, id, keyspace, tenant, name, env, scopes,"
    " secret_id, format, prefix, hint, creator, root, rotated_from, owner,"
    " networks, meta, created, expires, lifetime) VALUES (%s, %s, %s, %s, %s,"
    " %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %n, %n, %n)",
    [APIKEY_SQL_KEY_IMPORT] =
    IMPORT IMPORTED,
    [APIKEY_SQL_KEYS_IMPORT] =
    IMPORT IMPORTED THIRTY_NINE(", " IMPORTED),
    [APIKEY_SQL_KEYS_TAKEN] =
    "SELECT 1, digest FROM apikey"
    " WHERE digest IN (%s" THIRTY_NINE(", %s") ")"
    " UNION ALL SELECT 0, id FROM apikey"
    " WHERE id IN (%s" THIRTY_NINE(", %s") ")",
    [APIKEY_SQL_KEY_TAKEN] =
    "SELECT id FROM apikey WHERE digest = %s OR id = %s",
    /* "<> ''" is the condition of the index, without which it is not used. */
    [APIKEY_SQL_KEY_SUCCESSOR] =
    "SELECT id FROM %k WHERE rotated_from = %s AND rotated_from <> ''"
    " AND id <> rotated_from AND revoked = 0 ORDER BY created, id",
    /* Live as in apikey_record_result(). */
    [APIKEY_SQL_KEY_SECRETS] =
    "SELECT secret_id, format, LENGTH(digest), COUNT(*),"
    " SUM(CASE WHEN revoked = 0 AND (expires = 0 OR expires > %n)"
    " THEN 1 ELSE 0 END) FROM %k GROUP BY secret_id, format, LENGTH(digest)"
    " ORDER BY secret_id, format, LENGTH(digest)",
    /* Valid keys, those with few bits, and those of unknown strength; the first
     * parameter is how many bits are few. */
    [APIKEY_SQL_KEY_WEAK] =
    "SELECT COUNT(*), SUM(CASE WHEN bits > 0 AND bits < %n THEN 1 ELSE 0 END),"
    " SUM(CASE WHEN bits = 0 AND format = 'opaque' THEN 1 ELSE 0 END)"
    " FROM %k WHERE revoked = 0 AND (expires = 0 OR expires > %n)",
    [APIKEY_SQL_KEY_SET] =
    "UPDATE apikey SET name = %s, env = %s, scopes = %s, owner = %s,"
    " networks = %s, meta = %s, expires = %n, lifetime = %n WHERE id = %s",
    [APIKEY_SQL_KEY_REVOKE] =
    "UPDATE apikey SET revoked = %n, reason = %s WHERE id = %s",
    [APIKEY_SQL_KEY_DISABLE] =
    "UPDATE apikey SET disabled = %n WHERE id = %s",

    [APIKEY_SQL_TENANT_SHOW] =
    "SELECT tenant, suspended, reason FROM apikey_tenant WHERE tenant = %s",
    /* Locks a row that the transaction will change, as that of a scope below:
     * one that another transaction is deleting must be waited for, or a change
     * of no row would be reported as done. */
    [APIKEY_SQL_TENANT_LOCK] =
    "SELECT k.tenant, k.suspended, k.reason FROM apikey_tenant k"
    " WHERE k.tenant = %s%h",
    [APIKEY_SQL_TENANT_KEYS] =
    "SELECT tenant FROM %k WHERE tenant = %s LIMIT 1",
    /* A key inserted by hand may have a tenant without a row. */
    [APIKEY_SQL_TENANT_ONE] =
    TENANT_COLUMNS " FROM (SELECT tenant FROM apikey_tenant WHERE tenant = %s"
    " UNION SELECT tenant FROM %k WHERE tenant = %s) n"
    " LEFT JOIN apikey_tenant t ON t.tenant = n.tenant",
    [APIKEY_SQL_TENANT_LIST] =
    TENANT_COLUMNS " FROM (SELECT tenant FROM apikey_tenant"
    " UNION SELECT tenant FROM %k) n"
    " LEFT JOIN apikey_tenant t ON t.tenant = n.tenant"
    " WHERE n.tenant > %s ORDER BY n.tenant" PAGE,
    [APIKEY_SQL_TENANT_INSERT] =
    "INSERT INTO apikey_tenant (tenant, created) VALUES (%s, %n)",
    [APIKEY_SQL_TENANT_SUSPEND] =
    "UPDATE apikey_tenant SET suspended = %n, reason = %s WHERE tenant = %s",
    [APIKEY_SQL_TENANT_SET] =
    "UPDATE apikey_tenant SET meta = %s WHERE tenant = %s",

    [APIKEY_SQL_SCOPE_SHOW] =
    "SELECT k.name, k.description FROM apikey_scope k WHERE k.name = %s%h",
    [APIKEY_SQL_SCOPE_LIST] =
    "SELECT name, description FROM apikey_scope WHERE name > %s"
    " ORDER BY name" PAGE,
    [APIKEY_SQL_SCOPE_INSERT] =
    "INSERT INTO apikey_scope (name, description) VALUES (%s, %s)",
    [APIKEY_SQL_SCOPE_UPDATE] =
    "UPDATE apikey_scope SET description = %s WHERE name = %s",
    [APIKEY_SQL_SCOPE_DELETE] =
    "DELETE FROM apikey_scope WHERE name = %s",

    [APIKEY_SQL_AUDIT_INSERT] =
    "INSERT INTO apikey_audit (happened, who, action, id, tenant, reason,"
    " was) VALUES (%n, %s, %s, %s, %s, %s, %s)",
    [APIKEY_SQL_AUDIT_LIST] =
    "SELECT number, happened, who, action, id, tenant, reason, was"
    " FROM apikey_audit WHERE number > %n AND happened >= %n"
    " AND (%s = '' OR id = %s) AND (%s = '' OR tenant = %s)"
    " ORDER BY number" PAGE,

    /* The reason is APIKEY_AUDIT_ROTATED_FROM. */
    [APIKEY_SQL_ROTATION_AUDIT] =
    "SELECT a.number, a.id, a.reason, k.rotated_from FROM apikey_audit a"
    " LEFT JOIN apikey k ON k.id = a.id WHERE a.number > %n"
    " AND a.action = 'create' AND SUBSTR(a.reason, 1, 12) = 'in place of '"
    " ORDER BY a.number" PAGE,
    [APIKEY_SQL_ROTATION_SET] =
    "UPDATE apikey SET root = %s, rotated_from = %s WHERE id = %s",

    [APIKEY_SQL_AUDIT_OLD] =
    "SELECT number, happened FROM apikey_audit WHERE number > %n"
    " ORDER BY number" PRUNED,
    [APIKEY_SQL_AUDIT_PRUNE] =
    "DELETE FROM apikey_audit WHERE number > %n AND number <= %n"
    " AND happened < %n",

    /* If changes after the number were pruned, one of the kind 'all' comes in
     * their place; by one statement, so that none is pruned in between. */
    [APIKEY_SQL_CHANGES] =
    "SELECT number, kind, value, changed FROM (SELECT pruned AS number,"
    " 'all' AS kind, '' AS value, 0 AS changed FROM apikey_identity"
    " WHERE pruned > %n UNION ALL SELECT number, kind, value, changed"
    " FROM (SELECT number, kind, value, changed FROM apikey_change"
    " WHERE number > %n ORDER BY number" PAGE ") c) p"
    " ORDER BY number" PAGE,
    [APIKEY_SQL_CHANGES_LAST] =
    "SELECT number, kind, value, changed FROM (SELECT pruned AS number,"
    " 'all' AS kind, '' AS value, 0 AS changed FROM apikey_identity"
    " UNION ALL SELECT number, kind, value, changed FROM apikey_change"
    " WHERE number = (SELECT MAX(number) FROM apikey_change)) p"
    " ORDER BY number" PAGE,
    [APIKEY_SQL_CHANGES_OLD] =
    "SELECT number, changed FROM apikey_change WHERE number > %n"
    " ORDER BY number" PRUNED,
    [APIKEY_SQL_CHANGES_PRUNE] =
    "DELETE FROM apikey_change WHERE number > %n AND number <= %n",

    /* Not as part of the INSERT: MariaDB would lock the rows of the keys. */
    [APIKEY_SQL_USAGE_KEYS] =
    "SELECT id FROM apikey WHERE id IN (''" USED(", %s") ")",
    /* Parameters that are not needed are rows without uses, not written. */
    [APIKEY_SQL_USAGE_WRITE] =
    "INSERT INTO apikey_usage (id, use_count, last_used)"
    " SELECT v.id, v.uses, v.latest FROM (SELECT '' AS id, 0 AS uses,"
    " 0 AS latest" USED(" UNION ALL SELECT %s, %n, %n") ") v"
    " WHERE v.uses > 0%u",

    [APIKEY_SQL_EXPOSED_FIND] =
    "SELECT" TEXT(id) TEXT(tenant) " u.id, u.exposed FROM %k k"
    " LEFT JOIN apikey_usage u ON u.id = k.id WHERE k.digest = %s",
    [APIKEY_SQL_EXPOSED_SET] =
    "UPDATE apikey_usage SET exposed = %n WHERE id = %s",
    [APIKEY_SQL_EXPOSED_INSERT] =
    "INSERT INTO apikey_usage (exposed, id) VALUES (%n, %s)",

    [APIKEY_SQL_IDENTITY] =
    "SELECT uuid, epoch, schema_version, kept_since, pruned"
    " FROM apikey_identity",
    /* row_number has a default; its name is a reserved word on MariaDB. */
    [APIKEY_SQL_IDENTITY_INSERT] =
    "INSERT INTO apikey_identity (uuid, epoch, schema_version, created)"
    " VALUES (%s, 1, %n, %n)",
    [APIKEY_SQL_IDENTITY_VERSION] =
    "UPDATE apikey_identity SET schema_version = %n, epoch = epoch + 1",
    [APIKEY_SQL_IDENTITY_EPOCH] =
    "UPDATE apikey_identity SET epoch = %n WHERE epoch = %n AND pruned < %n"
    " AND NOT EXISTS (SELECT 1 FROM apikey_change WHERE number >= %n)",
    [APIKEY_SQL_IDENTITY_UUID] =
    "UPDATE apikey_identity SET uuid = %s",
    [APIKEY_SQL_IDENTITY_KEPT] =
    "UPDATE apikey_identity SET kept_since ="
    " CASE WHEN kept_since < %n THEN %n ELSE kept_since END",
    [APIKEY_SQL_IDENTITY_PRUNED] =
    "UPDATE apikey_identity SET pruned ="
    " CASE WHEN pruned < %n THEN %n ELSE pruned END"
};

/* The dialect's text for a mark (dialect.h); "%s" stays. */
static const char *dialect_text(const apikey_dialect_t *dialect, char mark)
{
    switch (mark) {
    case 'n':
        return dialect->number;
    case '[':
        return dialect->text_open ? dialect->text_open : "";
    case ']':
        return dialect->text_close ? dialect->text_close : "";
    case '(':
        return dialect->traits.short_texts ? "" : dialect_text(dialect, '[');
    case ')':
        return dialect->traits.short_texts ? "" : dialect_text(dialect, ']');
    case 'b':
        return dialect->after_key;
    case 'h':
        return dialect->lock_row ? dialect->lock_row : "";
    case 'u':
        return dialect->add_usage;
    case 'i':
        return dialect->import.column ? dialect->import.column : "";
    case 'j':
        return dialect->import.value ? dialect->import.value : "";
    case 'k':
        return dialect->import.valid_keys ? dialect->import.valid_keys
                                          : "apikey";
    case 'v':
        return dialect->import.valid_condition ? dialect->import.valid_condition
                                               : "";
    default:
        return "%s";
    }
}

static const char *expand_marks(const char *from,
                                const apikey_dialect_t *dialect,
                                apr_pool_t *pool)
{
    apr_array_header_t *parts = apr_array_make(pool, 8, sizeof(char *));
    const char *mark;

    for (; (mark = strchr(from, '%')) != NULL; from = mark + 2) {
        APR_ARRAY_PUSH(parts, const char *) =
            apr_pstrmemdup(pool, from, (apr_size_t)(mark - from));
        APR_ARRAY_PUSH(parts, const char *) = dialect_text(dialect, mark[1]);
    }
    APR_ARRAY_PUSH(parts, const char *) = from;
    return apr_array_pstrcat(pool, parts, '\0');
}

const char *apikey_sql_text(apikey_sql_e which,
                            const apikey_dialect_t *dialect,
                            apr_pool_t *pool)
{
    return expand_marks(statements[which], dialect, pool);
}

const char *apikey_sql_text_list(const char *conditions,
                                 const apikey_dialect_t *dialect,
                                 apr_pool_t *pool)
{
    return expand_marks(apr_pstrcat(pool, LIST_BEGIN, conditions, LIST_END,
                                    NULL), dialect, pool);
}
