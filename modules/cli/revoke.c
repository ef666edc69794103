/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * revoke: by ids, by the key itself, or all of a tenant's; all or none.
 */

#include <apr_hash.h>
#include <apr_strings.h>

#include "list_output.h"

/* The ids of what is to be revoked, and what else was met. */
typedef struct target_t {
    cli_t *cli;
    apr_array_header_t *ids;    /* const char * */
    apr_hash_t *before;         /* ids of those revoked already */
    int elsewhere;              /* of the same holder, in other keyspaces */
    int met;
} target_t;

static void take(target_t *target, const char *id)
{
    int i;

    for (i = 0; i < target->ids->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(target->ids, i, const char *), id) == 0) {
            return;
        }
    }
    APR_ARRAY_PUSH(target->ids, const char *) = apr_pstrdup(target->ids->pool,
                                                            id);
}

static apr_status_t take_living(void *baton, const apikey_key_row_t *key)
{
    target_t *target = baton;

    target->met++;
    if (strcmp(key->record.keyspace, target->cli->actor.keyspace) != 0) {
        target->elsewhere += !key->record.revoked;
    }
    else if (!key->record.revoked) {
        APR_ARRAY_PUSH(target->ids, const char *) =
            apr_pstrdup(target->ids->pool, key->record.id);
    }
    return APR_SUCCESS;
}

/* The keys of a tenant or an owner that are not revoked. */
static cli_exit_e by_holder(target_t *target)
{
    cli_t *cli = target->cli;
    const apikey_filter_t filter = { .tenant = cli->value[CLI_TENANT],
                                     .owner = cli->value[CLI_OWNER] };
    const char *error = NULL;
    apr_status_t status = apikey_keys_list(cli->store, &filter, take_living,
                                           target, cli->pool, &error);

    if (status != APR_SUCCESS) {
        return cli_fail(cli, status, error);
    }
    if (target->elsewhere) {
        cli_say(cli->pool, "%d more that are not revoked are of another "
                "keyspace than \"%s\" and stay as they are; name theirs with "
                "--keyspace", target->elsewhere, cli->actor.keyspace);
    }
    return target->met ? CLI_DONE
                       : cli_fail(cli, APR_NOTFOUND,
                                  apr_psprintf(cli->pool, "there is no key of "
                                               "the %s \"%s\"",
                                               filter.tenant ? "tenant"
                                                             : "owner",
                                               filter.tenant ? filter.tenant
                                               : filter.owner));
}

/* The key that is on standard input. */
static cli_exit_e by_key(target_t *target)
{
    cli_t *cli = target->cli;
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
        take(target, record->id);
        cli->actor.keyspace = record->keyspace;
    }
    return code;
}

/* Those that are revoked already, of which nothing is said as if it were
 * new. */
static cli_exit_e look_before(target_t *target)
{
    cli_t *cli = target->cli;
    apikey_key_row_t *key;
    const char *error = NULL;
    int i;

    for (i = 0; i < target->ids->nelts; i++) {
        const char *id = APR_ARRAY_IDX(target->ids, i, const char *);
        apr_status_t status = apikey_keys_show(cli->store, id,
                                               cli->actor.keyspace, &key,
                                               cli->pool, &error);

        if (status != APR_SUCCESS) {
            return cli_fail(cli, status, error);
        }
        if (key->record.revoked && !apikey_key_row_raw(key, "revoked")) {
            apr_hash_set(target->before, id, APR_HASH_KEY_STRING, id);
        }
    }
    return CLI_DONE;
}

static cli_exit_e tell(const target_t *target, int one)
{
    cli_t *cli = target->cli;
    cli_json_t json = { cli->pool, 0 };
    const char *error = NULL;
    apikey_key_row_t *key;
    apr_pool_t *sub;
    int i;

    apr_pool_create(&sub, cli->pool);
    if (cli->json && !one) {
        cli_json_open(&json, NULL, '[');
    }
    for (i = 0; i < target->ids->nelts; i++) {
        const char *id = APR_ARRAY_IDX(target->ids, i, const char *);
        int before = apr_hash_get(target->before, id, APR_HASH_KEY_STRING)
                     != NULL;
        apr_status_t status;

        apr_pool_clear(sub);
        status = apikey_keys_show(cli->store, id, NULL, &key, sub, &error);
        if (status != APR_SUCCESS) {
            return cli_fail(cli, status, error);
        }
        if (!cli->json) {
            cli_tell_key(cli, key, before ? NULL : "revoked");
            continue;
        }
        cli_json_open(&json, NULL, '{');
        cli_key_json(cli, &json, key);
        cli_json_flag(&json, "changed", !before);
        cli_json_close(&json, '}');
    }
    if (cli->json) {
        if (!one) {
            cli_json_close(&json, ']');
        }
        cli_out("\n");
    }
    else if (!target->ids->nelts) {
        cli_out("Nothing was changed: all of them are revoked already.\n");
    }
    return CLI_DONE;
}

/* What is named, in one way of those that there are. */
static cli_exit_e find(target_t *target)
{
    cli_t *cli = target->cli;
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
        return by_holder(target);
    }
    if (code == CLI_DONE && dash) {
        code = by_key(target);
    }
    for (i = 0; i < words && !dash; i++) {
        take(target, cli->words[i]);
    }
    return code == CLI_DONE ? look_before(target) : code;
}

cli_exit_e cli_cmd_revoke(cli_t *cli)
{
    const char *reason = cli->value[CLI_REASON];
    target_t target = { .cli = cli };
    const char *error = NULL;
    apr_status_t status;
    int changed;
    cli_exit_e code;

    target.ids = apr_array_make(cli->pool, 8, sizeof(char *));
    target.before = apr_hash_make(cli->pool);
    code = find(&target);
    if (code != CLI_DONE) {
        return code;
    }
    status = apikey_keys_revoke_all(cli->store, target.ids,
                                    reason ? reason : "", &cli->actor,
                                    &changed, cli->pool, &error);
    return status == APR_SUCCESS
           ? tell(&target, cli->word_count == 1)
           : cli_fail(cli, status, error);
}
