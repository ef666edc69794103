/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <apr_strings.h>
#include <apr_user.h>

#include "../core/text.h"
#include "../core/result.h"
#include "../store/prune.h"
#include "../store/schema.h"
#include "commands.h"

/* So long a command goes on for what is old, when it has done its own; the
 * next one continues. */
#define PRUNING apr_time_from_sec(1)

/* Who works here: behind sudo, the person and not root. */
void cli_actor(cli_t *cli)
{
    const char *sudo = geteuid() == 0 ? getenv("SUDO_USER") : NULL;
    char *name = NULL;
    apr_uid_t uid;
    apr_gid_t gid;

    cli->actor.now = apr_time_sec(apr_time_now());
    if (sudo && !apikey_text_fault(sudo)) {
        cli->actor.who = sudo;
    }
    else if (apr_uid_current(&uid, &gid, cli->pool) == APR_SUCCESS
             && apr_uid_name_get(&name, uid, cli->pool) == APR_SUCCESS
             && !apikey_text_fault(name)) {
        cli->actor.who = name;
    }
    else {
        cli->actor.who = apr_psprintf(cli->pool, "uid %lu",
                                      (unsigned long)geteuid());
    }
}

cli_exit_e cli_fail(cli_t *cli, apr_status_t status, const char *error)
{
    const char *holder = status == APIKEY_ELOCKED ? cli_sqlite_lock_owner(cli)
                                                  : NULL;

    cli_say(cli->pool, "%s%s%s", error ? error : "it failed for no reason "
            "known", holder ? "; now it is held by " : "",
            holder ? holder : "");
    if (status == APR_NOTFOUND || status == APIKEY_EREFUSED) {
        return CLI_REFUSED;
    }
    return status == APR_EINVAL ? CLI_USAGE : CLI_DATABASE;
}

cli_exit_e cli_done(cli_t *cli, apr_status_t status, const char *error)
{
    return status == APR_SUCCESS ? CLI_DONE : cli_fail(cli, status, error);
}

cli_exit_e cli_usage(cli_t *cli, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    cli_say(cli->pool, "%s; `htapikey help` tells more",
            apr_pvsprintf(cli->pool, format, args));
    va_end(args);
    return CLI_USAGE;
}

cli_exit_e cli_read_conf(cli_t *cli)
{
    const char *error = NULL;
    const char *params;

    if (!cli->conf_path || !*cli->conf_path) {
        return cli_usage(cli, "which database? Name the file with DBDriver, "
                         "DBDParams and the ApiKey directives: "
                         "htapikey -f CONF, or set APIKEY_CONF");
    }
    if (cli_conf_read(&cli->conf, cli->conf_path, cli->pool, &error)
        != APR_SUCCESS) {
        return cli_fail(cli, APR_EINVAL, error);
    }
    if (cli->conf.own_driver || cli->conf.own_params) {
        /* As httpd has it: connections of our own take precedence, and half
         * of them is no other database. */
        cli->conf.driver = cli->conf.own_driver;
        cli->conf.params = cli->conf.own_params;
    }
    if (!cli->conf.driver || !cli->conf.params) {
        return cli_fail(cli, APR_EINVAL,
                        apr_psprintf(cli->pool, "%s has no %s; write both "
                                     "DBDriver and DBDParams in it (or "
                                     "ApiKeyDBDriver and ApiKeyDBDParams)",
                                     cli->conf_path, cli->conf.driver
                                     ? "DBDParams" : "DBDriver"));
    }
    cli->actor.keyspace = cli->value[CLI_KEYSPACE] ? cli->value[CLI_KEYSPACE]
                                                   : cli->conf.keyspace;
    params = cli->conf.params;
    if (strcmp(cli->conf.driver, "sqlite3") == 0
        && (strncmp(params, "file:", 5) == 0 ? params[5] : *params) != '/') {
        cli_say(cli->pool, "%s: the path in DBDParams does not begin with "
                "'/', so httpd may use another database than this one",
                cli->conf_path);
    }
    return CLI_DONE;
}

