/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * revoke: keys named by their ids, a key on standard input, or all keys of a
 * tenant or an owner.  All of them are revoked in one transaction, or none.
 */

#include <apr_hash.h>
#include <apr_strings.h>

#include "commands.h"

typedef struct revocation_t {
    cli_t *cli;
    apr_array_header_t *ids;    /* const char *, each once */
    apr_hash_t *before;         /* ids of those that are revoked already */
    int elsewhere;              /* keys of the same tenant or owner that are
                                 * not revoked, in other keyspaces */
    int seen;                   /* all keys of the tenant or owner */
} revocation_t;

static void add_id(revocation_t *revocation, const char *id)
{
    apr_array_header_t *ids = revocation->ids;
    int i;

    for (i = 0; i < ids->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(ids, i, const char *), id) == 0) {
            return;
        }
    }
    APR_ARRAY_PUSH(ids, const char *) = apr_pstrdup(ids->pool, id);
}

static apr_status_t add_if_alive(void *baton, const apikey_key_row_t *key)
{
    revocation_t *revocation = baton;

    revocation->seen++;
    if (strcmp(key->record.keyspace, revocation->cli->actor.keyspace) != 0) {
        revocation->elsewhere += !key->record.revoked;
    }
    else if (!key->record.revoked) {
        APR_ARRAY_PUSH(revocation->ids, const char *) =
            apr_pstrdup(revocation->ids->pool, key->record.id);
    }
    return APR_SUCCESS;
}

/* Adds the keys of --tenant or --owner that are not revoked. */
static cli_exit_e add_all_of(revocation_t *revocation)
{
    cli_t *cli = revocation->cli;
    const apikey_filter_t filter = { .tenant = cli->value[CLI_TENANT],
                                     .owner = cli->value[CLI_OWNER] };
    const char *error = NULL;
    apr_status_t status = apikey_keys_list(cli->store, &filter, add_if_alive,
                                           revocation, cli->pool, &error);

    if (status != APR_SUCCESS) {
        return cli_fail(cli, status, error);
    }
    if (revocation->elsewhere) {
        cli_say(cli->pool, "%d more that are not revoked are of another "
                "keyspace than \"%s\" and stay as they are; name theirs with "
                "--keyspace", revocation->elsewhere, cli->actor.keyspace);
    }
    if (!revocation->seen) {
        return cli_fail(cli, APR_NOTFOUND,
                        apr_psprintf(cli->pool, "there is no key of the %s "
                                     "\"%s\"",
                                     filter.tenant ? "tenant" : "owner",
                                     filter.tenant ? filter.tenant
                                                   : filter.owner));
    }
    return CLI_DONE;
}

/* Adds the key on standard input, of whatever keyspace. */
static cli_exit_e add_key_on_stdin(revocation_t *revocation)
{
    cli_t *cli = revocation->cli;
    apikey_record_t *record = NULL;
    cli_presented_t given;
    apikey_policy_t any = cli_policy_any(cli);
    cli_exit_e code = cli_read_presented(cli, &given);

    if (code == CLI_DONE) {
        code = cli_find_presented(cli, &given, &any, &record);
    }
    apikey_wipe(&given, sizeof(given));
    if (code == CLI_DONE && !record) {
        return cli_fail(cli, APR_NOTFOUND, "the database has no key like the "
                        "one on standard input");
    }
    if (code == CLI_DONE) {
        add_id(revocation, record->id);
        cli->actor.keyspace = record->keyspace;
    }
    return code;
}

/* Notes which keys are revoked already: they are reported as unchanged. */
static cli_exit_e find_revoked(revocation_t *revocation)
{
    apikey_key_row_t *key;
    int i;

    for (i = 0; i < revocation->ids->nelts; i++) {
        const char *id = APR_ARRAY_IDX(revocation->ids, i, const char *);
        cli_exit_e code = cli_get_key(revocation->cli, id, &key);

        if (code != CLI_DONE) {
            return code;
        }
        if (key->record.revoked && !apikey_key_row_raw(key, "revoked")) {
            apr_hash_set(revocation->before, id, APR_HASH_KEY_STRING, id);
        }
    }
    return CLI_DONE;
}

/* Writes what each key is now: with --json an object where one argument was
 * given, else an array. */
static cli_exit_e report_revoked(const revocation_t *revocation, int one)
{
    cli_t *cli = revocation->cli;
    cli_json_t json = { .pool = cli->pool };
    const char *error = NULL;
    apikey_key_row_t *key;
    apr_pool_t *sub;
    int i;

    apr_pool_create(&sub, cli->pool);
    if (cli->json && !one) {
        cli_json_open(&json, NULL, '[');
    }
    for (i = 0; i < revocation->ids->nelts; i++) {
        const char *id = APR_ARRAY_IDX(revocation->ids, i, const char *);
        int before = apr_hash_get(revocation->before, id, APR_HASH_KEY_STRING)
                     != NULL;
        apr_status_t status;

        apr_pool_clear(sub);
        status = apikey_keys_show(cli->store, id, NULL, &key, sub, &error);
        if (status != APR_SUCCESS) {
            return cli_fail(cli, status, error);
        }
        cli_report_key(cli, &json, key, before ? NULL : "revoked");
    }
    if (cli->json && !one) {
        cli_json_close(&json, ']');
    }
    else if (!cli->json && !revocation->ids->nelts) {
        cli_out("Nothing was changed: all of them are revoked already.\n");
    }
    return CLI_DONE;
}

/* Opens the database and collects the keys, in one of the ways. */
static cli_exit_e collect_ids(revocation_t *revocation)
{
    cli_t *cli = revocation->cli;
    int words = cli->word_count, i;
    int dash = words && strcmp(cli->words[0], "-") == 0;
    cli_exit_e code;

    for (i = 1; i < words; i++) {
        dash |= strcmp(cli->words[i], "-") == 0;
    }
    if ((words != 0) + (cli->value[CLI_TENANT] != NULL)
        + (cli->value[CLI_OWNER] != NULL) != 1 || (dash && words > 1)) {
        return cli_usage(cli, "revoke wants IDs, or - alone, or --tenant, or "
                         "--owner");
    }
    code = cli_open(cli, dash);
    if (code == CLI_DONE && !words) {
        return add_all_of(revocation);
    }
    if (code == CLI_DONE && dash) {
        code = add_key_on_stdin(revocation);
    }
    for (i = 0; i < words && !dash; i++) {
        add_id(revocation, cli->words[i]);
    }
    return code == CLI_DONE ? find_revoked(revocation) : code;
}

cli_exit_e cli_cmd_revoke(cli_t *cli)
{
    const char *reason = cli->value[CLI_REASON];
    revocation_t revocation = { .cli = cli };
    const char *error = NULL;
    apr_status_t status;
    int changed;
    cli_exit_e code;

    revocation.ids = apr_array_make(cli->pool, 8, sizeof(char *));
    revocation.before = apr_hash_make(cli->pool);
    code = collect_ids(&revocation);
    if (code != CLI_DONE) {
        return code;
    }
    status = apikey_keys_revoke_all(cli->store, revocation.ids,
                                    reason ? reason : "", &cli->actor,
                                    &changed, cli->pool, &error);
    return status == APR_SUCCESS
           ? report_revoked(&revocation, cli->word_count == 1)
           : cli_fail(cli, status, error);
}
