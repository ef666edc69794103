/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * audit: who did what and when.  The column "was" of an entry is JSON: old
 * values by name, and in the member "now" new ones:
 *
 *     {"name":"a","now":{"name":"b"}}
 *
 * People read "name: a -> b", with dates for times.  Programs get two objects,
 * "was" and "now", with values of the types that KEY has.
 */


#include <apr_strings.h>

#include "../store/audit.h"
#include "commands.h"
#include "list_output.h"

/* A member of that JSON. */
typedef struct value_t {
    const char *name;
    const char *text;
    int number;                 /* it is a number, not a string */
    int now;                    /* it is a new value */
} value_t;

typedef struct reader_t {
    const char *at;
    apr_array_header_t *values; /* value_t */
    apr_pool_t *pool;
} reader_t;

/* Reads a character of a string.  \uXXXX stays as it is.
 * Returns the place after it in @a out, or NULL for an escape that the store
 * does not write. */
static char *read_json_char(reader_t *reader, char *out)
{
    static const char letters[] = "btnfr\"\\/", bytes[] = "\b\t\n\f\r\"\\/";
    const char *letter;

    if (*reader->at != '\\') {
        *out++ = *reader->at++;
        return out;
    }
    reader->at++;
    letter = *reader->at ? strchr(letters, *reader->at) : NULL;
    if (letter) {
        *out++ = bytes[letter - letters];
        reader->at++;
        return out;
    }
    if (*reader->at != 'u') {
        return NULL;
    }
    *out++ = '\\';
    return out;
}

/* NULL: there is no string. */
static const char *read_json_string(reader_t *reader)
{
    char *text = apr_palloc(reader->pool, strlen(reader->at) + 1);
    char *out = text;

    if (*reader->at != '"') {
        return NULL;
    }
    reader->at++;
    while (*reader->at && *reader->at != '"') {
        out = read_json_char(reader, out);
        if (!out) {
            return NULL;
        }
    }
    if (!*reader->at) {
        return NULL;
    }
    reader->at++;
    *out = '\0';
    return text;
}

static const char *read_json_number(reader_t *reader)
{
    apr_size_t len = strspn(reader->at, "-0123456789");
    const char *text = len > 0 ? apr_pstrmemdup(reader->pool, reader->at, len)
                               : NULL;

    reader->at += len;
    return text;
}

/* Reads an object, or the one in its member "now"; 0: it is none of the kind
 * that the store writes. */
static int read_json_object(reader_t *reader, int now)
{
    if (*reader->at++ != '{') {
        return 0;
    }
    while (*reader->at != '}') {
        value_t value = { read_json_string(reader), NULL, 0, now };

        if (!value.name || *reader->at++ != ':') {
            return 0;
        }
        if (*reader->at == '{') {
            if (now || strcmp(value.name, "now") != 0
                || !read_json_object(reader, 1)) {
                return 0;
            }
        }
        else {
            value.number = *reader->at != '"';
            value.text = value.number ? read_json_number(reader)
                                      : read_json_string(reader);
            if (!value.text) {
                return 0;
            }
            APR_ARRAY_PUSH(reader->values, value_t) = value;
        }
        if (*reader->at == ',') {
            reader->at++;
        }
        else if (*reader->at != '}') {
            return 0;
        }
    }
    reader->at++;
    return 1;
}

/* The values of an entry; NULL: its column has text of another kind. */
static const apr_array_header_t *values_of(const char *text, apr_pool_t *pool)
{
    reader_t reader = { text, apr_array_make(pool, 4, sizeof(value_t)),
                        pool };

    return read_json_object(&reader, 0) && !*reader.at ? reader.values : NULL;
}

static int is_time(const value_t *value)
{
    return value->number && (strcmp(value->name, "expires") == 0
                             || strcmp(value->name, "suspended") == 0);
}

/* A value as people read it; NULL: there is none. */
static const char *value_text(const value_t *value, apr_pool_t *pool)
{
    return !value ? NULL
         : is_time(value) ? cli_time(apr_atoi64(value->text), "never", pool)
         : *value->text ? value->text : "-";
}

static const value_t *find_value(const apr_array_header_t *values,
                                 const char *name, int now)
{
    int i;

    for (i = 0; i < values->nelts; i++) {
        const value_t *value = &APR_ARRAY_IDX(values, i, value_t);

        if (value->now == now && strcmp(value->name, name) == 0) {
            return value;
        }
    }
    return NULL;
}

