/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../store/audit.h"
#include "cli.h"

/* A list on its way out, as a table or as JSON. */
typedef struct listing_t {
    cli_t *cli;
    cli_table_t *table;         /**< NULL: JSON */
    cli_json_t json;
    apr_pool_t *row_pool;       /* cleared for each row */
} listing_t;

static void begin(listing_t *listing, cli_t *cli, const char *const *heads)
{
    listing->cli = cli;
    listing->table = NULL;
    apr_pool_create(&listing->row_pool, cli->pool);
    listing->json.pool = listing->row_pool;
    listing->json.more = 0;
    if (cli->json) {
        cli_json_open(&listing->json, NULL, '[');
    }
    else {
        listing->table = cli_table_make(heads, cli->pool);
    }
}

/* The pool of one row. */
static apr_pool_t *cleared(listing_t *listing)
{
    apr_pool_clear(listing->row_pool);
    return listing->row_pool;
}

static cli_exit_e end(listing_t *listing, apr_status_t status,
                      const char *error)
{
    if (status != APR_SUCCESS) {
        return cli_fail(listing->cli, status, error);
    }
    if (listing->table) {
        cli_table_write(listing->table);
    }
    else {
        cli_json_close(&listing->json, ']');
        cli_out("\n");
    }
    return CLI_DONE;
}

static apr_status_t list_scope(void *baton, const char *name,
                               const char *description)
{
    listing_t *listing = baton;
    const char *cells[] = { name, description };

    cleared(listing);
    if (listing->table) {
        cli_table_row(listing->table, cells);
    }
    else {
        cli_json_open(&listing->json, NULL, '{');
        cli_json_text(&listing->json, "name", name);
        cli_json_text(&listing->json, "description", description);
        cli_json_close(&listing->json, '}');
    }
    return APR_SUCCESS;
}

cli_exit_e cli_cmd_scope_list(cli_t *cli)
{
    static const char *const heads[] = { "SCOPE", "DESCRIPTION", NULL };
    listing_t listing;
    const char *error = NULL;
    cli_exit_e code = cli_open(cli, 0);

    if (code != CLI_DONE) {
        return code;
    }
    begin(&listing, cli, heads);
    return end(&listing, apikey_scope_list(cli->store, list_scope, &listing,
                                           cli->pool, &error), error);
}

cli_exit_e cli_cmd_scope_add(cli_t *cli)
{
    const char *description = cli->word_count > 1 ? cli->words[1] : "";
    const char *error = NULL;
    apr_status_t status;
    cli_exit_e code = cli_open(cli, 0);

    if (code != CLI_DONE) {
        return code;
    }
    status = apikey_scope_add(cli->store, cli->words[0], description,
                              &cli->actor, cli->pool, &error);
    return cli_done(cli, status, error);
}

cli_exit_e cli_cmd_scope_remove(cli_t *cli)
{
    const char *error = NULL;
    apr_status_t status;
    cli_exit_e code = cli_open(cli, 0);

    if (code != CLI_DONE) {
        return code;
    }
    status = apikey_scope_remove(cli->store, cli->words[0], &cli->actor,
                                 cli->pool, &error);
    return cli_done(cli, status, error);
}

static apr_status_t list_tenant(void *baton, const apikey_tenant_t *tenant)
{
    listing_t *listing = baton;
    apr_pool_t *pool = cleared(listing);
    cli_json_t *json = &listing->json;
    const char *cells[] = {
        tenant->tenant, apr_psprintf(pool, "%" APR_INT64_T_FMT, tenant->keys),
        cli_time(tenant->created, "-", pool),
        cli_time(tenant->suspended, "-", pool),
        tenant->fault ? apr_pstrcat(pool, "faulty: ", tenant->fault, NULL)
                      : tenant->reason
    };

    if (listing->table) {
        cli_table_row(listing->table, cells);
    }
    else {
        cli_json_open(json, NULL, '{');
        cli_json_text(json, "tenant", tenant->tenant);
        cli_json_number(json, "keys", tenant->keys);
        cli_json_time(json, "created", tenant->created);
        cli_json_time(json, "suspended", tenant->suspended);
        cli_json_text(json, "reason", tenant->reason);
        if (tenant->fault) {
            cli_json_text(json, "fault", tenant->fault);
        }
        cli_json_close(json, '}');
    }
    return APR_SUCCESS;
}

