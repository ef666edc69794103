/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * list: keys chosen by options, in the order of --sort, with the columns of
 * --columns.  Keys are written as they are read.  With --sort their rows are
 * stored in a temporary file until the last one is read, and only what they are
 * sorted by is kept in memory.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <apr_file_io.h>
#include <apr_strings.h>

#include "../core/time_text.h"
#include "../core/result.h"
#include "commands.h"
#include "list_output.h"

#define WIDTH 100               /* of the table, unless --columns is given */

/* The type of a column; of a time that is not set, "never" or "-" is shown. */
typedef enum {
    IS_TEXT, IS_TIME, IS_EXPIRY, IS_NUMBER
} kind_e;

/* The columns, with the offset of each value in apikey_key_row_t. */
#define AT(field) APR_OFFSETOF(apikey_key_row_t, field)
static const struct column_t {
    const char *name, *head;
    kind_e kind;
    apr_size_t at;              /* 0: it is computed */
} columns[] = {
    { "id", "ID", IS_TEXT, AT(record.id) },
    { "tenant", "TENANT", IS_TEXT, AT(record.tenant) },
    { "name", "NAME", IS_TEXT, AT(record.name) },
    { "hint", "HINT", IS_TEXT, AT(record.hint) },
    { "scopes", "SCOPES", IS_TEXT, AT(record.scopes) },
    { "created", "CREATED", IS_TIME, AT(record.created) },
    { "expires", "EXPIRES", IS_EXPIRY, AT(record.expires) },
    { "last_used", "LAST USED", IS_TIME, AT(record.last_used) },
    { "state", "STATE", IS_TEXT, 0 },
    { "env", "ENV", IS_TEXT, AT(record.env) },
    { "keyspace", "KEYSPACE", IS_TEXT, AT(record.keyspace) },
    { "uses", "USES", IS_NUMBER, AT(record.use_count) },
    { "created_by", "CREATED BY", IS_TEXT, AT(record.creator) },
    { "format", "FORMAT", IS_TEXT, AT(record.format) },
    { "prefix", "PREFIX", IS_TEXT, AT(prefix) },
    { "secret", "SECRET", IS_TEXT, AT(record.secret_id) },
    { "exposed", "EXPOSED", IS_TIME, AT(exposed) },
    { "revoked", "REVOKED", IS_TIME, AT(record.revoked) },
    { "reason", "REASON", IS_TEXT, AT(reason) },
    { "disabled", "DISABLED", IS_TIME, AT(record.disabled) },
    { "rotated_from", "ROTATED FROM", IS_TEXT, AT(rotated_from) },
    { "root", "ROOT", IS_TEXT, AT(root) },
    { "owner", "OWNER", IS_TEXT, AT(owner) },
    { "networks", "NETWORKS", IS_TEXT, AT(networks) },
    { "meta", "META", IS_TEXT, AT(meta) }
};

#define COLUMNS ((int)(sizeof(columns) / sizeof(*columns)))
#define USUAL 9                 /* the first ones, without --columns */

/* How the usual columns are cut.  The name is cut last, since people look for
 * it, and of a hint the end is kept, since they compare it.  Times are days of
 * 10 characters; only text that is no time is longer. */
static const cli_fit_t usual_fits[USUAL] = {
    { 0, 0, 0 }, { 3, 4, 0 }, { 4, 4, 0 }, { 2, 10, 4 }, { 1, 4, 0 },
    { 1, 10, 0 }, { 1, 10, 0 }, { 1, 10, 0 }, { 0, 0, 0 }
};

/* What a key is sorted by, and where its row is in the temporary file; keys
 * with equal values stay in the order in which they were read. */
typedef struct place_t {
    apr_int64_t number;
    const char *text;
    long at;
    apr_size_t len;
} place_t;

typedef struct list_t {
    cli_list_output_t out;
    apikey_filter_t filter;
    int chosen[COLUMNS];        /* indices of columns, in the order shown */
    int count;                  /* of them */
    int whole;                  /* nothing is cut, and times are not days */
    int sort;                   /* index of a column; -1: by creation */
    int backward;
    apr_array_header_t *places; /* place_t; NULL: keys are written as read */
    FILE *rows;                 /* the temporary file; NULL: none */
} list_t;

static int find_list_column(const char *name, apr_size_t len)
{
    int i;

    for (i = 0; i < COLUMNS; i++) {
        if (strlen(columns[i].name) == len
            && strncmp(columns[i].name, name, len) == 0) {
            return i;
        }
    }
    return -1;
}

static const char *column_text(const list_t *list, int column,
                               const apikey_key_row_t *key)
{
    apr_size_t at = columns[column].at;

    return at || column == 0 ? *(const char *const *)((const char *)key + at)
                             : cli_state(list->out.cli, key);
}

static apr_int64_t column_number(int column, const apikey_key_row_t *key)
{
    return *(const apr_int64_t *)((const char *)key + columns[column].at);
}

