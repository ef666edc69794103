/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file sql_text.h
 * @brief The text of all statements of the module, one list for all databases.
 *
 * They are constants, and so are the conditions of a list: values are
 * parameters, and a connection prepares each statement once.
 */
#ifndef APIKEY_SQL_TEXT_H
#define APIKEY_SQL_TEXT_H

#include <apr_pools.h>

#include "dialect.h"

typedef enum {
    APIKEY_SQL_LOOKUP,
    APIKEY_SQL_LOOKUP_BEFORE,
    APIKEY_SQL_KEY_SHOW,
    APIKEY_SQL_KEY_LOCK,
    APIKEY_SQL_KEY_LIST,
    APIKEY_SQL_KEY_INSERT,
    APIKEY_SQL_KEY_IMPORT,
    APIKEY_SQL_KEYS_IMPORT,
    APIKEY_SQL_KEY_TAKEN,
    APIKEY_SQL_KEYS_TAKEN,
    APIKEY_SQL_KEY_SUCCESSOR,
    APIKEY_SQL_KEY_SECRETS,
    APIKEY_SQL_KEY_WEAK,
    APIKEY_SQL_KEY_SET,
    APIKEY_SQL_KEY_REVOKE,
    APIKEY_SQL_KEY_DISABLE,
    APIKEY_SQL_TENANT_SHOW,
    APIKEY_SQL_TENANT_LOCK,
    APIKEY_SQL_TENANT_KEYS,
    APIKEY_SQL_TENANT_LIST,
    APIKEY_SQL_TENANT_ONE,
    APIKEY_SQL_TENANT_INSERT,
    APIKEY_SQL_TENANT_SUSPEND,
    APIKEY_SQL_TENANT_SET,
    APIKEY_SQL_SCOPE_SHOW,
    APIKEY_SQL_SCOPE_LIST,
    APIKEY_SQL_SCOPE_INSERT,
    APIKEY_SQL_SCOPE_UPDATE,
    APIKEY_SQL_SCOPE_DELETE,
    APIKEY_SQL_AUDIT_INSERT,
    APIKEY_SQL_AUDIT_LIST,
    APIKEY_SQL_ROTATION_AUDIT,
    APIKEY_SQL_ROTATION_SET,
    APIKEY_SQL_AUDIT_OLD,
    APIKEY_SQL_AUDIT_PRUNE,
    APIKEY_SQL_CHANGES,
    APIKEY_SQL_CHANGES_LAST,
    APIKEY_SQL_CHANGES_OLD,
    APIKEY_SQL_CHANGES_PRUNE,
    APIKEY_SQL_USAGE_KEYS,
    APIKEY_SQL_USAGE_WRITE,
    APIKEY_SQL_EXPOSED_FIND,
    APIKEY_SQL_EXPOSED_SET,
    APIKEY_SQL_EXPOSED_INSERT,
    APIKEY_SQL_IDENTITY,
    APIKEY_SQL_IDENTITY_INSERT,
    APIKEY_SQL_IDENTITY_VERSION,
    APIKEY_SQL_IDENTITY_EPOCH,
    APIKEY_SQL_IDENTITY_UUID,
    APIKEY_SQL_IDENTITY_KEPT,
    APIKEY_SQL_IDENTITY_PRUNED,
    APIKEY_SQL_COUNT            /**< how many there are */
} apikey_sql_e;

/** Rows of one page of a list. */
#define APIKEY_PAGE 256

/** Rows that one statement of an import stores: older versions of SQLite allow
 * 999 parameters. */
#define APIKEY_IMPORTED_AT_ONCE 40

/** Rows that one step of pruning reads. */
#define APIKEY_PRUNED_AT_ONCE 1000

/** The text of a statement for a dialect, for apr_dbd_prepare(); in @a pool. */
const char *apikey_sql_text(apikey_sql_e which,
                            const apikey_dialect_t *dialect,
                            apr_pool_t *pool);

/** The same of APIKEY_SQL_KEY_LIST with more conditions, "A AND B AND ", before
 * those of a page. */
const char *apikey_sql_text_list(const char *conditions,
                                 const apikey_dialect_t *dialect,
                                 apr_pool_t *pool);

#endif
