/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/text.h"
#include "../core/result.h"
#include "keys_private.h"
#include "row_pages.h"

const char *apikey_key_row_raw(const apikey_key_row_t *key,
                               const char *column)
{
    return key->raw ? apr_table_get(key->raw, column) : NULL;
}

const char *apikey_key_row_state(const apikey_key_row_t *key,
                                 apr_int64_t now, apr_pool_t *pool)
{
    const apikey_record_t *record = &key->record;
    apikey_result_e result = apikey_record_result(record, NULL, now);

    if (apikey_record_fault(record, pool)
        && (!record->revoked || apikey_key_row_raw(key, "revoked"))) {
        return "faulty";
    }
    return result == APIKEY_GRANTED ? "active" : apikey_result(result)->code;
}

/* A row while it is read. */
typedef struct reading_t {
    apikey_rows_t *rows;
    apikey_key_row_t *key;
    apr_pool_t *pool;
} reading_t;

/* Keeps what is bad about the column read last; where of the two it goes says
 * whether a verdict asks for that column. */
static int keep_bad(reading_t *from, const char *column, const char **fault)
{
    const char *bad = apikey_rows_fault(from->rows, from->pool);
    apikey_key_row_t *key = from->key;

    if (bad) {
        if (!key->raw) {
            key->raw = apr_table_make(from->pool, 2);
        }
        apr_table_add(key->raw, column, from->rows->text);
        if (!*fault) {
            *fault = bad;
        }
    }
    return bad != NULL;
}

/* What a verdict asks for. */
static const char *text(reading_t *from, const char *column)
{
    const char *value = apikey_rows_copy(from->rows, from->pool);

    keep_bad(from, column, &from->key->record.fault);
    return value;
}

static apr_int64_t number(reading_t *from, const char *column)
{
    apr_int64_t value = apikey_rows_number(from->rows);

    keep_bad(from, column, &from->key->record.fault);
    return value;
}

/* What it does not; 0 where it cannot be read. */
static const char *other_text(reading_t *from, const char *column)
{
    const char *value = apikey_rows_copy(from->rows, from->pool);

    keep_bad(from, column, &from->key->odd);
    return value;
}

static apr_int64_t other_number(reading_t *from, const char *column)
{
    apr_int64_t value = apikey_rows_number(from->rows);

    return keep_bad(from, column, &from->key->odd) ? 0 : value;
}

/* In the order of KEY_COLUMNS in statements.c. */
static void read_key(apikey_rows_t *rows, void *item, apr_pool_t *pool)
{
    apikey_key_row_t *key = item;
    apikey_record_t *record = &key->record;
    reading_t from = { rows, key, pool };

    memset(key, 0, sizeof(*key));
    record->digest = "";
    record->id = text(&from, "id");
    record->keyspace = text(&from, "keyspace");
    record->tenant = text(&from, "tenant");
    record->name = text(&from, "name");
    record->env = text(&from, "env");
    record->scopes = text(&from, "scopes");
    record->secret_id = other_text(&from, "secret");
    record->format = other_text(&from, "format");
    key->prefix = other_text(&from, "prefix");
    record->hint = other_text(&from, "hint");
    record->creator = other_text(&from, "creator");
    record->created = other_number(&from, "created");
    record->expires = number(&from, "expires");
    record->revoked = number(&from, "revoked");
    record->disabled = number(&from, "disabled");
    key->lifetime = other_number(&from, "lifetime");
    key->bits = (int)other_number(&from, "bits");
    key->reason = other_text(&from, "reason");
    key->root = other_text(&from, "root");
    key->rotated_from = other_text(&from, "rotated_from");
    if (!*key->root) {
        key->root = record->id;
    }
    key->owner = other_text(&from, "owner");
    key->networks = text(&from, "networks");
    key->meta = text(&from, "meta");
    key->tenant_meta = text(&from, "tenant_meta");
    record->suspended = number(&from, "suspended");
    key->tenant_reason = other_text(&from, "tenant_reason");
    record->last_used = other_number(&from, "last_used");
    record->use_count = other_number(&from, "use_count");
    key->exposed = other_number(&from, "exposed");
    key->digest = other_text(&from, "digest");
    apikey_key_row_details(key, pool);
}

