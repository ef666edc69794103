/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file row_pages.h
 * @brief A long list, read page by page; for the files of this folder only.
 */
#ifndef APIKEY_ROW_PAGES_H
#define APIKEY_ROW_PAGES_H

#include "statement.h"

typedef struct apikey_row_pages_t {
    apikey_sql_e which;         /**< the statement, ordered, with a LIMIT */
    const char *sql;            /**< another text instead; NULL: which */
    const char **args;          /**< of the first page; next() changes them */
    int fixed;                  /**< the first so many of them stay as they
                                 * are */
    apr_size_t size;            /**< of an item, in bytes */
    /** Reads a row into an item of the page, which lives in pool. */
    void (*read)(apikey_rows_t *rows, void *item, apr_pool_t *pool);
    /** Sets the arguments that are not fixed to what selects the rows after
     * item, by apikey_page_arg(); 0: they were so before, and the list would
     * never end. */
    int (*next)(const void *item, const char **args, apr_pool_t *pool);
    /** Is called with each item, which lives during the call. */
    apr_status_t (*give)(void *baton, const void *item);
    void *baton;                /**< of give() */
} apikey_row_pages_t;

/** Sets an argument to a copy of @a value in @a pool; whether it was another
 * one before. */
int apikey_page_arg(const char **arg, const char *value, apr_pool_t *pool);

/**
 * Reads a page whole, frees its result, then calls give() for its items, which
 * may use the same connection, and goes on with the next page.  What give()
 * returns but APR_SUCCESS ends the list and is returned.
 */
apr_status_t apikey_row_pages(apikey_store_t *store,
                              const apikey_row_pages_t *pages,
                              apr_pool_t *pool, const char **error);

#endif
