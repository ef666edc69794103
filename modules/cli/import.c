/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <stdio.h>
#include <unistd.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "../core/strength.h"
#include "../core/scope.h"
#include "../core/time_text.h"
#include "import_private.h"

#define TOLD_EACH 10000         /* rows between two lines of progress */

static apr_status_t refuse(apr_pool_t *pool, const char **error,
                           const char *what, const char *why)
{
    *error = apr_pstrcat(pool, what, why, NULL);
    return APIKEY_EREFUSED;
}

/* How far a key can be guessed; one that can be is refused without --weak.
 * What comes before the server's own prefix is nobody's secret. */
static apr_status_t judge_strength(reading_t *reading, apikey_key_row_t *key,
                                   const char *text, apr_pool_t *pool,
                                   const char **error)
{
    const apikey_prefix_t *prefixes = reading->policy.prefixes;
    apr_size_t len = strlen(text);
    const apikey_prefix_t *prefix =
        prefixes ? apikey_prefixes_find(prefixes, text, len) : NULL;

    if (prefix) {
        text += prefix->len;
        len -= prefix->len;
    }
    key->bits = apikey_key_bits(text, len);
    if (key->bits >= APIKEY_KEY_MIN_BITS || reading->cli->value[CLI_WEAK]) {
        return APR_SUCCESS;
    }
    *error = apr_psprintf(pool, "the key can be guessed: its %d characters "
                          "hold %d bits at most, and a key should have %d "
                          "characters and hold %d bits; replace it, or import "
                          "it all the same with --weak", (int)len, key->bits,
                          APIKEY_KEY_MIN_LEN, APIKEY_KEY_MIN_BITS);
    return APIKEY_EREFUSED;
}

/* What the server will look for when this key is presented. */
static apr_status_t take_key(reading_t *reading, apikey_key_row_t *key,
                             apr_pool_t *pool, const char **error)
{
    const char *text = cli_import_field(reading, KEY);
    const char *format = cli_import_field(reading, FORMAT);
    apr_size_t len = strlen(text);
    apikey_format_e shape = apikey_key_shape(&reading->policy, text, len);
    apikey_candidates_t *candidates = &reading->candidates;

    if (shape == APIKEY_FORMAT_NONE) {
        return refuse(pool, error, "the server would refuse the key unseen: "
                      "it ", apikey_key_fault(&reading->policy, text, len));
    }
    if (apikey_key_candidates(candidates, &reading->policy, text, len)
        != APR_SUCCESS) {
        return refuse(pool, error, "", "OpenSSL failed, the key could not be "
                      "digested");
    }
    if (candidates->count == 0) {
        return refuse(pool, error, "", "the server would refuse the key "
                      "unseen: it looks like one of its own, but no secret "
                      "of ApiKeySecretFile made it; write ApiKeyFormat with "
                      "opaque, too");
    }
    if (shape == APIKEY_FORMAT_BASE62
        && apikey_key_checked_by(reading->cli->secrets, text, len) < 0) {
        shape = APIKEY_FORMAT_OPAQUE;
    }
    if (shape != APIKEY_FORMAT_BASE62
        && judge_strength(reading, key, shape == APIKEY_FORMAT_HEX64
                          ? text + len - APIKEY_DIGEST_HEX : text, pool, error)
           != APR_SUCCESS) {
        return APIKEY_EREFUSED;
    }
    key->record.format = apikey_format_name(shape);
    if (*format && strcmp(format, key->record.format) != 0) {
        return refuse(pool, error, "the format is not as the column says; "
                      "the key is ", key->record.format);
    }
    key->record.digest = candidates->at[0].hex;
    key->record.secret_id = candidates->at[0].secret_id;
    key->record.hint = apikey_key_hint(text, len, pool);
    if (shape != APIKEY_FORMAT_OPAQUE) {
        key->prefix = apikey_key_prefix(text, len, pool);
    }
    return APR_SUCCESS;
}

static int knows_secret(const apikey_secrets_t *secrets, const char *id)
{
    int i;

    for (i = 0; i < apikey_secrets_count(secrets); i++) {
        if (strcmp(apikey_secrets_id(secrets, i), id) == 0) {
            return 1;
        }
    }
    return 0;
}

