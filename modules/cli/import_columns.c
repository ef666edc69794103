/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * The header of a file of keys: which field is which column.
 */

#include <apr_lib.h>
#include <apr_strings.h>

#include "import_private.h"

const char *const cli_import_names[COLUMNS] = {
    "key", "digest", "secret", "id", "tenant", "name", "scopes", "env",
    "keyspace", "format", "prefix", "hint", "creator", "created", "expires",
    "revoked", "reason", "disabled", "enabled", "owner", "networks", "meta",
    "root", "rotated_from", "lifetime", "bits"
};

/* How many apostrophes text has before what a spreadsheet would run; -1: it
 * would run nothing. */
static int count_marks(const char *text)
{
    int marks = (int)strspn(text, "'");

    return text[marks] && strchr("=+-@\t\r", text[marks]) ? marks : -1;
}

const char *cli_export_text(const char *text, apr_pool_t *pool)
{
    return count_marks(text) >= 0 ? apr_pstrcat(pool, "'", text, NULL) : text;
}

const char *cli_import_field(const reading_t *reading, cli_column_e column)
{
    const char *text = reading->at[column] >= 0
                       ? reading->row.field[reading->at[column]] : "";

    /* A key is what the client sends, so its apostrophes stay. */
    return column != KEY && count_marks(text) > 0 ? text + 1 : text;
}

static const char *known_columns(apr_pool_t *pool)
{
    const char *list = cli_import_names[0];
    int i;

    for (i = 1; i < COLUMNS; i++) {
        list = apr_pstrcat(pool, list, ", ", cli_import_names[i], NULL);
    }
    return list;
}

/* A column's name for a message; nothing for a word that may be a key, as where
 * the header is missing. */
static const char *quote_column(const char *name, apr_pool_t *pool)
{
    return *name && strlen(name) <= 16
           && strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name)
           ? apr_psprintf(pool, " (\"%s\")", name) : "";
}

/* The column of that name; COLUMNS: none. */
static int find_import_column(const char *name)
{
    int column = 0;

    while (column < COLUMNS
           && strcasecmp(name, cli_import_names[column]) != 0) {
        column++;
    }
    return column;
}

static const char *set_column(reading_t *reading, int column, int field)
{
    if (reading->at[column] >= 0 && reading->at[column] != field) {
        return apr_psprintf(reading->cli->pool, "the header names %s twice",
                            cli_import_names[column]);
    }
    reading->at[column] = field;
    return NULL;
}

/* The NAME of --map COLUMN=NAME, where COLUMN is this one; else NULL. */
static const char *map_target(const char *map, const char *name)
{
    const char *end = strrchr(map, '=');

    return end && strlen(name) == (apr_size_t)(end - map)
           && strncasecmp(map, name, end - map) == 0 ? end + 1 : NULL;
}

/* Follows each --map of a field: it may give it several columns.
 * @param count how many there are */
static const char *map_column(reading_t *reading, const char *name, int field,
                              int *count)
{
    const apr_array_header_t *maps = reading->cli->list[CLI_MAP];
    const char *fault = NULL;
    int i;

    *count = 0;
    for (i = 0; maps && i < maps->nelts && !fault; i++) {
        const char *to = map_target(APR_ARRAY_IDX(maps, i, const char *), name);

        if (to) {
            ++*count;
            reading->mapped |= (apr_uint64_t)1 << i;
            fault = strcmp(to, "-") == 0 ? NULL
                  : set_column(reading, find_import_column(to), field);
        }
    }
    return fault;
}

/* Sets the field of each column; NULL, or what is wrong. */
static const char *read_column_names(reading_t *reading, apr_pool_t *pool)
{
    const char *fault = NULL;
    int i, count;

    memset(reading->at, -1, sizeof(reading->at));
    reading->columns = reading->row.count;
    for (i = 0; i < reading->row.count && !fault; i++) {
        char *name = apr_pstrdup(pool, reading->row.field[i]);

        while (apr_isspace(*name)) {
            name++;
        }
        for (count = (int)strlen(name);
             count > 0 && apr_isspace(name[count - 1]); count--) {
            name[count - 1] = '\0';
        }
        fault = map_column(reading, name, i, &count);
        if (!fault && !count && find_import_column(name) == COLUMNS) {
            return apr_psprintf(pool, "column %d%s is none of: %s; the first "
                                "line must name the columns, with commas "
                                "between; what another is, --map COLUMN=NAME "
                                "says, and --map COLUMN=- that it is not read",
                                i + 1, quote_column(name, pool),
                                known_columns(pool));
        }
        if (!fault && !count) {
            fault = set_column(reading, find_import_column(name), i);
        }
    }
    return fault;
}

/* Each --map must have a NAME that is known ... */
static const char *check_maps(const reading_t *reading)
{
    const apr_array_header_t *maps = reading->cli->list[CLI_MAP];
    int i;

    for (i = 0; maps && i < maps->nelts; i++) {
        const char *map = APR_ARRAY_IDX(maps, i, const char *);
        const char *to = strrchr(map, '=');

        if (!to
            || (strcmp(to + 1, "-") != 0
                && find_import_column(to + 1) == COLUMNS)) {
            return apr_psprintf(reading->cli->pool, "--map wants COLUMN=NAME, "
                                "where NAME is - or one of: %s",
                                known_columns(reading->cli->pool));
        }
    }
    return NULL;
}

/* ... and a COLUMN that the header has. */
static const char *check_mapped(const reading_t *reading)
{
    const apr_array_header_t *maps = reading->cli->list[CLI_MAP];
    int i;

    for (i = 0; maps && i < maps->nelts; i++) {
        if (!(reading->mapped & (apr_uint64_t)1 << i)) {
            return apr_psprintf(reading->cli->pool, "--map %s: the header has "
                                "no such column",
                                APR_ARRAY_IDX(maps, i, const char *));
        }
    }
    return NULL;
}

int cli_import_has_kind(const reading_t *reading)
{
    return reading->kinds.digests || reading->kinds.parts[0].kind;
}

int cli_import_is_sha512(const reading_t *reading)
{
    return (reading->kinds.digests | reading->kinds.parts[0].kind)
           & APIKEY_DIGEST_SHA512;
}

/* Checks that the columns go together, and with --digest. */
static const char *check_combination(reading_t *reading)
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
    if (!cli_import_has_kind(reading)) {
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

/* Refuses digests that the server would never look for. */
static const char *check_conf(const reading_t *reading)
{
    const cli_conf_t *conf = &reading->cli->conf;

    if (!apikey_digest_kinds_have(&conf->digests, &reading->kinds)) {
        return apr_psprintf(reading->cli->pool, "the server would look for no "
                            "%s digest; write it after ApiKeyDigest "
                            "hmac-sha256", reading->cli->value[CLI_DIGEST]);
    }
    if (cli_import_has_kind(reading) && !reading->hmac
        && conf->formats == APIKEY_FORMAT_BASE62) {
        return "the server would look for no such digest of a base62 key; "
               "write ApiKeyFormat with hex64 or opaque, too";
    }
    return NULL;
}

const char *cli_import_columns(reading_t *reading)
{
    const char *fault = check_maps(reading);

    if (!fault) {
        fault = read_column_names(reading, reading->cli->pool);
    }
    if (!fault) {
        fault = check_mapped(reading);
    }
    if (!fault) {
        fault = check_combination(reading);
    }
    return fault ? fault : check_conf(reading);
}
