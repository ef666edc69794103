/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * tenant list, suspend, resume and set.
 */

#include <apr_strings.h>

#include "commands.h"
#include "list_output.h"

/* The members of a tenant's JSON object. */
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
        cli_json_open(&listing->json, NULL, '{');
        json_tenant(&listing->json, tenant);
        cli_json_close(&listing->json, '}');
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
    apr_status_t status;

    cli_list_begin(&listing, cli, heads);
    status = apikey_tenant_list(cli->store, list_tenant, &listing, cli->pool,
                                &error);
    return cli_list_end(&listing, status, error);
}

/* "The tenant acme (2 keys)": how a sentence about a tenant begins. */
static const char *tenant_subject(const apikey_tenant_t *tenant,
                                  apr_pool_t *pool)
{
    return apr_psprintf(pool, "The tenant %s (%" APR_INT64_T_FMT " key%s)",
                        cli_clean(tenant->tenant, pool), tenant->keys,
                        tenant->keys == 1 ? "" : "s");
}

static void write_suspended(const apikey_tenant_t *tenant, int changed,
                            apr_pool_t *pool)
{
    if (tenant->suspended) {
        cli_out("%s %s %s%s%s%s.\n", tenant_subject(tenant, pool),
                changed ? "is suspended from" : "was suspended already,",
                cli_time(tenant->suspended, "-", pool),
                *tenant->reason ? ": " : "",
                cli_clean(tenant->reason, pool),
                changed ? "" : "; nothing was changed");
    }
    else {
        cli_out("%s %s.\n", tenant_subject(tenant, pool), changed
                ? "has API access again"
                : "was not suspended; nothing was changed");
    }
}

static void write_tenant_meta(const apikey_tenant_t *tenant, int changed,
                              apr_pool_t *pool)
{
    cli_out("%s %s%s%s.\n", tenant_subject(tenant, pool),
            *tenant->meta ? "has meta " : "has no meta",
            cli_clean(tenant->meta, pool),
            changed ? " now" : ", as before; nothing was changed");
}

/* Writes what the tenant is after a change, or why the change failed.
 * @param sentence writes it for people */
static cli_exit_e report_tenant(cli_t *cli, apr_status_t status, int changed,
                                void (*sentence)(const apikey_tenant_t *tenant,
                                                 int changed,
                                                 apr_pool_t *pool),
                                const char *error)
{
    apikey_tenant_t *tenant = NULL;
    cli_json_t json = { .pool = cli->pool };

    if (status == APR_SUCCESS) {
        status = apikey_tenant_show(cli->store, cli->words[0], &tenant,
                                    cli->pool, &error);
    }
    if (tenant && cli->json) {
        cli_json_open(&json, NULL, '{');
        json_tenant(&json, tenant);
        cli_json_flag(&json, "changed", changed);
        cli_json_close(&json, '}');
    }
    else if (tenant) {
        sentence(tenant, changed, cli->pool);
    }
    return cli_done(cli, status, error);
}

static cli_exit_e set_suspended(cli_t *cli, int suspended)
{
    const char *reason = cli->value[CLI_REASON];
    const char *error = NULL;
    int changed;
    apr_status_t status = apikey_tenant_suspend(
        cli->store, cli->words[0], suspended, reason ? reason : "",
        &cli->actor, &changed, cli->pool, &error);

    return report_tenant(cli, status, changed, write_suspended, error);
}

cli_exit_e cli_cmd_tenant_suspend(cli_t *cli)
{
    return set_suspended(cli, 1);
}

cli_exit_e cli_cmd_tenant_resume(cli_t *cli)
{
    return set_suspended(cli, 0);
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
    return report_tenant(cli, status, changed, write_tenant_meta, error);
}