static apr_status_t take_digest(reading_t *reading, apikey_key_row_t *key,
                                apr_pool_t *pool, const char **error)
{
    unsigned int formats = reading->cli->conf.formats;
    const char *format = cli_import_field(reading, FORMAT);
    const char *secret = cli_import_field(reading, SECRET);
    char *digest = apr_pstrdup(pool, cli_import_field(reading, DIGEST));
    const char *fault;
    char *c;

    for (c = digest; *c; c++) {
        *c = (char)apr_tolower(*c);
    }
    if (cli_import_said(reading)
        && strlen(digest) != (cli_import_long(reading) ? APIKEY_DIGEST_LONG_HEX
                                               : APIKEY_DIGEST_HEX)) {
        return refuse(pool, error, "the digest is not ",
                      cli_import_long(reading) ? "128 hex characters"
                                               : "64 hex characters");
    }
    if ((reading->hmac || *secret)
        && !knows_secret(reading->cli->secrets, secret)) {
        return refuse(pool, error, "", "the secret is none of "
                      "ApiKeySecretFile, so the key could never be found");
    }
    if (!*format) {
        format = formats & APIKEY_FORMAT_OPAQUE ? "opaque"
               : formats & APIKEY_FORMAT_HEX64 ? "hex64" : "base62";
    }
    if (!apikey_format_accepted(formats, apikey_format_from_name(format))) {
        return refuse(pool, error, "", "the format is none of those that "
                      "ApiKeyFormat names");
    }
    /* Of another keyspace: what its server accepts, this CONF does not say. */
    if (strcmp(key->record.keyspace, reading->cli->conf.keyspace) == 0
        && !apikey_prefix_accepted(reading->cli->conf.prefixes,
                                   apikey_format_from_name(format),
                                   cli_import_field(reading, PREFIX))) {
        return refuse(pool, error, "", "the server would refuse the key "
                      "unseen: the prefix is none of those that ApiKeyPrefix "
                      "names");
    }
    fault = apikey_digest_kinds_unsought(&reading->cli->conf.digests, formats,
                                         apikey_format_from_name(format),
                                         *secret != '\0', strlen(digest));
    if (fault) {
        return refuse(pool, error, "", fault);
    }
    key->record.format = format;
    key->record.digest = digest;
    key->record.secret_id = secret;
    key->record.hint = cli_import_field(reading, HINT);
    key->prefix = cli_import_field(reading, PREFIX);
    return APR_SUCCESS;
}

/* As PostgreSQL and others write a time, for apikey_expiry_parse(): a blank
 * before the hour, a fraction of a second, a zone without minutes or none. */
static const char *plain_time(const char *text, apr_pool_t *pool)
{
    char *copy = apr_pstrdup(pool, text);
    char *at = copy + 10;
    apr_size_t len = strlen(copy);

    if (len < 19 || copy[4] != '-' || copy[13] != ':') {
        return text;
    }
    *at = *at == ' ' ? 'T' : *at;
    at += 9;
    if (*at == '.') {
        apr_size_t digits = strspn(at + 1, "0123456789");

        memmove(at, at + 1 + digits, strlen(at + 1 + digits) + 1);
    }
    return apr_pstrcat(pool, copy, *at == '\0' ? "Z"
                       : (*at == '+' || *at == '-') && strlen(at) == 3
                       ? ":00" : "", NULL);
}

/* A time as apikey_expiry_parse() has it, or epoch seconds. */
static apr_status_t take_time(reading_t *reading, cli_column_e column,
                              apr_int64_t *when, apr_pool_t *pool,
                              const char **error)
{
    const char *text = plain_time(cli_import_field(reading, column), pool);

    if (*text && strspn(text, "0123456789") == strlen(text)
        && strlen(text) <= 12) {
        *when = apr_atoi64(text);
        return APR_SUCCESS;
    }
    return apikey_expiry_parse(when, text, reading->cli->actor.now)
           == APR_SUCCESS ? APR_SUCCESS
           : refuse(pool, error, cli_import_names[column],
                    " wants a date such as 2030-12-31 or "
                    "2030-12-31T23:59:59Z, epoch seconds, a time such as 90d "
                    "from now, or never");
}

/* An expired key may come along and stays expired; one that would live
 * longer than ApiKeyLifetime allows may not. */
