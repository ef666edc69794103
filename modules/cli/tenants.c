/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "list_output.h"

static apr_status_t list_scope(void *baton, const char *name,
                               const char *description)
{
    cli_list_output_t *listing = baton;
    const char *cells[] = { name, description };

    cli_list_row_pool(listing);
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
    cli_list_output_t listing;
    const char *error = NULL;
    cli_exit_e code = cli_open(cli, 0);

    if (code != CLI_DONE) {
        return code;
    }
    cli_list_begin(&listing, cli, cli_table_make(heads, cli->pool));
    return cli_list_end(&listing, apikey_scope_list(cli->store, list_scope,
                                                    &listing, cli->pool,
                                                    &error), error);
}

/* What has been done to a scope. */
static cli_exit_e tell_scope(cli_t *cli, const char *description, int changed,
                             const char *sentence)
{
    cli_json_t json = { cli->pool, 0 };

    if (cli->json) {
        cli_json_open(&json, NULL, '{');
        cli_json_text(&json, "name", cli->words[0]);
        if (description) {
            cli_json_text(&json, "description", description);
        }
        cli_json_flag(&json, "listed", description != NULL);
        cli_json_flag(&json, "changed", changed);
        cli_json_close(&json, '}');
        cli_out("\n");
    }
    else {
        cli_out("The scope %s %s.\n", cli_clean(cli->words[0], cli->pool),
                sentence);
    }
    return CLI_DONE;
}

cli_exit_e cli_cmd_scope_add(cli_t *cli)
{
    const char *error = NULL;
    apikey_scope_done_t done;
    apr_status_t status;
    cli_exit_e code = cli_scope(cli, cli->words[0], "htapikey scope add");

    if (code != CLI_DONE || (code = cli_open(cli, 0)) != CLI_DONE) {
        return code;
    }
    status = apikey_scope_add(cli->store, cli->words[0],
                              cli->word_count > 1 ? cli->words[1] : "",
                              &cli->actor, &done, cli->pool, &error);
    return status == APR_SUCCESS
           ? tell_scope(cli, done.description, done.changed, !done.was_there
                        ? "is in the catalogue now; create and set grant what "
                          "the catalogue has" : done.changed
                        ? "is in the catalogue, and has a new description"
                        : "is in the catalogue already; nothing was changed")
           : cli_fail(cli, status, error);
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
    return status == APR_SUCCESS
           ? tell_scope(cli, NULL, 1, "is no longer in the catalogue; keys "
                        "that have it keep it")
           : cli_fail(cli, status, error);
}

static void json_tenant(cli_json_t *json, const apikey_tenant_t *tenant)
{
    cli_json_text(json, "tenant", tenant->tenant);
    cli_json_number(json, "keys", tenant->keys);
    cli_json_time(json, "created", tenant->created);
    cli_json_time(json, "suspended", tenant->suspended);
    cli_json_text(json, "reason", tenant->reason);
    cli_json_meta(json, "meta", tenant->meta);
    if (tenant->fault) {
        cli_json_text(json, "fault", tenant->fault);
    }
}

static apr_status_t list_tenant(void *baton, const apikey_tenant_t *tenant)
{
    cli_list_output_t *listing = baton;
    apr_pool_t *pool = cli_list_row_pool(listing);
    cli_json_t *json = &listing->json;
    const char *cells[] = {
        tenant->tenant, apr_psprintf(pool, "%" APR_INT64_T_FMT, tenant->keys),
        cli_time(tenant->created, "-", pool),
        cli_time(tenant->suspended, "-", pool),
        tenant->fault ? apr_pstrcat(pool, "faulty: ", tenant->fault, NULL)
                      : tenant->reason,
        tenant->meta
    };

    if (listing->table) {
        cli_table_row(listing->table, cells);
    }
    else {
        cli_json_open(json, NULL, '{');
        json_tenant(json, tenant);
        cli_json_close(json, '}');
    }
    return APR_SUCCESS;
}

