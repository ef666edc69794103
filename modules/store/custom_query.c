/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_lib.h>
#include <apr_strings.h>

#include "../core/digest.h"
#include "../core/disclosure.h"
#include "../core/query_text.h"
#include "../core/time_text.h"
#include "custom_query.h"
#include "lookup.h"
#include "statement.h"

/* The digest that a query is checked with: no key has it, and it is valid hex
 * for a query that decodes it. */
#define NO_DIGEST \
    "0000000000000000000000000000000000000000000000000000000000000000"

typedef enum {
    ID, TENANT, NAME, SCOPES, ENV, KEYSPACE, EXPIRES, REVOKED, DISABLED,
    SUSPENDED, NETWORKS, META
} role_e;

/* Seconds since 1970, perhaps with a fraction, as EXTRACT(EPOCH FROM ...) gives
 * them; the fraction is cut.  Only zero itself becomes 0, which means "not
 * revoked" or "never expires". */
static apr_int64_t read_time(apikey_rows_t *rows, const char *text)
{
    char *rest = NULL;
    apr_int64_t number;
    int fraction;

    errno = 0;
    number = apr_strtoi64(text, &rest, 10);
    fraction = *rest == '.' && strspn(rest + 1, "0") != strlen(rest + 1);
    if (*rest == '.' && rest > text) {
        rest += 1 + strspn(rest + 1, "0123456789");
    }
    if (*rest || rest == text || apr_isspace(*text) || errno != 0) {
        apikey_rows_bad(rows, "is no number of seconds since 1970; convert it "
                        "in the query");
        return 1;
    }
    return number == 0 && fraction ? 1 : number;
}

/* A time, or a boolean as PostgreSQL (t, f) and others write it. */
static apr_int64_t read_flag(apikey_rows_t *rows, const char *text)
{
    if (strcasecmp(text, "t") == 0 || strcasecmp(text, "true") == 0) {
        return 1;
    }
    if (strcasecmp(text, "f") == 0 || strcasecmp(text, "false") == 0) {
        return 0;
    }
    return read_time(rows, text);
}

/* The columns by role_e, and the fields of the record that they fill: a text,
 * or a number that read() makes of it. */
#define AT(field) APR_OFFSETOF(apikey_record_t, field)
static const struct {
    const char *name;
    apr_size_t at;
    apr_int64_t (*read)(apikey_rows_t *rows, const char *text);
} fields[META] = {
    { "id", AT(id), NULL }, { "tenant", AT(tenant), NULL },
    { "name", AT(name), NULL }, { "scopes", AT(scopes), NULL },
    { "env", AT(env), NULL }, { "keyspace", AT(keyspace), NULL },
    { "expires", AT(expires), read_time },
    { "revoked", AT(revoked), read_flag },
    { "disabled", AT(disabled), read_flag },
    { "suspended", AT(suspended), read_flag },
    { "networks", AT(networks), NULL }
};

typedef struct column_t {
    const char *name;
    const char *meta;           /* its name in the record's meta; or NULL */
    role_e role;
} column_t;

typedef struct columns_t {
    column_t *list;
    int count;
    int there[META];
} columns_t;

static role_e column_role(const char *name)
{
    int role = 0;

    while (role < META && strcasecmp(fields[role].name, name) != 0) {
        role++;
    }
    return (role_e)role;
}

/* The part of a variable's name after APIKEY_META_. */
static const char *meta_name(const char *name, apr_pool_t *pool)
{
    char *meta = apr_pstrdup(pool, name);
    char *c;

    for (c = meta; *c; c++) {
        *c = apr_isascii(*c) && apr_isalnum(*c) ? apr_toupper(*c) : '_';
    }
    return meta;
}

/* An earlier column with the same meaning; NULL: there is none. */
static const column_t *find_duplicate(const columns_t *columns,
                                      const column_t *column)
{
    const column_t *other;

    for (other = columns->list; other < column; other++) {
        if (other->role == column->role
            && (!column->meta || strcmp(other->meta, column->meta) == 0)) {
            return other;
        }
    }
    return NULL;
}

