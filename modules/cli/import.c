/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * import: the keys of a CSV file, all or none.
 */

#include <stdio.h>
#include <unistd.h>

#include <apr_strings.h>

#include "commands.h"
#include "import_private.h"

#define PROGRESS_EACH 10000     /* rows */

/* Each PROGRESS_EACH rows: at a terminal one line is written anew, elsewhere a
 * further line. */
static void write_progress(const reading_t *reading)
{
    if (reading->rows % PROGRESS_EACH == 0) {
        fprintf(stderr, isatty(STDERR_FILENO)
                ? "\rhtapikey: %" APR_INT64_T_FMT " keys read"
                : "htapikey: %" APR_INT64_T_FMT " keys read\n",
                reading->rows);
        fflush(stderr);
    }
}

static apr_status_t next_import_key(void *baton, apikey_key_row_t *key,
                                    apr_pool_t *pool, const char **error)
{
    reading_t *reading = baton;
    apr_status_t status = cli_import_read(reading, pool, error);

    if (status == APR_SUCCESS) {
        status = cli_import_row(reading, key, pool, error);
    }
    reading->import.place = reading->row.line;
    if (status == APR_SUCCESS) {
        reading->rows++;
        write_progress(reading);
    }
    return status;
}

/* Opens the file and reads its first line, which names the columns. */
static cli_exit_e open_import(reading_t *reading, const char *path)
{
    cli_t *cli = reading->cli;
    const char *error = NULL;
    apr_file_t *file;
    char reason[128];
    apr_status_t status = strcmp(path, "-") == 0
        ? apr_file_open_stdin(&file, cli->pool)
        : apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY,
                        APR_FPROT_OS_DEFAULT, cli->pool);

    if (status != APR_SUCCESS) {
        cli_say(cli->pool, "%s cannot be read: %s", path,
                apr_strerror(status, reason, sizeof(reason)));
        return CLI_REFUSED;
    }
    reading->csv = apikey_csv_make(file, cli->pool);
    status = cli_import_read(reading, cli->pool, &error);
    if (status == APR_EOF) {
        error = "it is empty; the first line must name the columns";
    }
    else if (status == APR_SUCCESS
             && (error = cli_import_columns(reading)) == NULL) {
        return CLI_DONE;
    }
    if (error) {
        cli_say(cli->pool, "%s, line %" APR_INT64_T_FMT ": %s", path,
                reading->row.line, error);
        return CLI_REFUSED;
    }
    return CLI_DONE;
}

static cli_exit_e report_import(reading_t *reading, apr_status_t status,
                                const char *error)
{
    cli_t *cli = reading->cli;
    const apikey_import_t *import = &reading->import;
    cli_json_t json = { .pool = cli->pool };

    if (reading->rows >= PROGRESS_EACH && isatty(STDERR_FILENO)) {
        fputc('\n', stderr);
    }
    if (status != APR_SUCCESS) {
        /* An error of a row gets the row's line; others are the database's. */
        if (import->at_key || status == APIKEY_EREFUSED) {
            error = apr_psprintf(cli->pool, "%s, line %" APR_INT64_T_FMT
                                 ": %s; no key was imported", cli->words[0],
                                 import->place, error);
        }
        return cli_fail(cli, status, error);
    }
    if (cli->json) {
        cli_json_open(&json, NULL, '{');
        cli_json_number(&json, "imported", import->count);
        cli_json_close(&json, '}');
    }
    else {
        cli_out("%" APR_INT64_T_FMT " keys have been imported.\n",
                import->count);
    }
    return CLI_DONE;
}

cli_exit_e cli_cmd_import(cli_t *cli)
{
    reading_t *reading = apr_pcalloc(cli->pool, sizeof(*reading));
    const char *digest = cli->value[CLI_DIGEST];
    const char *error = NULL;
    apr_status_t status;
    cli_exit_e code;

    reading->cli = cli;
    if (digest && strcmp(digest, "none") != 0) {
        const char *fault = apikey_digest_kinds_add(&reading->kinds, digest,
                                                    cli->pool);

        if (fault) {
            return cli_usage(cli, "--digest %s %s; or none: they are keys",
                             digest, fault);
        }
    }
    reading->hmac = (reading->kinds.digests | reading->kinds.parts[0].kind)
                    & APIKEY_DIGEST_HMAC;
    code = cli_open(cli, 1);
    if (code != CLI_DONE) {
        return code;
    }
    reading->policy = cli_policy(cli);
    reading->lifetime.max = cli->conf.lifetime.max;
    code = open_import(reading, cli->words[0]);
    if (code != CLI_DONE) {
        return code;
    }
    if (cli->value[CLI_DRY_RUN]) {
        return cli_import_dry(reading);
    }
    reading->import.next = next_import_key;
    reading->import.baton = reading;
    status = apikey_import(cli->store, &reading->import, &cli->actor,
                           cli->pool, &error);
    return report_import(reading, status, error);
}
