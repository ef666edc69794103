/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The directives of a server: secrets, keys, databases, caches, headers.  Those
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
#include "required_tenant.h"
#include "directives.h"

APLOG_USE_MODULE(apikey);

/* The server's own configuration, marked as one with an ApiKey directive. */
static apikey_server_t *used_server_conf(cmd_parms *cmd)
{
    apikey_server_t *conf = apikey_server_own(cmd->server, cmd->pool);

    conf->used = 1;
    return conf;
}

const char *apikey_set_secret_file(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                   const char *path)
{
    apikey_server_t *conf = used_server_conf(cmd);

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
    used_server_conf(cmd)->keyspace = name;
    return NULL;
}

const char *apikey_set_tenant(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                              const char *text)
{
    apikey_server_t *conf = used_server_conf(cmd);
    const char *error = NULL;

    conf->required_tenant_text = text;
    conf->required_tenant = apikey_required_tenant_parse(
        cmd, text, &conf->required_tenant_reads, &error);
    return error ? apr_psprintf(cmd->pool, "ApiKeyTenant: cannot read the "
                                "expression '%s': %s", text, error) : NULL;
}

/* Loads the driver: at start-up only, in one thread. */
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
    used_server_conf(cmd)->db_driver = name;
    return NULL;
}

const char *apikey_set_db_params(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                 const char *params)
{
    used_server_conf(cmd)->db_params = params;
    return NULL;
}

/* mod_dbd's directives are in our table, too: httpd calls every module that
 * has a directive in its table.  mod_dbd gives no access to what was written,
 * and the database of a server must be known before there is a connection.
 * The fields are inherited as mod_dbd's are. */
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

/* mod_dbd treats "" as not written. */
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

/* mod_dbd refuses what is no number or is too small. */
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

/* Checks the text alone; db/query_check.c has the database prepare it. */
static const char *query_fault(cmd_parms *cmd, const char *sql)
{
    const char *fault = apikey_query_fault(sql);

    return fault ? apr_psprintf(cmd->pool, "%s: the query %s",
                                cmd->cmd->name, fault) : NULL;
}

const char *apikey_set_query(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                             const char *sql)
{
    used_server_conf(cmd)->query = sql;
    return query_fault(cmd, sql);
}

const char *apikey_set_changes_query(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                     const char *sql)
{
    used_server_conf(cmd)->changes = sql;
    return query_fault(cmd, sql);
}

const char *apikey_set_prefix(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                              int argc, char *const argv[])
{
    const char *fault;

    used_server_conf(cmd)->prefixes = apikey_prefixes_parse(
        argc, (const char *const *)argv, cmd->pool, &fault);
    return fault ? apr_psprintf(cmd->pool, "ApiKeyPrefix: %s: write it as "
                                "'ak' for ak_..., or with its last character "
                                "where that is no letter or digit, such as "
                                "'glpat-'", fault) : NULL;
}

/* ITERATE: called once per word, and the words of a server add up. */
const char *apikey_set_format(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                              const char *name)
{
    apikey_server_t *conf = used_server_conf(cmd);
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
    used_server_conf(cmd)->digests = kinds;
    return argc ? NULL
        : "ApiKeyDigest: write 'hmac-sha256', and after it how keys that "
          "were imported are digested, such as 'sha256'";
}

/* Reads a whole number within bounds; a sentence where it is none. */
static const char *number_fault(cmd_parms *cmd, int *number, const char *text,
                                int least, int most, const char *unit)
{
    char *rest;
    apr_int64_t value = apr_strtoi64(text, &rest, 10);

    if (*rest || rest == text || value < least || value > most) {
        return apr_psprintf(cmd->pool, "%s: '%s' is not a whole number from "
                            "%d to %d: give %s", cmd->cmd->name, text, least,
                            most, unit);
    }
    *number = (int)value;
    return NULL;
}

const char *apikey_set_cache(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                             const char *spec)
{
    used_server_conf(cmd)->cache = ap_cstr_casecmp(spec, "off") ? spec : "";
    return NULL;
}

const char *apikey_set_cache_ttl(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                 const char *positive, const char *negative)
{
    apikey_server_t *conf = used_server_conf(cmd);
    const char *fault = number_fault(cmd, &conf->ttl, positive, 1, 86400,
                                     "seconds");

    if (!fault && negative) {
        fault = number_fault(cmd, &conf->ttl_negative, negative, 0, 86400,
                             "seconds");
    }
    return fault;
}

const char *apikey_set_revocation_poll(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                       const char *ms)
{
    return number_fault(cmd, &used_server_conf(cmd)->poll, ms, 100, 60000,
                        "milliseconds");
}

const char *apikey_set_stale_limit(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                   const char *seconds)
{
    return number_fault(cmd, &used_server_conf(cmd)->stale, seconds, 0, 86400,
                        "seconds; 0: not at all");
}

const char *apikey_set_usage_flush(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                   const char *seconds)
{
    apikey_server_t *conf = used_server_conf(cmd);

    if (!ap_cstr_casecmp(seconds, "off")) {
        conf->flush = 0;
        return NULL;
    }
    return number_fault(cmd, &conf->flush, seconds, 1, 3600,
                        "seconds, or 'off'");
}

/* htapikey, which makes keys, reads this line; httpd only refuses what htapikey
 * would refuse. */
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
    used_server_conf(cmd);
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
    used_server_conf(cmd)->retention = seconds;
    return NULL;
}

/* Every request header that begins with the prefix is removed, so it must not
 * begin the name of a header that applications need. */
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
    apikey_server_t *conf = used_server_conf(cmd);

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
    used_server_conf(cmd)->pass_key = on;
    return NULL;
}

const char *apikey_set_enforce(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                               const char *word)
{
    apikey_server_t *conf = used_server_conf(cmd);

    if (!ap_cstr_casecmp(word, "On") || !ap_cstr_casecmp(word, "Log")) {
        conf->enforce = !ap_cstr_casecmp(word, "On");
        return NULL;
    }
    return apr_psprintf(cmd->pool, "ApiKeyEnforce: '%s' is neither On nor Log "
                        "(for a server without keys, write no AuthType "
                        "ApiKey)", word);
}