cli_exit_e cli_cmd_tenant_list(cli_t *cli)
{
    static const char *const heads[] = {
        "TENANT", "KEYS", "CREATED", "SUSPENDED", "REASON", "META", NULL
    };
    cli_list_output_t listing;
    const char *error = NULL;
    cli_exit_e code = cli_open(cli, 0);

    if (code != CLI_DONE) {
        return code;
    }
    cli_list_begin(&listing, cli, cli_table_make(heads, cli->pool));
    return cli_list_end(&listing,
                        apikey_tenant_list(cli->store, list_tenant,
                                           &listing, cli->pool, &error),
                        error);
}

/* How a sentence about a tenant begins. */
static const char *subject(const apikey_tenant_t *tenant, apr_pool_t *pool)
{
    return apr_psprintf(pool, "The tenant %s (%" APR_INT64_T_FMT " key%s)",
                        cli_clean(tenant->tenant, pool), tenant->keys,
                        tenant->keys == 1 ? "" : "s");
}

static void say_suspended(const apikey_tenant_t *tenant, int changed,
                          apr_pool_t *pool)
{
    if (tenant->suspended) {
        cli_out("%s %s %s%s%s%s.\n", subject(tenant, pool),
                changed ? "is suspended from" : "was suspended already,",
                cli_time(tenant->suspended, "-", pool),
                *tenant->reason ? ": " : "",
                cli_clean(tenant->reason, pool),
                changed ? "" : "; nothing was changed");
    }
    else {
        cli_out("%s %s.\n", subject(tenant, pool), changed
                ? "has API access again"
                : "was not suspended; nothing was changed");
    }
}

static void say_meta(const apikey_tenant_t *tenant, int changed,
                     apr_pool_t *pool)
{
    cli_out("%s %s%s%s.\n", subject(tenant, pool),
            *tenant->meta ? "has meta " : "has no meta",
            cli_clean(tenant->meta, pool),
            changed ? " now" : ", as before; nothing was changed");
}

/* What has been done to a tenant, for people or for programs. */
static cli_exit_e told(cli_t *cli, apr_status_t status, int changed,
                       void (*say)(const apikey_tenant_t *tenant, int changed,
                                   apr_pool_t *pool), const char *error)
{
    apikey_tenant_t *tenant = NULL;
    cli_json_t json = { cli->pool, 0 };

    if (status == APR_SUCCESS) {
        status = apikey_tenant_show(cli->store, cli->words[0], &tenant,
                                    cli->pool, &error);
    }
    if (tenant && cli->json) {
        cli_json_open(&json, NULL, '{');
        json_tenant(&json, tenant);
        cli_json_flag(&json, "changed", changed);
        cli_json_close(&json, '}');
        cli_out("\n");
    }
    else if (tenant) {
        say(tenant, changed, cli->pool);
    }
    return cli_done(cli, status, error);
}

static cli_exit_e suspend(cli_t *cli, int on)
{
    const char *reason = cli->value[CLI_REASON];
    const char *error = NULL;
    apr_status_t status;
    int changed;
    cli_exit_e code = cli_open(cli, 0);

    if (code != CLI_DONE) {
        return code;
    }
    status = apikey_tenant_suspend(cli->store, cli->words[0], on,
                                   reason ? reason : "", &cli->actor,
                                   &changed, cli->pool, &error);
    return told(cli, status, changed, say_suspended, error);
}

cli_exit_e cli_cmd_tenant_suspend(cli_t *cli)
{
    return suspend(cli, 1);
}

cli_exit_e cli_cmd_tenant_resume(cli_t *cli)
{
    return suspend(cli, 0);
}

cli_exit_e cli_cmd_tenant_set(cli_t *cli)
{
    const char *error = NULL;
    const char *meta;
    apr_status_t status;
    int changed;
    cli_exit_e code = cli_meta(cli, &meta);

    if (code != CLI_DONE || (code = cli_open(cli, 0)) != CLI_DONE) {
        return code;
    }
    status = apikey_tenant_set(cli->store, cli->words[0], meta, &cli->actor,
                               &changed, cli->pool, &error);
    return told(cli, status, changed, say_meta, error);
}
