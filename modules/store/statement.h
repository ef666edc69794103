/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file statement.h
 * @brief Running statements; for the files of this folder only.
 *
 * Each opens the connection where it is closed.  Outside of a transaction a
 * statement that fails is repeated once on a fresh one, and an error of a
 * database without the module's tables is APIKEY_ESCHEMA.
 */
#ifndef APIKEY_STATEMENT_H
#define APIKEY_STATEMENT_H

#include "connection_private.h"

/** A number as a parameter. */
#define apikey_number_arg(pool, n) \
    apr_psprintf((pool), "%" APR_INT64_T_FMT, (apr_int64_t)(n))

/**
 * Selects by a statement of sql_text.h; apikey_rows_end() must follow, and
 * returns the status.
 * @param args as many as the statement has parameters, none of them NULL
 */
void apikey_statement_select(apikey_rows_t *rows, apikey_store_t *store,
                             apikey_sql_e which, const char **args,
                             apr_pool_t *pool, const char **error);

/** Runs a statement of sql_text.h that changes rows. */
apr_status_t apikey_statement_query(apikey_store_t *store, apikey_sql_e which,
                                    const char **args, apr_pool_t *pool,
                                    const char **error);

/** The prepared statement of another text, which the connection keeps by the
 * whole text: two virtual hosts with two queries never share one. */
apikey_prepared_t *apikey_statement_custom(apikey_store_t *store,
                                           const char *sql);

/** Selects by such a one, as apikey_statement_select(); an error is never
 * APIKEY_ESCHEMA, since the module's tables need not exist. */
void apikey_statement_select_custom(apikey_rows_t *rows, apikey_store_t *store,
                                    const char *sql, const char **args,
                                    apr_pool_t *pool, const char **error);

/** The same by a text that is not prepared. */
void apikey_statement_select_plain(apikey_rows_t *rows, apikey_store_t *store,
                                   const char *sql, apr_pool_t *pool,
                                   const char **error);

/** Runs other SQL (DDL) on a connection that is open, without preparing and
 * without repeating it. */
apr_status_t apikey_statement_run(apikey_store_t *store, const char *sql,
                                  apr_pool_t *pool, const char **error);

/** As apikey_store_run_selects(). */
apr_status_t apikey_statement_run_selects(apikey_store_t *store,
                                          const char *const *list,
                                          apr_pool_t *pool,
                                          const char **error);

/** Prepares all statements of sql_text.h; an error names the statement. */
apr_status_t apikey_statement_prepare_all(apikey_store_t *store,
                                          apr_pool_t *pool,
                                          const char **error);

/** After a statement has failed with APIKEY_EDATABASE: APIKEY_ESCHEMA with
 * another error where the reason is that the tables are not this program's.
 * Closes an own connection to a file outside of a transaction, since it may
 * have been opened in a way that does not suit the file any more (read-only),
 * which the connection does not find out by itself. */
apr_status_t apikey_statement_explain(apikey_store_t *store, apr_pool_t *pool,
                                      const char **error);

/** After APIKEY_ELOCKED: names who holds the lock, where the database says so;
 * else @a error stays as it is.  Does nothing in a transaction, where no other
 * statement can run after an error. */
void apikey_statement_name_blocker(apikey_store_t *store, apr_pool_t *pool,
                                   const char **error);

/** After an error: forgets the prepared statements and revives the connection.
 * @return 0: repeating the statement is not worth it now */
int apikey_statement_renew(apikey_store_t *store, apikey_prepared_t *set);

#endif
