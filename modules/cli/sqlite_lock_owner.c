/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <fcntl.h>
#include <unistd.h>

#include <apr_file_io.h>
#include <apr_strings.h>

#include "../store/dialect.h"
#include "cli.h"

/* Where SQLite's write lock lies: the reserved byte of the database, or in
 * WAL mode the first lock of the -shm file (sqlite.org/fileformat.html,
 * sqlite.org/walformat.html). */
#define RESERVED_AT 0x40000001
#define WAL_WRITE_AT 120

/*
 * Who has locked this byte; 0: nobody that can be seen.  The file stays open:
 * closing it would take SQLite's own locks on it from this process.
 */
static pid_t locked_by(const char *path, off_t at)
{
    struct flock lock = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = at;
    lock.l_len = 1;
    return fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0
           && lock.l_type != F_UNLCK && lock.l_pid > 0 ? lock.l_pid : 0;
}

const char *cli_sqlite_lock_owner(cli_t *cli)
{
    const char *file =
        cli->conf.driver && strcmp(cli->conf.driver, "sqlite3") == 0
            ? apikey_dialect_sqlite3.traits.file(cli->conf.params, cli->pool)
            : NULL;
    char name[64] = "";
    apr_size_t len = sizeof(name) - 1;
    apr_file_t *comm;
    pid_t pid;

    if (!file) {
        return NULL;
    }
    pid = locked_by(apr_pstrcat(cli->pool, file, "-shm", NULL), WAL_WRITE_AT);
    if (!pid) {
        pid = locked_by(file, RESERVED_AT);
    }
    if (!pid) {
        return NULL;
    }
    if (apr_file_open(&comm, apr_psprintf(cli->pool, "/proc/%ld/comm",
                                          (long)pid), APR_FOPEN_READ, 0,
                      cli->pool) == APR_SUCCESS) {
        apr_file_read(comm, name, &len);
        apr_file_close(comm);
        name[strcspn(name, "\n")] = '\0';
    }
    return apr_psprintf(cli->pool, "process %ld%s%s%s", (long)pid,
                        *name ? " (" : "", name, *name ? ")" : "");
}
