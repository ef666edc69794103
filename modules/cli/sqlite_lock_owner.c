/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * Which process holds SQLite's write lock.  SQLite takes it with fcntl() on
 * one byte, so the kernel knows: the reserved byte of the database file, or
 * in WAL mode the first lock of the -shm file (sqlite.org/fileformat.html,
 * sqlite.org/walformat.html).
 */

#include <fcntl.h>

#include <apr_file_io.h>
#include <apr_strings.h>

#include "../store/inspect.h"
#include "cli.h"

#define RESERVED_BYTE 0x40000001
#define WAL_WRITE_LOCK 120

/* The process that has locked that byte; 0: none that can be seen.  The file
 * stays open: to close it would release SQLite's locks on it, which belong to
 * this process, too. */
static pid_t lock_owner_of(const char *path, off_t byte)
{
    struct flock lock = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = byte;
    lock.l_len = 1;
    return fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0
           && lock.l_type != F_UNLCK && lock.l_pid > 0 ? lock.l_pid : 0;
}

const char *cli_sqlite_lock_owner(cli_t *cli)
{
    const char *file = apikey_inspect_file(cli->conf.driver, cli->conf.params,
                                           cli->pool);
    char name[64] = "";
    apr_size_t len = sizeof(name) - 1;
    apr_file_t *comm;
    pid_t pid;

    if (!file) {
        return NULL;
    }
    pid = lock_owner_of(apr_pstrcat(cli->pool, file, "-shm", NULL),
                        WAL_WRITE_LOCK);
    if (!pid) {
        pid = lock_owner_of(file, RESERVED_BYTE);
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
