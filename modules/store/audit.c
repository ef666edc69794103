/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/text.h"
#include "audit.h"
#include "row_pages.h"
#include "statement.h"

static const char *text_or_empty(const char *s)
{
    return s ? s : "";
}

const char *apikey_audit_change_json(const char *was, const char *now,
                                     apr_pool_t *pool)
{
    const char *both = apr_psprintf(pool, "{%s,\"now\":{%s}}", was, now);

    return strlen(both) <= APIKEY_AUDIT_MAX
           ? both : apr_psprintf(pool, "{%s}", was);
}

apr_status_t apikey_audit_reason_check(const char *reason, apr_pool_t *pool,
                                 const char **error)
{
    const char *fault = *reason ? apikey_text_fault(reason) : NULL;

    return fault ? apikey_reject(pool, error, "the reason %s", fault)
                 : APR_SUCCESS;
}

const char *apikey_audit_rotated_from(const char *reason, apr_pool_t *pool)
{
    static const char prefix[] = "in place of ";
    const char *source = reason + sizeof(prefix) - 1;
    const char *end;

    if (strncmp(reason, prefix, sizeof(prefix) - 1) != 0 || !*source) {
        return NULL;
    }
    end = strstr(source, " (root ");
    return end ? apr_pstrmemdup(pool, source, (apr_size_t)(end - source))
               : apr_pstrdup(pool, source);
}

apr_status_t apikey_audit_write(apikey_store_t *store,
                                const apikey_audit_t *entry,
                                apr_pool_t *pool, const char **error)
{
    const char *args[] = { apikey_number_arg(pool, entry->happened),
                           text_or_empty(entry->who),
                           text_or_empty(entry->action),
                           text_or_empty(entry->id),
                           text_or_empty(entry->tenant),
                           text_or_empty(entry->reason),
                           text_or_empty(entry->was) };

    return apikey_statement_query(store, APIKEY_SQL_AUDIT_INSERT, args, pool,
                                  error);
}

typedef struct audit_callback_t {
    apikey_audit_fn each;
    void *baton;
} audit_callback_t;

static apr_status_t give_audit_row(void *baton, const void *item)
{
    audit_callback_t *to = baton;

    return to->each(to->baton, item);
}

static void read_audit_row(apikey_rows_t *rows, void *item, apr_pool_t *pool)
{
    apikey_audit_t *entry = item;

    entry->number = apikey_rows_number(rows);
    entry->happened = apikey_rows_number(rows);
    entry->fault = apikey_rows_fault(rows, pool);
    entry->who = apikey_rows_copy(rows, pool);
    entry->action = apikey_rows_copy(rows, pool);
    entry->id = apikey_rows_copy(rows, pool);
    entry->tenant = apikey_rows_copy(rows, pool);
    entry->reason = apikey_rows_copy(rows, pool);
    entry->was = apikey_rows_copy(rows, pool);
    /* A text with a NUL is shown, escaped. */
    apikey_rows_fault(rows, pool);
}

static int next_audit_page(const void *item, const char **args,
                           apr_pool_t *pool)
{
    return apikey_page_arg(args, apikey_number_arg(pool,
                           ((const apikey_audit_t *)item)->number), pool);
}

apr_status_t apikey_audit_list(apikey_store_t *store, const char *id,
                               const char *tenant, apr_int64_t since,
                               apikey_audit_fn each, void *baton,
                               apr_pool_t *pool, const char **error)
{
    const char *args[] = { "0",
                           apikey_number_arg(pool, since),
                           text_or_empty(id),
                           text_or_empty(id),
                           text_or_empty(tenant),
                           text_or_empty(tenant) };
    audit_callback_t to = { each, baton };
    apikey_row_pages_t pages = { .which = APIKEY_SQL_AUDIT_LIST,
                                 .args = args,
                                 .size = sizeof(apikey_audit_t),
                                 .read = read_audit_row,
                                 .next = next_audit_page,
                                 .give = give_audit_row,
                                 .baton = &to };

    return apikey_row_pages(store, &pages, pool, error);
}
