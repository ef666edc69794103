/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file transaction.h
 * @brief Transactions; for the files of this folder only.
 */
#ifndef APIKEY_TRANSACTION_H
#define APIKEY_TRANSACTION_H

#include "statement.h"

/** What a transaction does.  APR_SUCCESS commits, anything else rolls back.
 * It may be called again, on fresh statements, after an error. */
typedef apr_status_t (*apikey_work_t)(apikey_store_t *store, void *baton,
                                      apr_pool_t *pool, const char **error);

/** Runs @a work in one transaction, which is over when this returns. */
apr_status_t apikey_transact_plain(apikey_store_t *store,
                                   apikey_work_t work, void *baton,
                                   apr_pool_t *pool, const char **error);

/** The same; an error of a database without the module's tables is
 * APIKEY_ESCHEMA. */
apr_status_t apikey_transact(apikey_store_t *store, apikey_work_t work,
                             void *baton, apr_pool_t *pool,
                             const char **error);

#endif