/* NULL, or what is wrong with the columns, in pool. */
static const char *columns_fault(const columns_t *columns, apr_pool_t *pool)
{
    const column_t *column, *other;
    int i;

    for (i = ID; i <= TENANT; i++) {
        if (!columns->there[i]) {
            return apr_psprintf(pool, "it gives no column %s; name one so, "
                                "as in SELECT customer AS tenant",
                                fields[i].name);
        }
    }
    for (i = 0; i < columns->count; i++) {
        column = &columns->list[i];
        other = find_duplicate(columns, column);
        if (other) {
            return apr_psprintf(pool, "it gives the columns %s and %s, and "
                                "both would be %s%s; name one of them "
                                "otherwise, with AS", other->name,
                                column->name,
                                column->meta ? "APIKEY_META_" : "the key's ",
                                column->meta ? column->meta
                                             : fields[column->role].name);
        }
    }
    return NULL;
}

/* Maps the columns by their names; a fault of them becomes the error of
 * apikey_rows_end().
 * @param around the result is of a select around the administrator's, in which
 *        SQLite names a second "id" "id:1" */
static int read_columns(columns_t *columns, apikey_rows_t *rows, int around)
{
    const apr_dbd_driver_t *driver = rows->store->driver;
    apr_pool_t *pool = rows->pool;
    int i;

    memset(columns, 0, sizeof(*columns));
    columns->count = rows->results ? apr_dbd_num_cols(driver, rows->results)
                                   : 0;
    columns->list = apr_pcalloc(pool, (columns->count + 1)
                                      * sizeof(*columns->list));
    for (i = 0; i < columns->count; i++) {
        column_t *column = &columns->list[i];
        const char *name = apr_dbd_get_name(driver, rows->results, i);

        column->name = name ? name : "";
        if (around) {
            column->name = apr_pstrmemdup(pool, column->name,
                                          strcspn(column->name, ":"));
        }
        column->role = column_role(column->name);
        if (column->role == META) {
            column->meta = meta_name(column->name, pool);
        }
        else {
            columns->there[column->role] = 1;
        }
    }
    rows->fault = columns_fault(columns, pool);
    rows->unusable = rows->fault != NULL;
    return !rows->fault;
}

/* Whether a column contains the key or its digest, which applications must not
 * get. */
static int discloses_key(const apikey_rows_t *rows,
                         const apikey_custom_query_t *query, const char *text,
                         const char *digest)
{
    return rows->bytes ? apikey_text_has_digest(rows->bytes, rows->len, digest)
         : apikey_text_has_digest(text, strlen(text), digest)
           || (query->policy && apikey_text_has_key(text, digest,
                                                    query->policy));
}

/* Any other column becomes meta data. */
static void read_meta_column(apikey_record_t *record, apikey_rows_t *rows,
                             const column_t *column,
                             const apikey_custom_query_t *query,
                             const char *text, apr_pool_t *pool)
{
    if (!*text) {
        return;
    }
    if (discloses_key(rows, query, text, record->digest)) {
        apikey_rows_fault(rows, rows->pool);
        record->withheld = apr_pstrcat(pool, record->withheld
                                             ? record->withheld : "",
                                       record->withheld ? ", " : "",
                                       column->name, NULL);
        return;
    }
    apr_table_setn(record->meta, apr_pstrdup(pool, column->meta), text);
}

static void read_networks_column(apikey_record_t *record, apikey_rows_t *rows,
                                 const char *text, apr_pool_t *pool)
{
    const char *fault = apikey_networks_parse(&record->networks,
                                              &record->network_count, text,
                                              pool);

    if (fault) {
        apikey_rows_bad(rows, fault);
    }
}

/* NULL is read as "", since one driver does not distinguish them; as a
 * number, either is 0. */
static void read_column(apikey_record_t *record, apikey_rows_t *rows,
                        const column_t *column,
                        const apikey_custom_query_t *query, apr_pool_t *pool)
{
    const char *text = apikey_rows_copy(rows, pool);
    void *field;

    if (column->role == META) {
        read_meta_column(record, rows, column, query, text, pool);
        return;
    }
    field = (char *)record + fields[column->role].at;
    if (column->role == NETWORKS) {
        read_networks_column(record, rows, text, pool);
    }
    else if (fields[column->role].read) {
        *(apr_int64_t *)field =
            *text ? fields[column->role].read(rows, text) : 0;
    }
    else {
        *(const char **)field = text;
    }
}

