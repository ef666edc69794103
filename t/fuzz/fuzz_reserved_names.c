/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Headers and variables that only this module may set, in whatever spelling:
 * all of them are removed, and nothing else is.  The first byte chooses the
 * prefix of ApiKeyHeaders; each line after it is "name: value". */

#include <ctype.h>

#include <apr_strings.h>

#include "../../modules/core/reserved_names.h"
#include "fuzz.h"

/** As CGI makes a variable's name of a header's. */
static char *folded(const char *name, apr_pool_t *pool)
{
    char *at, *copy = apr_pstrdup(pool, name);

    for (at = copy; *at; at++) {
        unsigned char c = (unsigned char)*at;

        *at = c < 128 && isalnum(c) ? (char)tolower(c) : '_';
    }
    return copy;
}

static int starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static int header_forged(const char *name, const char *own, apr_pool_t *pool)
{
    const char *plain = folded(name, pool);

    return starts(plain, "x_apikey_")
           || (*own && starts(plain, folded(own, pool)));
}

static int variable_forged(const char *name, const char *own,
                           apr_pool_t *pool)
{
    const char *plain = folded(name, pool);

    while (starts(plain, "redirect_")) {
        plain += strlen("redirect_");
    }
    if (starts(plain, "ajp_")) {
        plain += strlen("ajp_");
    }
    return starts(plain, "apikey_")
           || (starts(plain, "http_")
               && header_forged(plain + strlen("http_"), own, pool));
}

/** What is left of @a lines is what the model leaves, in its order. */
static void check_table(const apr_array_header_t *lines, const char *own,
                        apikey_reserved_fn is_reserved,
                        int (*model)(const char *, const char *,
                                     apr_pool_t *), apr_pool_t *pool)
{
    apr_table_t *table = apr_table_make(pool, 4);
    const apr_array_header_t *left;
    int i, next = 0;

    for (i = 0; i < lines->nelts; i++) {
        const apr_table_entry_t *line =
            &APR_ARRAY_IDX(lines, i, apr_table_entry_t);

        apr_table_addn(table, line->key, line->val);
        must(!is_reserved(line->key, own) == !model(line->key, own, pool));
    }
    apikey_reserved_remove(table, own, is_reserved);
    left = apr_table_elts(table);
    for (i = 0; i < lines->nelts; i++) {
        const apr_table_entry_t *line =
            &APR_ARRAY_IDX(lines, i, apr_table_entry_t);

        if (!model(line->key, own, pool)) {
            must(next < left->nelts);
            must(APR_ARRAY_IDX(left, next, apr_table_entry_t).val
                 == line->val);
            next++;
        }
    }
    must(next == left->nelts);
}

/** The next token of a Connection value, or NULL. */
static char *next_token(const char **value, apr_pool_t *pool)
{
    static const char between[] = ", \t;";
    apr_size_t len;
    char *token;

    *value += strspn(*value, between);
    len = strcspn(*value, between);
    token = len ? apr_pstrmemdup(pool, *value, len) : NULL;
    *value += len;
    return token;
}

static void check_connection(const char *value, const char *own,
                             apr_pool_t *pool)
{
    const char *kept = apikey_reserved_connection(pool, value, own);
    const char *rest = kept ? kept : value, *token;
    int found = 0;

    while ((token = next_token(&value, pool))) {
        if (header_forged(token, own, pool)) {
            found = 1;
        }
        else {
            const char *same = next_token(&rest, pool);

            must(same && strcmp(same, token) == 0);
        }
    }
    must(!found == !kept);
    must(!kept || !next_token(&rest, pool));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const prefixes[] = { "", "X-Tenant-", "My_Own.", "a-" };
    apr_pool_t *pool;
    apr_array_header_t *lines;
    const char *own;
    char *text, *line, *state;

    if (size < 1) {
        return 0;
    }
    apr_initialize();
    apr_pool_create(&pool, NULL);
    own = prefixes[data[0] % 4];
    text = fuzz_copy(data + 1, size - 1, 1);
    check_connection(text, own, pool);
    lines = apr_array_make(pool, 8, sizeof(apr_table_entry_t));
    for (line = apr_strtok(text, "\n", &state); line;
         line = apr_strtok(NULL, "\n", &state)) {
        apr_table_entry_t *entry = apr_array_push(lines);
        char *colon = strchr(line, ':');

        entry->val = apr_pstrdup(pool, colon ? colon + 1 : "");
        entry->key = apr_pstrmemdup(pool, line, colon ? (size_t)(colon - line)
                                                      : strlen(line));
    }
    check_table(lines, own, apikey_reserved_header, header_forged, pool);
    check_table(lines, own, apikey_reserved_variable, variable_forged, pool);
    free(text);
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
