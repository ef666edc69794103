/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <ap_mpm.h>
#include <apr_hash.h>
#include <apr_strings.h>

#include "../config/config_check.h"
#include "../store/connection.h"
#include "pool_check.h"

APLOG_USE_MODULE(apikey);

#define DBD_MAX 10              /* mod_dbd's default of DBDMax */

typedef struct {
    apr_hash_t *databases;      /* those that APIKEY0195 has named */
    int warned[APIKEY_STORES];  /* APIKEY0194 was logged for this DBDMax */
    int threads;                /* per process */
    int processes;
} pool_checks_t;

static int query_mpm(int what, int least)
{
    int number = 0;

    ap_mpm_query(what, &number);
    return number > least ? number : least;
}

static void check_pool(pool_checks_t *pools, server_rec *s, apr_pool_t *ptemp)
{
    const apikey_server_t *conf = apikey_server_conf(s);
    int wanted = pools->threads < APIKEY_STORES ? pools->threads
                                                : APIKEY_STORES;
    int pooled = !conf->db.own && conf->dbd_persist != 0;
    int most = !pooled ? wanted
               : conf->dbd_max == APIKEY_UNSET ? DBD_MAX : conf->dbd_max;
    const char *key;

    /* SQLite's connections are our own, and it has no limit of them. */
    if (!strcmp(conf->db.driver, "sqlite3")) {
        return;
    }
    if (pooled && most < wanted && !pools->warned[most]) {
        pools->warned[most] = 1;
        ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, s,
                     "APIKEY0194: a process looks keys up over as many as %d "
                     "connections at once, and DBDMax %s gives it %d, which "
                     "other modules use, too: slow look-ups wait for each "
                     "other; write DBDMax %d or more", wanted,
                     apikey_server_name(ptemp, s), most, wanted);
    }
    key = apr_psprintf(ptemp, "%s %d", conf->db.name, most);
    if (!apr_hash_get(pools->databases, key, APR_HASH_KEY_STRING)) {
        apr_hash_set(pools->databases, key, APR_HASH_KEY_STRING, key);
        ap_log_error(APLOG_MARK, APLOG_INFO | APLOG_STARTUP, 0, s,
                     "APIKEY0195: %d processes open at most %d connections "
                     "to the database %s: it must allow as many",
                     pools->processes, pools->processes * most,
                     apikey_server_name(ptemp, s));
    }
}

int apikey_check_pools(apr_pool_t *pconf APIKEY_UNUSED,
                       apr_pool_t *plog APIKEY_UNUSED, apr_pool_t *ptemp,
                       server_rec *s)
{
    pool_checks_t pools;

    memset(&pools, 0, sizeof(pools));
    pools.databases = apr_hash_make(ptemp);
    pools.threads = query_mpm(AP_MPMQ_MAX_THREADS, 1);
    pools.processes = query_mpm(AP_MPMQ_MAX_DAEMONS, 1);
    for (; s; s = s->next) {
        const apikey_server_t *conf = apikey_server_conf(s);

        if (conf->policy.secrets && apikey_has_database(conf)) {
            check_pool(&pools, s, ptemp);
        }
    }
    return OK;
}
