/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * create and rotate: the two commands that make a key and show it.
 */

#include <stdio.h>
#include <unistd.h>

#include <apr_strings.h>

#include "../core/text.h"
#include "../core/time_text.h"
#include "commands.h"

/* --expires; else the default of ApiKeyLifetime. */
static cli_exit_e choose_expiry(cli_t *cli, apr_int64_t *expires)
{
    const apikey_lifetime_t *lifetime = &cli->conf.lifetime;
    apr_int64_t now = cli->actor.now;
    const char *fault;

    *expires = lifetime->usual ? now + lifetime->usual : APIKEY_NEVER;
    if (cli->value[CLI_EXPIRES]
        && apikey_expiry_parse(expires, cli->value[CLI_EXPIRES], now)
           != APR_SUCCESS) {
        return cli_usage(cli, "--expires wants " APIKEY_EXPIRY_FORMS);
    }
    fault = apikey_lifetime_fault(lifetime, now, *expires, now, cli->pool);
    return fault ? cli_fail(cli, APIKEY_EREFUSED, fault) : CLI_DONE;
}

/* --prefix; else the first of ApiKeyPrefix; else the built-in one. */
static cli_exit_e choose_prefix(cli_t *cli, const char **prefix)
{
    const cli_conf_t *conf = &cli->conf;
    const char *fault;

    *prefix = cli->value[CLI_PREFIX] ? cli->value[CLI_PREFIX]
            : conf->prefix ? conf->prefix : APIKEY_PREFIX_DEFAULT;
    fault = apikey_prefix_fault(*prefix);
    if (fault) {
        return cli_fail(cli, APIKEY_EREFUSED,
                        apr_psprintf(cli->pool, "the prefix %s", fault));
    }
    if (conf->prefixes && !apikey_prefixes_have(conf->prefixes, *prefix)) {
        return cli_fail(cli, APIKEY_EREFUSED,
                        apr_psprintf(cli->pool, "the server would refuse a "
                                     "key with the prefix \"%s\": "
                                     "ApiKeyPrefix is \"%s\"", *prefix,
                                     conf->prefix_words));
    }
    return CLI_DONE;
}

/* Keys that are made here are stored by their HMAC-SHA256.  Where ApiKeyDigest
 * does not name that, the server would not find them, so none is made. */
static cli_exit_e check_digest_kind(cli_t *cli)
{
    return cli->conf.digests.digests & APIKEY_DIGEST_HMAC ? CLI_DONE
        : cli_fail(cli, APIKEY_EREFUSED, "the server would look for no key "
                   "that is made here: ApiKeyDigest does not name "
                   "hmac-sha256");
}

/* --format; else the first of ApiKeyFormat. */
static cli_exit_e choose_format(cli_t *cli, apikey_format_e *format)
{
    const char *name = cli->value[CLI_FORMAT];

    *format = name ? apikey_format_from_name(name) : cli->conf.first_format;
    if (*format == APIKEY_FORMAT_NONE) {
        return cli_usage(cli, "--format wants base62 or hex64");
    }
    if (*format == APIKEY_FORMAT_OPAQUE) {
        return cli_fail(cli, APIKEY_EREFUSED, "opaque keys can only be "
                        "imported; choose --format base62 or hex64");
    }
    if (!(cli->conf.formats & *format)) {
        return cli_fail(cli, APIKEY_EREFUSED,
                        apr_psprintf(cli->pool, "the server would refuse a "
                                     "%s key: ApiKeyFormat does not name it",
                                     apikey_format_name(*format)));
    }
    return CLI_DONE;
}

/* Writes the key and what to know about it.  Only its digest is stored, so it
 * cannot be shown again. */
static void write_new_key(cli_t *cli, const apikey_fresh_t *fresh,
                          const apikey_key_row_t *key)
{
    const apikey_record_t *record = &key->record;
    cli_json_t json = { .pool = cli->pool };

    if (cli->json) {
        cli_json_open(&json, NULL, '{');
        /* Written as it is: a key has no character that JSON escapes, and
         * cli_json_text() would leave a copy of it in memory. */
        cli_out("\"key\":\"%s\"", fresh->key);
        json.more = 1;
        cli_key_json(cli, &json, key);
        cli_json_close(&json, '}');
        return;
    }
    if (cli->value[CLI_QUIET]) {
        cli_out("%s\n", fresh->key);
        return;
    }
    cli_out("%-10s  %s\n", "key", fresh->key);
    cli_field("id", record->id, cli->pool);
    cli_field("tenant", record->tenant, cli->pool);
    cli_field("name", record->name, cli->pool);
    cli_field("scopes", *record->scopes ? record->scopes : "-", cli->pool);
    cli_field("expires", cli_time(record->expires, "never", cli->pool),
              cli->pool);
    cli_out("\nThe key is shown this once and is not stored. To use it:\n"
            "  curl -H 'X-API-Key: %s' http://localhost/\n", fresh->key);
}

/* Shows a key that is in the database already, and wipes it.  Where standard
 * output cannot be written the key has not been seen, and is revoked: it must
 * not stay valid. */
