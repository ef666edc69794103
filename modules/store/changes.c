/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <stdlib.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "../core/digest.h"
#include "changes.h"
#include "row_pages.h"
#include "statement.h"

typedef struct change_t {
    apr_int64_t number;
    apikey_changed_e kind;
    const char *value;
    apr_int64_t changed;
} change_t;

typedef struct change_callback_t {
    apikey_changed_fn each;
    void *baton;
} change_callback_t;

static apr_status_t give_change(void *baton, const void *item)
{
    change_callback_t *to = baton;
    const change_t *change = item;

    return to->each(to->baton, change->number, change->kind, change->value,
                    change->changed);
}

static void read_change_row(apikey_rows_t *rows, void *item, apr_pool_t *pool)
{
    change_t *change = item;
    const char *kind;

    change->number = apikey_rows_number(rows);
    kind = apikey_rows_text(rows);
    change->kind = strcmp(kind, "digest") == 0 ? APIKEY_CHANGED_DIGEST
                 : strcmp(kind, "tenant") == 0 ? APIKEY_CHANGED_TENANT
                 : APIKEY_CHANGED_ALL;
    change->value = apikey_rows_copy(rows, pool);
    change->changed = apikey_rows_number(rows);
    /* A row that cannot be read (a tenant with a NUL) voids everything cached:
     * as an error it would stop the poller at this number for good. */
    if (apikey_rows_fault(rows, pool)) {
        change->kind = APIKEY_CHANGED_ALL;
        change->value = "";
    }
}

static int next_change_page(const void *item, const char **args,
                            apr_pool_t *pool)
{
    int other = apikey_page_arg(args, apikey_number_arg(pool,
                                ((const change_t *)item)->number), pool);

    args[1] = args[0];
    return other;
}

apr_status_t apikey_changes_last(apikey_store_t *store,
                                 apikey_changed_fn each, void *baton,
                                 apr_pool_t *pool, const char **error)
{
    change_callback_t to = { each, baton };
    change_t last = { 0, APIKEY_CHANGED_ALL, "", 0 };
    apikey_rows_t rows;
    apr_status_t status;

    apikey_statement_select(&rows, store, APIKEY_SQL_CHANGES_LAST, NULL, pool,
                            error);
    while (apikey_rows_next(&rows)) {
        read_change_row(&rows, &last, pool);
    }
    status = apikey_rows_end(&rows, pool, error);
    return status == APR_SUCCESS && last.number
           ? give_change(&to, &last) : status;
}

apr_status_t apikey_changes_since(apikey_store_t *store, apr_int64_t since,
                                  apikey_changed_fn each, void *baton,
                                  apr_pool_t *pool, const char **error)
{
    const char *number = apikey_number_arg(pool, since);
    const char *args[] = { number, number };
    change_callback_t to = { each, baton };
    apikey_row_pages_t pages = { .which = APIKEY_SQL_CHANGES,
                                 .args = args,
                                 .size = sizeof(change_t),
                                 .read = read_change_row,
                                 .next = next_change_page,
                                 .give = give_change,
                                 .baton = &to };

    return apikey_row_pages(store, &pages, pool, error);
}

static void read_custom_change(change_t *change, apikey_rows_t *rows,
                               apr_pool_t *pool)
{
    const char *number = apikey_rows_text(rows);
    char *rest = NULL, *digest;

    errno = 0;
    change->number = apr_strtoi64(number, &rest, 10);
    if ((*rest || rest == number || errno != 0) && !rows->fault) {
        rows->fault = "the first column of a change is no whole number";
        rows->unusable = 1;
    }
    change->changed = 0;
    digest = apr_pstrdup(pool, apikey_rows_text(rows));
    change->value = digest;
    for (; *digest; digest++) {
        *digest = apr_tolower(*digest);
    }
    change->kind = APIKEY_CHANGED_DIGEST;
    /* A bad text is no digest either. */
    apikey_rows_fault(rows, pool);
    if (apikey_digest_is_any_hex(change->value, strlen(change->value))) {
        change->value = apr_pstrmemdup(pool, change->value,
                                       APIKEY_DIGEST_HEX);
    }
    else {
        change->kind = APIKEY_CHANGED_ALL;
        change->value = "";
    }
}

static int compare_change_numbers(const void *a, const void *b)
{
    apr_int64_t one = ((const change_t *)a)->number;
    apr_int64_t other = ((const change_t *)b)->number;

    return one < other ? -1 : one > other;
}

/* Reads what one run of the administrator's select gives, and sorts it. */
static apr_status_t read_custom_changes(apikey_store_t *store, const char *sql,
                                        apr_int64_t since,
                                        apr_array_header_t *changes,
                                        apr_pool_t *pool, const char **error)
{
    apikey_rows_t rows;
    change_t change;
    const char *last = apikey_number_arg(pool, since);

    apikey_statement_select_custom(&rows, store, sql, &last, pool, error);
    while (apikey_rows_next(&rows)) {
        read_custom_change(&change, &rows, pool);
        if (change.number > since) {
            APR_ARRAY_PUSH(changes, change_t) = change;
        }
    }
    qsort(changes->elts, changes->nelts, sizeof(change_t),
          compare_change_numbers);
    return apikey_rows_end(&rows, pool, error);
}

apr_status_t apikey_changes_custom(apikey_store_t *store, const char *sql,
                                   apr_int64_t since,
                                   apikey_changed_fn each, void *baton,
                                   apr_pool_t *pool, const char **error)
{
    change_callback_t to = { each, baton };
    apr_array_header_t *changes;
    apr_status_t status;
    apr_pool_t *sub;
    int i;

    *error = NULL;
    apr_pool_create(&sub, pool);
    do {
        apr_pool_clear(sub);
        changes = apr_array_make(sub, APIKEY_PAGE, sizeof(change_t));
        status = read_custom_changes(store, sql, since, changes, sub, error);
        for (i = 0; status == APR_SUCCESS && i < changes->nelts; i++) {
            since = APR_ARRAY_IDX(changes, i, change_t).number;
            status = give_change(&to, &APR_ARRAY_IDX(changes, i, change_t));
        }
    } while (status == APR_SUCCESS && changes->nelts > 0);
    *error = apr_pstrdup(pool, *error);
    apr_pool_destroy(sub);
    return status;
}
