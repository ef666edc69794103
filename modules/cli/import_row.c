/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * A row of the file, and the key that it describes.
 */

#include <apr_lib.h>
#include <apr_strings.h>

#include "../core/strength.h"
#include "../core/scope.h"
#include "../core/time_text.h"
#include "import_private.h"

/* Estimates how hard a key is to guess, without its prefix, which is public.  A
 * weak key is refused without --weak. */
static apr_status_t check_strength(reading_t *reading, apikey_key_row_t *key,
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
    return apikey_reject(pool, error, "the key can be guessed: its %d "
                         "characters hold %d bits at most, and a key should "
                         "have %d characters and hold %d bits; replace it, or "
                         "import it all the same with --weak", (int)len,
                         key->bits, APIKEY_KEY_MIN_LEN, APIKEY_KEY_MIN_BITS);
}

/* Stores what the server will look for when this key is presented: of its
 * digests the first. */
static apr_status_t import_key(reading_t *reading, apikey_key_row_t *key,
                               apr_pool_t *pool, const char **error)
{
    const char *text = cli_import_field(reading, KEY);
    const char *format = cli_import_field(reading, FORMAT);
    apr_size_t len = strlen(text);
    apikey_format_e shape = apikey_key_shape(&reading->policy, text, len);
    apikey_candidates_t *candidates = &reading->candidates;

    if (shape == APIKEY_FORMAT_NONE) {
        return apikey_reject(pool, error, "the server would refuse the key "
                             "unseen: it %s",
                             apikey_key_fault(&reading->policy, text, len));
    }
    if (apikey_key_candidates(candidates, &reading->policy, text, len)
        != APR_SUCCESS) {
        return apikey_reject(pool, error, "OpenSSL failed, the key could not "
                             "be digested");
    }
    if (candidates->count == 0) {
        return apikey_reject(pool, error, "the server would refuse the key "
                             "unseen: it looks like one of its own, but no "
                             "secret of ApiKeySecretFile made it; write "
                             "ApiKeyFormat with opaque, too");
    }
    if (shape == APIKEY_FORMAT_BASE62
        && apikey_key_checked_by(reading->cli->secrets, text, len) < 0) {
        shape = APIKEY_FORMAT_OPAQUE;
    }
    if (shape != APIKEY_FORMAT_BASE62
        && check_strength(reading, key, shape == APIKEY_FORMAT_HEX64
                          ? text + len - APIKEY_DIGEST_HEX : text, pool, error)
           != APR_SUCCESS) {
        return APIKEY_EREFUSED;
    }
    key->record.format = apikey_format_name(shape);
    if (*format && strcmp(format, key->record.format) != 0) {
        return apikey_reject(pool, error, "the format is not as the column "
                             "says; the key is %s", key->record.format);
    }
    key->record.digest = candidates->at[0].hex;
    key->record.secret_id = candidates->at[0].secret_id;
    key->record.hint = apikey_key_hint(text, len, pool);
    if (shape != APIKEY_FORMAT_OPAQUE) {
        key->prefix = apikey_key_prefix(text, len, pool);
    }
    return APR_SUCCESS;
}

/* Stores a digest as it is in the file, with what the file says of the key. */
static apr_status_t import_digest(reading_t *reading, apikey_key_row_t *key,
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
    if (cli_import_has_kind(reading)
        && strlen(digest)
               != (cli_import_is_sha512(reading) ? APIKEY_DIGEST_LONG_HEX
                                                 : APIKEY_DIGEST_HEX)) {
        return apikey_reject(pool, error, "the digest is not %s hex characters",
                             cli_import_is_sha512(reading) ? "128" : "64");
    }
    if ((reading->hmac || *secret)
        && !cli_has_secret(reading->cli->secrets, secret)) {
        return apikey_reject(pool, error, "the secret is none of "
                             "ApiKeySecretFile, so the key could never be "
                             "found");
    }
    if (!*format) {
        format = formats & APIKEY_FORMAT_OPAQUE ? "opaque"
               : formats & APIKEY_FORMAT_HEX64 ? "hex64" : "base62";
    }
    if (!apikey_format_accepted(formats, apikey_format_from_name(format))) {
        return apikey_reject(pool, error, "the format is none of those that "
                             "ApiKeyFormat names");
    }
    /* CONF says nothing of the prefixes of other keyspaces. */
    if (strcmp(key->record.keyspace, reading->cli->conf.keyspace) == 0
        && !apikey_prefix_accepted(reading->cli->conf.prefixes,
                                   apikey_format_from_name(format),
                                   cli_import_field(reading, PREFIX))) {
        return apikey_reject(pool, error, "the server would refuse the key "
                             "unseen: the prefix is none of those that "
                             "ApiKeyPrefix names");
    }
    fault = apikey_digest_kinds_unsought(&reading->cli->conf.digests, formats,
                                         apikey_format_from_name(format),
                                         *secret != '\0', strlen(digest));
    if (fault) {
        return apikey_reject(pool, error, "%s", fault);
    }
    key->record.format = format;
    key->record.digest = digest;
    key->record.secret_id = secret;
    key->record.hint = cli_import_field(reading, HINT);
    key->prefix = cli_import_field(reading, PREFIX);
    return APR_SUCCESS;
}

