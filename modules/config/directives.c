/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The functions behind the directives of the server configuration; those
 * about requests and errors are in directives_request.c. */

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_dbd.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "../core/digest_kinds.h"
#include "../core/lifetime.h"
#include "../core/query_text.h"
#include "../core/text.h"
#include "config_check.h"
#include "required_tenant.h"
#include "directives.h"

APLOG_USE_MODULE(apikey);

/* The server's configuration, marked as one that wants keys checked. */
static apikey_server_t *server_conf(cmd_parms *cmd)
{
    apikey_server_t *conf = apikey_server_own(cmd->server, cmd->pool);

    conf->used = 1;
    return conf;
}

const char *apikey_set_secret_file(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                   const char *path)
{
    apikey_server_t *conf = server_conf(cmd);

    conf->secret_file = ap_server_root_relative(cmd->pool, path);
    if (!conf->secret_file) {
        return apr_psprintf(cmd->pool, "ApiKeySecretFile: '%s' is no path: "
                            "give the file that `htapikey secret` filled",
                            path);
    }
    return NULL;
}

const char *apikey_set_keyspace(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                const char *name)
{
    const char *fault = apikey_word_fault(name);

    if (fault) {
        return apr_psprintf(cmd->pool, "ApiKeyKeyspace: '%s' %s: give a word "
                            "such as 'default' or 'customer1'", name, fault);
    }
    server_conf(cmd)->keyspace = name;
    return NULL;
}

const char *apikey_set_tenant(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                              const char *text)
{
    apikey_server_t *conf = server_conf(cmd);
    const char *error = NULL;

    conf->required_tenant_text = text;
    conf->required_tenant = apikey_required_tenant_parse(
        cmd, text, &conf->required_tenant_reads, &error);
    return error ? apr_psprintf(cmd->pool, "ApiKeyTenant: cannot read the "
                                "expression '%s': %s", text, error) : NULL;
}

/* Loading a driver is for the one thread that starts httpd. */
const char *apikey_set_db_driver(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                 const char *name)
{
    const apr_dbd_driver_t *driver;

    apr_dbd_init(cmd->pool);
    if (apr_dbd_get_driver(cmd->pool, name, &driver) != APR_SUCCESS) {
        return apr_psprintf(cmd->pool, "ApiKeyDBDriver: APR has no driver "
                            "'%s' here: write sqlite3, pgsql, mysql or odbc, "
                            "and install it (Debian: libaprutil1-dbd-%s)",
                            name, name);
    }
    server_conf(cmd)->db_driver = name;
    return NULL;
}

const char *apikey_set_db_params(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                 const char *params)
{
    server_conf(cmd)->db_params = params;
    return NULL;
}

/* mod_dbd's directives, of which httpd tells every module that has them in
 * its table: mod_dbd keeps what was written to itself, and which database a
 * server's keys are in must be known before there is a connection.  Ours are
 * inherited as mod_dbd's are. */
static const char *without_dbd(cmd_parms *cmd)
{
    return ap_find_linked_module("mod_dbd.c") ? NULL
           : apr_psprintf(cmd->pool, "%s is a directive of mod_dbd, which is "
                          "not loaded: add 'LoadModule dbd_module' before "
                          "this line", cmd->cmd->name);
}

const char *apikey_set_dbd_driver(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                  const char *name)
{
    apikey_server_own(cmd->server, cmd->pool)->dbd_driver = name;
    return without_dbd(cmd);
}

/* Empty ones are to mod_dbd as if they were not written. */
const char *apikey_set_dbd_params(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                  const char *params)
{
    apikey_server_own(cmd->server, cmd->pool)->dbd_params = *params ? params
                                                                    : NULL;
    return without_dbd(cmd);
}

const char *apikey_set_dbd_init(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                const char *sql)
{
    apikey_server_t *conf = apikey_server_own(cmd->server, cmd->pool);

    conf->dbd_init = conf->dbd_init
                     ? apr_pstrcat(cmd->pool, conf->dbd_init, "\n", sql, NULL)
                     : sql;
    return without_dbd(cmd);
}

/* That it is a number, and large enough for mod_dbd, is mod_dbd's to say. */
const char *apikey_set_dbd_max(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                               const char *number)
{
    int max = atoi(number);

    apikey_server_own(cmd->server, cmd->pool)->dbd_max = max > 0 ? max : 0;
    return without_dbd(cmd);
}

const char *apikey_set_dbd_persist(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                   int on)
{
    apikey_server_own(cmd->server, cmd->pool)->dbd_persist = on;
    return without_dbd(cmd);
}

/* What the database thinks of it is asked later (db/query_check.c). */
static const char *query_fault(cmd_parms *cmd, const char *sql)
{
    const char *fault = apikey_query_fault(sql);

    return fault ? apr_psprintf(cmd->pool, "%s: the query %s",
                                cmd->cmd->name, fault) : NULL;
}

const char *apikey_set_query(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                             const char *sql)
{
    server_conf(cmd)->query = sql;
    return query_fault(cmd, sql);
}

const char *apikey_set_changes_query(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                     const char *sql)
{
    server_conf(cmd)->changes = sql;
    return query_fault(cmd, sql);
}

const char *apikey_set_prefix(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                              int argc, char *const argv[])
{
    const char *fault;

    server_conf(cmd)->prefixes = apikey_prefixes_parse(
        argc, (const char *const *)argv, cmd->pool, &fault);
    return fault ? apr_psprintf(cmd->pool, "ApiKeyPrefix: %s: write it as "
                                "'ak' for ak_..., or with its last character "
                                "where that is no letter or digit, such as "
                                "'glpat-'", fault) : NULL;
}

