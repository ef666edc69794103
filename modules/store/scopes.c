/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/scope.h"
#include "../core/text.h"
#include "json.h"
#include "keys_private.h"
#include "row_pages.h"

typedef struct scope_row_t {
    const char *name;
    const char *description;
} scope_row_t;

typedef struct scope_callback_t {
    apikey_scope_fn each;
    void *baton;
} scope_callback_t;

static apr_status_t give_scope(void *baton, const void *item)
{
    scope_callback_t *to = baton;
    const scope_row_t *entry = item;

    return to->each(to->baton, entry->name, entry->description);
}

static void read_scope(apikey_rows_t *rows, void *item, apr_pool_t *pool)
{
    scope_row_t *entry = item;

    entry->name = apikey_rows_copy(rows, pool);
    entry->description = apikey_rows_copy(rows, pool);
    /* A text with a NUL is shown, escaped. */
    apikey_rows_fault(rows, pool);
}

static int next_scope_page(const void *item, const char **args,
                           apr_pool_t *pool)
{
    return apikey_page_arg(args, ((const scope_row_t *)item)->name, pool);
}

apr_status_t apikey_scope_list(apikey_store_t *store, apikey_scope_fn each,
                               void *baton, apr_pool_t *pool,
                               const char **error)
{
    const char *args[] = { "" };
    scope_callback_t to = { each, baton };
    apikey_row_pages_t pages = { .which = APIKEY_SQL_SCOPE_LIST,
                                 .args = args,
                                 .size = sizeof(scope_row_t),
                                 .read = read_scope,
                                 .next = next_scope_page,
                                 .give = give_scope,
                                 .baton = &to };

    return apikey_row_pages(store, &pages, pool, error);
}

static apr_status_t add_to_catalogue(void *baton, const char *name,
                                     const char *description)
{
    apr_array_header_t *catalogue = baton;

    (void)description;
    APR_ARRAY_PUSH(catalogue, const char *) = apr_pstrdup(catalogue->pool,
                                                          name);
    return APR_SUCCESS;
}

/* Whether a scope is in the catalogue; a wildcard is where it covers one that
 * is. */
static int covers_any_of(const char *scope, const apr_array_header_t *catalogue)
{
    int i;

    for (i = 0; i < catalogue->nelts; i++) {
        if (apikey_scope_covers(scope, APR_ARRAY_IDX(catalogue, i,
                                                     const char *))) {
            return 1;
        }
    }
    return 0;
}

apr_status_t apikey_scopes_check(apikey_store_t *store, const char *scopes,
                                 apr_pool_t *pool, const char **error)
{
    apr_array_header_t *catalogue = apr_array_make(pool, 8, sizeof(char *));
    char *rest = apr_pstrdup(pool, scopes);
    char *state = NULL;
    char *scope;
    apr_status_t status =
        apikey_scope_list(store, add_to_catalogue, catalogue, pool, error);

    if (status != APR_SUCCESS || catalogue->nelts == 0) {
        return status;
    }
    for (scope = apr_strtok(rest, " ", &state); scope;
         scope = apr_strtok(NULL, " ", &state)) {
        if (!covers_any_of(scope, catalogue)) {
            return apikey_reject(pool, error, "the scope \"%s\" is not in "
                                 "the catalogue, which has: %s; add it with "
                                 "`htapikey scope add` if it is meant",
                                 scope,
                                 apr_array_pstrcat(pool, catalogue, ' '));
        }
    }
    return APR_SUCCESS;
}

typedef struct scope_job_t {
    const char *name;
    const char *description;
    const apikey_actor_t *actor;
    apikey_scope_done_t *done;
} scope_job_t;

/* Finds the description of a scope; NULL: it is not in the catalogue. */
static apr_status_t find_scope(apikey_store_t *store, const char *name,
                               const char **description, apr_pool_t *pool,
                               const char **error)
{
    apikey_rows_t rows;

    apikey_statement_select(&rows, store, APIKEY_SQL_SCOPE_SHOW, &name, pool,
                            error);
    *description = NULL;
    while (!*description && apikey_rows_next(&rows)) {
        if (strcmp(apikey_rows_text(&rows), name) == 0) {
            *description = apikey_rows_copy(&rows, pool);
        }
    }
    return apikey_rows_end(&rows, pool, error);
}

