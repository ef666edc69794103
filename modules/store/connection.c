/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_file_info.h>
#include <apr_strings.h>

#include "../core/text.h"
#include "connection_private.h"

/* Resolution of the times of files: two writes within it may have the same. */
#define TICK apr_time_from_msec(20)

static apikey_store_t *new_store(const apr_dbd_driver_t *driver,
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

int apikey_store_max_retries(const apikey_store_t *store)
{
    return store->outdated ? 10 : 1;
}

void apikey_store_select(apikey_rows_t *rows, apikey_store_t *store,
                         const char *sql, apr_pool_t *pool,
                         const char **error)
{
    int code, tries = 0;

    apikey_rows_begin(rows, store, pool);
    do {
        rows->results = NULL;
        code = apr_dbd_select(store->driver, rows->pool, store->handle,
                              &rows->results, sql,
                              store->dialect->traits.random);
        rows->status = code == 0
                       ? APR_SUCCESS
                       : apikey_store_error(store, code, pool, error);
    } while (code != 0 && !store->in_transaction
             && tries++ < apikey_store_max_retries(store));
    /* A command has no columns; reading rows of one is an error on ODBC. */
    if (code != 0 || (rows->results
                      && apr_dbd_num_cols(store->driver, rows->results) == 0)) {
        rows->results = NULL;
    }
}

apr_status_t apikey_store_run_selects(apikey_store_t *store,
                                          const char *const *list,
                                          apr_pool_t *pool, const char **error)
{
    apikey_rows_t rows;
    apr_status_t status = APR_SUCCESS;

    for (; *list && status == APR_SUCCESS; list++) {
        apikey_store_select(&rows, store, *list, pool, error);
        status = apikey_rows_end(&rows, pool, error);
    }
    return status;
}

void apikey_prepared_forget(apikey_prepared_t *set)
{
    const char *custom = set->custom;

    if (set->pool) {
        apr_pool_destroy(set->pool);
        memset(set, 0, sizeof(*set));
        set->custom = custom;
    }
}

void apikey_store_checkpoint(apikey_store_t *store)
{
    const char *error;
    apr_pool_t *sub;

    if (store->handle && store->written && store->dialect->on_close) {
        apr_pool_create(&sub, store->pool);
        apikey_store_run_selects(store, store->dialect->on_close, sub,
                                     &error);
        apr_pool_destroy(sub);
    }
    store->written = 0;
}

void apikey_store_disconnect(apikey_store_t *store)
{
    apr_hash_index_t *at;

    apikey_store_checkpoint(store);
    /* Statements must be freed before their connection. */
    apikey_prepared_forget(&store->listed);
    for (at = store->custom ? apr_hash_first(NULL, store->custom) : NULL; at;
         at = apr_hash_next(at)) {
        apikey_prepared_forget(apr_hash_this_val(at));
    }
    if (store->handle) {
        apr_dbd_close(store->driver, store->handle);
        store->handle = NULL;
    }
    if (store->connection_pool) {
        apr_pool_destroy(store->connection_pool);
        store->connection_pool = NULL;
    }
}

static apr_status_t close_store(void *data)
{
    apikey_store_disconnect(data);
    return APR_SUCCESS;
}

/* SQLite creates an empty database where there is no file, so a mistyped path
 * must be found before it is opened. */
static apr_status_t check_file_exists(const char *file, apr_pool_t *pool,
                                      const char **error)
{
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

#define IDENTITY (APR_FINFO_IDENT | APR_FINFO_MTIME | APR_FINFO_SIZE)

/* SQLite learns of changes from the write-ahead log only.  If the file is moved
 * or replaced, the connection answers from the old one, in which no key is
 * revoked any more; if it is overwritten (cp), from pages in memory. */
void apikey_store_check_file(apikey_store_t *store, apr_pool_t *pool)
{
    apr_finfo_t info;

    if (store->file && !store->keep_open && store->handle
        && store->connection_pool
        && (apr_stat(&info, store->file, IDENTITY, pool) != APR_SUCCESS
            || info.inode != store->inode || info.device != store->device
            || info.mtime != store->changed || info.size != store->size)) {
        apikey_store_disconnect(store);
    }
}

static void record_file_state(apikey_store_t *store, apr_pool_t *pool)
{
    apr_finfo_t info;
    apr_time_t now = apr_time_now();

    if (!store->file || apr_stat(&info, store->file, IDENTITY, pool)
                            != APR_SUCCESS) {
        return;
    }
    store->inode = info.inode;
    store->device = info.device;
    store->size = info.size;
    /* A file written within this tick may be written again without another
     * time; 0 differs from any time, so that it is opened once more. */
    store->changed = info.mtime <= now && now - info.mtime < TICK ? 0
                                                                  : info.mtime;
}

static apr_status_t open_handle(apikey_store_t *store, apr_pool_t *pool,
                                const char **error)
{
    const char *message = NULL;
    apr_status_t status = check_file_exists(store->file, pool, error);

    if (status != APR_SUCCESS) {
        return status;
    }
    /* Before it is opened: if the file is replaced in between, the state is
     * that of the older one, and the next check opens the connection again. */
    record_file_state(store, pool);
    apr_pool_create(&store->connection_pool, store->pool);
    status = apr_dbd_open_ex(store->driver, store->connection_pool,
                             store->params, &store->handle, &message);
    if (status == APR_SUCCESS) {
        return APR_SUCCESS;
    }
    *error = apr_psprintf(pool, "the database cannot be opened: %s",
                          message ? apikey_one_line(message, pool)
                                  : "no reason given");
    store->handle = NULL;
    apikey_store_disconnect(store);
    return APIKEY_EDATABASE;
}

apr_status_t apikey_store_connect(apikey_store_t *store, apr_pool_t *pool,
                                  const char **error)
{
    apr_status_t status = APR_SUCCESS;
    int opened = !store->handle;

    if (opened) {
        status = open_handle(store, pool, error);
    }
    if (status == APR_SUCCESS && store->dialect->detect) {
        const apikey_dialect_t *dialect =
            store->dialect->detect(store->driver, store->handle, store->pool,
                                   pool, error);

        if (dialect) {
            store->dialect = dialect;
        }
        else {
            status = APIKEY_EDATABASE;
        }
    }
    if (status == APR_SUCCESS && opened) {
        status = apikey_store_run_selects(store, store->dialect->on_open, pool,
                                          error);
    }
    if (status != APR_SUCCESS && opened) {
        apikey_store_disconnect(store);
    }
    return status;
}

int apikey_store_revive(apikey_store_t *store)
{
    apr_pool_t *sub;
    const char *error;
    apr_status_t status;

    apr_pool_create(&sub, store->pool);
    status = apr_dbd_check_conn(store->driver, sub, store->handle);
    if (store->params) {
        if (status == APR_SUCCESS || APR_STATUS_IS_ENOTIMPL(status)) {
            status = apikey_store_run_selects(
                store, store->dialect->on_open, sub, &error);
        }
        if (status != APR_SUCCESS) {
            apikey_store_disconnect(store);
        }
    }
    apr_pool_destroy(sub);
    return store->handle != NULL;
}

static apr_status_t open_own_connection(apikey_store_t **store,
                                        const apikey_dialect_t *dialect,
                                        const char *params, apr_pool_t *pool,
                                        const char **error)
{
    const apr_dbd_driver_t *driver;
    apr_status_t status = apr_dbd_get_driver(pool, dialect->driver, &driver);

    if (status != APR_SUCCESS) {
        *error = apr_psprintf(pool, "APR has no database driver %s here; "
                              "install it (Debian: libaprutil1-dbd-%s)",
                              dialect->driver, dialect->driver);
        return APIKEY_EDATABASE;
    }
    *store = new_store(driver, dialect, NULL, pool);
    (*store)->params = apr_pstrdup(pool, dialect->traits.params
                                         ? dialect->traits.params(params, pool)
                                         : params);
    (*store)->file = dialect->traits.file ? dialect->traits.file(params, pool)
                                          : NULL;
    /* A pre-cleanup runs before the subpool of the statements is destroyed. */
    apr_pool_pre_cleanup_register(pool, *store, close_store);
    return apikey_store_connect(*store, pool, error);
}

apr_status_t apikey_store_open(apikey_store_t **store, const char *driver,
                               const char *params, apr_pool_t *pool,
                               const char **error)
{
    const apikey_dialect_t *dialect = apikey_dialect_find(driver, pool,
                                                          error);

    return dialect ? open_own_connection(store, dialect, params, pool, error)
                   : APIKEY_EDATABASE;
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
    *store = new_store(driver, dialect, handle, pool);
    return dialect->on_adopt
           ? apikey_store_run_selects(*store, dialect->on_adopt, pool, error)
           : APR_SUCCESS;
}
