/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "changes.h"
#include "sql.h"

typedef struct change_t {
    apr_int64_t number;
    apikey_changed_e kind;
    const char *value;
} change_t;

typedef struct listener_t {
    apikey_changed_fn each;
    void *baton;
} listener_t;

static apr_status_t give_change(void *baton, const void *item)
{
    listener_t *to = baton;
    const change_t *change = item;

    return to->each(to->baton, change->number, change->kind, change->value);
}

static void read_change(apikey_rows_t *rows, void *item, apr_pool_t *pool)
{
    change_t *change = item;
    const char *kind;

    change->number = apikey_rows_number(rows);
    kind = apikey_rows_text(rows);
    change->kind = strcmp(kind, "digest") == 0 ? APIKEY_CHANGED_DIGEST
                 : strcmp(kind, "tenant") == 0 ? APIKEY_CHANGED_TENANT
                 : APIKEY_CHANGED_ALL;
    change->value = apikey_rows_copy(rows, pool);
}

static void behind_change(const void *item, const char **args,
                          apr_pool_t *pool)
{
    args[0] = args[1] = apikey_sql_number(pool,
                                          ((const change_t *)item)->number);
}

apr_status_t apikey_store_changes(apikey_store_t *store, apr_int64_t since,
                                  apikey_changed_fn each, void *baton,
                                  apr_pool_t *pool, const char **error)
{
    const char *number = apikey_sql_number(pool, since);
    const char *args[] = { number, number };
    listener_t to = { each, baton };
    apikey_pages_t pages = { APIKEY_SQL_CHANGES, args, sizeof(change_t),
                             read_change, behind_change, give_change, &to };

    return apikey_sql_pages(store, &pages, pool, error);
}