/* What is wrong if a column that is exported and logged contains the key. */
static const char *find_key_in_columns(const apikey_record_t *record,
                                       const apikey_custom_query_t *query,
                                       apr_pool_t *pool)
{
    int i;

    for (i = ID; query->policy && i <= KEYSPACE; i++) {
        const char *text =
            *(const char *const *)((const char *)record + fields[i].at);

        if (apikey_text_has_key(text, record->digest, query->policy)) {
            return apr_pstrcat(pool, "its ", fields[i].name, " is a key, or "
                               "has one in it; name another column so in "
                               "ApiKeyQuery", NULL);
        }
    }
    return NULL;
}

/* Refuses such a row.  Its id is logged then, so it must not be the key. */
static void check_disclosure(apikey_record_t *record, apikey_rows_t *rows,
                             const apikey_custom_query_t *query,
                             apr_pool_t *pool)
{
    const char *fault = find_key_in_columns(record, query, pool);

    record->fault = apikey_rows_fault(rows, pool);
    if (fault) {
        record->fault = fault;
        record->id = "(not shown)";
    }
}

static apikey_record_t *read_query_row(apikey_rows_t *rows,
                                       const columns_t *columns,
                                       const apikey_custom_query_t *query,
                                       const char *digest, apr_pool_t *pool)
{
    apikey_record_t *record = apr_pcalloc(pool, sizeof(*record));
    int i;

    record->id = record->tenant = record->name = record->scopes = "";
    record->env = record->secret_id = record->format = "";
    record->hint = record->creator = "";
    record->keyspace = apr_pstrdup(pool, query->keyspace);
    record->digest = apr_pstrmemdup(pool, digest, APIKEY_DIGEST_HEX);
    record->meta = apr_table_make(pool, 4);
    for (i = 0; i < columns->count; i++) {
        read_column(record, rows, &columns->list[i], query, pool);
    }
    check_disclosure(record, rows, query, pool);
    return record;
}

/* The select with NO_DIGEST instead of %s, for running it without preparing. */
static const char *fill_in_placeholder(const char *sql, apr_pool_t *pool)
{
    const char *mark, *text = "";

    for (; (mark = strchr(sql, '%')) != NULL; sql = mark + 2) {
        text = apr_pstrcat(pool, text, apr_pstrmemdup(pool, sql, mark - sql),
                           mark[1] == 's' ? "'" NO_DIGEST "'" : "%", NULL);
    }
    return apr_pstrcat(pool, text, sql, NULL);
}

/* Checks the columns of a select that gave no row, for a driver that does not
 * know them then. */
static apr_status_t check_empty_result(apikey_store_t *store, const char *sql,
                                       apr_pool_t *pool, const char **error)
{
    columns_t columns;
    apikey_rows_t rows;

    apikey_statement_select_plain(
        &rows, store,
        apr_psprintf(pool, store->dialect->traits.columns_of,
                     fill_in_placeholder(sql, pool)),
        pool, error);
    read_columns(&columns, &rows, 1);
    return apikey_rows_end(&rows, pool, error);
}

static apr_status_t check_columns(apikey_store_t *store, const char *sql,
                                  apr_pool_t *pool, const char **error)
{
    const char *none = NO_DIGEST;
    columns_t columns;
    apikey_rows_t rows;
    apr_status_t status;

    apikey_statement_select_custom(&rows, store, sql, &none, pool, error);
    if (!store->dialect->traits.columns_of) {
        read_columns(&columns, &rows, 0);
    }
    status = apikey_rows_end(&rows, pool, error);
    if (status == APR_SUCCESS && store->dialect->traits.columns_of) {
        status = check_empty_result(store, sql, pool, error);
    }
    return status;
}

/* After an error: the query is wrong (APIKEY_EANSWER) if the database answers
 * another select, for which it must read its tables. */