/* A time as apikey_expiry_parse() wants it, from what PostgreSQL and others
 * write: a blank before the hour, a fraction of a second, a zone without
 * minutes, or no zone. */
static const char *normalize_time(const char *text, apr_pool_t *pool)
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

/* Reads a time that apikey_expiry_parse() accepts, or epoch seconds. */
static apr_status_t import_time(reading_t *reading, cli_column_e column,
                                apr_int64_t *when, apr_pool_t *pool,
                                const char **error)
{
    const char *text = normalize_time(cli_import_field(reading, column), pool);

    if (*text && strspn(text, "0123456789") == strlen(text)
        && strlen(text) <= 12) {
        *when = apr_atoi64(text);
        return APR_SUCCESS;
    }
    return apikey_expiry_parse(when, text, reading->cli->actor.now)
           == APR_SUCCESS ? APR_SUCCESS
           : apikey_reject(pool, error, "%s wants a date such as 2030-12-31 "
                           "or 2030-12-31T23:59:59Z, epoch seconds, a time "
                           "such as 90d from now, or never",
                           cli_import_names[column]);
}

/* A key that has expired is stored and stays expired.  One that lives longer
 * than ApiKeyLifetime allows is refused. */
static apr_status_t import_times(reading_t *reading, apikey_record_t *record,
                                 apr_pool_t *pool, const char **error)
{
    apr_int64_t usual = reading->cli->conf.lifetime.usual;
    apr_int64_t now = reading->cli->actor.now;
    const char *fault = NULL;
    apr_status_t status = APR_SUCCESS;

    record->created = now;
    record->expires = usual ? now + usual : APIKEY_NEVER;
    if (*cli_import_field(reading, CREATED)) {
        status = import_time(reading, CREATED, &record->created, pool, error);
    }
    if (status == APR_SUCCESS && *cli_import_field(reading, EXPIRES)) {
        status = import_time(reading, EXPIRES, &record->expires, pool, error);
        if (record->expires == APIKEY_NEVER || record->expires > now) {
            fault = apikey_lifetime_fault(&reading->lifetime, record->created,
                                          record->expires, now, pool);
        }
    }
    if (status == APR_SUCCESS && record->created > now) {
        fault = "created lies in the future";
    }
    return status == APR_SUCCESS && fault
           ? apikey_reject(pool, error, "%s", fault) : status;
}

/* Reads a truth value, or the time since which it holds; 0: it does not. */
static apr_status_t import_flag(reading_t *reading, cli_column_e column,
                                apr_int64_t *since, apr_pool_t *pool,
                                const char **error)
{
    static const struct { const char *word; int holds; } words[] = {
        { "", 0 }, { "0", 0 }, { "f", 0 }, { "false", 0 }, { "n", 0 },
        { "no", 0 }, { "never", 0 }, { "1", 1 }, { "t", 1 }, { "true", 1 },
        { "y", 1 }, { "yes", 1 }
    };
    const char *text = cli_import_field(reading, column);
    apr_size_t i;

    for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strcasecmp(text, words[i].word) == 0) {
            *since = words[i].holds ? reading->cli->actor.now : 0;
            return APR_SUCCESS;
        }
    }
    return import_time(reading, column, since, pool, error);
}

