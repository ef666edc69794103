/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * Compares the database's triggers with those that the schema's files create,
 * after the DROP TRIGGER among them: name, table, body, and whether each is
 * enabled.
 */

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "inspect.h"
#include "schema.h"
#include "statement.h"

#define BETWEEN " \t\n("

/* What the schema's files create. */
typedef struct expected_t {
    apr_pool_t *pool;
    const apikey_dialect_t *dialect;
    apr_hash_t *triggers;       /* shapes, by "name table" */
    apr_hash_t *functions;      /* bodies, by name */
} expected_t;

/* The next word after word, and after those in ignored; NULL: there is none. */
static const char *next_word_after(const char *word, const char *ignored,
                                   char **state)
{
    const char *at;

    do {
        at = apr_strtok(NULL, BETWEEN, state);
    } while (at && strcasecmp(at, word) != 0);
    do {
        at = at ? apr_strtok(NULL, BETWEEN, state) : NULL;
    } while (at && strstr(ignored, at));
    return at;
}

/* SQL with one blank for any white space and without quotes around names, both
 * of which databases and their dumps change. */
static const char *normalize_sql(const char *sql, apr_pool_t *pool)
{
    char *text = apr_pstrdup(pool, sql);
    const char *from;
    char *to = text;
    int quoted = 0;

    for (from = sql; *from; from++) {
        quoted ^= *from == '\'';
        if (!quoted && apr_isspace(*from)) {
            if (to > text && to[-1] != ' ') {
                *to++ = ' ';
            }
        }
        else if (quoted || (*from != '"' && *from != '`')) {
            *to++ = *from;
        }
    }
    while (to > text && (to[-1] == ' ' || to[-1] == ';')) {
        to--;
    }
    *to = '\0';
    return text;
}

/* Forgets a trigger that a later file drops. */
static void remove_dropped(expected_t *expected, const char *name)
{
    const char *begin = apr_pstrcat(expected->pool, name, " ", NULL);
    apr_hash_index_t *at;

    for (at = apr_hash_first(expected->pool, expected->triggers); at;
         at = apr_hash_next(at)) {
        const char *key = apr_hash_this_key(at);

        if (strncmp(key, begin, strlen(begin)) == 0) {
            apr_hash_set(expected->triggers, key, APR_HASH_KEY_STRING, NULL);
        }
    }
}

/* The body between $$ and $$. */
static const char *function_body(const char *sql, apr_pool_t *pool)
{
    const char *from = strstr(sql, "$$");
    const char *to = from ? strstr(from + 2, "$$") : NULL;

    return to ? apr_pstrmemdup(pool, from + 2, to - from - 2) : "";
}

/* Adds the trigger or function of a CREATE statement, removes that of DROP
 * TRIGGER. */
static void add_created(expected_t *expected, const char *sql)
{
    apr_pool_t *pool = expected->pool;
    char *rest = apr_pstrdup(pool, sql);
    char *state = NULL;
    const char *first = apr_strtok(rest, BETWEEN, &state);
    const char *head = apr_pstrmemdup(pool, sql, strcspn(sql, "\n("));
    int made = first && strcasecmp(first, "CREATE") == 0;
    const char *name, *table;

    if (made && strstr(head, " FUNCTION ")) {
        name = next_word_after("FUNCTION", "", &state);
        apr_hash_set(expected->functions, name, APR_HASH_KEY_STRING,
                     normalize_sql(function_body(sql, pool), pool));
        return;
    }
    if (!strstr(head, " TRIGGER ")
        || (!made && (!first || strcasecmp(first, "DROP") != 0))
        || !(name = next_word_after("TRIGGER", "IF NOT EXISTS", &state))) {
        return;
    }
    if (!made) {
        remove_dropped(expected, name);
        return;
    }
    table = next_word_after("ON", "", &state);
    apr_hash_set(expected->triggers,
                 apr_pstrcat(pool, name, " ", table ? table : "", NULL),
                 APR_HASH_KEY_STRING,
                 normalize_sql(expected->dialect->trigger_shape
                                   ? expected->dialect->trigger_shape(sql, pool)
                                   : sql,
                               pool));
}

static expected_t expected_triggers(const apikey_dialect_t *dialect,
                                    apr_pool_t *pool)
{
    expected_t expected = { pool, dialect, apr_hash_make(pool),
                            apr_hash_make(pool) };
    const apikey_schema_part_t *part;

    for (part = apikey_schema_parts; part->driver; part++) {
        if (strcmp(part->driver, dialect->driver) == 0) {
            add_created(&expected, part->sql);
        }
    }
    return expected;
}

/* Tables that may have no triggers but the schema's. */
static int is_log_table(const char *key)
{
    static const char *const tables[] = {
        " apikey_change", " apikey_audit", " apikey_counter", " apikey_bulk"
    };
    const char *table = strchr(key, ' ');
    apr_size_t i;

    for (i = 0; table && i < sizeof(tables) / sizeof(*tables); i++) {
        if (strcmp(table, tables[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* "name table" as "name on table"; a function as "name()". */
static const char *trigger_name(const char *key, apr_pool_t *pool)
{
    const char *table = strchr(key, ' ');

    return table ? apr_pstrcat(pool, apr_pstrmemdup(pool, key, table - key),
                               " on", table, NULL)
                 : apr_pstrcat(pool, key, "()", NULL);
}

/* Compares what a select finds (name, fault, shape) with what should be there;
 * adds the names to faults, by what is wrong. */
static apr_status_t compare_triggers(apikey_store_t *store, const char *sql,
                                     apr_hash_t *expected, apr_table_t *faults,
                                     apr_pool_t *pool, const char **error)
{
    apr_hash_index_t *at;
    apikey_rows_t rows;

    apikey_statement_select_plain(&rows, store, sql, pool, error);
    while (apikey_rows_next(&rows)) {
        const char *name = apikey_rows_copy(&rows, pool);
        const char *state = apikey_rows_copy(&rows, pool);
        const char *shape = normalize_sql(apikey_rows_copy(&rows, pool), pool);
        const char *want = apr_hash_get(expected, name, APR_HASH_KEY_STRING);

        apr_hash_set(expected, name, APR_HASH_KEY_STRING, NULL);
        if (!want && !is_log_table(name)) {
            continue;
        }
        if (!want || *state || strcmp(want, shape) != 0) {
            apr_table_mergen(faults, !want ? "not the schema's" : *state
                             ? state : "not as the schema has it",
                             trigger_name(name, pool));
        }
    }
    for (at = apr_hash_first(pool, expected); at; at = apr_hash_next(at)) {
        apr_table_mergen(faults, "missing", trigger_name(apr_hash_this_key(at),
                                                         pool));
    }
    return apikey_rows_end(&rows, pool, error);
}

apr_status_t apikey_inspect_triggers(apikey_store_t *store,
                                     apr_table_t **faults, int *count,
                                     apr_pool_t *pool, const char **error)
{
    expected_t expected = expected_triggers(store->dialect, pool);
    apr_status_t status;

    *faults = apr_table_make(pool, 4);
    *count = apr_hash_count(expected.triggers);
    status = compare_triggers(store, store->dialect->triggers,
                              expected.triggers, *faults, pool, error);
    return status == APR_SUCCESS && store->dialect->functions
             ? compare_triggers(store, store->dialect->functions,
                                expected.functions, *faults, pool, error)
             : status;
}
