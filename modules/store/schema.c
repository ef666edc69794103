/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_file_io.h>
#include <apr_portable.h>
#include <apr_strings.h>
#include <apr_uuid.h>

#include <unistd.h>

#include "audit.h"
#include "json.h"
#include "schema.h"
#include "transaction.h"

/* As root: gives a new database to the owner of its folder. */
static void chown_like_folder(apr_file_t *file, const char *path,
                              apr_pool_t *pool)
{
    const char *slash = strrchr(path, '/');
    const char *folder = slash ? apr_pstrmemdup(pool, path, slash - path + 1)
                               : ".";
    apr_finfo_t info;
    apr_os_file_t fd;

    if (geteuid() == 0
        && apr_stat(&info, folder, APR_FINFO_OWNER, pool) == APR_SUCCESS
        && apr_os_file_get(&fd, file) == APR_SUCCESS) {
        /* If this fails the file stays root's. */
        if (fchown(fd, info.user, info.group) != 0) {
            return;
        }
    }
}

static apr_status_t create_database_file(const char *path, apr_pool_t *pool,
                                         const char **error)
{
    apr_file_t *file;
    char buffer[128];
    /* An empty file is an empty database.  Not readable for others, because of
     * the digests. */
    apr_status_t status = apr_file_open(&file, path, APR_FOPEN_WRITE
                                        | APR_FOPEN_CREATE | APR_FOPEN_EXCL,
                                        APR_FPROT_UREAD | APR_FPROT_UWRITE
                                        | APR_FPROT_GREAD | APR_FPROT_GWRITE,
                                        pool);

    if (status == APR_SUCCESS) {
        chown_like_folder(file, path, pool);
        apr_file_close(file);
        return APR_SUCCESS;
    }
    if (APR_STATUS_IS_EEXIST(status)) {
        return APR_SUCCESS;
    }
    *error = apr_psprintf(pool, "the database file %s cannot be made: %s",
                          path, apr_strerror(status, buffer, sizeof(buffer)));
    return APIKEY_EDATABASE;
}

apr_status_t apikey_schema_open(apikey_store_t **store, const char *driver,
                                const char *params, apr_pool_t *pool,
                                const char **error)
{
    const apikey_dialect_t *dialect = apikey_dialect_find(driver, pool,
                                                          error);
    const char *file;
    apr_status_t status;

    if (!dialect) {
        return APIKEY_EDATABASE;
    }
    file = dialect->traits.file ? dialect->traits.file(params, pool) : NULL;
    if (file) {
        status = create_database_file(file, pool, error);
        if (status != APR_SUCCESS) {
            return status;
        }
    }
    return apikey_store_open(store, driver, params, pool, error);
}

/* One file of the schema. */
typedef struct step_t {
    int number;
    const char *who;
    apr_int64_t now;
} step_t;

static const char *fresh_uuid(apr_pool_t *pool)
{
    char *text = apr_palloc(pool, APR_UUID_FORMATTED_LENGTH + 1);
    apr_uuid_t uuid;

    apr_uuid_get(&uuid);
    apr_uuid_format(text, &uuid);
    return text;
}

static apr_status_t write_version(apikey_store_t *store, step_t *step,
                                  int first, apr_pool_t *pool,
                                  const char **error)
{
    const char *version = apikey_number_arg(pool, step->number);
    const char *update[] = { version };
    const char *insert[] = { NULL, version, NULL };

    if (!first) {
        return apikey_statement_query(store, APIKEY_SQL_IDENTITY_VERSION,
                                      update, pool, error);
    }
    insert[0] = fresh_uuid(pool);
    insert[2] = apikey_number_arg(pool, step->now);
    return apikey_statement_query(store, APIKEY_SQL_IDENTITY_INSERT, insert,
                                  pool, error);
}

/* Runs a statement of a schema file.  A database that cannot roll back DDL may
 * have the columns of an init that was killed: there "ALTER TABLE t ADD COLUMN
 * c ..." runs only if the table has no such column. */
static apr_status_t run_schema_part(apikey_store_t *store, const char *sql,
                                    apr_pool_t *pool, const char **error)
{
    static const char alter[] = "ALTER TABLE ", add[] = " ADD COLUMN ";
    const char *column = strstr(sql, add);
    apr_int64_t count = 0;
    apikey_rows_t rows;
    apr_status_t status = APR_SUCCESS;

    if (store->dialect->has_column && column
        && strncmp(sql, alter, sizeof(alter) - 1) == 0) {
        const char *table = apr_pstrmemdup(pool, sql + sizeof(alter) - 1,
                                           column - sql - sizeof(alter) + 1);

        column += sizeof(add) - 1;
        column = apr_pstrmemdup(pool, column, strcspn(column, " "));
        apikey_statement_select_plain(&rows, store,
                                      apr_psprintf(pool,
                                                   store->dialect->has_column,
                                                   table, column),
                                      pool, error);
        count = apikey_rows_next(&rows) ? apikey_rows_number(&rows) : 0;
        status = apikey_rows_end(&rows, pool, error);
    }
    return status == APR_SUCCESS && count == 0
           ? apikey_statement_run(store, sql, pool, error) : status;
}

