/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "file_access.h"

#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_strings.h>

#define LINKS_MAX 40            /* as many as Linux follows */

/* The path of a file, as far as it has been checked. */
typedef struct walk_t {
    apr_pool_t *pool;
    uid_t owner;                /* may own folders besides root and us */
    const char *done;           /* checked, without links; "" is the root */
    const char *rest;           /* still to be checked */
    int links;
} walk_t;

static int is_trusted_owner(const walk_t *walk, uid_t uid)
{
    return uid == 0 || uid == geteuid() || uid == walk->owner;
}

static const char *owner_name(uid_t uid, apr_pool_t *pool)
{
    const struct passwd *user = getpwuid(uid);

    return user ? apr_pstrdup(pool, user->pw_name)
                : apr_psprintf(pool, "with the number %lu",
                               (unsigned long)uid);
}

/* Whether a group is a user's own: it has the user's name and no other
 * member. */
static int is_own_group(uid_t uid, gid_t gid, apr_pool_t *pool)
{
    const struct passwd *user = getpwuid(uid);
    const char *name = user && user->pw_gid == gid
                       ? apr_pstrdup(pool, user->pw_name) : NULL;
    const struct group *group = name ? getgrgid(gid) : NULL;
    char *const *member;

    if (!group || strcmp(group->gr_name, name) != 0) {
        return 0;
    }
    for (member = group->gr_mem; *member; member++) {
        if (strcmp(*member, name) != 0) {
            return 0;
        }
    }
    return 1;
}

static const char *folder_fault(const walk_t *walk, const struct stat *info,
                                const char *path)
{
    apr_pool_t *pool = walk->pool;

    if (!is_trusted_owner(walk, info->st_uid)) {
        return apr_psprintf(pool, "the folder %s belongs to the user %s, who "
                            "can put another file in its place; keep the file "
                            "in a folder of root's", path,
                            owner_name(info->st_uid, pool));
    }
    if (info->st_mode & S_ISVTX) {
        return NULL;
    }
    if (info->st_mode & S_IWOTH) {
        return apr_psprintf(pool, "everybody may write the folder %s and put "
                            "another file in its place; take that away with "
                            "'chmod o-w %s'", path, path);
    }
    if ((info->st_mode & S_IWGRP)
        && !is_own_group(info->st_uid, info->st_gid, pool)) {
        return apr_psprintf(pool, "its group may write the folder %s and put "
                            "another file in its place; take that away with "
                            "'chmod g-w %s'", path, path);
    }
    return NULL;
}

static const char *file_owner_fault(const struct stat *info, apr_pool_t *pool)
{
    if (info->st_uid != 0 && info->st_uid != geteuid()) {
        return apr_psprintf(pool, "it belongs to the user %s, who is neither "
                            "root nor the one that this program runs as; give "
                            "it to root", owner_name(info->st_uid, pool));
    }
    if (info->st_mode & (S_IWGRP | S_IWOTH)) {
        return apr_psprintf(pool, "%s may write it; take that away with "
                            "'chmod go-w'", info->st_mode & S_IWOTH
                            ? "everybody" : "its group");
    }
    return NULL;
}

/* Goes on at the target of a symbolic link. */
static const char *follow_link(walk_t *walk, const struct stat *info,
                               const char *path)
{
    char target[PATH_MAX + 1];
    ssize_t len = readlink(path, target, sizeof(target) - 1);

    if (!is_trusted_owner(walk, info->st_uid)) {
        return apr_psprintf(walk->pool, "the symbolic link %s belongs to the "
                            "user %s; name the file itself", path,
                            owner_name(info->st_uid, walk->pool));
    }
    if (len < 0 || ++walk->links > LINKS_MAX) {
        return apr_psprintf(walk->pool, "the symbolic link %s cannot be "
                            "followed; name the file itself", path);
    }
    target[len] = '\0';
    walk->rest = apr_pstrcat(walk->pool, target, "/", walk->rest, NULL);
    if (*target == '/') {
        walk->done = "";
    }
    return NULL;
}

/* Checks the next name, in the folder that has been checked. */
static const char *walk_step(walk_t *walk, const char *name)
{
    const char *path = apr_pstrcat(walk->pool, walk->done, "/", name, NULL);
    struct stat info;

    if (strcmp(name, "..") == 0) {
        const char *slash = strrchr(walk->done, '/');

        walk->done = slash ? apr_pstrmemdup(walk->pool, walk->done,
                                            slash - walk->done) : "";
        return NULL;
    }
    if (lstat(path, &info) != 0) {
        return apr_psprintf(walk->pool, "%s cannot be looked at", path);
    }
    if (S_ISLNK(info.st_mode)) {
        return follow_link(walk, &info, path);
    }
    walk->done = path;
    return S_ISDIR(info.st_mode) ? folder_fault(walk, &info, path) : NULL;
}

const char *apikey_file_access_fault(const char *path, apikey_owned_e owned,
                                     apr_pool_t *pool)
{
    walk_t walk = { pool, 0, "", path, 0 };
    char here[PATH_MAX + 1];
    const char *fault = NULL;
    struct stat info;

    if (stat(path, &info) != 0 || S_ISDIR(info.st_mode)) {
        return NULL;
    }
    if (owned == APIKEY_OWNED_BY_US) {
        fault = file_owner_fault(&info, pool);
    }
    else {
        walk.owner = info.st_uid;
    }
    /* A pipe's path need not exist in the file system (/dev/fd/63). */
    if (fault || !S_ISREG(info.st_mode)) {
        return fault;
    }
    if (*path != '/') {
        if (!getcwd(here, sizeof(here))) {
            return "the folder that it is looked for in cannot be found out";
        }
        walk.rest = apr_pstrcat(pool, here, "/", path, NULL);
    }
    fault = stat("/", &info) == 0 ? folder_fault(&walk, &info, "/") : NULL;
    while (!fault) {
        apr_size_t len;

        walk.rest += strspn(walk.rest, "/");
        len = strcspn(walk.rest, "/");
        if (len == 0) {
            break;
        }
        path = apr_pstrmemdup(pool, walk.rest, len);
        walk.rest += len;
        fault = strcmp(path, ".") == 0 ? NULL : walk_step(&walk, path);
    }
    return fault;
}
