/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_dbd.h>
#include <apr_optional.h>
#include <mod_dbd.h>

#include "check_database.h"

APLOG_USE_MODULE(apikey);

int apikey_has_database(const apikey_server_t *conf)
{
    if (conf->db_driver || conf->db_params) {
        return conf->db_driver && conf->db_params;
    }
    return conf->dbd_driver
           && (conf->dbd_params || strcmp(conf->dbd_driver, "sqlite3") != 0)
           && APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open) != NULL;
}

/* What is missing, and what to write. */
static const char *missing(const apikey_server_t *conf)
{
    if (conf->db_driver || conf->db_params) {
        return "APIKEY0009: ApiKeyDBDriver and ApiKeyDBDParams go together: "
               "this server has only the one, so write the other";
    }
    if (!APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open)) {
        return "APIKEY0007: keys are looked up through mod_dbd, which is not "
               "loaded: add 'LoadModule dbd_module' (and the DBDriver and "
               "DBDParams of the database), or name the database with "
               "ApiKeyDBDriver and ApiKeyDBDParams";
    }
    return "APIKEY0008: no database is named for this server: add DBDriver "
           "and DBDParams, such as 'DBDriver sqlite3' and 'DBDParams "
           "/var/lib/apikey/keys.db'";
}

int apikey_check_database(server_rec *s, const apikey_server_t *conf,
                          int any)
{
    int refused = conf->needs == APIKEY_NEEDS
                  || (!any && (conf->needs == APIKEY_NEEDS_PERHAPS
                               || !APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open)));

    if (!conf->policy.secrets || apikey_has_database(conf)) {
        return OK;
    }
    if (refused || (conf->needs == APIKEY_NEEDS_PERHAPS && s->is_virtual)) {
        ap_log_error(APLOG_MARK, (refused ? APLOG_ERR : APLOG_WARNING)
                     | APLOG_STARTUP, 0, s, "%s", missing(conf));
    }
    return refused ? !OK : OK;
}