/* A keyspace that is none is no server's: its key opens nothing, and it can be
 * named by no option. */
static int is_elsewhere(const apikey_key_row_t *key, const char *keyspace)
{
    return keyspace && strcmp(key->record.keyspace, keyspace) != 0
           && !apikey_key_row_raw(key, "keyspace")
           && !apikey_text_fault(key->record.keyspace);
}

apr_status_t apikey_key_row_lock(apikey_store_t *store, const char *id,
                                 apr_pool_t *pool, const char **error)
{
    const char *args[] = { id };
    apikey_rows_t rows;
    apr_status_t status = APR_SUCCESS;

    if (!store->in_transaction || !store->dialect->hold) {
        return status;
    }
    status = apikey_statement_select(&rows, store, APIKEY_SQL_KEY_LOCK, args,
                                     pool, error);

    return status == APR_SUCCESS ? apikey_rows_end(&rows, pool, error)
                                 : status;
}

apr_status_t apikey_key_row_find(apikey_store_t *store, const char *id,
                                 const char *keyspace, apikey_key_row_t **key,
                                 apr_pool_t *pool, const char **error)
{
    const char *args[] = { id };
    apikey_rows_t rows;
    apikey_key_row_t *found = apr_palloc(pool, sizeof(*found));
    apr_status_t status = apikey_key_row_lock(store, id, pool, error);

    *key = NULL;
    if (status == APR_SUCCESS) {
        status = apikey_statement_select(&rows, store, APIKEY_SQL_KEY_SHOW,
                                         args, pool, error);
    }
    if (status != APR_SUCCESS) {
        return status;
    }
    while (!*key && apikey_rows_next(&rows)) {
        read_key(&rows, found, pool);
        /* Some databases find "k1" by "K1 ". */
        if (strcmp(found->record.id, id) == 0) {
            *key = found;
        }
    }
    status = apikey_rows_end(&rows, pool, error);
    if (status == APR_SUCCESS && !*key) {
        /* What is as long as that may be a key, and is not repeated. */
        int shown = strlen(id) < APIKEY_WORD_MIN ? APIKEY_WORD_MIN : 4;

        *error = apr_psprintf(pool, "there is no key with the id \"%.*s%s\"",
                              shown, id, shown == 4 ? "..." : "");
        status = APR_NOTFOUND;
    }
    if (status == APR_SUCCESS && is_elsewhere(*key, keyspace)) {
        status = apikey_reject(pool, error, "there is no key with the id "
                               "\"%s\" in the keyspace \"%s\"; it is of the "
                               "keyspace \"%s\": say --keyspace %s", id,
                               keyspace, (*key)->record.keyspace,
                               (*key)->record.keyspace);
        *key = NULL;
    }
    return status;
}

apr_status_t apikey_keys_show(apikey_store_t *store, const char *id,
                              const char *keyspace, apikey_key_row_t **key,
                              apr_pool_t *pool, const char **error)
{
    return apikey_key_row_find(store, id, keyspace, key, pool, error);
}

typedef struct listener_t {
    apikey_key_row_fn each;
    void *baton;
    const apikey_filter_t *filter;
    apr_pool_t *pool;           /* cleared for each key */
} listener_t;

static int is_same(const char *wanted, const char *value)
{
    return !wanted || strcmp(wanted, value) == 0;
}

/* The database has chosen already, by its own rules for text and by what is
 * quick to ask. */
static apr_status_t give_key(void *baton, const void *item)
{
    listener_t *to = baton;
    const apikey_filter_t *filter = to->filter;
    const apikey_key_row_t *key = item;

    apr_pool_clear(to->pool);
    return is_same(filter->tenant, key->record.tenant)
           && is_same(filter->keyspace, key->record.keyspace)
           && is_same(filter->env, key->record.env)
           && is_same(filter->owner, key->owner)
           && (!filter->state
               || strcmp(filter->state,
                         apikey_key_row_state(key, filter->now, to->pool))
                  == 0) ? to->each(to->baton, key) : APR_SUCCESS;
}

