/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "row_pages.h"

/* Reads one page and frees its result, so that give() may use the same
 * connection. */
static apr_status_t read_row_page(apikey_store_t *store,
                                  const apikey_row_pages_t *pages,
                                  apr_array_header_t *page, apr_pool_t *pool,
                                  const char **error)
{
    apikey_rows_t rows;

    if (pages->sql) {
        apikey_statement_select_custom(&rows, store, pages->sql, pages->args,
                                       pool, error);
    }
    else {
        apikey_statement_select(&rows, store, pages->which, pages->args, pool,
                                error);
    }
    while (apikey_rows_next(&rows)) {
        pages->read(&rows, apr_array_push(page), pool);
    }
    return apikey_rows_end(&rows, pool, error);
}

int apikey_page_arg(const char **arg, const char *value, apr_pool_t *pool)
{
    int other = strcmp(*arg, value) != 0;

    *arg = apr_pstrdup(pool, value);
    return other;
}

apr_status_t apikey_row_pages(apikey_store_t *store,
                              const apikey_row_pages_t *pages, apr_pool_t *pool,
                              const char **error)
{
    apr_array_header_t *page;
    apr_status_t status;
    apr_pool_t *sub;
    int i;

    *error = NULL;
    apr_pool_create(&sub, pool);
    do {
        apr_pool_clear(sub);
        page = apr_array_make(sub, APIKEY_PAGE, (int)pages->size);
        status = read_row_page(store, pages, page, sub, error);
        if (status != APR_SUCCESS) {
            *error = apr_pstrdup(pool, *error);
            break;
        }
        for (i = 0; status == APR_SUCCESS && i < page->nelts; i++) {
            status = pages->give(pages->baton,
                                 page->elts + i * pages->size);
        }
        if (status == APR_SUCCESS && page->nelts == APIKEY_PAGE
            && !pages->next(page->elts + (page->nelts - 1) * pages->size,
                            pages->args + pages->fixed, pool)) {
            *error = "more rows than a page holds cannot be distinguished by "
                     "their values; correct them";
            status = APIKEY_EANSWER;
        }
    } while (status == APR_SUCCESS && page->nelts == APIKEY_PAGE);
    apr_pool_destroy(sub);
    return status;
}