static apr_status_t take_times(reading_t *reading, apikey_record_t *record,
                               apr_pool_t *pool, const char **error)
{
    apr_int64_t usual = reading->cli->conf.lifetime.usual;
    apr_int64_t now = reading->cli->actor.now;
    const char *fault = NULL;
    apr_status_t status = APR_SUCCESS;

    record->created = now;
    record->expires = usual ? now + usual : APIKEY_NEVER;
    if (*cli_import_field(reading, CREATED)) {
        status = take_time(reading, CREATED, &record->created, pool, error);
    }
    if (status == APR_SUCCESS && *cli_import_field(reading, EXPIRES)) {
        status = take_time(reading, EXPIRES, &record->expires, pool, error);
        if (record->expires == APIKEY_NEVER || record->expires > now) {
            fault = apikey_lifetime_fault(&reading->lifetime, record->created,
                                          record->expires, now, pool);
        }
    }
    if (status == APR_SUCCESS && record->created > now) {
        fault = "created lies in the future";
    }
    return status == APR_SUCCESS && fault ? refuse(pool, error, "", fault)
                                          : status;
}

/* A truth, or the time since when it is so; 0: it is not. */
static apr_status_t take_since(reading_t *reading, cli_column_e column,
                               apr_int64_t *since, apr_pool_t *pool,
                               const char **error)
{
    static const char *const no[] = { "", "0", "f", "false", "n", "no",
                                      "never" };
    static const char *const yes[] = { "1", "t", "true", "y", "yes" };
    const char *text = cli_import_field(reading, column);
    apr_size_t i;

    for (i = 0; i < sizeof(no) / sizeof(*no); i++) {
        if (strcasecmp(text, no[i]) == 0) {
            *since = 0;
            return APR_SUCCESS;
        }
    }
    for (i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
        if (strcasecmp(text, yes[i]) == 0) {
            *since = reading->cli->actor.now;
            return APR_SUCCESS;
        }
    }
    return take_time(reading, column, since, pool, error);
}

static apr_status_t take_state(reading_t *reading, apikey_record_t *record,
                               apr_pool_t *pool, const char **error)
{
    apr_int64_t enabled = 0;
    apr_status_t status = take_since(reading, REVOKED, &record->revoked, pool,
                                     error);

    if (status == APR_SUCCESS) {
        status = take_since(reading, DISABLED, &record->disabled, pool,
                            error);
    }
    if (status == APR_SUCCESS && reading->at[ENABLED] >= 0) {
        status = take_since(reading, ENABLED, &enabled, pool, error);
        if (!enabled && !record->disabled) {
            record->disabled = reading->cli->actor.now;
        }
    }
    return status;
}

static apr_status_t take_number(reading_t *reading, cli_column_e column,
                                apr_int64_t *number, apr_pool_t *pool,
                                const char **error)
{
    const char *text = cli_import_field(reading, column);
    char *rest;

    *number = apr_strtoi64(text, &rest, 10);
    return !*rest && strlen(text) <= 12 ? APR_SUCCESS
           : refuse(pool, error, cli_import_names[column],
                    " wants a number");
}

/* Words, each once, whatever of these stands between them. */
static const char *take_words(const reading_t *reading, cli_column_e column,
                              const char *between, apr_pool_t *pool)
{
    char *rest = apr_pstrdup(pool, cli_import_field(reading, column));
    const char *words = "";
    char *state = NULL;
    char *word;

    for (word = apr_strtok(rest, between, &state); word;
         word = apr_strtok(NULL, between, &state)) {
        if (!apikey_scope_listed(words, word)) {
            words = apr_pstrcat(pool, words, *words ? " " : "", word, NULL);
        }
    }
    return words;
}

/* From where it may be used, and what applications and people are told. */
static apr_status_t take_details(reading_t *reading, apikey_key_row_t *key,
                                 apr_pool_t *pool, const char **error)
{
    apr_int64_t bits = 0;
    apr_status_t status;

    key->owner = cli_import_field(reading, OWNER);
    key->networks = take_words(reading, NETWORKS, " ,;\t\r\n", pool);
    key->meta = cli_import_field(reading, META);
    key->reason = cli_import_field(reading, REASON);
    status = take_number(reading, LIFETIME, &key->lifetime, pool, error);
    if (status == APR_SUCCESS && reading->at[BITS] >= 0
        && reading->at[KEY] < 0) {
        status = take_number(reading, BITS, &bits, pool, error);
        key->bits = (int)bits;
    }
    return status;
}