cli_exit_e cli_cmd_tenant_list(cli_t *cli)
{
    static const char *const heads[] = {
        "TENANT", "KEYS", "CREATED", "SUSPENDED", "REASON", NULL
    };
    listing_t listing;
    const char *error = NULL;
    cli_exit_e code = cli_open(cli, 0);

    if (code != CLI_DONE) {
        return code;
    }
    begin(&listing, cli, heads);
    return end(&listing, apikey_tenant_list(cli->store, list_tenant, &listing,
                                            cli->pool, &error), error);
}

static cli_exit_e suspend(cli_t *cli, int on)
{
    const char *reason = cli->value[CLI_REASON];
    const char *error = NULL;
    apr_status_t status;
    cli_exit_e code = cli_open(cli, 0);

    if (code != CLI_DONE) {
        return code;
    }
    status = apikey_tenant_suspend(cli->store, cli->words[0], on,
                                   reason ? reason : "", &cli->actor,
                                   cli->pool, &error);
    return cli_done(cli, status, error);
}

cli_exit_e cli_cmd_tenant_suspend(cli_t *cli)
{
    return suspend(cli, 1);
}

cli_exit_e cli_cmd_tenant_resume(cli_t *cli)
{
    return suspend(cli, 0);
}

static apr_status_t list_entry(void *baton, const apikey_audit_t *entry)
{
    listing_t *listing = baton;
    apr_pool_t *pool = cleared(listing);
    cli_json_t *json = &listing->json;
    const char *cells[] = {
        cli_time(entry->happened, "-", pool), entry->who, entry->action,
        *entry->id ? entry->id : "-", *entry->tenant ? entry->tenant : "-",
        *entry->reason ? entry->reason : "-", entry->was
    };

    if (listing->table) {
        cli_table_row(listing->table, cells);
        return APR_SUCCESS;
    }
    cli_json_open(json, NULL, '{');
    cli_json_number(json, "number", entry->number);
    cli_json_time(json, "time", entry->happened);
    cli_json_text(json, "who", entry->who);
    cli_json_text(json, "action", entry->action);
    cli_json_text(json, "id", entry->id);
    cli_json_text(json, "tenant", entry->tenant);
    cli_json_text(json, "reason", entry->reason);
    cli_json_text(json, "was", entry->was);
    if (entry->fault) {
        cli_json_text(json, "fault", entry->fault);
    }
    cli_json_close(json, '}');
    return APR_SUCCESS;
}

/* Whether that key's entries are for those who asked; one that is gone tells
 * no keyspace. */
static cli_exit_e may_tell(cli_t *cli, const char *id)
{
    apikey_managed_t *key;
    const char *error = NULL;
    apr_status_t status = id ? apikey_manage_show(cli->store, id,
                                                  cli->actor.keyspace, &key,
                                                  cli->pool, &error)
                             : APR_SUCCESS;

    return status == APR_NOTFOUND ? CLI_DONE : cli_done(cli, status, error);
}

cli_exit_e cli_cmd_audit(cli_t *cli)
{
    static const char *const heads[] = {
        "TIME", "WHO", "ACTION", "ID", "TENANT", "REASON", "WAS", NULL
    };
    listing_t listing;
    const char *error = NULL;
    cli_exit_e code = cli_open(cli, 0);

    if (code != CLI_DONE
        || (code = may_tell(cli, cli->value[CLI_KEY])) != CLI_DONE) {
        return code;
    }
    begin(&listing, cli, heads);
    return end(&listing, apikey_audit_list(cli->store, cli->value[CLI_KEY],
                                           cli->value[CLI_TENANT], list_entry,
                                           &listing, cli->pool, &error),
               error);
}