static apr_status_t query_or_database_fault(apikey_store_t *store,
                                            apr_status_t status,
                                            apr_pool_t *pool)
{
    apikey_rows_t rows;
    const char *other;

    if (status == APIKEY_EDATABASE) {
        apikey_statement_select_plain(&rows, store, store->dialect->probe,
                                      pool, &other);
        return apikey_rows_end(&rows, pool, &other) == APR_SUCCESS
               ? APIKEY_EANSWER : APIKEY_EDATABASE;
    }
    return status == APR_SUCCESS || status == APIKEY_EANSWER
           ? status : APIKEY_EDATABASE;
}

apr_status_t apikey_custom_query_check(apikey_store_t *store, const char *sql,
                                       apr_pool_t *pool, const char **error)
{
    apr_status_t status;

    *error = apikey_query_fault(sql);
    if (*error) {
        *error = apr_pstrcat(pool, "it ", *error, NULL);
        return APIKEY_EANSWER;
    }
    status = query_or_database_fault(
        store, check_columns(store, sql, pool, error), pool);
    if (status == APR_SUCCESS) {
        apikey_statement_custom(store, sql)->checked = 1;
    }
    return status;
}

static apr_status_t check_change_columns(apikey_store_t *store, const char *sql,
                                         const char *number, apr_pool_t *pool,
                                         const char **error)
{
    apikey_rows_t rows;

    apikey_statement_select_custom(&rows, store, sql, &number, pool, error);
    if (!rows.results
        || apr_dbd_num_cols(store->driver, rows.results) != 2) {
        rows.fault = "it must give two columns, the number and the digest";
        rows.unusable = 1;
    }
    return apikey_rows_end(&rows, pool, error);
}

/* Checked with a number after which there is no change.  A column of 32 bits
 * may not be compared with the largest, so a smaller one is tried next. */
apr_status_t apikey_custom_query_check_changes(apikey_store_t *store,
                                               const char *sql,
                                               apr_pool_t *pool,
                                               const char **error)
{
    apr_status_t status;

    *error = apikey_query_fault(sql);
    if (*error) {
        *error = apr_pstrcat(pool, "it ", *error, NULL);
        return APIKEY_EANSWER;
    }
    status =
        check_change_columns(store, sql, "9223372036854775807", pool, error);
    if (status == APIKEY_EDATABASE) {
        status = check_change_columns(store, sql, "2147483647", pool, error);
    }
    return query_or_database_fault(store, status, pool);
}

/* The digest is not compared again, as in lookup.c, because its column is not
 * known.  A collation that ignores case or blanks at the end finds other
 * spellings of the same digest and no other one: it is all hex digits. */
apr_status_t apikey_custom_query_lookup(apikey_store_t *store,
                                        const apikey_custom_query_t *query,
                                        const char *digest,
                                        apikey_record_t **record,
                                        apr_pool_t *pool, const char **error)
{
    columns_t columns;
    apikey_rows_t rows;
    apr_status_t status = APR_SUCCESS;

    *record = NULL;
    if (!apikey_digest_is_any_hex(digest, strlen(digest))) {
        return APR_NOTFOUND;
    }
    if (!apikey_statement_custom(store, query->sql)->checked) {
        status = apikey_custom_query_check(store, query->sql, pool, error);
    }
    if (status == APR_SUCCESS) {
        apikey_statement_select_custom(&rows, store, query->sql, &digest, pool,
                                       error);
        while (apikey_rows_next(&rows)) {
            if (*record && !rows.fault) {
                rows.fault = "it gives more than one row for a key; which of "
                             "them holds cannot be known";
                rows.unusable = 1;
            }
            else if (!*record && read_columns(&columns, &rows, 0)) {
                *record = read_query_row(&rows, &columns, query, digest, pool);
            }
        }
        status = apikey_rows_end(&rows, pool, error);
    }
    if (status != APR_SUCCESS) {
        *record = NULL;
        return status == APIKEY_EANSWER ? status : APIKEY_EDATABASE;
    }
    return *record ? APR_SUCCESS : APR_NOTFOUND;
}
