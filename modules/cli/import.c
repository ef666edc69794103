/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <stdio.h>
#include <unistd.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "../core/strength.h"
#include "../core/scope.h"
#include "../core/text.h"
#include "../store/csv.h"
#include "../store/import.h"
#include "cli.h"

#define TOLD_EACH 10000         /* rows between two lines of progress */

typedef enum {
    KEY, DIGEST, SECRET, ID, TENANT, NAME, SCOPES, ENV, KEYSPACE, FORMAT,
    PREFIX, HINT, CREATOR, CREATED, EXPIRES, ROOT, ROTATED_FROM, COLUMNS
} column_e;

static const char *const names[COLUMNS] = {
    "key", "digest", "secret", "id", "tenant", "name", "scopes", "env",
    "keyspace", "format", "prefix", "hint", "creator", "created", "expires",
    "root", "rotated_from"
};

typedef struct reading_t {
    cli_t *cli;
    apikey_csv_t *csv;
    apikey_csv_row_t row;
    apikey_policy_t policy;
    apikey_lifetime_t lifetime; /* ApiKeyLifetime's max alone */
    int at[COLUMNS];            /* which field; -1: there is no such column */
    int columns;
    apikey_kinds_t kinds;       /* of --digest; none: not said */
    int hmac;                   /* --digest is by a secret of the ring */
    apr_int64_t rows;
    apikey_import_t import;
    char id[APIKEY_ID_LEN + 1];
    apikey_candidates_t candidates;
} reading_t;

/* "" where the column is missing. */
static const char *field(const reading_t *reading, column_e column)
{
    return reading->at[column] >= 0
           ? reading->row.field[reading->at[column]] : "";
}

static apr_status_t refuse(apr_pool_t *pool, const char **error,
                           const char *what, const char *why)
{
    *error = apr_pstrcat(pool, what, why, NULL);
    return APIKEY_EREFUSED;
}

static const char *known_columns(apr_pool_t *pool)
{
    const char *list = names[0];
    int i;

    for (i = 1; i < COLUMNS; i++) {
        list = apr_pstrcat(pool, list, ", ", names[i], NULL);
    }
    return list;
}

/* A word, for people; where the header is missing, it may be a key. */
static const char *quote(const char *name, apr_pool_t *pool)
{
    return *name && strlen(name) <= 16
           && strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name)
           ? apr_psprintf(pool, " (\"%s\")", name) : "";
}

/* The header: which column stands where.  NULL, or what is wrong. */
static const char *read_names(reading_t *reading, apr_pool_t *pool)
{
    int i, column;

    memset(reading->at, -1, sizeof(reading->at));
    reading->columns = reading->row.count;
    for (i = 0; i < reading->row.count; i++) {
        char *name = apr_pstrdup(pool, reading->row.field[i]);

        apr_collapse_spaces(name, name);
        for (column = 0; column < COLUMNS; column++) {
            if (strcasecmp(name, names[column]) == 0) {
                break;
            }
        }
        if (column == COLUMNS) {
            return apr_psprintf(pool, "column %d%s is none of: %s; the first "
                                "line must name the columns, with commas "
                                "between", i + 1, quote(name, pool),
                                known_columns(pool));
        }
        if (reading->at[column] >= 0) {
            return apr_psprintf(pool, "the header names %s twice",
                                names[column]);
        }
        reading->at[column] = i;
    }
    return NULL;
}

/* Whether --digest has said what the digests are; "none": keys. */
static int is_said(const reading_t *reading)
{
    return reading->kinds.digests || reading->kinds.parts[0].kind;
}

static int is_long(const reading_t *reading)
{
    return (reading->kinds.digests | reading->kinds.parts[0].kind)
           & APIKEY_DIGEST_SHA512;
}

/* Whether the columns go together, and with --digest; or what is wrong. */
static const char *check_names(reading_t *reading)
{
    const char *wanted = reading->cli->value[CLI_DIGEST];
    int keys = reading->at[KEY] >= 0;

    if (keys == (reading->at[DIGEST] >= 0)) {
        return "the header must name one of key and digest, and not both";
    }
    if (reading->at[TENANT] < 0 || reading->at[NAME] < 0) {
        return "the header must name tenant and name, too";
    }
    if (keys) {
        return wanted && strcmp(wanted, "none") != 0
               ? "the column is key, so --digest must be none or left away"
               : reading->at[SECRET] >= 0 || reading->at[HINT] >= 0
                 || reading->at[PREFIX] >= 0
               ? "the columns secret, hint and prefix go with digest; of a "
                 "key they are found out"
               : NULL;
    }
    if (!is_said(reading)) {
        return reading->at[SECRET] >= 0 ? NULL
               : "the column is digest: say of which kind with --digest "
                 "sha256, sha512 or hmac-sha256";
    }
    if ((reading->at[SECRET] >= 0) != reading->hmac) {
        return reading->hmac
               ? "HMAC-SHA256 digests need a column secret, the id of the "
                 "secret in ApiKeySecretFile"
               : "a SHA-256 or SHA-512 digest has no secret; leave that "
                 "column out";
    }
    return NULL;
}