static const char *field_or(const reading_t *reading, cli_column_e column,
                            const char *usual)
{
    const char *text = cli_import_field(reading, column);

    return *text ? text : usual;
}

apr_status_t cli_import_take(reading_t *reading, apikey_key_row_t *key,
                             apr_pool_t *pool, const char **error)
{
    cli_t *cli = reading->cli;
    apikey_record_t *record = &key->record;
    apr_status_t status;

    if (reading->row.count != reading->columns) {
        *error = apr_psprintf(pool, "it has %d fields, the header has %d",
                              reading->row.count, reading->columns);
        return APIKEY_EREFUSED;
    }
    record->id = cli_import_field(reading, ID);
    if (!*record->id) {
        if ((*reading->id ? apikey_id_next(reading->id)
                          : apikey_id_make(reading->id)) != APR_SUCCESS) {
            return refuse(pool, error, "", "the system gave no random bytes");
        }
        record->id = reading->id;
    }
    record->tenant = cli_import_field(reading, TENANT);
    record->name = cli_import_field(reading, NAME);
    record->scopes = take_words(reading, SCOPES, " \t\r\n", pool);
    record->env = field_or(reading, ENV, "live");
    record->keyspace = field_or(reading, KEYSPACE, cli->conf.keyspace);
    record->creator = field_or(reading, CREATOR, cli->actor.who);
    key->root = field_or(reading, ROOT, record->id);
    key->rotated_from = cli_import_field(reading, ROTATED_FROM);
    status = reading->at[DIGEST] >= 0 ? take_digest(reading, key, pool, error)
                             : take_key(reading, key, pool, error);
    if (status == APR_SUCCESS) {
        status = take_times(reading, record, pool, error);
    }
    if (status == APR_SUCCESS) {
        status = take_state(reading, record, pool, error);
    }
    return status == APR_SUCCESS ? take_details(reading, key, pool, error)
                                 : status;
}

/* On a terminal a line that counts, elsewhere a line each time. */
static void tell(const reading_t *reading)
{
    if (reading->rows % TOLD_EACH == 0) {
        fprintf(stderr, isatty(STDERR_FILENO)
                ? "\rhtapikey: %" APR_INT64_T_FMT " keys read"
                : "htapikey: %" APR_INT64_T_FMT " keys read\n",
                reading->rows);
        fflush(stderr);
    }
}

apr_status_t cli_import_read(reading_t *reading, apr_pool_t *pool,
                             const char **error)
{
    const char *fault = NULL;
    apr_status_t status = apikey_csv_read(reading->csv, &reading->row,
                                          &fault);

    if (status != APR_SUCCESS && status != APR_EOF) {
        char reason[128];

        *error = apr_pstrcat(pool, "it ", fault, status == APR_EINVAL ? NULL
                             : ": ", apr_strerror(status, reason,
                                                  sizeof(reason)), NULL);
        return APIKEY_EREFUSED;
    }
    return status;
}

static apr_status_t next_key(void *baton, apikey_key_row_t *key,
                             apr_pool_t *pool, const char **error)
{
    reading_t *reading = baton;
    apr_status_t status = cli_import_read(reading, pool, error);

    if (status == APR_SUCCESS) {
        status = cli_import_take(reading, key, pool, error);
    }
    reading->import.place = reading->row.line;
    if (status == APR_SUCCESS) {
        reading->rows++;
        tell(reading);
    }
    return status;
}

/* Opens the file and reads its header. */
static cli_exit_e begin(reading_t *reading, const char *path)
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

static cli_exit_e finish(reading_t *reading, apr_status_t status,
                         const char *error)
{
    cli_t *cli = reading->cli;
    const apikey_import_t *import = &reading->import;
    cli_json_t json = { cli->pool, 0 };

    if (reading->rows >= TOLD_EACH && isatty(STDERR_FILENO)) {
        fputc('\n', stderr);
    }
    if (status != APR_SUCCESS) {
        /* An error of the row that was read last, or of the database. */
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
        cli_out("\n");
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
    code = begin(reading, cli->words[0]);
    if (code != CLI_DONE) {
        return code;
    }
    if (cli->value[CLI_DRY_RUN]) {
        return cli_import_dry(reading);
    }
    reading->import.next = next_key;
    reading->import.baton = reading;
    status = apikey_import(cli->store, &reading->import, &cli->actor,
                           cli->pool, &error);
    return finish(reading, status, error);
}
