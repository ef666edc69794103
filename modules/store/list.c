/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/result.h"
#include "keys_private.h"
#include "row_pages.h"

typedef struct key_callback_t {
    apikey_key_row_fn each;
    void *baton;
    const apikey_filter_t *filter;
    apr_pool_t *pool;           /* cleared before each key */
} key_callback_t;

static int matches_text(const char *wanted, const char *value)
{
    return !wanted || strcmp(wanted, value) == 0;
}

/* Calls each() for the keys that match the filter.  The database has selected
 * by its collation and by conditions that indexes serve; here texts are
 * compared by bytes, and the state exactly. */
static apr_status_t give_key(void *baton, const void *item)
{
    key_callback_t *to = baton;
    const apikey_filter_t *filter = to->filter;
    const apikey_key_row_t *key = item;

    apr_pool_clear(to->pool);
    return matches_text(filter->tenant, key->record.tenant)
           && matches_text(filter->keyspace, key->record.keyspace)
           && matches_text(filter->env, key->record.env)
           && matches_text(filter->owner, key->owner)
           && (!filter->state
               || strcmp(filter->state,
                         apikey_key_row_state(key, filter->now, to->pool))
                  == 0) ? to->each(to->baton, key) : APR_SUCCESS;
}

/* The page after item: created, id, created. */
static int next_key_page(const void *item, const char **args, apr_pool_t *pool)
{
    const apikey_key_row_t *key = item;
    const char *raw = apikey_key_row_raw(key, "created");
    int other = apikey_page_arg(&args[1], key->record.id, pool);

    args[0] = args[2] = raw ? apr_pstrdup(pool, raw)
                            : apikey_number_arg(pool, key->record.created);
    return other;
}

/* For each state a condition that all of its keys meet; keys of other states
 * may meet it, too. */
static const struct {
    const char *state, *condition;
    int now;                    /* it has a %n for the time */
} states[] = {
    { "active", "k.revoked = 0 AND k.disabled = 0"
                " AND (k.expires = 0 OR k.expires > %n)", 1 },
    { "expired", "k.expires <> 0 AND k.expires <= %n", 1 },
    { "revoked", "k.revoked <> 0", 0 },
    { "disabled", "k.disabled <> 0", 0 },
    { "suspended", "t.suspended <> 0", 0 }
};

/* The conditions of a list and their arguments. */
typedef struct conditions_t {
    const char *where;          /* "" or "A AND B AND " */
    apr_array_header_t *args;   /* const char * */
    apr_pool_t *pool;
} conditions_t;

/* Adds a condition; arg is NULL where it has no parameter. */
static void add_condition(conditions_t *conditions, const char *condition,
                          const char *arg)
{
    conditions->where = apr_pstrcat(conditions->pool, conditions->where,
                                    condition, " AND ", NULL);
    if (arg) {
        APR_ARRAY_PUSH(conditions->args, const char *) = arg;
    }
}

static void add_conditions(conditions_t *conditions,
                           const apikey_filter_t *filter)
{
    const char *now = apikey_number_arg(conditions->pool, filter->now);
    apr_size_t i;

    if (filter->tenant) {
        add_condition(conditions, "k.tenant = %s", filter->tenant);
    }
    if (filter->keyspace) {
        add_condition(conditions, "k.keyspace = %s", filter->keyspace);
    }
    if (filter->env) {
        add_condition(conditions, "k.env = %s", filter->env);
    }
    if (filter->owner) {
        add_condition(conditions, "k.owner = %s", filter->owner);
    }
    for (i = 0; filter->state && i < sizeof(states) / sizeof(*states); i++) {
        if (strcmp(filter->state, states[i].state) == 0) {
            add_condition(conditions, states[i].condition,
                          states[i].now ? now : NULL);
        }
    }
    if (filter->ends_until) {
        add_condition(conditions, "k.expires > %n", now);
        add_condition(conditions, "k.expires <= %n",
                      apikey_number_arg(conditions->pool, filter->ends_until));
    }
    if (filter->unused_since) {
        const char *since = apikey_number_arg(conditions->pool,
                                              filter->unused_since);

        add_condition(conditions, "k.created < %n", since);
        add_condition(conditions, "COALESCE(u.last_used, 0) < %n", since);
    }
}

apr_status_t apikey_keys_list(apikey_store_t *store,
                              const apikey_filter_t *filter,
                              apikey_key_row_fn each, void *baton,
                              apr_pool_t *pool, const char **error)
{
    const char *first = apikey_number_arg(pool, APR_INT64_MIN);
    conditions_t conditions = { "", apr_array_make(pool, 8, sizeof(char *)),
                                pool };
    key_callback_t to = { each, baton, filter, NULL };
    apikey_row_pages_t pages = { .which = APIKEY_SQL_KEY_LIST,
                                 .size = sizeof(apikey_key_row_t),
                                 .read = apikey_key_row_read,
                                 .next = next_key_page,
                                 .give = give_key,
                                 .baton = &to };
    apr_status_t status = apikey_store_connect(store, pool, error);

    if (status != APR_SUCCESS) {
        return status;
    }
    add_conditions(&conditions, filter);
    pages.fixed = conditions.args->nelts;
    if (*conditions.where) {
        pages.sql =
            apikey_sql_text_list(conditions.where, store->dialect, pool);
    }
    APR_ARRAY_PUSH(conditions.args, const char *) = first;
    APR_ARRAY_PUSH(conditions.args, const char *) = "";
    APR_ARRAY_PUSH(conditions.args, const char *) = first;
    pages.args = (const char **)conditions.args->elts;
    apr_pool_create(&to.pool, pool);
    return apikey_row_pages(store, &pages, pool, error);
}
