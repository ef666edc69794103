/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <stdlib.h>

#include <apr_strings.h>

#include "import_private.h"
#include "keys_private.h"

#define NUMBERS 6               /* of the columns, the last */
#define DIGEST 0
#define ID 1

void apikey_import_rows_init(apikey_import_rows_t *rows, apr_pool_t *pool)
{
    /* Not cleared: a small import touches only its first pages. */
    rows->list = apr_palloc(pool, APIKEY_IMPORT_ROWS * sizeof(*rows->list));
    rows->sorted = apr_palloc(pool,
                              APIKEY_IMPORT_ROWS * sizeof(*rows->sorted));
    apr_pool_create(&rows->pool, pool);
}

void apikey_import_rows_clear(apikey_import_rows_t *rows)
{
    rows->count = rows->stored = 0;
    apr_pool_clear(rows->pool);
}

void apikey_import_rows_add(apikey_import_rows_t *rows,
                            const apikey_key_row_t *key, apr_int64_t place)
{
    const apikey_record_t *record = &key->record;
    apikey_import_row_t *row = &rows->list[rows->count];
    const apikey_import_row_t *before = rows->count ? row - 1 : NULL;
    apr_pool_t *pool = rows->pool;
    const char *texts[APIKEY_IMPORT_COLUMNS - NUMBERS] = {
        record->digest, record->id, record->keyspace, record->tenant,
        record->name, record->env, record->scopes, record->secret_id,
        record->format, key->prefix, record->hint, record->creator,
        key->root, key->rotated_from, key->owner, key->networks, key->meta,
        key->reason ? key->reason : ""
    };
    const apr_int64_t numbers[NUMBERS] = {
        record->created, record->expires, key->bits, record->revoked,
        record->disabled, key->lifetime
    };
    int i;

    for (i = 0; i < APIKEY_IMPORT_COLUMNS; i++) {
        char number[24];
        const char *text = i < APIKEY_IMPORT_COLUMNS - NUMBERS ? texts[i]
                                                               : number;

        if (text == number) {
            apr_snprintf(number, sizeof(number), "%" APR_INT64_T_FMT,
                         numbers[i - (APIKEY_IMPORT_COLUMNS - NUMBERS)]);
        }
        /* A text that is equal in the row before is kept once. */
        row->args[i] = before && strcmp(before->args[i], text) == 0
                       ? before->args[i] : apr_pstrdup(pool, text);
    }
    row->place = place;
    rows->sorted[rows->count++] = row;
}

/* By a column; equal ones in the order of the file. */
static int compare_column(const void *one, const void *other, int column)
{
    const apikey_import_row_t *a = *(apikey_import_row_t *const *)one;
    const apikey_import_row_t *b = *(apikey_import_row_t *const *)other;
    int order = strcmp(a->args[column], b->args[column]);

    return order ? order : a < b ? -1 : a > b;
}

static int compare_digests(const void *one, const void *other)
{
    return compare_column(one, other, DIGEST);
}

static int compare_ids(const void *one, const void *other)
{
    return compare_column(one, other, ID);
}

static void note_taken(apikey_import_rows_t *rows, apikey_import_row_t *row)
{
    if (!rows->taken || row < rows->taken) {
        rows->taken = row;
    }
}

static void sort_rows(apikey_import_rows_t *rows, int column,
                      int (*order)(const void *, const void *))
{
    int i;

    qsort(rows->sorted, (apr_size_t)rows->count, sizeof(*rows->sorted),
          order);
    for (i = 1; i < rows->count; i++) {
        if (strcmp(rows->sorted[i - 1]->args[column],
                   rows->sorted[i]->args[column]) == 0) {
            note_taken(rows, rows->sorted[i]);
        }
    }
}

void apikey_import_rows_sort(apikey_import_rows_t *rows)
{
    sort_rows(rows, ID, compare_ids);
    sort_rows(rows, DIGEST, compare_digests);
}

/* As many rows as one statement takes, or fewer. */
static int part_size(const apikey_import_rows_t *rows, int from)
{
    return rows->count - from < APIKEY_IMPORTED_AT_ONCE
           ? rows->count - from : APIKEY_IMPORTED_AT_ONCE;
}

/* Looks which of the next rows have a digest or an id that the database has. */
static apr_status_t find_stored(apikey_store_t *store,
                                apikey_import_rows_t *rows, int from,
                                apr_pool_t *pool, const char **error)
{
    const char *args[2 * APIKEY_IMPORTED_AT_ONCE];
    apikey_import_row_t *const *at = rows->sorted + from;
    int i, count = part_size(rows, from);
    apikey_rows_t there;

    for (i = 0; i < APIKEY_IMPORTED_AT_ONCE; i++) {
        args[i] = i < count ? at[i]->args[DIGEST] : "";
        args[APIKEY_IMPORTED_AT_ONCE + i] = i < count ? at[i]->args[ID] : "";
    }
    apikey_statement_select(&there, store, APIKEY_SQL_KEYS_TAKEN, args, pool,
                            error);
    while (apikey_rows_next(&there)) {
        int of = apikey_rows_number(&there) ? DIGEST : ID;
        const char *text = apikey_rows_copy(&there, pool);

        for (i = 0; i < count; i++) {
            if (strcmp(at[i]->args[of], text) == 0) {
                note_taken(rows, at[i]);
            }
        }
    }
    return apikey_rows_end(&there, pool, error);
}

