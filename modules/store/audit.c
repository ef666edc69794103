/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "audit.h"
#include "row_pages.h"
#include "statement.h"

static const char *text(const char *s)
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

apr_status_t apikey_audit_write(apikey_store_t *store,
                                const apikey_audit_t *entry,
                                apr_pool_t *pool, const char **error)
{
    const char *args[] = {
        apikey_number_arg(pool, entry->happened), text(entry->who),
        text(entry->action), text(entry->id), text(entry->tenant),
        text(entry->reason), text(entry->was)
    };

    return apikey_statement_query(store, APIKEY_SQL_AUDIT_INSERT, args, pool,
                                  error);
}

typedef struct listener_t {
    apikey_audit_fn each;
    void *baton;
} listener_t;

static apr_status_t give_entry(void *baton, const void *item)
{
    listener_t *to = baton;

    return to->each(to->baton, item);
}

static void read_entry(apikey_rows_t *rows, void *item, apr_pool_t *pool)
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
    /* A text with a NUL is shown so that it is seen. */
    apikey_rows_fault(rows, pool);
}

static int behind_entry(const void *item, const char **args,
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
    const char *args[] = { "0", apikey_number_arg(pool, since), text(id),
                           text(id), text(tenant), text(tenant) };
    listener_t to = { each, baton };
    apikey_row_pages_t pages = { .which = APIKEY_SQL_AUDIT_LIST,
                                 .args = args,
                                 .size = sizeof(apikey_audit_t),
                                 .read = read_entry,
                                 .next = behind_entry,
                                 .give = give_entry,
                                 .baton = &to };

    return apikey_row_pages(store, &pages, pool, error);
}
