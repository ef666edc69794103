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

/** Columns of a file, in the order in which `export` writes them.  KEY and
 * ENABLED are only read. */
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
    int at[COLUMNS];            /**< index of the field; -1: no such column */
    int columns;                /**< fields of the header */
    apr_uint64_t mapped;        /**< bits of those --map that had a column */
    apikey_digest_kinds_t kinds;        /**< of --digest; none: not given */
    int hmac;                   /**< --digest is hmac-sha256 */
    apr_int64_t rows;           /**< read so far */
    apikey_import_t import;
    char id[APIKEY_ID_LEN + 1]; /**< the last id that was made; "": none */
    apikey_candidates_t candidates;     /**< of the row's key */
} reading_t;

/** A column of the last row; "" where it is missing.  An apostrophe that
 * cli_export_text() has put before the text is removed. */
const char *cli_import_field(const reading_t *reading, cli_column_e column);

/** Reads the header, with --map and --digest: NULL, or what is wrong. */
const char *cli_import_columns(reading_t *reading);

/** Whether --digest gave the kind of the digests, and whether that is
 * SHA-512. */
int cli_import_has_kind(const reading_t *reading);
int cli_import_is_sha512(const reading_t *reading);

/** Reads the next row.  APR_EOF: there is none; APIKEY_EREFUSED: the file
 * cannot be read on. */
apr_status_t cli_import_read(reading_t *reading, apr_pool_t *pool,
                             const char **error);

/** Makes a key of the last row, with strings of the row or of @a pool.
 * APIKEY_EREFUSED: the row is wrong. */
apr_status_t cli_import_row(reading_t *reading, apikey_key_row_t *key,
                            apr_pool_t *pool, const char **error);

/** --dry-run: shows the first keys and writes all faults. */
cli_exit_e cli_import_dry(reading_t *reading);

/** Text that a spreadsheet does not run as a formula: where it begins with
 * = + - @ or a tab, an apostrophe is put before it, also where it has
 * apostrophes before that already. */
const char *cli_export_text(const char *text, apr_pool_t *pool);

#endif