cli_exit_e cli_open(cli_t *cli, int secrets)
{
    const char *error = NULL;
    apr_status_t status;
    cli_exit_e code = cli_read_conf(cli);

    if (code != CLI_DONE) {
        return code;
    }
    if (secrets && !cli->conf.secret_file) {
        return cli_fail(cli, APR_EINVAL,
                        apr_psprintf(cli->pool, "%s has no ApiKeySecretFile",
                                     cli->conf_path));
    }
    if (secrets
        && apikey_secrets_load(&cli->secrets, cli->conf.secret_file, cli->pool,
                               &error)
               != APR_SUCCESS) {
        return cli_fail(cli, APR_EINVAL, error);
    }
    status = apikey_store_open(&cli->store, cli->conf.driver,
                               cli->conf.params, cli->pool, &error);
    if (status == APR_SUCCESS) {
        status = apikey_schema_check(cli->store, cli->pool, &error);
    }
    return status == APR_SUCCESS ? cli_refuse_keys(cli)
                                 : cli_fail(cli, status, error);
}

void cli_prune(cli_t *cli)
{
    const char *error = NULL;
    apikey_prune_t prune = { .before = cli->actor.now - cli->conf.retention,
                             .audit = 1, .budget = PRUNING };

    if (cli->command && cli->command->changes && cli->store
        && apikey_store_prune(cli->store, &prune, cli->pool, &error)
           != APR_SUCCESS) {
        cli_say(cli->pool, "done; but rows that are older than "
                "ApiKeyRetention could not be removed: %s", error);
    }
}

const char *cli_state(cli_t *cli, const apikey_key_row_t *key)
{
    return apikey_key_row_state(key, cli->actor.now, cli->pool);
}

const char *cli_key_time(const apikey_key_row_t *key, const char *column,
                         apr_int64_t epoch, const char *none,
                         apr_pool_t *pool)
{
    const char *raw = apikey_key_row_raw(key, column);

    return raw ? raw : cli_time(epoch, none, pool);
}

const char *cli_key_fault(const apikey_key_row_t *key, apr_pool_t *pool)
{
    const char *fault = apikey_record_fault(&key->record, pool);

    return fault ? fault : key->odd;
}

/* A time, or what stands in its place. */
static void json_time(cli_json_t *json, const apikey_key_row_t *key,
                      const char *column, apr_int64_t epoch)
{
    const char *raw = apikey_key_row_raw(key, column);

    if (raw) {
        cli_json_text(json, column, raw);
    }
    else {
        cli_json_time(json, column, epoch);
    }
}

void cli_key_json(cli_t *cli, cli_json_t *json, const apikey_key_row_t *key)
{
    const apikey_record_t *record = &key->record;
    const char *fault = cli_key_fault(key, cli->pool);

    cli_json_text(json, "id", record->id);
    cli_json_text(json, "tenant", record->tenant);
    cli_json_text(json, "name", record->name);
    cli_json_text(json, "hint", record->hint);
    cli_json_words(json, "scopes", record->scopes);
    cli_json_text(json, "env", record->env);
    cli_json_text(json, "keyspace", record->keyspace);
    cli_json_text(json, "format", record->format);
    cli_json_text(json, "prefix", key->prefix);
    cli_json_text(json, "secret", record->secret_id);
    cli_json_text(json, "created_by", record->creator);
    json_time(json, key, "created", record->created);
    json_time(json, key, "expires", record->expires);
    json_time(json, key, "last_used", record->last_used);
    cli_json_number(json, "uses", record->use_count);
    json_time(json, key, "revoked", record->revoked);
    cli_json_text(json, "reason", key->reason);
    json_time(json, key, "disabled", record->disabled);
    json_time(json, key, "suspended", record->suspended);
    json_time(json, key, "exposed", key->exposed);
    cli_json_text(json, "root", key->root);
    cli_json_text(json, "rotated_from", key->rotated_from);
    cli_json_text(json, "owner", key->owner);
    cli_json_networks(json, "networks", key->networks);
    cli_json_meta(json, "meta", key->meta);
    cli_json_text(json, "state", cli_state(cli, key));
    if (fault) {
        cli_json_text(json, "fault", fault);
    }
}

int cli_has_secret(const apikey_secrets_t *secrets, const char *id)
{
    int i;

    for (i = 0; secrets && i < apikey_secrets_count(secrets); i++) {
        if (strcmp(apikey_secrets_id(secrets, i), id) == 0) {
            return 1;
        }
    }
    return 0;
}