static const char *column_cell(const list_t *list, int column,
                               const apikey_key_row_t *key, apr_pool_t *pool)
{
    const char *text;

    switch (columns[column].kind) {
    case IS_TEXT:
        text = column_text(list, column, key);
        return *text ? text : "-";
    case IS_NUMBER:
        return apr_psprintf(pool, "%" APR_INT64_T_FMT,
                            column_number(column, key));
    default:
        text = cli_key_time(
            key, columns[column].name, column_number(column, key),
            columns[column].kind == IS_EXPIRY ? "never" : "-", pool);
        /* The day; text that is no time is not shortened here. */
        return list->whole || apikey_key_row_raw(key, columns[column].name)
               ? text : apr_pstrndup(pool, text, 10);
    }
}

static void write_listed_key(list_t *list, const apikey_key_row_t *key,
                             apr_pool_t *pool)
{
    cli_json_t *json = &list->out.json;
    const char *cells[COLUMNS];
    int i;

    if (!list->out.table) {
        cli_json_open(json, NULL, '{');
        cli_key_json(list->out.cli, json, key);
        cli_json_close(json, '}');
        return;
    }
    for (i = 0; i < list->count; i++) {
        cells[i] = column_cell(list, list->chosen[i], key, pool);
    }
    if (list->places) {
        for (i = 0; i < list->count; i++) {
            cli_out("%s%c", cells[i], '\0');
        }
    }
    else {
        cli_table_row(list->out.table, cells);
    }
}

/* Sets what a key is sorted by; keys that never expire come last. */
static void set_sort_value(list_t *list, place_t *place,
                           const apikey_key_row_t *key)
{
    apr_pool_t *pool = list->places->pool;
    kind_e kind = columns[list->sort].kind;

    if (kind == IS_TEXT) {
        place->text = apr_pstrdup(pool, column_text(list, list->sort, key));
        place->number = 0;
        return;
    }
    place->text = "";
    place->number = column_number(list->sort, key);
    if (kind == IS_EXPIRY && place->number == APIKEY_NEVER) {
        place->number = APR_INT64_MAX;
    }
}

static int compare_places(const void *left, const void *right)
{
    const place_t *one = left, *other = right;
    int text = strcmp(one->text, other->text);

    return text ? text
         : one->number != other->number
         ? (one->number < other->number ? -1 : 1)
         : one->at < other->at ? -1 : 1;
}

/* Makes a temporary file without a name, which ends with the process; NULL: it
 * cannot be made, see errno. */
static FILE *open_row_file(apr_pool_t *pool)
{
    const char *folder;
    char *path;
    int file;

    if (apr_temp_dir_get(&folder, pool) != APR_SUCCESS) {
        return NULL;
    }
    path = apr_pstrcat(pool, folder, "/htapikey-XXXXXX", NULL);
    file = mkstemp(path);
    if (file < 0) {
        return NULL;
    }
    unlink(path);
    return fdopen(file, "w+");
}

static apr_status_t store_row(list_t *list, const apikey_key_row_t *key,
                              apr_pool_t *pool)
{
    place_t *place = apr_array_push(list->places);

    set_sort_value(list, place, key);
    place->at = ftell(list->rows);
    list->out.json.more = 0;
    cli_out_to(list->rows);
    write_listed_key(list, key, pool);
    cli_out_to(stdout);
    place->len = (apr_size_t)(ftell(list->rows) - place->at);
    return ferror(list->rows) ? APR_FROM_OS_ERROR(errno) : APR_SUCCESS;
}

static apr_status_t list_key(void *baton, const apikey_key_row_t *key)
{
    list_t *list = baton;
    cli_t *cli = list->out.cli;
    const char *state = cli_state(cli, key);
    apr_pool_t *pool = cli_list_row_pool(&list->out);

    if (!cli->value[CLI_ALL] && !list->filter.state
        && (strcmp(state, "revoked") == 0 || strcmp(state, "expired") == 0)) {
        return APR_SUCCESS;
    }
    if (list->places) {
        return store_row(list, key, pool);
    }
    write_listed_key(list, key, pool);
    return APR_SUCCESS;
}

static void write_stored_row(list_t *list, const char *row)
{
    const char *cells[COLUMNS];
    int i;

    if (!list->out.table) {
        cli_json_raw(&list->out.json, NULL, row);
        return;
    }
    for (i = 0; i < list->count; i++) {
        cells[i] = row;
        row += strlen(row) + 1;
    }
    cli_table_row(list->out.table, cells);
}

static apr_status_t write_sorted(list_t *list)
{
    apr_array_header_t *places = list->places;
    int i;

    qsort(places->elts, (size_t)places->nelts, sizeof(place_t), compare_places);
    list->out.json.more = 0;
    for (i = 0; i < places->nelts; i++) {
        const place_t *place = &APR_ARRAY_IDX(places, list->backward
                                              ? places->nelts - 1 - i : i,
                                              place_t);
        char *row = apr_pcalloc(cli_list_row_pool(&list->out), place->len + 1);

        if (fseek(list->rows, place->at, SEEK_SET) != 0
            || fread(row, 1, place->len, list->rows) != place->len) {
            return APR_FROM_OS_ERROR(errno);
        }
        write_stored_row(list, row);
    }
    return APR_SUCCESS;
}