/* Old and new description as JSON for the audit; NULL: there is none. */
static const char *description_json(const char *was, const char *now,
                                    apr_pool_t *pool)
{
    const char *old = was ? apr_pstrcat(pool, "\"description\":",
                                        apikey_json_string(was, pool), NULL)
                          : "";

    return apr_pstrcat(pool, "{", old, was && now ? "," : "",
                       now ? "\"now\":{\"description\":" : "",
                       now ? apikey_json_string(now, pool) : "",
                       now ? "}}" : "}", NULL);
}

/* Writes an audit entry; now is the new description, NULL where the scope was
 * removed. */
static apr_status_t audit_scope(apikey_store_t *store, const scope_job_t *job,
                                const char *action, const char *was,
                                const char *now, apr_pool_t *pool,
                                const char **error)
{
    const apikey_audit_t entry = {
        0, job->actor->now, job->actor->who, action, "", "", job->name,
        description_json(was, now, pool), NULL
    };

    return apikey_audit_write(store, &entry, pool, error);
}

static apr_status_t add_in_transaction(apikey_store_t *store, void *baton,
                                       apr_pool_t *pool, const char **error)
{
    const scope_job_t *job = baton;
    const char *insert[] = { job->name, job->description };
    const char *update[] = { job->description, job->name };
    const char *was;
    apr_status_t status = find_scope(store, job->name, &was, pool, error);

    job->done->was_there = was != NULL;
    job->done->changed = !was || (*job->description
                                  && strcmp(was, job->description) != 0);
    job->done->description = job->done->changed ? job->description : was;
    if (status != APR_SUCCESS || !job->done->changed) {
        return status;
    }
    status = was ? apikey_statement_query(store, APIKEY_SQL_SCOPE_UPDATE,
                                          update, pool, error)
                 : apikey_statement_query(store, APIKEY_SQL_SCOPE_INSERT,
                                          insert, pool, error);
    return status == APR_SUCCESS ? audit_scope(store, job, "scope-add", was,
                                               job->description, pool, error)
                                 : status;
}

apr_status_t apikey_scope_add(apikey_store_t *store, const char *name,
                              const char *description,
                              const apikey_actor_t *actor,
                              apikey_scope_done_t *done, apr_pool_t *pool,
                              const char **error)
{
    apikey_scope_done_t any;
    scope_job_t job = { name, description, actor, done ? done : &any };
    const char *fault = apikey_scope_fault(name);

    if (fault) {
        return apikey_reject(pool, error, "the scope %s", fault);
    }
    fault = *description ? apikey_text_fault(description) : NULL;
    if (fault) {
        return apikey_reject(pool, error, "the description %s", fault);
    }
    return apikey_transact(store, add_in_transaction, &job, pool, error);
}

static apr_status_t remove_in_transaction(apikey_store_t *store, void *baton,
                                          apr_pool_t *pool, const char **error)
{
    const scope_job_t *job = baton;
    const char *args[] = { job->name };
    const char *was;
    apr_status_t status = find_scope(store, job->name, &was, pool, error);

    if (status == APR_SUCCESS && !was) {
        *error = apr_psprintf(pool, "the scope \"%s\" is not in the "
                              "catalogue", job->name);
        return APR_NOTFOUND;
    }
    if (status == APR_SUCCESS) {
        status = apikey_statement_query(store, APIKEY_SQL_SCOPE_DELETE, args,
                                        pool, error);
    }
    return status == APR_SUCCESS ? audit_scope(store, job, "scope-remove", was,
                                               NULL, pool, error) : status;
}

apr_status_t apikey_scope_remove(apikey_store_t *store, const char *name,
                                 const apikey_actor_t *actor,
                                 apr_pool_t *pool, const char **error)
{
    scope_job_t job = { name, "", actor, NULL };

    return apikey_transact(store, remove_in_transaction, &job, pool, error);
}
