/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * import --dry-run: all faults of a file, and how its first rows were read.
 */

#include <apr_hash.h>
#include <apr_strings.h>

#include "import_private.h"

#define SHOWN 5                 /* rows */

typedef struct dry_t {
    reading_t *reading;
    cli_json_t json;
    apr_hash_t *digests;        /* of earlier rows */
    apr_hash_t *ids;
    apr_int64_t rows, faults;
} dry_t;

/* Remembers text; 0: it was there already. */
static int add_new(apr_hash_t *seen, const char *text)
{
    if (apr_hash_get(seen, text, APR_HASH_KEY_STRING)) {
        return 0;
    }
    text = apr_pstrdup(apr_hash_pool_get(seen), text);
    apr_hash_set(seen, text, APR_HASH_KEY_STRING, text);
    return 1;
}

static void report_row_fault(dry_t *dry, const char *fault, apr_pool_t *pool)
{
    const reading_t *reading = dry->reading;

    dry->faults++;
    if (reading->cli->json) {
        cli_json_open(&dry->json, NULL, '{');
        cli_json_number(&dry->json, "line", reading->row.line);
        cli_json_text(&dry->json, "fault", fault);
        cli_json_close(&dry->json, '}');
    }
    else {
        cli_say(pool, "%s, line %" APR_INT64_T_FMT ": %s",
                reading->cli->words[0], reading->row.line,
                cli_clean(fault, pool));
    }
}

/* Writes the columns of a row, without key and digest. */
static void show_row(dry_t *dry, const apikey_key_row_t *key, apr_pool_t *pool)
{
    const apikey_record_t *record = &key->record;
    const struct { const char *name, *value; } all[] = {
        { "tenant", record->tenant }, { "name", record->name },
        { "hint", record->hint }, { "scopes", record->scopes },
        { "env", record->env }, { "keyspace", record->keyspace },
        { "created", cli_time(record->created, "", pool) },
        { "expires", cli_time(record->expires, "never", pool) },
        { "disabled", cli_time(record->disabled, "", pool) },
        { "revoked", cli_time(record->revoked, "", pool) },
        { "owner", key->owner }, { "networks", key->networks },
        { "meta", key->meta }
    };
    apr_size_t i;

    if (dry->reading->cli->json) {
        return;
    }
    cli_out("line %" APR_INT64_T_FMT "\n", dry->reading->row.line);
    for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
        if (*all[i].value) {
            cli_field(all[i].name, all[i].value, pool);
        }
    }
    cli_out("\n");
}

/* What is wrong with a row by itself, beside earlier rows, or in this
 * database; NULL: nothing. */
static const char *check_row(dry_t *dry, apikey_key_row_t *key,
                             apr_pool_t *pool, apr_status_t *status)
{
    reading_t *reading = dry->reading;
    const char *error = NULL;

    *status = cli_import_row(reading, key, pool, &error);
    if (*status == APR_SUCCESS) {
        *status = apikey_import_check(reading->cli->store, key, pool, &error);
    }
    if (*status == APR_SUCCESS
        && !(add_new(dry->digests, key->record.digest)
             & add_new(dry->ids, key->record.id))) {
        *status = APIKEY_EREFUSED;
        error = "the key or its id stands on an earlier line, too";
    }
    return error;
}

/* Checks rows to the end of the file, or to one whose end cannot be found. */
static apr_status_t check_rows(dry_t *dry, const char **error)
{
    reading_t *reading = dry->reading;
    apr_status_t status = APR_SUCCESS;
    apr_pool_t *pool;

    apr_pool_create(&pool, reading->cli->pool);
    for (;;) {
        apikey_key_row_t key = { .prefix = "" };
        const char *fault = NULL;

        apr_pool_clear(pool);
        status = cli_import_read(reading, pool, &fault);
        if (status != APR_SUCCESS) {
            if (status != APR_EOF) {
                report_row_fault(dry, fault, pool);
            }
            break;
        }
        dry->rows++;
        fault = check_row(dry, &key, pool, &status);
        if (status == APIKEY_EREFUSED) {
            report_row_fault(dry, fault, pool);
        }
        else if (status != APR_SUCCESS) {
            *error = apr_pstrdup(reading->cli->pool, fault ? fault : "");
            break;
        }
        else if (dry->rows <= SHOWN) {
            show_row(dry, &key, pool);
        }
    }
    apr_pool_destroy(pool);
    return status == APR_EOF || status == APIKEY_EREFUSED ? APR_SUCCESS
                                                          : status;
}

cli_exit_e cli_import_dry(reading_t *reading)
{
    cli_t *cli = reading->cli;
    dry_t dry = { reading, { .pool = cli->pool }, apr_hash_make(cli->pool),
                  apr_hash_make(cli->pool), 0, 0 };
    const char *error = NULL;
    apr_status_t status;

    if (cli->json) {
        cli_json_open(&dry.json, NULL, '{');
        cli_json_open(&dry.json, "faults", '[');
    }
    status = check_rows(&dry, &error);
    if (cli->json) {
        cli_json_close(&dry.json, ']');
        cli_json_number(&dry.json, "rows", dry.rows);
        cli_json_close(&dry.json, '}');
    }
    else if (status == APR_SUCCESS) {
        cli_out("%" APR_INT64_T_FMT " keys have been read, %" APR_INT64_T_FMT
                " faults found, and nothing was stored.\n", dry.rows,
                dry.faults);
    }
    return status != APR_SUCCESS ? cli_fail(cli, status, error)
           : dry.faults ? CLI_REFUSED : CLI_DONE;
}
