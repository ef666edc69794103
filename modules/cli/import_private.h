/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file import_private.h
 * @brief What the files of `import` and `export` share; for them only.
 */
#ifndef APIKEY_CLI_IMPORT_PRIVATE_H
#define APIKEY_CLI_IMPORT_PRIVATE_H

#include "../core/digest_kinds.h"
#include "../store/csv.h"
#include "../store/import.h"
#include "cli.h"

/** Columns of a file, in the order in which `export` writes them: KEY and
 * ENABLED are read alone. */
typedef enum {
    KEY, DIGEST, SECRET, ID, TENANT, NAME, SCOPES, ENV, KEYSPACE, FORMAT,
    PREFIX, HINT, CREATOR, CREATED, EXPIRES, REVOKED, REASON, DISABLED,
    ENABLED, OWNER, NETWORKS, META, ROOT, ROTATED_FROM, LIFETIME, BITS,
    COLUMNS
} cli_column_e;

extern const char *const cli_import_names[COLUMNS];

typedef struct reading_t {
    cli_t *cli;
    apikey_csv_t *csv;
    apikey_csv_row_t row;
    apikey_policy_t policy;
    apikey_lifetime_t lifetime; /**< ApiKeyLifetime's max alone */
    int at[COLUMNS];            /**< which field; -1: there is no such column */
    int columns;
    apr_uint64_t mapped;        /**< which of --map were of a column */
    apikey_digest_kinds_t kinds; /**< of --digest; none: not said */
    int hmac;                   /**< --digest is by a secret of the server's */
    apr_int64_t rows;
    apikey_import_t import;
    char id[APIKEY_ID_LEN + 1];
    apikey_candidates_t candidates;
} reading_t;

/** A column of the row that was read last; "" where it is missing.  What
 * cli_export_text() has put before a text is gone. */
const char *cli_import_field(const reading_t *reading, cli_column_e column);

/** Reads the header, by --map and --digest; NULL, or what is wrong. */
const char *cli_import_columns(reading_t *reading);

/** Whether --digest has said what the digests are, and whether of SHA-512. */
int cli_import_said(const reading_t *reading);
int cli_import_long(const reading_t *reading);

/** The next row: APR_EOF behind the last, APIKEY_EREFUSED with what is
 * wrong. */
apr_status_t cli_import_read(reading_t *reading, apr_pool_t *pool,
                             const char **error);

/** The key of the row that was read last. */
apr_status_t cli_import_take(reading_t *reading, apikey_key_row_t *key,
                             apr_pool_t *pool, const char **error);

/** --dry-run: shows the first keys and says all that is wrong. */
cli_exit_e cli_import_dry(reading_t *reading);

/** A text, harmless for a spreadsheet, which would run what begins with = + -
 * @ or a tab: an apostrophe stands before it, and before one that has some. */
const char *cli_export_text(const char *text, apr_pool_t *pool);

/** How many apostrophes stand before what a spreadsheet would run; -1: it
 * would not run @a text. */
int cli_import_marks(const char *text);

#endif