/* "name: old -> new; scopes: ..." */
static const char *describe_change(const apikey_audit_t *entry,
                                   apr_pool_t *pool)
{
    const apr_array_header_t *values = values_of(entry->was, pool);
    const char *text = "";
    int i;

    for (i = 0; values && i < values->nelts; i++) {
        const value_t *value = &APR_ARRAY_IDX(values, i, value_t);
        const char *old = value_text(find_value(values, value->name, 0), pool);
        const char *new = value_text(find_value(values, value->name, 1), pool);

        /* A value that has an old one is written together with it. */
        if (value->now && old) {
            continue;
        }
        text = apr_pstrcat(pool, text, *text ? "; " : "", value->name, ": ",
                           old ? old : "", old && new ? " -> " : "",
                           new ? new : "", NULL);
    }
    return values ? text : entry->was;
}

static void json_values(cli_json_t *json, const char *name,
                        const apr_array_header_t *values, int now)
{
    int i;

    cli_json_open(json, name, '{');
    for (i = 0; i < values->nelts; i++) {
        const value_t *value = &APR_ARRAY_IDX(values, i, value_t);

        if (value->now != now) {
            continue;
        }
        if (is_time(value)) {
            cli_json_time(json, value->name, apr_atoi64(value->text));
        }
        else if (value->number) {
            cli_json_number(json, value->name, apr_atoi64(value->text));
        }
        else if (strcmp(value->name, "scopes") == 0) {
            cli_json_words(json, value->name, value->text);
        }
        else if (strcmp(value->name, "networks") == 0) {
            cli_json_networks(json, value->name, value->text);
        }
        else if (strcmp(value->name, "meta") == 0) {
            cli_json_meta(json, value->name, value->text);
        }
        else {
            cli_json_text(json, value->name, value->text);
        }
    }
    cli_json_close(json, '}');
}

static void json_entry(cli_json_t *json, const apikey_audit_t *entry)
{
    const apr_array_header_t *values = values_of(entry->was, json->pool);

    cli_json_open(json, NULL, '{');
    cli_json_number(json, "number", entry->number);
    cli_json_time(json, "time", entry->happened);
    cli_json_text(json, "who", entry->who);
    cli_json_text(json, "action", entry->action);
    cli_json_text(json, "id", entry->id);
    cli_json_text(json, "tenant", entry->tenant);
    cli_json_text(json, "reason", entry->reason);
    if (values) {
        json_values(json, "was", values, 0);
        json_values(json, "now", values, 1);
    }
    else {
        cli_json_text(json, "was", entry->was);
    }
    if (entry->fault) {
        cli_json_text(json, "fault", entry->fault);
    }
    cli_json_close(json, '}');
}

static apr_status_t list_audit_entry(void *baton, const apikey_audit_t *entry)
{
    cli_list_output_t *listing = baton;
    apr_pool_t *pool = cli_list_row_pool(listing);
    const char *cells[] = {
        cli_time(entry->happened, "-", pool), entry->who, entry->action,
        *entry->id ? entry->id : "-", *entry->tenant ? entry->tenant : "-",
        *entry->reason ? entry->reason : "-", describe_change(entry, pool)
    };

    if (listing->table) {
        cli_table_row(listing->table, cells);
    }
    else {
        json_entry(&listing->json, entry);
    }
    return APR_SUCCESS;
}

/* --key: a key of another keyspace is refused.  One that is no longer in the
 * database has no keyspace, and its entries are listed. */
static cli_exit_e check_keyspace(cli_t *cli, const char *id)
{
    apikey_key_row_t *key;
    const char *error = NULL;
    apr_status_t status = id ? apikey_keys_show(cli->store, id,
                                                cli->actor.keyspace, &key,
                                                cli->pool, &error)
                             : APR_SUCCESS;

    return status == APR_NOTFOUND ? CLI_DONE : cli_done(cli, status, error);
}

cli_exit_e cli_cmd_audit(cli_t *cli)
{
    static const char *const heads[] = {
        "TIME", "WHO", "ACTION", "ID", "TENANT", "REASON", "CHANGE", NULL
    };
    cli_list_output_t listing;
    const char *error = NULL;
    apr_int64_t since = APR_INT64_MIN;
    apr_status_t status;
    cli_exit_e code = cli_since(cli, CLI_SINCE, &since);

    if (code != CLI_DONE || (code = cli_open(cli, 0)) != CLI_DONE
        || (code = check_keyspace(cli, cli->value[CLI_KEY])) != CLI_DONE) {
        return code;
    }
    cli_list_begin(&listing, cli, heads);
    status = apikey_audit_list(cli->store, cli->value[CLI_KEY],
                               cli->value[CLI_TENANT], since, list_audit_entry,
                               &listing, cli->pool, &error);
    return cli_list_end(&listing, status, error);
}
