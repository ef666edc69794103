/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <apr_file_info.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_user.h>

#include "database_file.h"
#include "dialect.h"

/* The value of NAME= in a connection string of ODBC, in pool; "" where it has
 * none. */
static char *odbc_value(const char *params, const char *name, apr_pool_t *pool)
{
    apr_size_t len = strlen(name);
    const char *at;

    for (at = params; *at; at++) {
        if ((at == params || strchr("; '\"", at[-1]))
            && strncasecmp(at, name, len) == 0 && at[len] == '=') {
            at += len + 1;
            at += *at == '{';
            return apr_pstrmemdup(pool, at, strcspn(at, ";'\"}"));
        }
    }
    return apr_pstrdup(pool, "");
}

static int is_sqlite_of_odbc(const char *params, apr_pool_t *pool)
{
    char *driver = odbc_value(params, "DRIVER", pool), *at;

    for (at = driver; *at; at++) {
        *at = (char)apr_tolower(*at);
    }
    return strstr(driver, "sqlite") != NULL;
}

int apikey_database_is_file(const char **file, const char *driver,
                            const char *params, apr_pool_t *pool)
{
    const char *path = params;

    if (strcmp(driver, "odbc") == 0 && is_sqlite_of_odbc(params, pool)) {
        path = odbc_value(params, "Database", pool);
    }
    else if (strcmp(driver, "sqlite3") != 0) {
        return 0;
    }
    *file = apikey_dialect_sqlite3.traits.file(path, pool);
    return 1;
}

/* Whether a URI has NAME=VALUE in its query. */
static int uri_has(const char *params, const char *assignment)
{
    const char *at = strncmp(params, "file:", 5) == 0 ? strchr(params, '?')
                                                      : NULL;
    apr_size_t len = strlen(assignment);

    for (; at; at = strchr(at + 1, '&')) {
        if (strncmp(at + 1, assignment, len) == 0
            && (!at[len + 1] || strchr("&#", at[len + 1]))) {
            return 1;
        }
    }
    return 0;
}

static const char *own_user_name(apr_pool_t *pool)
{
    char *name;

    return apr_uid_name_get(&name, geteuid(), pool) == APR_SUCCESS
           ? name : apr_psprintf(pool, "%ld", (long)geteuid());
}

static char *folder_of_file(const char *file, apr_pool_t *pool)
{
    const char *slash = strrchr(file, '/');

    return apr_pstrmemdup(pool, file, slash == file ? 1 : slash - file);
}

/* The path without symbolic links: SQLite keeps its other files there. */
static const char *real_path(const char *file, apr_pool_t *pool)
{
    char *real = realpath(file, NULL);
    const char *copy = real ? apr_pstrdup(pool, real) : file;

    free(real);
    return copy;
}

/* Why apr_stat() failed, as a sentence. */
static const char *missing_file_fault(const char *file, apr_status_t status,
                                      apr_pool_t *pool)
{
    const char *folder = folder_of_file(file, pool);
    apr_finfo_t info;
    char buffer[128];

    if (APR_STATUS_IS_EACCES(status)) {
        return apr_psprintf(pool,
                            "httpd's user %s cannot reach %s: let it "
                            "enter each folder of the path",
                            own_user_name(pool), file);
    }
    if (!APR_STATUS_IS_ENOENT(status) && !APR_STATUS_IS_ENOTDIR(status)) {
        return apr_psprintf(pool, "%s cannot be looked at: %s", file,
                            apr_strerror(status, buffer, sizeof(buffer)));
    }
    if (apr_stat(&info, folder, APR_FINFO_TYPE, pool) != APR_SUCCESS) {
        return apr_psprintf(pool, "there is no folder %s: correct the path",
                            folder);
    }
    return apr_psprintf(pool, "there is no file %s: correct the path, or run "
                        "`htapikey init`", file);
}

/* Whether this process may do that.  A read-only file system counts as
 * writable: that is the administrator's intention. */
static int user_can(const char *path, int mode)
{
    return access(path, mode) == 0
           || (errno == EROFS && access(path, mode & ~W_OK) == 0);
}

const char *apikey_database_file_fault(const char *file, const char *params,
                                       int write, apr_pool_t *pool)
{
    apr_finfo_t info;
    apr_status_t status;

    if (!file) {
        return "it names no file, so each connection would have an empty "
               "database of its own: write the path of the file that "
               "`htapikey init` made";
    }
    if (*file != '/') {
        return apr_psprintf(pool, "the path %s does not begin with '/', and "
                            "would be looked for where httpd was started: "
                            "write the whole path", file);
    }
    status = apr_stat(&info, file, APR_FINFO_TYPE, pool);
    if (status != APR_SUCCESS && status != APR_INCOMPLETE) {
        return missing_file_fault(file, status, pool);
    }
    if (info.filetype != APR_REG) {
        return apr_psprintf(pool, "%s is no file: correct the path", file);
    }
    file = real_path(file, pool);
    if (!user_can(file, write ? R_OK | W_OK : R_OK)) {
        return apr_psprintf(pool, "httpd's user %s cannot %s the file %s: "
                            "give it to that user", own_user_name(pool),
                            write ? "read and write" : "read", file);
    }
    if (write && !user_can(folder_of_file(file, pool), W_OK | X_OK)) {
        return apr_psprintf(pool, "httpd's user %s cannot write to the folder "
                            "%s, where SQLite keeps a -wal and a -shm file: "
                            "give it to that user", own_user_name(pool),
                            folder_of_file(file, pool));
    }
    if (write
        && (uri_has(params, "mode=ro") || uri_has(params, "immutable=1"))) {
        return "its URI forbids to write: leave out mode=ro and immutable=1";
    }
    return NULL;
}
