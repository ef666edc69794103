/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * Tables for people.  Rows are kept until there are ROWS_AT_ONCE, or the end:
 * then the width of each column is known, and they are written.  So a table of
 * any length needs little memory; a column that has become wider stays so.
 */

#include <apr_strings.h>

#include "../core/text.h"
#include "output.h"

/* How many columns of a terminal a text takes: none for combining marks, two
 * for wide characters, else one.  The ranges are those that names use, not all
 * of Unicode's. */
static int columns_of(const char *text)
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
    apr_array_header_t *cells;  /* const char *, row by row */
    int columns;
    int *widths;                /* of each column's widest cell so far */
    int width;                  /* of a line at most; 0: any */
    const cli_fit_t *fits;      /* of each column; NULL where width is 0 */
    int *fitted;                /* the widths that columns are cut to */
    int gap;                    /* blanks between columns */
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
    table->fitted = apr_pcalloc(pool, table->columns * sizeof(int));
    cli_table_row(table, heads);
    return table;
}

void cli_table_fit(cli_table_t *table, int width, const cli_fit_t *fits)
{
    table->width = width;
    table->fits = fits;
}

void cli_table_row(cli_table_t *table, const char *const *cells)
{
    int i;

    for (i = 0; i < table->columns; i++) {
        const char *cell = cli_clean(cells[i], table->pool);
        int width = columns_of(cell);

        APR_ARRAY_PUSH(table->cells, const char *) = cell;
        if (width > table->widths[i]) {
            table->widths[i] = width;
        }
    }
    if (table->cells->nelts >= ROWS_AT_ONCE * table->columns) {
        cli_table_write(table);
    }
}

/* The widest column of a turn that may still be cut, or -1. */
static int widest_column(const cli_table_t *table, int turn)
{
    int widest = -1;
    int i;

    for (i = 0; i < table->columns; i++) {
        if (table->fits[i].turn == turn
            && table->fitted[i] > table->fits[i].least
            && (widest < 0 || table->fitted[i] > table->fitted[widest])) {
            widest = i;
        }
    }
    return widest;
}

/* Sets how wide each column is in the rows that are written next. */
static void fit_columns(cli_table_t *table)
{
    int turns = 0;
    int total = 0;
    int turn, i;

    table->gap = 2;
    for (i = 0; i < table->columns; i++) {
        table->fitted[i] = table->widths[i];
        total += table->fitted[i] + (i ? table->gap : 0);
        if (table->width && table->fits[i].turn > turns) {
            turns = table->fits[i].turn;
        }
    }
    if (table->width && total > table->width) {
        table->gap--;
        total -= table->columns - 1;
    }
    for (turn = 1; turn <= turns; turn++) {
        while (total > table->width && (i = widest_column(table, turn)) >= 0) {
            table->fitted[i]--;
            total--;
        }
    }
}

/* As many whole characters from the start of a text as fit. */
static const char *start_of_cell(const char *text, int width, apr_pool_t *pool)
{
    const char *end = text;
    const char *shown = "";
    int code;

    for (;;) {
        const char *more = apr_pstrmemdup(pool, text, (apr_size_t)(end - text));

        if (columns_of(more) > width) {
            return shown;
        }
        shown = more;
        if (!*end) {
            return shown;
        }
        end += apikey_utf8_read(end, &code);
    }
}

/* In a cell that is wider than its column an ellipsis replaces the middle.
 * @param tail how many columns of its end are kept */
static const char *cut_cell(const char *cell, int width, int tail,
                            apr_pool_t *pool)
{
    const char *rest = cell;
    int code;

    if (columns_of(cell) <= width) {
        return cell;
    }
    while (columns_of(rest) > tail) {
        rest += apikey_utf8_read(rest, &code);
    }
    return apr_pstrcat(pool, start_of_cell(cell, width - 1 - tail, pool),
                       "\xE2\x80\xA6", rest, NULL);
}

void cli_table_write(cli_table_t *table)
{
    int i, gap = 0;

    fit_columns(table);
    for (i = 0; i < table->cells->nelts; i++) {
        int column = i % table->columns;
        const char *cell = cut_cell(
            APR_ARRAY_IDX(table->cells, i, const char *), table->fitted[column],
            table->width ? table->fits[column].tail : 0, table->pool);

        /* Blanks are written before the next cell that is not empty, so that
         * no line ends with them. */
        if (*cell) {
            cli_out("%*s%s", gap, "", cell);
            gap = 0;
        }
        gap += table->fitted[column] - (*cell ? columns_of(cell) : 0)
               + table->gap;
        if (column == table->columns - 1) {
            cli_out("\n");
            gap = 0;
        }
    }
    apr_pool_clear(table->pool);
    table->cells = apr_array_make(table->pool, 64, sizeof(char *));
}