/* ITERATE: called once a word; formats of an outer section do not add up,
 * since each server starts unset. */
const char *apikey_set_format(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                              const char *name)
{
    apikey_server_t *conf = server_conf(cmd);
    apikey_format_e format = apikey_format_from_name(name);

    if (format == APIKEY_FORMAT_NONE) {
        return apr_psprintf(cmd->pool, "ApiKeyFormat: '%s' is none of "
                            "'base62', 'hex64', 'opaque'", name);
    }
    if (conf->formats == APIKEY_UNSET) {
        conf->formats = 0;
    }
    conf->formats |= format;
    return NULL;
}

const char *apikey_set_digest(cmd_parms *cmd, void *dir APIKEY_UNUSED, int argc,
                              char *const argv[])
{
    apikey_digest_kinds_t *kinds = apr_pcalloc(cmd->pool, sizeof(*kinds));
    int i;

    for (i = 0; i < argc; i++) {
        const char *fault = apikey_digest_kinds_add(kinds, argv[i], cmd->pool);

        if (fault) {
            return apr_psprintf(cmd->pool, "ApiKeyDigest: '%s' %s", argv[i],
                                fault);
        }
    }
    server_conf(cmd)->digests = kinds;
    return argc ? NULL
        : "ApiKeyDigest: write 'hmac-sha256', and behind it how keys that "
          "were imported are digested, such as 'sha256'";
}

/* Which lifetimes keys get is htapikey's business; httpd reads the same file
 * and must not pass over a line that htapikey will refuse. */
const char *apikey_set_lifetime(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                int argc, char *const argv[])
{
    apikey_lifetime_t lifetime;
    const char *fault = argc < 1 ? "wants a lifetime such as 90d, or never"
                        : apikey_lifetime_parse(&lifetime, argc,
                                                (const char *const *)argv);

    if (fault) {
        return apr_pstrcat(cmd->pool, "ApiKeyLifetime: ", fault, NULL);
    }
    server_conf(cmd);
    return NULL;
}

const char *apikey_set_retention(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                 const char *days)
{
    apr_int64_t seconds;
    const char *fault = apikey_retention_parse(&seconds, days);

    if (fault) {
        return apr_pstrcat(cmd->pool, "ApiKeyRetention: ", fault, NULL);
    }
    server_conf(cmd)->retention = seconds;
    return NULL;
}

/* A prefix that begins the name of a header that applications live on would
 * have us remove it from every request. */
static const char *headers_fault(const char *prefix)
{
    static const char *const precious[] = {
        "Accept", "Accept-", "Access-Control-", "Alt-", "Authorization",
        "Cache-Control", "Client-", "Connection", "Content-", "Cookie",
        "Date", "Dnt", "Early-Data", "Expect", "Forwarded", "From", "Host",
        "Http2-", "If-", "Keep-Alive", "Last-Event-Id", "Max-Forwards",
        "Origin", "Pragma", "Priority", "Proxy-", "Range", "Referer", "Sec-",
        "Service-Worker", "Te", "Trailer", "Transfer-Encoding", "Traceparent",
        "Tracestate", "True-Client-", "Upgrade", "Upgrade-Insecure-",
        "User-Agent", "Via", "Warning", "X-Amz-", "X-Api-Key", "X-Auth-",
        "X-B3-", "X-Client-", "X-Correlation-", "X-Csrf-", "X-Forwarded-",
        "X-Goog-", "X-Http-", "X-Hub-", "X-Original-", "X-Real-Ip",
        "X-Request-", "X-Requested-With", "X-Signature-", "X-Xsrf-", NULL
    };
    apr_size_t len = strlen(prefix), i;

    for (i = 0; prefix[i]; i++) {
        if (!apr_isalnum(prefix[i]) && prefix[i] != '-') {
            return "has a character other than letters, digits and '-'";
        }
    }
    if (len < 4 || prefix[len - 1] != '-') {
        return "is not a beginning of header names: write at least three "
               "characters and a final '-'";
    }
    for (i = 0; precious[i]; i++) {
        if (!ap_cstr_casecmpn(prefix, precious[i], len)
            || (precious[i][strlen(precious[i]) - 1] == '-'
                && !ap_cstr_casecmpn(prefix, precious[i],
                                     strlen(precious[i])))) {
            return "would swallow headers that applications need";
        }
    }
    return NULL;
}

const char *apikey_set_headers(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                               const char *what)
{
    apikey_server_t *conf = server_conf(cmd);

    if (!ap_cstr_casecmp(what, "On")) {
        conf->headers = APIKEY_HEADERS_DEFAULT;
    }
    else if (!ap_cstr_casecmp(what, "Off")) {
        conf->headers = "";
    }
    else {
        const char *fault = headers_fault(what);

        if (fault) {
            return apr_psprintf(cmd->pool, "ApiKeyHeaders: '%s' %s (On, Off "
                                "or a prefix such as 'X-Apikey-')", what,
                                fault);
        }
        conf->headers = what;
    }
    return NULL;
}

const char *apikey_set_pass_key(cmd_parms *cmd, void *dir APIKEY_UNUSED, int on)
{
    server_conf(cmd)->pass_key = on;
    return NULL;
}

const char *apikey_set_enforce(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                               const char *word)
{
    apikey_server_t *conf = server_conf(cmd);

    if (!ap_cstr_casecmp(word, "On") || !ap_cstr_casecmp(word, "Log")) {
        conf->enforce = !ap_cstr_casecmp(word, "On");
        return NULL;
    }
    return apr_psprintf(cmd->pool, "ApiKeyEnforce: '%s' is neither On nor Log "
                        "(for a server without keys, write no AuthType "
                        "ApiKey)", word);
}
