/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "query_text.h"

#include <string.h>

#include <apr_lib.h>

static int begins_with_word(const char *text, const char *word)
{
    for (; *word; text++, word++) {
        if (apr_toupper(*text) != *word) {
            return 0;
        }
    }
    return !apr_isalnum(*text) && *text != '_';
}

/* Only what begins like a select is allowed, since apr_dbd_mysql crashes on a
 * statement without a result.  Within quotes a doubled quote, which stands for
 * one, ends the quotes and begins them again. */
const char *apikey_query_fault(const char *sql)
{
    int parameters = 0;
    char quote = '\0';

    sql += strspn(sql, " \t\r\n(");
    if (!begins_with_word(sql, "SELECT") && !begins_with_word(sql, "WITH")) {
        return "is no SELECT";
    }
    for (; *sql; sql++) {
        if (quote ? *sql == quote : *sql == '\'' || *sql == '"') {
            quote = quote ? '\0' : *sql;
        }
        if (*sql != '%') {
            continue;
        }
        sql++;
        if (*sql == 's' && quote) {
            return "has its %s within quotes: write it without them";
        }
        if (*sql == 's') {
            parameters++;
        }
        else if (*sql != '%') {
            return "has a % that is no %s: write %% for a percent sign";
        }
    }
    while (apr_isspace(sql[-1])) {
        sql--;
    }
    return sql[-1] == ';' ? "ends with a ';': leave it out"
         : parameters == 0 ? "has no %s where the value goes"
         : parameters > 1 ? "has more than one %s: the value goes to one place"
                            " (%% stands for a percent sign)"
         : NULL;
}
