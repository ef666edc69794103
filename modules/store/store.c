/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_file_info.h>
#include <apr_strings.h>

#include "sql.h"

static apikey_store_t *make(const apr_dbd_driver_t *driver,
                            const apikey_dialect_t *dialect,
                            apr_dbd_t *handle, apr_pool_t *pool)
{
    apikey_store_t *store = apr_pcalloc(pool, sizeof(*store));

    store->driver = driver;
    store->dialect = dialect;
    store->handle = handle;
    store->pool = pool;
    return store;
}

static apr_status_t close_store(void *data)
{
    apikey_store_t *store = data;

    /* Statements before their connection. */
    if (store->prepared_pool) {
        apr_pool_destroy(store->prepared_pool);
        store->prepared_pool = NULL;
    }
    return apr_dbd_close(store->driver, store->handle);
}

/* SQLite would make an empty database of a mistyped path. */
static apr_status_t check_file(const apikey_dialect_t *dialect,
                               const char *params, apr_pool_t *pool,
                               const char **error)
{
    const char *file = dialect->file ? dialect->file(params, pool) : NULL;
    apr_finfo_t info;
    apr_status_t status;
    char buffer[128];

    if (!file) {
        return APR_SUCCESS;
    }
    status = apr_stat(&info, file, APR_FINFO_TYPE, pool);
    if (status == APR_SUCCESS || status == APR_INCOMPLETE) {
        return APR_SUCCESS;
    }
    if (APR_STATUS_IS_ENOENT(status)) {
        *error = apr_psprintf(pool, "there is no database file %s; correct "
                              "DBDParams or run `htapikey init`", file);
        return APIKEY_ESCHEMA;
    }
    *error = apr_psprintf(pool, "the database file %s cannot be reached: %s",
                          file, apr_strerror(status, buffer, sizeof(buffer)));
    return APIKEY_EDATABASE;
}

static apr_status_t connect_store(apikey_store_t **store,
                                  const apikey_dialect_t *dialect,
                                  const char *params, apr_pool_t *pool,
                                  const char **error)
{
    const apr_dbd_driver_t *driver;
    apr_dbd_t *handle;
    const char *message = NULL;
    apr_status_t status = apr_dbd_get_driver(pool, dialect->driver, &driver);

    if (status != APR_SUCCESS) {
        *error = apr_psprintf(pool, "APR has no database driver %s here; "
                              "install it (Debian: libaprutil1-dbd-%s)",
                              dialect->driver, dialect->driver);
        return APIKEY_EDATABASE;
    }
    status = apr_dbd_open_ex(driver, pool, params, &handle, &message);
    if (status != APR_SUCCESS) {
        *error = apr_psprintf(pool, "the database cannot be opened: %s",
                              message ? message : "no reason given");
        return APIKEY_EDATABASE;
    }
    *store = make(driver, dialect, handle, pool);
    /* Ahead of the pool's children, of which the statements are one. */
    apr_pool_pre_cleanup_register(pool, *store, close_store);
    return apikey_sql_settings(*store, dialect->on_open, pool, error);
}

apr_status_t apikey_store_open(apikey_store_t **store, const char *driver,
                               const char *params, apr_pool_t *pool,
                               const char **error)
{
    const apikey_dialect_t *dialect = apikey_dialect_find(driver, pool,
                                                          error);
    apr_status_t status;

    if (!dialect) {
        return APIKEY_EDATABASE;
    }
    status = check_file(dialect, params, pool, error);
    return status == APR_SUCCESS
           ? connect_store(store, dialect, params, pool, error) : status;
}

apr_status_t apikey_store_adopt(apikey_store_t **store,
                                const char *driver_name,
                                const apr_dbd_driver_t *driver,
                                apr_dbd_t *handle, apr_pool_t *pool,
                                const char **error)
{
    const apikey_dialect_t *dialect;

    if (!driver_name) {
        driver_name = apr_dbd_name(driver);
    }
    dialect = apikey_dialect_find(driver_name, pool, error);
    if (!dialect) {
        return APIKEY_EDATABASE;
    }
    *store = make(driver, dialect, handle, pool);
    return apikey_sql_settings(*store, dialect->on_open, pool, error);
}