static cli_exit_e show_once(cli_t *cli, apikey_fresh_t *fresh,
                            const apikey_key_row_t *key)
{
    const char *error = NULL;
    apr_status_t status;

    write_new_key(cli, fresh, key);
    apikey_wipe(fresh->key, strlen(fresh->key));
    if (!cli_out_end()) {
        return CLI_DONE;
    }
    status = apikey_keys_revoke(cli->store, key->record.id,
                                "it could not be shown", &cli->actor,
                                cli->pool, &error);
    cli_say(cli->pool, "standard output could not be written, so the key %s "
            "was not shown: %s%s", key->record.id,
            status == APR_SUCCESS ? "it has been revoked again"
            : "revoke it, which failed: ",
            status == APR_SUCCESS ? "" : error);
    return CLI_REFUSED;
}

/* A tenant comes into being with its first key.  At a terminal a new name is
 * asked about first, since it may be mistyped. */
static cli_exit_e confirm_new_tenant(cli_t *cli, const char *tenant)
{
    char answer[8] = "";

    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        return CLI_DONE;
    }
    fprintf(stderr, "There is no tenant \"%s\" yet.  Make it? [y/N] ",
            cli_clean(tenant, cli->pool));
    fflush(stderr);
    if (fgets(answer, sizeof(answer), stdin)
        && (*answer == 'y' || *answer == 'Y')) {
        return CLI_DONE;
    }
    return cli_fail(cli, APIKEY_EREFUSED, "no key was made; `htapikey tenant "
                    "list` shows which tenants there are");
}

static cli_exit_e check_named_tenant(cli_t *cli, const char *name, int *is_new)
{
    const char *error = NULL;
    apikey_tenant_t *tenant;
    apr_status_t status = apikey_tenant_show(cli->store, name, &tenant,
                                             cli->pool, &error);

    *is_new = status == APR_SUCCESS && !tenant;
    return *is_new && !apikey_name_fault(name)
           ? confirm_new_tenant(cli, name) : cli_done(cli, status, error);
}

cli_exit_e cli_cmd_create(cli_t *cli)
{
    apikey_key_row_t key = { .prefix = NULL };
    apikey_record_t *record = &key.record;
    apikey_fresh_t fresh = { 0 };
    apikey_format_e format = APIKEY_FORMAT_NONE;
    const char *error = NULL;
    apr_status_t status;
    int is_new = 0;
    cli_exit_e code = check_digest_kind(cli);

    record->tenant = cli->value[CLI_TENANT];
    record->name = cli->value[CLI_NAME];
    if (code != CLI_DONE
        || (code = choose_format(cli, &format)) != CLI_DONE
        || (code = choose_prefix(cli, &key.prefix)) != CLI_DONE
        || (code = choose_expiry(cli, &record->expires)) != CLI_DONE
        || (code = cli_scopes(cli, CLI_SCOPE, &record->scopes)) != CLI_DONE
        || (code = cli_details(cli, &key.owner, &key.networks, &key.meta))
               != CLI_DONE
        || (code = check_named_tenant(cli, record->tenant, &is_new))
               != CLI_DONE) {
        return code;
    }
    record->scopes = record->scopes ? record->scopes : "";
    record->format = apikey_format_name(format);
    record->env = cli->value[CLI_ENV] ? cli->value[CLI_ENV] : "live";
    record->keyspace = cli->actor.keyspace;
    if (apikey_key_make(&fresh, format, key.prefix, cli->secrets, cli->pool)
        != APR_SUCCESS) {
        return cli_fail(cli, APIKEY_EREFUSED, "the system gave no random "
                        "bytes or OpenSSL failed; no key was made");
    }
    status = apikey_keys_create(cli->store, &key, &fresh, &cli->actor,
                                cli->pool, &error);
    if (status != APR_SUCCESS) {
        apikey_wipe(fresh.key, strlen(fresh.key));
        return cli_fail(cli, status, error);
    }
    if (is_new) {
        cli_say(cli->pool, "the tenant \"%s\" is new", record->tenant);
    }
    return show_once(cli, &fresh, &key);
}

cli_exit_e cli_cmd_rotate(cli_t *cli)
{
    apikey_rotation_t rotation = { 0 };
    apikey_policy_t policy;
    const char *overlap = cli->value[CLI_OVERLAP];
    const char *error = NULL;
    apr_status_t status;
    cli_exit_e code;

    if (apikey_duration_parse(&rotation.overlap, overlap ? overlap : "24h")
        != APR_SUCCESS) {
        return cli_usage(cli, "--overlap wants a time such as 24h or 7d");
    }
    code = cli_open(cli, 1);
    if (code != CLI_DONE || (code = check_digest_kind(cli)) != CLI_DONE) {
        return code;
    }
    policy = cli_policy(cli);
    rotation.secrets = cli->secrets;
    rotation.policy = &policy;
    rotation.longest = cli->conf.lifetime.max;
    status = apikey_keys_rotate(cli->store, cli->words[0], &rotation,
                                &cli->actor, cli->pool, &error);
    if (status != APR_SUCCESS) {
        return cli_fail(cli, status, error);
    }
    if (!cli->json && !cli->value[CLI_QUIET]) {
        cli_out("The key %s ends %s; this one takes its place.\n\n",
                cli->words[0], apikey_time_format(rotation.old_expires,
                                                  cli->pool));
    }
    return show_once(cli, &rotation.fresh, &rotation.key);
}