static apr_status_t import_state(reading_t *reading, apikey_record_t *record,
                                 apr_pool_t *pool, const char **error)
{
    apr_int64_t enabled = 0;
    apr_status_t status = import_flag(reading, REVOKED, &record->revoked, pool,
                                      error);

    if (status == APR_SUCCESS) {
        status = import_flag(reading, DISABLED, &record->disabled, pool,
                             error);
    }
    if (status == APR_SUCCESS && reading->at[ENABLED] >= 0) {
        status = import_flag(reading, ENABLED, &enabled, pool, error);
        if (!enabled && !record->disabled) {
            record->disabled = reading->cli->actor.now;
        }
    }
    return status;
}

static apr_status_t import_number(reading_t *reading, cli_column_e column,
                                  apr_int64_t *number, apr_pool_t *pool,
                                  const char **error)
{
    const char *text = cli_import_field(reading, column);
    char *rest;

    *number = apr_strtoi64(text, &rest, 10);
    return !*rest && strlen(text) <= 12 ? APR_SUCCESS
           : apikey_reject(pool, error, "%s wants a number",
                           cli_import_names[column]);
}

/* The words of a column, each once, one blank between.
 * @param between the characters that separate them in the file */
static const char *import_words(const reading_t *reading, cli_column_e column,
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

static apr_status_t import_details(reading_t *reading, apikey_key_row_t *key,
                                   apr_pool_t *pool, const char **error)
{
    apr_int64_t bits = 0;
    apr_status_t status;

    key->owner = cli_import_field(reading, OWNER);
    key->networks = import_words(reading, NETWORKS, " ,;\t\r\n", pool);
    key->meta = cli_import_field(reading, META);
    key->reason = cli_import_field(reading, REASON);
    status = import_number(reading, LIFETIME, &key->lifetime, pool, error);
    if (status == APR_SUCCESS && reading->at[BITS] >= 0
        && reading->at[KEY] < 0) {
        status = import_number(reading, BITS, &bits, pool, error);
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

apr_status_t cli_import_row(reading_t *reading, apikey_key_row_t *key,
                            apr_pool_t *pool, const char **error)
{
    cli_t *cli = reading->cli;
    apikey_record_t *record = &key->record;
    apr_status_t status;

    if (reading->row.count != reading->columns) {
        return apikey_reject(pool, error, "it has %d fields, the header has "
                             "%d", reading->row.count, reading->columns);
    }
    record->id = cli_import_field(reading, ID);
    if (!*record->id) {
        if ((*reading->id ? apikey_id_next(reading->id)
                          : apikey_id_make(reading->id)) != APR_SUCCESS) {
            return apikey_reject(pool, error, "the system gave no random "
                                 "bytes");
        }
        record->id = reading->id;
    }
    record->tenant = cli_import_field(reading, TENANT);
    record->name = cli_import_field(reading, NAME);
    record->scopes = import_words(reading, SCOPES, " \t\r\n", pool);
    record->env = field_or(reading, ENV, "live");
    record->keyspace = field_or(reading, KEYSPACE, cli->conf.keyspace);
    record->creator = field_or(reading, CREATOR, cli->actor.who);
    key->root = field_or(reading, ROOT, record->id);
    key->rotated_from = cli_import_field(reading, ROTATED_FROM);
    status = reading->at[DIGEST] >= 0 ? import_digest(reading, key, pool, error)
                             : import_key(reading, key, pool, error);
    if (status == APR_SUCCESS) {
        status = import_times(reading, record, pool, error);
    }
    if (status == APR_SUCCESS) {
        status = import_state(reading, record, pool, error);
    }
    return status == APR_SUCCESS ? import_details(reading, key, pool, error)
                                 : status;
}

apr_status_t cli_import_read(reading_t *reading, apr_pool_t *pool,
                             const char **error)
{
    const char *fault = NULL;
    apr_status_t status = apikey_csv_read(reading->csv, &reading->row,
                                          &fault);

    if (status != APR_SUCCESS && status != APR_EOF) {
        char reason[128];

        return apikey_reject(pool, error, "it %s%s%s", fault,
                             status == APR_EINVAL ? "" : ": ",
                             status == APR_EINVAL ? ""
                             : apr_strerror(status, reason, sizeof(reason)));
    }
    return status;
}
