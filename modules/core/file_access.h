/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file file_access.h
 * @brief Whether a file says what those wrote who may: nobody else can have
 *        changed it, or put another one in its place.
 */
#ifndef APIKEY_FILE_ACCESS_H
#define APIKEY_FILE_ACCESS_H

#include <apr_pools.h>

/** Who may own the file itself. */
typedef enum {
    APIKEY_OWNED_BY_ANY,        /**< its owner is believed, too */
    APIKEY_OWNED_BY_US          /**< root, or the user we run as; and nobody
                                 * else may write it */
} apikey_owned_e;

/**
 * Looks at every folder and symbolic link on the way to @a path, from the root
 * on: each must belong to root, to the user we run as or to one who may own
 * the file, and nobody else may write the folder, unless it is sticky (/tmp).
 * A group counts as somebody else, but for one that bears its only member's
 * name.  Ask before the file is read: who could change it afterwards, could
 * before.  At start-up and in programs only: it asks for users and groups.
 * @return NULL: it may be believed, or is not there; else what speaks against
 *         it and what to do, a sentence fragment in @a pool
 */
const char *apikey_file_access_fault(const char *path, apikey_owned_e owned,
                                     apr_pool_t *pool);

#endif
