/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/strength.h"
#include "inspect.h"
#include "statement.h"

apr_status_t apikey_inspect_statements(apikey_store_t *store,
                                       apr_pool_t *pool, const char **error)
{
    return apikey_statement_prepare_all(store, pool, error);
}

apr_status_t apikey_inspect_secrets(apikey_store_t *store, apr_int64_t now,
                                    apikey_digested_fn each, void *baton,
                                    apr_pool_t *pool, const char **error)
{
    const char *args[] = { apikey_number_arg(pool, now) };
    apikey_rows_t rows;
    apr_status_t status, said = APR_SUCCESS;

    apikey_statement_select(&rows, store, APIKEY_SQL_KEY_SECRETS, args, pool,
                            error);
    while (said == APR_SUCCESS && apikey_rows_next(&rows)) {
        apikey_digested_t keys;

        keys.secret_id = apikey_rows_copy(&rows, pool);
        keys.format = apikey_rows_copy(&rows, pool);
        keys.len = apikey_rows_number(&rows);
        keys.keys = apikey_rows_number(&rows);
        keys.live = apikey_rows_number(&rows);
        said = each(baton, &keys);
    }
    status = apikey_rows_end(&rows, pool, error);
    return status == APR_SUCCESS ? said : status;
}

apr_status_t apikey_inspect_strengths(apikey_store_t *store, apr_int64_t now,
                                      apikey_strengths_t *strengths,
                                      apr_pool_t *pool, const char **error)
{
    const char *args[] = { apikey_number_arg(pool, APIKEY_KEY_MIN_BITS),
                           apikey_number_arg(pool, now) };
    apikey_rows_t rows;

    apikey_statement_select(&rows, store, APIKEY_SQL_KEY_WEAK, args, pool,
                            error);
    memset(strengths, 0, sizeof(*strengths));
    if (apikey_rows_next(&rows)) {
        strengths->keys = apikey_rows_number(&rows);
        strengths->weak = apikey_rows_number(&rows);
        strengths->unknown = apikey_rows_number(&rows);
    }
    return apikey_rows_end(&rows, pool, error);
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
        apikey_statement_select_plain(&rows, store, probe->sql, pool, error);
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

    return dialect && dialect->traits.file ? dialect->traits.file(params, pool)
                                           : NULL;
}
