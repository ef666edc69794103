/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file file_access.h
 * @brief Whether only root and this program's user (or the file's owner) can
 *        change a file or put another in its place.
 */
#ifndef APIKEY_FILE_ACCESS_H
#define APIKEY_FILE_ACCESS_H

#include <apr_pools.h>

/** Who may own and write the file itself. */
typedef enum {
    APIKEY_OWNED_BY_ANY,        /**< any user, who may own the folders, too */
    APIKEY_OWNED_BY_US          /**< root or the user that the program runs as;
                                 * and no other may write it */
} apikey_owned_e;

/**
 * Checks every folder and symbolic link on the way to @a path, from the root
 * on: each must belong to root, to the user that the program runs as or to one
 * who may own the file, and no other may write the folder, unless it is sticky
 * (/tmp).  A group that may write counts as others, except a user's own group,
 * which has the user's name and no other member.  Call it before the file is
 * read.  At start-up and in programs only: it reads users and groups, which is
 * not thread-safe.
 * @return NULL: no other can change it, or there is no file; else what is wrong
 *         and what to do, a sentence fragment in @a pool
 */
const char *apikey_file_access_fault(const char *path, apikey_owned_e owned,
                                     apr_pool_t *pool);

#endif
