/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_file_io.h>
#include <apr_strings.h>

#include "import_private.h"

struct apikey_import_lock_t {
    apr_pool_t *pool;
    apr_file_t *file;           /* NULL: the database is no file */
    const char *path;
};

/* Selects one row and reads its first column; "" for NULL. */
static apr_status_t select_one_column(apikey_store_t *store, const char *sql,
                                      const char **text, apr_pool_t *pool,
                                      const char **error)
{
    apikey_rows_t rows;

    apikey_statement_select_plain(&rows, store, sql, pool, error);
    *text = apikey_rows_next(&rows) ? apikey_rows_copy(&rows, pool) : "";
    return apikey_rows_end(&rows, pool, error);
}

/* Whether the locked file still has the name: the import before may have
 * removed it after it was opened here. */
static int is_lock_current(const apikey_import_lock_t *lock)
{
    apr_finfo_t ours, theirs;

    return apr_file_info_get(&ours, APR_FINFO_IDENT, lock->file)
               == APR_SUCCESS
           && apr_stat(&theirs, lock->path, APR_FINFO_IDENT, lock->pool)
                  == APR_SUCCESS
           && ours.inode == theirs.inode && ours.device == theirs.device;
}

apr_status_t apikey_import_lock(apikey_store_t *store,
                                apikey_import_lock_t **out, apr_pool_t *pool,
                                const char **error)
{
    apikey_import_lock_t *lock = apr_pcalloc(pool, sizeof(*lock));
    const char *path;
    char reason[128];
    apr_status_t status = select_one_column(store, store->dialect->import.file,
                                            &path, pool, error);

    *out = lock;
    if (status != APR_SUCCESS || !*path) {
        return status;
    }
    apr_pool_create(&lock->pool, pool);
    lock->path = apr_pstrcat(pool, path, "-import", NULL);
    status = apr_file_open(&lock->file, lock->path,
                           APR_FOPEN_WRITE | APR_FOPEN_CREATE,
                           APR_FPROT_UREAD | APR_FPROT_UWRITE, lock->pool);
    if (status == APR_SUCCESS) {
        status = apr_file_lock(lock->file,
                               APR_FLOCK_EXCLUSIVE | APR_FLOCK_NONBLOCK);
    }
    if (status == APR_SUCCESS && is_lock_current(lock)) {
        return APR_SUCCESS;
    }
    if (status == APR_SUCCESS || APR_STATUS_IS_EAGAIN(status)) {
        *error = "another import is under way; wait until it has ended";
        status = APIKEY_ELOCKED;
    }
    else {
        *error = apr_psprintf(pool, "%s, which keeps two imports apart, cannot "
                              "be locked: %s", lock->path,
                              apr_strerror(status, reason, sizeof(reason)));
        status = APIKEY_EDATABASE;
    }
    apr_pool_destroy(lock->pool);
    return status;
}

void apikey_import_unlock(apikey_import_lock_t *lock)
{
    if (lock->file) {
        apr_file_remove(lock->path, lock->pool);
        apr_pool_destroy(lock->pool);
    }
}

/* Digests of a range of keys. */
typedef struct range_t {
    const char *after;
    const char *last;
} range_t;

static apr_status_t remove_unfinished_range(apikey_store_t *store, void *baton,
                                            apr_pool_t *pool,
                                            const char **error)
{
    const range_t *range = baton;

    return apikey_statement_run(store,
                                apr_psprintf(pool,
                                             store->dialect->import.remove,
                                             range->after, range->last),
                                pool, error);
}

static apr_status_t remove_unfinished_keys(apikey_store_t *store,
                                           apr_pool_t *pool, const char **error)
{
    char after[APIKEY_DIGEST_LONG_HEX + 1] = "";
    apr_status_t status;
    apr_pool_t *sub;
    range_t range;

    apr_pool_create(&sub, pool);
    do {
        apr_pool_clear(sub);
        range.after = after;
        status = select_one_column(
            store, apr_psprintf(sub, store->dialect->import.range, after),
            &range.last, sub, error);
        if (status == APR_SUCCESS && *range.last) {
            status = apikey_transact(store, remove_unfinished_range, &range,
                                     sub, error);
            apr_cpystrn(after, range.last, sizeof(after));
            apr_sleep(APIKEY_IMPORT_PAUSE);
        }
    } while (status == APR_SUCCESS && *range.last);
    if (status != APR_SUCCESS) {
        *error = apr_pstrdup(pool, *error);
    }
    apr_pool_destroy(sub);
    return status;
}

apr_status_t apikey_import_run(apikey_store_t *store,
                               const char *const *commands, apr_pool_t *pool,
                               const char **error)
{
    apr_status_t status = APR_SUCCESS;

    for (; commands && *commands && status == APR_SUCCESS; commands++) {
        status = apikey_statement_run(store, *commands, pool, error);
    }
    return status;
}

/* apikey_work_t */
static apr_status_t run_commands(apikey_store_t *store, void *baton,
                                 apr_pool_t *pool, const char **error)
{
    return apikey_import_run(store, baton, pool, error);
}

apr_status_t apikey_import_begin(apikey_store_t *store, apr_pool_t *pool,
                                 const char **error)
{
    return apikey_transact(store, run_commands,
                           (void *)store->dialect->import.begin, pool,
                           error);
}

apr_status_t apikey_import_clean(apikey_store_t *store, apr_pool_t *pool,
                                 const char **error)
{
    const char *number = "0";
    apr_status_t status = select_one_column(store,
                                            store->dialect->import.unfinished,
                                            &number, pool, error);

    if (status != APR_SUCCESS || strcmp(number, "0") == 0) {
        return status;
    }
    status = remove_unfinished_keys(store, pool, error);
    return status == APR_SUCCESS
           ? apikey_transact(store, run_commands,
                             (void *)store->dialect->import.abandon, pool,
                             error)
           : status;
}
