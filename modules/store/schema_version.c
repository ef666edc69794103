/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "connection_private.h"
#include "schema.h"

/* The number in the first row of a select; 0 where there is no row. */
static apr_status_t select_number(apikey_store_t *store, const char *sql,
                                    apr_int64_t *number, apr_pool_t *pool,
                                    const char **error)
{
    apikey_rows_t rows;

    apikey_store_select(&rows, store, sql, pool, error);
    *number = apikey_rows_next(&rows) ? apikey_rows_number(&rows) : 0;
    return apikey_rows_end(&rows, pool, error);
}

apr_status_t apikey_schema_version(apikey_store_t *store, apr_int64_t *version,
                                   apr_pool_t *pool, const char **error)
{
    apr_status_t status = apikey_store_connect(store, pool, error);

    if (status == APR_SUCCESS) {
        status = select_number(store, store->dialect->probe, version, pool,
                               error);
    }
    if (status == APR_SUCCESS && *version > 0) {
        status = select_number(store, "SELECT schema_version"
                                 " FROM apikey_identity", version, pool, error);
    }
    return status;
}

apr_status_t apikey_schema_check(apikey_store_t *store, apr_pool_t *pool,
                                 const char **error)
{
    apr_int64_t version;
    apr_status_t status = apikey_schema_version(store, &version, pool, error);

    if (status != APR_SUCCESS) {
        return status;
    }
    if (version == APIKEY_SCHEMA_VERSION) {
        return APR_SUCCESS;
    }
    if (version == 0) {
        *error = "the database has none of mod_apikey's tables; run "
                 "`htapikey init` to make them";
    }
    else if (version < APIKEY_SCHEMA_VERSION) {
        *error = apr_psprintf(pool, "the database's tables are of version %"
                              APR_INT64_T_FMT ", this program wants %d; run "
                              "`htapikey init` to upgrade them", version,
                              APIKEY_SCHEMA_VERSION);
    }
    else {
        *error = apr_psprintf(pool, "the database's tables are of version %"
                              APR_INT64_T_FMT ", this program knows %d; "
                              "install the newer mod_apikey", version,
                              APIKEY_SCHEMA_VERSION);
    }
    return APIKEY_ESCHEMA;
}