apr_status_t apikey_import_rows_find(apikey_store_t *store,
                                     apikey_import_rows_t *rows,
                                     apr_pool_t *pool, const char **error)
{
    apr_status_t status = APR_SUCCESS;
    apr_pool_t *sub;

    apr_pool_create(&sub, pool);
    for (; rows->stored < rows->count && status == APR_SUCCESS;
         rows->stored += APIKEY_IMPORTED_AT_ONCE) {
        apr_pool_clear(sub);
        status = find_stored(store, rows, rows->stored, sub, error);
    }
    if (status != APR_SUCCESS) {
        *error = apr_pstrdup(pool, *error);
    }
    apr_pool_destroy(sub);
    return status == APR_SUCCESS
           ? apikey_reject(pool, error, "it is there already") : status;
}

/* Stores as many rows as one statement takes. */
static apr_status_t store_full_statement(apikey_store_t *store,
                                         apikey_import_rows_t *rows,
                                         apr_pool_t *pool, const char **error)
{
    const char *args[APIKEY_IMPORT_COLUMNS * APIKEY_IMPORTED_AT_ONCE];
    apikey_import_row_t *const *at = rows->sorted + rows->stored;
    apr_status_t status;
    int i;

    for (i = 0; i < APIKEY_IMPORTED_AT_ONCE; i++) {
        memcpy(args + i * APIKEY_IMPORT_COLUMNS, at[i]->args,
               sizeof(at[i]->args));
    }
    store->duplicate = 0;
    status = apikey_statement_query(store, APIKEY_SQL_KEYS_IMPORT, args, pool,
                                    error);
    if (status == APIKEY_EDATABASE && store->dialect->import.duplicate_undone
        && store->duplicate) {
        const char *other;
        apr_status_t found = find_stored(store, rows, rows->stored, pool,
                                         &other);

        status = found == APR_SUCCESS && rows->taken ? APR_SUCCESS : status;
    }
    return status;
}

/* Stores the rows of one statement.  If a duplicate would end the transaction,
 * or the rows are stored one by one, duplicates are looked for first. */
static apr_status_t store_part(apikey_store_t *store,
                               apikey_import_rows_t *rows,
                               const apikey_import_row_t **at_row,
                               apr_pool_t *pool, const char **error)
{
    apikey_import_row_t *const *at = rows->sorted + rows->stored;
    int i, count = part_size(rows, rows->stored);
    int whole = count == APIKEY_IMPORTED_AT_ONCE;
    apr_status_t status = APR_SUCCESS;

    if (!whole || !store->dialect->import.duplicate_undone) {
        status = find_stored(store, rows, rows->stored, pool, error);
    }
    if (status != APR_SUCCESS || rows->taken) {
        return status;
    }
    if (whole) {
        return store_full_statement(store, rows, pool, error);
    }
    for (i = 0; i < count && status == APR_SUCCESS; i++) {
        status = apikey_statement_query(store, APIKEY_SQL_KEY_IMPORT,
                                        at[i]->args, pool, error);
        *at_row = status == APR_SUCCESS ? NULL : at[i];
    }
    return status;
}

apr_status_t apikey_import_rows_store(apikey_store_t *store,
                                      apikey_import_rows_t *rows, int most,
                                      const apikey_import_row_t **at,
                                      apr_pool_t *pool, const char **error)
{
    int end = rows->count - rows->stored < most ? rows->count
                                                : rows->stored + most;
    apr_status_t status = APR_SUCCESS;
    apr_pool_t *sub;

    *at = NULL;
    if (store->dialect->import.duplicate_undone && store->transaction) {
        /* The driver must not refuse statements after a duplicate, since the
         * database does not. */
        apr_dbd_transaction_mode_set(store->driver, store->transaction,
                                     APR_DBD_TRANSACTION_IGNORE_ERRORS);
    }
    apr_pool_create(&sub, pool);
    while (rows->stored < end && !rows->taken && status == APR_SUCCESS) {
        apr_pool_clear(sub);
        status = store_part(store, rows, at, sub, error);
        if (status == APR_SUCCESS) {
            rows->stored += part_size(rows, rows->stored);
        }
    }
    if (status != APR_SUCCESS) {
        *error = apr_pstrdup(pool, *error);
    }
    apr_pool_destroy(sub);
    return status;
}
