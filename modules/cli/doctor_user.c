/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * Whether httpd's user can write SQLite's files, tried by a child process that
 * becomes that user.  The secret file needs no such test: httpd reads it as
 * root, before it changes its user.
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_file_info.h>
#include <apr_strings.h>

#include "../store/inspect.h"
#include "doctor.h"

/* The database file, the two that SQLite makes beside it, and the folder. */
enum { FILE_ITSELF, WAL, SHM, FOLDER, PATHS };

typedef struct paths_t {
    const char *at[PATHS];
} paths_t;

typedef struct tried_t {
    int which;                  /* the path that failed; PATHS: none */
    int error;                  /* errno */
} tried_t;

/* The first that exists of the names that systems give to httpd's user. */
static const struct passwd *usual_user(void)
{
    static const char *const names[] = {
        "www-data", "apache", "wwwrun", "www", "http"
    };
    const struct passwd *user = NULL;
    apr_size_t i;

    for (i = 0; !user && i < sizeof(names) / sizeof(*names); i++) {
        user = getpwnam(names[i]);
    }
    return user;
}

static void copy_user(doctor_user_t *to, const struct passwd *user,
                      apr_pool_t *pool)
{
    to->name = user ? apr_pstrdup(pool, user->pw_name) : NULL;
    to->uid = user ? user->pw_uid : 0;
    to->gid = user ? user->pw_gid : 0;
}

cli_exit_e doctor_set_user(doctor_t *doctor)
{
    cli_t *cli = doctor->cli;
    const char *said = cli->value[CLI_USER];
    const struct passwd *user = said ? getpwnam(said) : usual_user();

    if (said && !user) {
        return cli_usage(cli, "there is no user \"%s\"", said);
    }
    copy_user(&doctor->httpd, user, cli->pool);
    return CLI_DONE;
}

static paths_t paths_of(const char *file, apr_pool_t *pool)
{
    const char *slash = strrchr(file, '/');
    paths_t paths = { { file, apr_pstrcat(pool, file, "-wal", NULL),
                        apr_pstrcat(pool, file, "-shm", NULL),
                        slash ? apr_pstrmemdup(pool, file, slash - file + 1)
                              : "." } };

    return paths;
}

/* Tries as the current user, without changing anything.  The two files beside
 * the database need not exist; the folder is where SQLite makes them. */
static tried_t try_paths(const paths_t *paths)
{
    tried_t tried;

    for (tried.which = 0; tried.which < FOLDER; tried.which++) {
        int fd = open(paths->at[tried.which], O_RDWR | O_CLOEXEC | O_NONBLOCK);

        tried.error = errno;
        if (fd >= 0) {
            close(fd);
        }
        else if (tried.error != ENOENT) {
            return tried;
        }
    }
    if (access(paths->at[FOLDER], R_OK | W_OK | X_OK) != 0) {
        tried.error = errno;
        return tried;
    }
    tried.which = PATHS;
    return tried;
}

/* Tries as another user, in a child process; 0: it could not become that
 * user. */
static int try_as_user(tried_t *tried, const doctor_user_t *user,
                       const paths_t *paths)
{
    int ends[2], got;
    pid_t child;

    fflush(stdout);
    if (pipe(ends) != 0 || (child = fork()) < 0) {
        return 0;
    }
    if (child == 0) {
        if (setgid(user->gid) != 0 || initgroups(user->name, user->gid) != 0
            || setuid(user->uid) != 0) {
            _exit(1);
        }
        *tried = try_paths(paths);
        _exit(write(ends[1], tried, sizeof(*tried)) != sizeof(*tried));
    }
    close(ends[1]);
    got = read(ends[0], tried, sizeof(*tried)) == sizeof(*tried);
    close(ends[0]);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
        continue;
    }
    return got;
}

static int could_write_all(const tried_t *tried)
{
    return tried->which == PATHS;
}

static const char *cannot_write(const char *user, const paths_t *paths,
                                const tried_t *tried, apr_pool_t *pool)
{
    char buffer[128];

    return apr_psprintf(pool, "%s cannot be written by %s (%s), who needs the "
                        "file and its folder, in which SQLite keeps two more",
                        paths->at[tried->which], user,
                        apr_strerror(tried->error, buffer, sizeof(buffer)));
}