static apr_status_t apply_schema_file(apikey_store_t *store, void *baton,
                                      apr_pool_t *pool, const char **error)
{
    step_t *step = baton;
    apikey_audit_t entry = { 0 };
    apr_int64_t version;
    const apikey_schema_part_t *part;
    apr_status_t status = apikey_schema_version(store, &version, pool, error);

    /* Another init may have done it already. */
    if (status != APR_SUCCESS || version >= step->number) {
        return status;
    }
    for (part = apikey_schema_parts; part->driver; part++) {
        if (part->number == step->number
            && strcmp(part->driver, store->dialect->driver) == 0) {
            status = run_schema_part(store, part->sql, pool, error);
            if (status != APR_SUCCESS) {
                return status;
            }
        }
    }
    status = write_version(store, step, version == 0, pool, error);
    entry.happened = step->now;
    entry.who = step->who;
    entry.action = "init";
    entry.reason = apr_psprintf(pool, "schema version %d", step->number);
    return status == APR_SUCCESS ? apikey_audit_write(store, &entry, pool,
                                                      error) : status;
}

/* SQLite does not wait for a lock when it changes the journal mode to WAL, so
 * beside another init that fails at once; waits five seconds for it here. */
static apr_status_t run_init_settings(apikey_store_t *store, apr_pool_t *pool,
                                      const char **error)
{
    apr_status_t status;
    int waits;

    for (waits = 0;; waits++) {
        status = apikey_statement_run_selects(store, store->dialect->on_init,
                                              pool, error);
        if (status != APIKEY_ELOCKED || waits == 50) {
            return status;
        }
        apr_sleep(apr_time_from_msec(100));
    }
}

apr_status_t apikey_schema_init(apikey_store_t *store, const char *who,
                                int *from, int *to, apr_pool_t *pool,
                                const char **error)
{
    step_t step = { 0, who, apr_time_sec(apr_time_now()) };
    apr_int64_t version;
    apr_status_t status = apikey_schema_version(store, &version, pool, error);

    if (status != APR_SUCCESS) {
        return status;
    }
    if (version > APIKEY_SCHEMA_VERSION) {
        return apikey_schema_check(store, pool, error);
    }
    *from = *to = (int)version;
    status = run_init_settings(store, pool, error);
    while (status == APR_SUCCESS && *to < APIKEY_SCHEMA_VERSION) {
        step.number = *to + 1;
        status =
            apikey_transact_plain(store, apply_schema_file, &step, pool, error);
        *to += status == APR_SUCCESS;
    }
    return status == APR_SUCCESS ? apikey_schema_rotations(store, pool, error)
                                 : status;
}

apr_status_t apikey_schema_identity(apikey_store_t *store,
                                    apikey_identity_t *identity,
                                    apr_pool_t *pool, const char **error)
{
    apikey_rows_t rows;
    apr_status_t status;
    int found;

    apikey_statement_select(&rows, store, APIKEY_SQL_IDENTITY, NULL, pool,
                            error);
    found = apikey_rows_next(&rows);
    if (found) {
        identity->uuid = apikey_rows_copy(&rows, pool);
        identity->epoch = apikey_rows_number(&rows);
        identity->version = apikey_rows_number(&rows);
        identity->kept_since = apikey_rows_number(&rows);
        identity->pruned = apikey_rows_number(&rows);
    }
    status = apikey_rows_end(&rows, pool, error);
    if (status == APR_SUCCESS && !found) {
        *error = "the table apikey_identity is empty, so it is not known "
                 "which database this is; put its row back from a backup";
        return APR_NOTFOUND;
    }
    return status;
}

apr_status_t apikey_schema_next_epoch(apikey_store_t *store,
                                      apr_int64_t epoch, apr_int64_t next,
                                      apr_int64_t without, apr_pool_t *pool,
                                      const char **error)
{
    const char *number = apikey_number_arg(pool, without ? without
                                                         : APR_INT64_MAX);
    const char *args[] = { apikey_number_arg(pool, next),
                           apikey_number_arg(pool, epoch), number, number };

    return apikey_statement_query(store, APIKEY_SQL_IDENTITY_EPOCH, args, pool,
                                  error);
}

/* Who gives the database a new identity, and which. */
typedef struct renewal_t {
    const char *who;
    const char *uuid;
} renewal_t;

static apr_status_t replace_identity(apikey_store_t *store, void *baton,
                                     apr_pool_t *pool, const char **error)
{
    const renewal_t *renewal = baton;
    const char *args[] = { renewal->uuid };
    apikey_audit_t entry = { 0 };
    apikey_identity_t was;
    apr_status_t status = apikey_schema_identity(store, &was, pool, error);

    if (status == APR_SUCCESS) {
        status = apikey_statement_query(store, APIKEY_SQL_IDENTITY_UUID, args,
                                        pool, error);
    }
    if (status != APR_SUCCESS) {
        return status;
    }
    entry.happened = apr_time_sec(apr_time_now());
    entry.who = renewal->who;
    entry.action = "init";
    entry.reason = apr_pstrcat(pool, "new identity ", renewal->uuid, NULL);
    entry.was = apr_pstrcat(pool, "{\"uuid\":",
                            apikey_json_string(was.uuid, pool), "}", NULL);
    return apikey_audit_write(store, &entry, pool, error);
}

apr_status_t apikey_schema_new_identity(apikey_store_t *store,
                                        const char *who, const char **uuid,
                                        apr_pool_t *pool, const char **error)
{
    renewal_t renewal = { who, fresh_uuid(pool) };

    *uuid = renewal.uuid;
    return apikey_transact(store, replace_identity, &renewal, pool, error);
}