/* args: created, id, created. */
static int behind_key(const void *item, const char **args, apr_pool_t *pool)
{
    const apikey_key_row_t *key = item;
    const char *raw = apikey_key_row_raw(key, "created");
    int other = apikey_page_arg(&args[1], key->record.id, pool);

    args[0] = args[2] = raw ? apr_pstrdup(pool, raw)
                            : apikey_number_arg(pool, key->record.created);
    return other;
}

/* What a state needs of the columns; of some keys it is another all the
 * same. */
static const struct {
    const char *state, *condition;
    int now;                    /* it has a %n for that */
} states[] = {
    { "active", "k.revoked = 0 AND k.disabled = 0"
                " AND (k.expires = 0 OR k.expires > %n)", 1 },
    { "expired", "k.expires <> 0 AND k.expires <= %n", 1 },
    { "revoked", "k.revoked <> 0", 0 },
    { "disabled", "k.disabled <> 0", 0 },
    { "suspended", "t.suspended <> 0", 0 }
};

/* Conditions of a list, and their arguments. */
typedef struct chosen_t {
    const char *where;          /* "" or "A AND B AND " */
    apr_array_header_t *args;   /* const char * */
    apr_pool_t *pool;
} chosen_t;

/* @param arg NULL: it has none */
static void choose(chosen_t *chosen, const char *condition, const char *arg)
{
    chosen->where = apr_pstrcat(chosen->pool, chosen->where, condition,
                                " AND ", NULL);
    if (arg) {
        APR_ARRAY_PUSH(chosen->args, const char *) = arg;
    }
}

static void choose_by(chosen_t *chosen, const apikey_filter_t *filter)
{
    const char *now = apikey_number_arg(chosen->pool, filter->now);
    apr_size_t i;

    if (filter->tenant) {
        choose(chosen, "k.tenant = %s", filter->tenant);
    }
    if (filter->keyspace) {
        choose(chosen, "k.keyspace = %s", filter->keyspace);
    }
    if (filter->env) {
        choose(chosen, "k.env = %s", filter->env);
    }
    if (filter->owner) {
        choose(chosen, "k.owner = %s", filter->owner);
    }
    for (i = 0; filter->state && i < sizeof(states) / sizeof(*states); i++) {
        if (strcmp(filter->state, states[i].state) == 0) {
            choose(chosen, states[i].condition, states[i].now ? now : NULL);
        }
    }
    if (filter->ends_until) {
        choose(chosen, "k.expires > %n", now);
        choose(chosen, "k.expires <= %n",
               apikey_number_arg(chosen->pool, filter->ends_until));
    }
    if (filter->unused_since) {
        const char *since = apikey_number_arg(chosen->pool,
                                              filter->unused_since);

        choose(chosen, "k.created < %n", since);
        choose(chosen, "COALESCE(u.last_used, 0) < %n", since);
    }
}

apr_status_t apikey_keys_list(apikey_store_t *store,
                              const apikey_filter_t *filter,
                              apikey_key_row_fn each, void *baton,
                              apr_pool_t *pool, const char **error)
{
    const char *first = apikey_number_arg(pool, APR_INT64_MIN);
    chosen_t chosen = { "", apr_array_make(pool, 8, sizeof(char *)), pool };
    listener_t to = { each, baton, filter, NULL };
    apikey_row_pages_t pages = { .which = APIKEY_SQL_KEY_LIST,
                                 .size = sizeof(apikey_key_row_t),
                                 .read = read_key, .next = behind_key,
                                 .give = give_key, .baton = &to };
    apr_status_t status = apikey_store_connect(store, pool, error);

    if (status != APR_SUCCESS) {
        return status;
    }
    choose_by(&chosen, filter);
    pages.fixed = chosen.args->nelts;
    if (*chosen.where) {
        pages.sql = apikey_sql_text_list(chosen.where, store->dialect, pool);
    }
    APR_ARRAY_PUSH(chosen.args, const char *) = first;
    APR_ARRAY_PUSH(chosen.args, const char *) = "";
    APR_ARRAY_PUSH(chosen.args, const char *) = first;
    pages.args = (const char **)chosen.args->elts;
    apr_pool_create(&to.pool, pool);
    return apikey_row_pages(store, &pages, pool, error);
}