/* The user that was tried cannot write.  Where its name was only a guess, the
 * folder's owner is tried: httpd may run as that. */
static void report_failed_user(doctor_t *doctor, const paths_t *paths,
                               const char *what)
{
    apr_pool_t *pool = doctor->cli->pool;
    doctor_user_t owner = { NULL, 0, 0 };
    apr_finfo_t info;
    tried_t tried;

    if (!doctor->cli->value[CLI_USER]
        && apr_stat(&info, paths->at[FOLDER], APR_FINFO_OWNER, pool)
           == APR_SUCCESS && info.user != 0) {
        copy_user(&owner, getpwuid(info.user), pool);
    }
    if (owner.name && try_as_user(&tried, &owner, paths)
        && could_write_all(&tried)) {
        doctor_find(doctor, DOCTOR_WARN, "file", "%s; %s can. If httpd runs "
                    "as %s, say so with --user %s; else give both to %s.",
                    what, owner.name, owner.name, owner.name,
                    doctor->httpd.name);
        return;
    }
    doctor_find(doctor, DOCTOR_FAIL, "file", "%s; give both to the user that "
                "httpd runs as%s.", what, doctor->cli->value[CLI_USER]
                ? "" : ", or name it with --user");
}

static void check_as_root(doctor_t *doctor, const paths_t *paths)
{
    const doctor_user_t *user = &doctor->httpd;
    const char *file = paths->at[FILE_ITSELF];
    tried_t tried;

    if (!user->name) {
        doctor_find(doctor, DOCTOR_WARN, "file", "Which user httpd runs as is "
                    "not known here, so whether it may write %s was not "
                    "tried; name it with --user.", file);
    }
    else if (!try_as_user(&tried, user, paths)) {
        doctor_find(doctor, DOCTOR_WARN, "file", "Whether %s may write %s was "
                    "not tried: this program could not become that user.",
                    user->name, file);
    }
    else if (could_write_all(&tried)) {
        doctor_find(doctor, DOCTOR_OK, "file", "%s and its folder can be "
                    "written by %s.", file, user->name);
    }
    else {
        report_failed_user(doctor, paths,
                           cannot_write(user->name, paths, &tried,
                                        doctor->cli->pool));
    }
}

/* Another user than root can only try for itself.  Where it cannot write all,
 * the database is not opened: SQLite would make its two files beside it with
 * this user as their owner, and httpd's user could not write them. */
static void check_as_user(doctor_t *doctor, const paths_t *paths)
{
    const doctor_user_t *user = &doctor->httpd;
    const char *file = paths->at[FILE_ITSELF];
    const tried_t tried = try_paths(paths);
    int is_httpd = user->name && user->uid == geteuid();

    if (is_httpd && could_write_all(&tried)) {
        doctor_find(doctor, DOCTOR_OK, "file", "%s and its folder can be "
                    "written by %s.", file, user->name);
    }
    else if (is_httpd) {
        doctor_find(doctor, DOCTOR_FAIL, "file", "%s; give both to it.",
                    cannot_write(user->name, paths, &tried, doctor->cli->pool));
    }
    else {
        doctor_find(doctor, DOCTOR_WARN, "file", "Whether httpd's user may "
                    "write %s only root can try: run doctor as root%s.", file,
                    could_write_all(&tried) ? "" : ", for this user may not "
                    "and judges nothing of what is in it");
    }
    doctor->unread = !could_write_all(&tried);
}

void doctor_check_file(doctor_t *doctor)
{
    const cli_conf_t *conf = &doctor->cli->conf;
    apr_pool_t *pool = doctor->cli->pool;
    const char *file = apikey_inspect_file(conf->driver, conf->params, pool);
    paths_t paths;

    if (!file || (access(file, F_OK) != 0 && errno == ENOENT)) {
        return;
    }
    if (*file != '/') {
        doctor_find(doctor, DOCTOR_WARN, "file", "The path %s in DBDParams "
                    "does not begin with '/', so httpd may use another file "
                    "than htapikey; write the whole path.", file);
    }
    paths = paths_of(file, pool);
    (geteuid() == 0 ? check_as_root : check_as_user)(doctor, &paths);
}
