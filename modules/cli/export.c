/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * export: all keys as CSV (RFC 4180), which import reads.
 */

#include <apr_strings.h>

#include "commands.h"
#include "import_private.h"

typedef struct export_t {
    apr_pool_t *pool;           /* of a row */
    apr_int64_t left_out;       /* keys with faulty rows */
} export_t;

/* Whether the file has that column.  Keys themselves are not known; ENABLED is
 * DISABLED in other words. */
static int is_written(int column)
{
    return column != KEY && column != ENABLED;
}

/* Writes a field, in quotes where it needs them. */
static void write_csv_field(int first, const char *text, apr_pool_t *pool)
{
    const char *quote;

    text = cli_export_text(text, pool);
    cli_out("%s", first ? "" : ",");
    if (!text[strcspn(text, ",\"'\r\n\t ;")]) {
        cli_out("%s", text);
        return;
    }
    cli_out("\"");
    while ((quote = strchr(text, '"')) != NULL) {
        cli_out("%.*s\"\"", (int)(quote - text), text);
        text = quote + 1;
    }
    cli_out("%s\"", text);
}

static const char *number_or(apr_int64_t number, const char *none,
                             apr_pool_t *pool)
{
    return number ? apr_psprintf(pool, "%" APR_INT64_T_FMT, number) : none;
}

static apr_status_t export_key(void *baton, const apikey_key_row_t *key)
{
    export_t *export = baton;
    const apikey_record_t *record = &key->record;
    apr_pool_t *pool = export->pool;
    const char *fault;
    int i;

    apr_pool_clear(pool);
    fault = cli_key_fault(key, pool);
    if (fault) {
        export->left_out++;
        cli_say(pool, "the key %s is left out, since no server accepts it: %s",
                cli_clean(record->id, pool), cli_clean(fault, pool));
        return APR_SUCCESS;
    }
    {
        const char *fields[COLUMNS] = {
            [DIGEST] = key->digest, [SECRET] = record->secret_id,
            [ID] = record->id, [TENANT] = record->tenant,
            [NAME] = record->name, [SCOPES] = record->scopes,
            [ENV] = record->env, [KEYSPACE] = record->keyspace,
            [FORMAT] = record->format, [PREFIX] = key->prefix,
            [HINT] = record->hint, [CREATOR] = record->creator,
            [CREATED] = number_or(record->created, "", pool),
            [EXPIRES] = number_or(record->expires, "never", pool),
            [REVOKED] = number_or(record->revoked, "", pool),
            [REASON] = key->reason,
            [DISABLED] = number_or(record->disabled, "", pool),
            [OWNER] = key->owner, [NETWORKS] = key->networks,
            [META] = key->meta, [ROOT] = key->root,
            [ROTATED_FROM] = key->rotated_from,
            [LIFETIME] = number_or(key->lifetime, "", pool),
            [BITS] = number_or(key->bits, "", pool)
        };

        for (i = 0; i < COLUMNS; i++) {
            if (is_written(i)) {
                write_csv_field(i == DIGEST, fields[i], pool);
            }
        }
    }
    cli_out("\r\n");
    return APR_SUCCESS;
}

cli_exit_e cli_cmd_export(cli_t *cli)
{
    export_t export = { NULL, 0 };
    apikey_filter_t filter = { .tenant = cli->value[CLI_TENANT] };
    const char *error = NULL;
    apr_status_t status;
    cli_exit_e code;
    int i;

    if (cli->json) {
        return cli_usage(cli, "export writes what import reads, which is CSV; "
                         "`list --json` shows keys in JSON");
    }
    code = cli_open(cli, 0);
    if (code != CLI_DONE) {
        return code;
    }
    apr_pool_create(&export.pool, cli->pool);
    for (i = 0; i < COLUMNS; i++) {
        if (is_written(i)) {
            write_csv_field(i == DIGEST, cli_import_names[i], export.pool);
        }
    }
    cli_out("\r\n");
    status = apikey_keys_list(cli->store, &filter, export_key, &export,
                              cli->pool, &error);
    return status != APR_SUCCESS ? cli_fail(cli, status, error)
           : export.left_out ? CLI_REFUSED : CLI_DONE;
}
