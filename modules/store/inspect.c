/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_hash.h>
#include <apr_strings.h>

#include "inspect.h"
#include "schema.h"
#include "sql.h"

apr_status_t apikey_inspect_statements(apikey_store_t *store,
                                       apr_pool_t *pool, const char **error)
{
    return apikey_sql_prepare_all(store, pool, error);
}

#define BETWEEN " \t\n("

/* The word behind @a word and those of @a passed, from where strtok stands. */
static const char *word_behind(const char *word, const char *passed,
                               char **state)
{
    const char *at;

    do {
        at = apr_strtok(NULL, BETWEEN, state);
    } while (at && strcasecmp(at, word) != 0);
    do {
        at = at ? apr_strtok(NULL, BETWEEN, state) : NULL;
    } while (at && strstr(passed, at));
    return at;
}

/*
 * Adds what "CREATE ... TRIGGER name ... ON table" makes, as "name table",
 * and takes out what DROP TRIGGER takes.
 */
static void note_trigger(apr_hash_t *wanted, const char *sql,
                         apr_pool_t *pool)
{
    char *rest = apr_pstrdup(pool, sql);
    char *state = NULL;
    const char *first = apr_strtok(rest, BETWEEN, &state);
    int made = first && strcasecmp(first, "CREATE") == 0;
    const char *head = apr_pstrmemdup(pool, sql, strcspn(sql, "\n("));
    const char *name, *table;
    apr_hash_index_t *at;

    if (!strstr(head, " TRIGGER ")
        || (!made && (!first || strcasecmp(first, "DROP") != 0))) {
        return;
    }
    name = word_behind("TRIGGER", "IF NOT EXISTS", &state);
    if (!name) {
        return;
    }
    if (made) {
        table = word_behind("ON", "", &state);
        name = apr_pstrcat(pool, name, " ", table ? table : "", NULL);
        apr_hash_set(wanted, name, APR_HASH_KEY_STRING, name);
        return;
    }
    name = apr_pstrcat(pool, name, " ", NULL);
    for (at = apr_hash_first(pool, wanted); at; at = apr_hash_next(at)) {
        const char *key = apr_hash_this_key(at);

        if (strncmp(key, name, strlen(name)) == 0) {
            apr_hash_set(wanted, key, APR_HASH_KEY_STRING, NULL);
        }
    }
}

apr_status_t apikey_inspect_triggers(apikey_store_t *store,
                                     const char **missing, int *count,
                                     apr_pool_t *pool, const char **error)
{
    apr_hash_t *wanted = apr_hash_make(pool);
    const apikey_schema_part_t *part;
    apr_hash_index_t *at;
    apikey_rows_t rows;
    apr_status_t status;

    for (part = apikey_schema_parts; part->driver; part++) {
        if (strcmp(part->driver, store->dialect->driver) == 0) {
            note_trigger(wanted, part->sql, pool);
        }
    }
    *missing = "";
    *count = apr_hash_count(wanted);
    status = apikey_sql_select_plain(&rows, store, store->dialect->triggers,
                                     pool, error);
    if (status != APR_SUCCESS) {
        return status;
    }
    while (apikey_rows_next(&rows)) {
        apr_hash_set(wanted, apikey_rows_copy(&rows, pool),
                     APR_HASH_KEY_STRING, NULL);
    }
    status = apikey_rows_end(&rows, pool, error);
    for (at = apr_hash_first(pool, wanted); at; at = apr_hash_next(at)) {
        const char *key = apr_hash_this_key(at);

        *missing = apr_pstrcat(pool, *missing, **missing ? ", " : "",
                               apr_pstrmemdup(pool, key, strcspn(key, " ")),
                               " on", strchr(key, ' '), NULL);
    }
    return status;
}

apr_status_t apikey_inspect_secrets(apikey_store_t *store, apr_int64_t now,
                                    apikey_secret_fn each, void *baton,
                                    apr_pool_t *pool, const char **error)
{
    const char *args[] = { apikey_sql_number(pool, now) };
    apikey_rows_t rows;
    apr_status_t status = apikey_sql_select(&rows, store,
                                            APIKEY_SQL_KEY_SECRETS, args,
                                            pool, error);
    apr_status_t said = APR_SUCCESS;

    if (status != APR_SUCCESS) {
        return status;
    }
    while (said == APR_SUCCESS && apikey_rows_next(&rows)) {
        const char *id = apikey_rows_copy(&rows, pool);
        apr_int64_t keys = apikey_rows_number(&rows);

        said = each(baton, id, keys, apikey_rows_number(&rows));
    }
    status = apikey_rows_end(&rows, pool, error);
    return status == APR_SUCCESS ? said : status;
}

apr_status_t apikey_inspect_settings(apikey_store_t *store,
                                     apikey_probe_fn each, void *baton,
                                     apr_pool_t *pool, const char **error)
{
    const apikey_probe_t *probe = store->dialect->probes;
    apr_status_t status = APR_SUCCESS;
    const char *got;
    apikey_rows_t rows;

    for (; probe && probe->check && status == APR_SUCCESS; probe++) {
        status = apikey_sql_select_plain(&rows, store, probe->sql, pool,
                                         error);
        if (status != APR_SUCCESS) {
            break;
        }
        got = apikey_rows_next(&rows) ? apikey_rows_copy(&rows, pool) : "";
        status = apikey_rows_end(&rows, pool, error);
        if (status == APR_SUCCESS) {
            int good = strcmp(got, probe->want) == 0;

            each(baton, probe->check, good ? 0 : probe->fails ? 2 : 1,
                 good ? probe->good : apr_pstrcat(pool, "\"", got, "\" ",
                                                  probe->bad, NULL));
        }
    }
    return status;
}

const char *apikey_inspect_file(const char *driver, const char *params,
                                apr_pool_t *pool)
{
    const char *error;
    const apikey_dialect_t *dialect = apikey_dialect_find(driver, pool,
                                                          &error);

    return dialect && dialect->file ? dialect->file(params, pool) : NULL;
}
