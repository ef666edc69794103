/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The functions behind the directives about what is kept in memory. */

#include <httpd.h>
#include <http_config.h>
#include <apr_strings.h>

#include "config.h"
#include "directives.h"

static apikey_server_t *server_conf(cmd_parms *cmd)
{
    apikey_server_t *conf = apikey_server_own(cmd->server, cmd->pool);

    conf->used = 1;
    return conf;
}

/* A whole number within bounds; a sentence if it is none. */
static const char *read_number(cmd_parms *cmd, int *number, const char *text,
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
    server_conf(cmd)->cache = ap_cstr_casecmp(spec, "off") ? spec : "";
    return NULL;
}

const char *apikey_set_cache_ttl(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                 const char *positive, const char *negative)
{
    apikey_server_t *conf = server_conf(cmd);
    const char *fault = read_number(cmd, &conf->ttl, positive, 1, 86400,
                                    "seconds");

    if (!fault && negative) {
        fault = read_number(cmd, &conf->ttl_negative, negative, 0, 86400,
                            "seconds");
    }
    return fault;
}

const char *apikey_set_revocation_poll(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                       const char *ms)
{
    return read_number(cmd, &server_conf(cmd)->poll, ms, 100, 60000,
                       "milliseconds");
}

const char *apikey_set_stale_limit(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                   const char *seconds)
{
    return read_number(cmd, &server_conf(cmd)->stale, seconds, 0, 86400,
                       "seconds; 0: not at all");
}

const char *apikey_set_usage_flush(cmd_parms *cmd, void *dir APIKEY_UNUSED,
                                   const char *seconds)
{
    apikey_server_t *conf = server_conf(cmd);

    if (!ap_cstr_casecmp(seconds, "off")) {
        conf->flush = 0;
        return NULL;
    }
    return read_number(cmd, &conf->flush, seconds, 1, 3600,
                       "seconds, or 'off'");
}