/* Digests that the server would never look for. */
static const char *check_conf(const reading_t *reading)
{
    const cli_conf_t *conf = &reading->cli->conf;

    if (!apikey_kinds_have(&conf->digests, &reading->kinds)) {
        return apr_psprintf(reading->cli->pool, "the server would look for no "
                            "%s digest; write it behind ApiKeyDigest "
                            "hmac-sha256", reading->cli->value[CLI_DIGEST]);
    }
    if (is_said(reading) && !reading->hmac
        && conf->formats == APIKEY_FORMAT_BASE62) {
        return "the server would look for no such digest of a base62 key; "
               "write ApiKeyFormat with hex64 or opaque, too";
    }
    return NULL;
}

/* How far a key can be guessed; one that can be is refused without --weak.
 * What comes before the server's own prefix is nobody's secret. */
static apr_status_t judge_strength(reading_t *reading, apikey_managed_t *key,
                                   const char *text, apr_pool_t *pool,
                                   const char **error)
{
    apr_size_t known = reading->policy.prefix_len;
    apr_size_t len = strlen(text);

    if (known > 0 && len > known + 1
        && strncmp(text, reading->policy.prefix, known) == 0
        && text[known] == '_') {
        text += known + 1;
        len -= known + 1;
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
static apr_status_t take_key(reading_t *reading, apikey_managed_t *key,
                             apr_pool_t *pool, const char **error)
{
    const char *text = field(reading, KEY);
    const char *format = field(reading, FORMAT);
    apr_size_t len = strlen(text);
    apikey_format_e shape = apikey_key_shape(&reading->policy, text, len);
    apikey_candidates_t *candidates = &reading->candidates;

    if (shape == APIKEY_FORMAT_NONE) {
        return refuse(pool, error, "", "the server would refuse the key "
                      "unseen: neither ApiKeyFormat and ApiKeyPrefix nor 512 "
                      "printable characters without blanks describe it");
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
        && apikey_key_checked_by(reading->cli->ring, text, len) < 0) {
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
        len -= 1 + (shape == APIKEY_FORMAT_HEX64 ? APIKEY_DIGEST_HEX
                    : APIKEY_RANDOM_LEN + APIKEY_CHECK_LEN);
        key->prefix = apr_pstrmemdup(pool, text, len);
    }
    return APR_SUCCESS;
}

static int knows_secret(const apikey_ring_t *ring, const char *id)
{
    int i;

    for (i = 0; i < apikey_ring_count(ring); i++) {
        if (strcmp(apikey_ring_id(ring, i), id) == 0) {
            return 1;
        }
    }
    return 0;
}

static apr_status_t take_digest(reading_t *reading, apikey_managed_t *key,
                                apr_pool_t *pool, const char **error)
{
    unsigned int formats = reading->cli->conf.formats;
    const char *format = field(reading, FORMAT);
    const char *secret = field(reading, SECRET);
    char *digest = apr_pstrdup(pool, field(reading, DIGEST));
    char *c;

    for (c = digest; *c; c++) {
        *c = (char)apr_tolower(*c);
    }
    if (is_said(reading)
        && strlen(digest) != (is_long(reading) ? APIKEY_DIGEST_LONG_HEX
                                               : APIKEY_DIGEST_HEX)) {
        return refuse(pool, error, "the digest is not ", is_long(reading)
                      ? "128 hex characters" : "64 hex characters");
    }
    if ((reading->hmac || *secret)
        && !knows_secret(reading->cli->ring, secret)) {
        return refuse(pool, error, "", "the secret is none of "
                      "ApiKeySecretFile, so the key could never be found");
    }
    if (!*secret && !apikey_kinds_plain(&reading->cli->conf.digests)) {
        return refuse(pool, error, "", "the server would look for no digest "
                      "without a secret; write of which kind it is behind "
                      "ApiKeyDigest hmac-sha256");
    }
    if (!*format) {
        format = formats & APIKEY_FORMAT_OPAQUE ? "opaque"
               : formats & APIKEY_FORMAT_HEX64 ? "hex64" : "base62";
    }
    if (!(apikey_format_from_name(format) & formats)) {
        return refuse(pool, error, "", "the format is none of those that "
                      "ApiKeyFormat names");
    }
    key->record.format = format;
    key->record.digest = digest;
    key->record.secret_id = secret;
    key->record.hint = field(reading, HINT);
    key->prefix = field(reading, PREFIX);
    return APR_SUCCESS;
}

/* A time as apikey_expiry_parse() has it, or epoch seconds. */
static apr_status_t take_time(reading_t *reading, column_e column,
                              apr_int64_t *when, apr_pool_t *pool,
                              const char **error)
{
    const char *text = field(reading, column);

    if (*text && strspn(text, "0123456789") == strlen(text)
        && strlen(text) <= 12) {
        *when = apr_atoi64(text);
        return APR_SUCCESS;
    }
    return apikey_expiry_parse(when, text, reading->cli->actor.now)
           == APR_SUCCESS ? APR_SUCCESS
           : refuse(pool, error, names[column],
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
    if (*field(reading, CREATED)) {
        status = take_time(reading, CREATED, &record->created, pool, error);
    }
    if (status == APR_SUCCESS && *field(reading, EXPIRES)) {
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

/* Scopes, each once, whatever blanks or line ends stand between them. */
static const char *take_scopes(const reading_t *reading, apr_pool_t *pool)
{
    char *rest = apr_pstrdup(pool, field(reading, SCOPES));
    const char *scopes = "";
    char *state = NULL;
    char *scope;

    for (scope = apr_strtok(rest, " \t\r\n", &state); scope;
         scope = apr_strtok(NULL, " \t\r\n", &state)) {
        if (!apikey_scope_listed(scopes, scope)) {
            scopes = apr_pstrcat(pool, scopes, *scopes ? " " : "", scope,
                                 NULL);
        }
    }
    return scopes;
}

static apr_status_t take_row(reading_t *reading, apikey_managed_t *key,
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
    record->id = field(reading, ID);
    if (!*record->id) {
        if (apikey_id_make(reading->id) != APR_SUCCESS) {
            return refuse(pool, error, "", "the system gave no random bytes");
        }
        record->id = reading->id;
    }
    record->tenant = field(reading, TENANT);
    record->name = field(reading, NAME);
    record->scopes = take_scopes(reading, pool);
    record->env = *field(reading, ENV) ? field(reading, ENV) : "live";
    record->keyspace = *field(reading, KEYSPACE) ? field(reading, KEYSPACE)
                                                 : cli->conf.keyspace;
    record->creator = *field(reading, CREATOR) ? field(reading, CREATOR)
                                               : cli->actor.who;
    key->root = *field(reading, ROOT) ? field(reading, ROOT) : record->id;
    key->rotated_from = field(reading, ROTATED_FROM);
    status = reading->at[DIGEST] >= 0 ? take_digest(reading, key, pool, error)
                             : take_key(reading, key, pool, error);
    return status == APR_SUCCESS ? take_times(reading, record, pool, error)
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

static apr_status_t read_csv(reading_t *reading, apr_pool_t *pool,
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

static apr_status_t next_key(void *baton, apikey_managed_t *key,
                             apr_pool_t *pool, const char **error)
{
    reading_t *reading = baton;
    apr_status_t status = read_csv(reading, pool, error);

    if (status == APR_SUCCESS) {
        status = take_row(reading, key, pool, error);
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
    status = read_csv(reading, cli->pool, &error);
    if (status == APR_EOF) {
        error = "it is empty; the first line must name the columns";
    }
    else if (status == APR_SUCCESS
             && (error = read_names(reading, cli->pool)) == NULL
             && (error = check_names(reading)) == NULL) {
        error = check_conf(reading);
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
        const char *fault = apikey_kinds_add(&reading->kinds, digest,
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
    reading->policy.formats = cli->conf.formats;
    reading->policy.digests = cli->conf.digests.digests;
    reading->policy.parts = cli->conf.digests.parts;
    reading->policy.prefix = cli->conf.prefix;
    reading->policy.prefix_len = cli->conf.prefix ? strlen(cli->conf.prefix)
                                                  : 0;
    reading->policy.ring = cli->ring;
    reading->lifetime.max = cli->conf.lifetime.max;
    code = begin(reading, cli->words[0]);
    if (code != CLI_DONE) {
        return code;
    }
    reading->import.next = next_key;
    reading->import.baton = reading;
    status = apikey_import(cli->store, &reading->import, &cli->actor,
                           cli->pool, &error);
    return finish(reading, status, error);
}
