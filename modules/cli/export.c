/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "import_private.h"

typedef struct writing_t {
    cli_t *cli;
    apr_pool_t *pool;           /* of a row */
    apr_int64_t left_out;
} writing_t;

/* Whether the file has such a column: never one of keys. */
static int is_written(int column)
{
    return column != KEY && column != ENABLED;
}

/* RFC 4180, and harmless for a spreadsheet. */
static void write_field(int first, const char *text, apr_pool_t *pool)
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

static const char *seconds(apr_int64_t number, const char *none,
                           apr_pool_t *pool)
{
    return number ? apr_psprintf(pool, "%" APR_INT64_T_FMT, number) : none;
}

static apr_status_t write_key(void *baton, const apikey_key_row_t *key)
{
    writing_t *writing = baton;
    const apikey_record_t *record = &key->record;
    apr_pool_t *pool = writing->pool;
    const char *fault;
    int i;

    apr_pool_clear(pool);
    fault = cli_key_fault(key, pool);
    if (fault) {
        writing->left_out++;
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
            [CREATED] = seconds(record->created, "", pool),
            [EXPIRES] = seconds(record->expires, "never", pool),
            [REVOKED] = seconds(record->revoked, "", pool),
            [REASON] = key->reason,
            [DISABLED] = seconds(record->disabled, "", pool),
            [OWNER] = key->owner, [NETWORKS] = key->networks,
            [META] = key->meta, [ROOT] = key->root,
            [ROTATED_FROM] = key->rotated_from,
            [LIFETIME] = seconds(key->lifetime, "", pool),
            [BITS] = seconds(key->bits, "", pool)
        };

        for (i = 0; i < COLUMNS; i++) {
            if (is_written(i)) {
                write_field(i == DIGEST, fields[i], pool);
            }
        }
    }
    cli_out("\r\n");
    return APR_SUCCESS;
}

cli_exit_e cli_cmd_export(cli_t *cli)
{
    writing_t writing = { .cli = cli };
    apikey_filter_t filter = { .tenant = cli->value[CLI_TENANT] };
    const char *error = NULL;
    apr_status_t status;
    cli_exit_e code;
    int i;

    if (cli->json) {
        return cli_usage(cli, "export writes what import reads, which is CSV; "
                         "`list --json` tells of keys in JSON");
    }
    code = cli_open(cli, 0);
    if (code != CLI_DONE) {
        return code;
    }
    apr_pool_create(&writing.pool, cli->pool);
    for (i = 0; i < COLUMNS; i++) {
        if (is_written(i)) {
            write_field(i == DIGEST, cli_import_names[i], writing.pool);
        }
    }
    cli_out("\r\n");
    status = apikey_keys_list(cli->store, &filter, write_key, &writing,
                              cli->pool, &error);
    return status != APR_SUCCESS ? cli_fail(cli, status, error)
           : writing.left_out ? CLI_REFUSED : CLI_DONE;
}
