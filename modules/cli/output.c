/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <stdarg.h>
#include <stdio.h>

#include <apr_strings.h>

#include "../core/digest.h"
#include "../core/text.h"
#include "../store/json.h"
#include "output.h"

static char out_buffer[8192];

void cli_out_begin(void)
{
    setvbuf(stdout, out_buffer, _IOFBF, sizeof(out_buffer));
}

int cli_out_end(void)
{
    int failed = fflush(stdout) != 0 || ferror(stdout);

    apikey_wipe(out_buffer, sizeof(out_buffer));
    return failed;
}

void cli_out(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}

void cli_say(apr_pool_t *pool, const char *format, ...)
{
    va_list args;
    const char *text;

    va_start(args, format);
    text = apr_pvsprintf(pool, format, args);
    va_end(args);
    fprintf(stderr, "htapikey: %s\n", cli_clean(text, pool));
}

const char *cli_clean(const char *text, apr_pool_t *pool)
{
    char *clean = apr_palloc(pool, strlen(text) * 4 + 1);
    char *out = clean;
    apr_size_t len;
    int code;

    for (; *text; text += len) {
        len = apikey_utf8_read(text, &code);
        if (code >= 0 && !apikey_is_hidden(code)) {
            memcpy(out, text, len);
            out += len;
        }
        else {
            apr_size_t i;

            for (i = 0; i < len; i++) {
                out += apr_snprintf(out, 5, "\\x%02X",
                                    (unsigned char)text[i]);
            }
        }
    }
    *out = '\0';
    return clean;
}

const char *cli_time(apr_int64_t epoch, const char *none, apr_pool_t *pool)
{
    return epoch ? apikey_time_format(epoch, pool) : none;
}

/* How many cells of a terminal; near enough for what people write. */
static int width_of(const char *text)
{
    static const struct { int from, to, width; } odd[] = {
        { 0x0300, 0x036F, 0 }, { 0x1100, 0x115F, 2 }, { 0x200B, 0x200F, 0 },
        { 0x20D0, 0x20FF, 0 }, { 0x2E80, 0xA4CF, 2 }, { 0xAC00, 0xD7A3, 2 },
        { 0xF900, 0xFAFF, 2 }, { 0xFE00, 0xFE0F, 0 }, { 0xFE30, 0xFE6F, 2 },
        { 0xFF00, 0xFF60, 2 }, { 0xFFE0, 0xFFE6, 2 },
        { 0x1F300, 0x1F64F, 2 }, { 0x1F680, 0x1F6FF, 2 },
        { 0x1F900, 0x1F9FF, 2 }, { 0x20000, 0x3FFFD, 2 }
    };
    int width = 0;
    int code;
    apr_size_t i;

    for (; *text; text += apikey_utf8_read(text, &code)) {
        apikey_utf8_read(text, &code);
        for (i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
            if (code >= odd[i].from && code <= odd[i].to) {
                break;
            }
        }
        width += i < sizeof(odd) / sizeof(*odd) ? odd[i].width : 1;
    }
    return width;
}

#define ROWS_AT_ONCE 1000

struct cli_table_t {
    apr_pool_t *pool;           /* of the cells that are not written yet */
    apr_array_header_t *cells;
    int columns;
    int *widths;
};

cli_table_t *cli_table_make(const char *const *heads, apr_pool_t *pool)
{
    cli_table_t *table = apr_pcalloc(pool, sizeof(*table));

    while (heads[table->columns]) {
        table->columns++;
    }
    apr_pool_create(&table->pool, pool);
    table->cells = apr_array_make(table->pool, 64, sizeof(char *));
    table->widths = apr_pcalloc(pool, table->columns * sizeof(int));
    cli_table_row(table, heads);
    return table;
}

void cli_table_row(cli_table_t *table, const char *const *cells)
{
    int i;

    for (i = 0; i < table->columns; i++) {
        const char *cell = cli_clean(cells[i], table->pool);
        int width = width_of(cell);

        APR_ARRAY_PUSH(table->cells, const char *) = cell;
        if (width > table->widths[i]) {
            table->widths[i] = width;
        }
    }
    if (table->cells->nelts >= ROWS_AT_ONCE * table->columns) {
        cli_table_write(table);
    }
}

void cli_table_write(cli_table_t *table)
{
    int i, gap = 0;

    for (i = 0; i < table->cells->nelts; i++) {
        const char *cell = APR_ARRAY_IDX(table->cells, i, const char *);
        int column = i % table->columns;

        /* The gap before a cell, so that no line ends with blanks. */
        if (*cell) {
            cli_out("%*s%s", gap, "", cell);
            gap = 0;
        }
        gap += table->widths[column] - (*cell ? width_of(cell) : 0) + 2;
        if (column == table->columns - 1) {
            cli_out("\n");
            gap = 0;
        }
    }
    apr_pool_clear(table->pool);
    table->cells = apr_array_make(table->pool, 64, sizeof(char *));
}

void cli_field(const char *name, const char *value, apr_pool_t *pool)
{
    cli_out("%-10s  %s\n", name, cli_clean(value, pool));
}

static void member(cli_json_t *json, const char *name)
{
    cli_out("%s", json->more ? "," : "");
    if (name) {
        cli_out("%s:", apikey_json_string(name, json->pool));
    }
    json->more = 1;
}

void cli_json_open(cli_json_t *json, const char *name, char bracket)
{
    member(json, name);
    cli_out("%c", bracket);
    json->more = 0;
}

void cli_json_close(cli_json_t *json, char bracket)
{
    cli_out("%c", bracket);
    json->more = 1;
}

void cli_json_text(cli_json_t *json, const char *name, const char *value)
{
    member(json, name);
    cli_out("%s", apikey_json_string(value, json->pool));
}

void cli_json_number(cli_json_t *json, const char *name, apr_int64_t value)
{
    member(json, name);
    cli_out("%" APR_INT64_T_FMT, value);
}

void cli_json_time(cli_json_t *json, const char *name, apr_int64_t epoch)
{
    member(json, name);
    cli_out("%s", epoch ? apikey_json_string(apikey_time_format(epoch,
                                                                json->pool),
                                             json->pool) : "null");
}

void cli_json_words(cli_json_t *json, const char *name, const char *words)
{
    char *rest = apr_pstrdup(json->pool, words);
    char *state = NULL;
    char *word;

    cli_json_open(json, name, '[');
    for (word = apr_strtok(rest, " ", &state); word;
         word = apr_strtok(NULL, " ", &state)) {
        cli_json_text(json, NULL, word);
    }
    cli_json_close(json, ']');
}