static cli_exit_e wrong_column(cli_t *cli, const char *option,
                               const char *name)
{
    return cli_usage(cli, "%s has no column \"%s\"; there are "
                     CLI_COLUMN_NAMES, option, name);
}

static cli_exit_e choose_columns(list_t *list)
{
    cli_t *cli = list->out.cli;
    const char *name = cli->value[CLI_COLUMNS];
    apr_size_t len;
    int i;

    for (i = 0; !name && i < USUAL; i++) {
        list->chosen[list->count++] = i;
    }
    list->whole = name != NULL;
    for (; name; name = name[len] ? name + len + 1 : NULL) {
        len = strcspn(name, ",");
        i = find_list_column(name, len);
        if (i < 0) {
            return wrong_column(cli, "--columns",
                                apr_pstrmemdup(cli->pool, name, len));
        }
        if (list->count == COLUMNS) {
            return cli_usage(cli, "--columns has a column twice");
        }
        list->chosen[list->count++] = i;
    }
    return CLI_DONE;
}

static cli_exit_e choose_order(list_t *list)
{
    cli_t *cli = list->out.cli;
    const char *name = cli->value[CLI_SORT];

    list->sort = -1;
    if (!name || strcmp(name, "created") == 0) {
        return CLI_DONE;
    }
    list->backward = *name == '-';
    name += list->backward;
    list->sort = find_list_column(name, strlen(name));
    if (list->sort < 0) {
        return wrong_column(cli, "--sort", name);
    }
    list->places = apr_array_make(cli->pool, 64, sizeof(place_t));
    return CLI_DONE;
}

static cli_exit_e choose_keys(list_t *list)
{
    static const char known[] = "|active|disabled|suspended|expired|revoked|"
                                "faulty|";
    cli_t *cli = list->out.cli;
    apikey_filter_t *filter = &list->filter;
    const char *expiring = cli->value[CLI_EXPIRING];

    filter->tenant = cli->value[CLI_TENANT];
    filter->keyspace = cli->value[CLI_KEYSPACE];
    filter->env = cli->value[CLI_ENV];
    filter->owner = cli->value[CLI_OWNER];
    filter->state = cli->value[CLI_STATE];
    filter->now = cli->actor.now;
    if (filter->state && (strchr(filter->state, '|')
                          || !strstr(known, apr_pstrcat(cli->pool, "|",
                                                        filter->state, "|",
                                                        NULL)))) {
        return cli_usage(cli, "--state wants one of %s",
                         cli_options[CLI_STATE].argument);
    }
    if (expiring && (apikey_expiry_parse(&filter->ends_until, expiring,
                                         filter->now) != APR_SUCCESS
                     || !filter->ends_until)) {
        return cli_usage(cli, "--expiring wants a time from now (14d, 3mo) or "
                         "a date (2030-12-31)");
    }
    return cli_since(cli, CLI_UNUSED, &filter->unused_since);
}

/* Writes all keys that are chosen.  APIKEY_EREFUSED: the temporary file cannot
 * be used. */
static apr_status_t write_keys(list_t *list, const char **error)
{
    cli_t *cli = list->out.cli;
    apr_status_t status = APR_SUCCESS;

    if (list->places && !(list->rows = open_row_file(cli->pool))) {
        status = APR_FROM_OS_ERROR(errno);
    }
    if (status == APR_SUCCESS) {
        status = apikey_keys_list(cli->store, &list->filter, list_key, list,
                                  cli->pool, error);
    }
    if (status == APR_SUCCESS && list->places) {
        status = write_sorted(list);
    }
    if (list->rows) {
        fclose(list->rows);
    }
    if (status == APR_SUCCESS || *error) {
        return status;
    }
    *error = apr_psprintf(cli->pool, "a temporary file, which --sort needs, "
                          "cannot be written or read: %s; make room where "
                          "TMPDIR says, or set it to another folder",
                          strerror(APR_TO_OS_ERROR(status)));
    return APIKEY_EREFUSED;
}

cli_exit_e cli_cmd_list(cli_t *cli)
{
    list_t list = { .out = { .cli = cli } };
    const char **heads = apr_pcalloc(cli->pool,
                                     (COLUMNS + 1) * sizeof(char *));
    const char *error = NULL;
    apr_status_t status;
    cli_exit_e code;
    int i;

    if ((code = choose_columns(&list)) != CLI_DONE
        || (code = choose_order(&list)) != CLI_DONE
        || (code = choose_keys(&list)) != CLI_DONE
        || (code = cli_open(cli, 0)) != CLI_DONE) {
        return code;
    }
    for (i = 0; i < list.count; i++) {
        heads[i] = columns[list.chosen[i]].head;
    }
    cli_list_begin(&list.out, cli, heads);
    if (list.out.table && !list.whole) {
        cli_table_fit(list.out.table, WIDTH, usual_fits);
    }
    status = write_keys(&list, &error);
    return cli_list_end(&list.out, status, error);
}
