/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Two modules that run ahead of mod_apikey, and after it, whatever it does:
 * one by the numbers of its hooks, one by naming mod_apikey. */

#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <util_filter.h>

#define FAR 1000000

module AP_MODULE_DECLARE_DATA early_module;
module AP_MODULE_DECLARE_DATA insisting_module;

/* Reports whether it sees a key: mod_apikey has not masked it then. */
static int see(request_rec *r)
{
    if (apr_table_get(r->headers_in, "X-API-Key")) {
        apr_table_setn(r->err_headers_out, "X-Early", "saw a key");
    }
    return DECLINED;
}

/* A request header that a module sets after all of ours have run. */
static int forge(request_rec *r)
{
    apr_table_setn(r->headers_in, "X-Apikey-Tenant", "forged");
    return DECLINED;
}

static int decline(request_rec *r)
{
    (void)r;
    return DECLINED;
}

static void nothing(request_rec *r)
{
    (void)r;
}

static void early(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_post_read_request(see, NULL, NULL, -FAR);
    ap_hook_fixups(forge, NULL, NULL, FAR);
    ap_hook_check_authz(decline, NULL, NULL, -FAR, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_log_transaction(decline, NULL, NULL, -FAR);
    ap_hook_insert_error_filter(nothing, NULL, NULL, -FAR);
}

static void insisting(apr_pool_t *pool)
{
    static const char *const ours[] = { "mod_apikey.c", NULL };

    (void)pool;
    ap_hook_post_read_request(decline, NULL, ours, APR_HOOK_REALLY_LAST);
}

module AP_MODULE_DECLARE_DATA early_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, early,
#ifdef AP_MODULE_FLAG_NONE
    AP_MODULE_FLAG_NONE
#endif
};

module AP_MODULE_DECLARE_DATA insisting_module = {
    MODULE_MAGIC_NUMBER_MAJOR, MODULE_MAGIC_NUMBER_MINOR, -1,
    "mod_insisting.c", NULL, NULL, MODULE_MAGIC_COOKIE, NULL,
    NULL, NULL, NULL, NULL, NULL, insisting,
#ifdef AP_MODULE_FLAG_NONE
    AP_MODULE_FLAG_NONE
#endif
};
