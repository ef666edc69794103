/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * mod_apikey: API keys for Apache httpd.
 *
 * The directory of the house: which directive is read by which function, and
 * which function runs at which point of a request. A request's way:
 *
 *   post_read_request  modules/request/credentials.c  keys masked in headers
 *                      modules/request/mask.c         and in the URL
 *                      modules/request/reserved.c     forged headers leave it
 *   header_parser      modules/respond/refuse.c       answers vary by key
 *   post_perdir_config modules/auth/reauthorize.c     asked for each URI
 *   check_authn        modules/auth/authn.c           whose key, is it good
 *   check_authz        modules/auth/authz.c           may it do that
 *                      modules/usage/usage.c          counted, written later
 *   fixups             modules/respond/export.c       the application is told
 *   insert_filter      modules/request/masked_headers.c  masked headers go
 *   errors             modules/respond/refuse.c, error_body.c
 *   log_transaction    modules/auth/exposed_keys.c    keys in URLs are recorded
 *                      modules/auth/decision_log.c    what was decided, and why
 */

#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <util_filter.h>

#include "modules/auth/reauthorize.h"
#include "modules/auth/authn.h"
#include "modules/auth/authz.h"
#include "modules/auth/decision_log.h"
#include "modules/auth/exposed_keys.h"
#include "modules/auth/require.h"
#include "modules/verify/cache_setup.h"
#include "modules/admin/server_status.h"
#include "modules/config/spelling_check.h"
#include "modules/config/required_tenant.h"
#include "modules/config/config.h"
#include "modules/config/directives.h"
#include "modules/config/limited_log.h"
#include "modules/config/hook_order.h"
#include "modules/db/pool_check.h"
#include "modules/db/connections.h"
#include "modules/db/prune.h"
#include "modules/db/query_check.h"
#include "modules/request/masked_headers.h"
#include "modules/request/credentials.h"
#include "modules/respond/caching.h"
#include "modules/respond/error_body.h"
#include "modules/respond/export.h"
#include "modules/respond/refuse.h"
#include "modules/request/reserved.h"
#include "modules/usage/usage.h"

static const command_rec directives[] = {
    /* Which keys: the server's business. */
    AP_INIT_TAKE1("ApiKeySecretFile", apikey_set_secret_file, NULL, RSRC_CONF,
                  "the file of secrets that keys are signed by"),
    AP_INIT_TAKE1("ApiKeyDBDriver", apikey_set_db_driver, NULL, RSRC_CONF,
                  "the APR DBD driver of connections of our own"),
    AP_INIT_TAKE1("ApiKeyDBDParams", apikey_set_db_params, NULL, RSRC_CONF,
                  "what these connections are opened with"),
    /* mod_dbd's; each of the two modules is told of them. */
    AP_INIT_TAKE1("DBDriver", apikey_set_dbd_driver, NULL, RSRC_CONF,
                  "mod_dbd's: which database keys are looked up in"),
    AP_INIT_TAKE1("DBDParams", apikey_set_dbd_params, NULL, RSRC_CONF,
                  "mod_dbd's: which database keys are looked up in"),
    AP_INIT_TAKE1("DBDInitSQL", apikey_set_dbd_init, NULL, RSRC_CONF,
                  "mod_dbd's: which database keys are looked up in"),
    AP_INIT_TAKE1("DBDMax", apikey_set_dbd_max, NULL, RSRC_CONF,
                  "mod_dbd's: whether there are enough connections"),
    AP_INIT_FLAG("DBDPersist", apikey_set_dbd_persist, NULL, RSRC_CONF,
                 "mod_dbd's: whether its connections are kept"),
    AP_INIT_TAKE1("ApiKeyQuery", apikey_set_query, NULL, RSRC_CONF,
                  "the look-up in a table of one's own; %s is the digest"),
    AP_INIT_TAKE1("ApiKeyChangesQuery", apikey_set_changes_query, NULL,
                  RSRC_CONF, "what has changed there since the number %s"),
    AP_INIT_TAKE1("ApiKeyKeyspace", apikey_set_keyspace, NULL, RSRC_CONF,
                  "the set of keys that this server accepts"),
    AP_INIT_TAKE1("ApiKeyTenant", apikey_set_tenant, NULL, RSRC_CONF,
                  "an expression: the one tenant whose keys are let through"),
    AP_INIT_TAKE_ARGV("ApiKeyPrefix", apikey_set_prefix, NULL, RSRC_CONF,
                      "the prefixes of keys; others are refused unseen"),
    AP_INIT_ITERATE("ApiKeyFormat", apikey_set_format, NULL, RSRC_CONF,
                    "the shapes of keys: base62, hex64, opaque"),
    AP_INIT_TAKE_ARGV("ApiKeyDigest", apikey_set_digest, NULL, RSRC_CONF,
                      "the digests looked up: hmac-sha256, sha256"),
    AP_INIT_TAKE_ARGV("ApiKeyLifetime", apikey_set_lifetime, NULL, RSRC_CONF,
                      "for htapikey: lifetime, min=, max="),
    AP_INIT_TAKE1("ApiKeyRetention", apikey_set_retention, NULL, RSRC_CONF,
                  "for htapikey: days that changes and the audit are kept"),

    /* Where a key stands, and what the application sees. */
    AP_INIT_TAKE_ARGV("ApiKeyFrom", apikey_set_from, NULL,
                      RSRC_CONF | OR_AUTHCFG,
                      "header[:NAME], bearer, scheme:NAME, authorization, "
                      "basic; sections drop some"),
    AP_INIT_TAKE_ARGV("ApiKeyChallenge", apikey_set_challenge, NULL,
                      RSRC_CONF | ACCESS_CONF,
                      "SCHEME NAME=VALUE...: parameters of a challenge"),
    AP_INIT_TAKE1("ApiKeyUser", apikey_set_user, NULL,
                  RSRC_CONF | OR_AUTHCFG, "REMOTE_USER: tenant or id"),
    AP_INIT_TAKE1("ApiKeyHeaders", apikey_set_headers, NULL, RSRC_CONF,
                  "On, Off, or the prefix of the request headers"),
    AP_INIT_FLAG("ApiKeyPassKey", apikey_set_pass_key, NULL, RSRC_CONF,
                 "On: the application gets the key, too"),

    /* How a request is refused. */
    AP_INIT_TAKE1("ApiKeyErrorFormat", apikey_set_error_format, NULL,
                  RSRC_CONF | OR_AUTHCFG, "problem (RFC 9457) or none"),
    AP_INIT_TAKE3("ApiKeyErrorBody", apikey_set_error_body, NULL,
                  RSRC_CONF | OR_AUTHCFG,
                  "STATUS CONTENT-TYPE \"TEMPLATE\""),

    /* What is remembered, and for how long. */
    AP_INIT_TAKE1("ApiKeyCache", apikey_set_cache, NULL, RSRC_CONF,
                  "PROVIDER[:ARGUMENTS] of ap_socache, or off"),
    AP_INIT_TAKE12("ApiKeyCacheTTL", apikey_set_cache_ttl, NULL, RSRC_CONF,
                   "seconds for keys that exist, and for those that do not"),
    AP_INIT_TAKE1("ApiKeyRevocationPoll", apikey_set_revocation_poll, NULL,
                  RSRC_CONF, "milliseconds between looks for changes"),
    AP_INIT_TAKE1("ApiKeyStaleLimit", apikey_set_stale_limit, NULL,
                  RSRC_CONF, "seconds that answers hold with the database "
                  "away"),

    AP_INIT_TAKE1("ApiKeyUsageFlush", apikey_set_usage_flush, NULL, RSRC_CONF,
                  "seconds between batches of last used and use counts, or "
                  "off"),

    AP_INIT_TAKE1("ApiKeyEnforce", apikey_set_enforce, NULL, RSRC_CONF,
                  "On, or Log: decide and log, and let the request through"),

    /* mod_authz_core's, which are read by it, too. */
    AP_INIT_RAW_ARGS("<AuthzProviderAlias", apikey_read_alias, NULL, RSRC_CONF,
                     "see mod_authz_core"),
    AP_INIT_RAW_ARGS("Require", apikey_read_require, NULL, OR_AUTHCFG,
                     "see mod_authz_core"),
    { 0 }
};

/* AuthType and Require were meant for us and are spelt otherwise. */
static void hooks_of_names(void)
{
    /* It answers 500 to an AuthType that no module has taken. */
    static const char *const last[] = { "mod_authn_core.c", NULL };

    ap_hook_pre_config(apikey_check_spelling, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_check_authn(apikey_log_misspelt_type, NULL, last, APR_HOOK_LAST,
                        AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_error_log(apikey_log_misspelt_require, NULL, NULL, APR_HOOK_MIDDLE);
}

/* httpd starts, and its child processes do. */
static void hooks_of_start(apr_pool_t *pool)
{
    ap_hook_pre_config(apikey_pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_pre_config(apikey_require_pre_config, NULL, NULL,
                       APR_HOOK_MIDDLE);
    hooks_of_names();
    ap_hook_expr_lookup(apikey_expr_lookup, NULL, NULL,
                        APR_HOOK_REALLY_FIRST);
    ap_hook_check_config(apikey_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(apikey_require_check_config, NULL, NULL,
                         APR_HOOK_MIDDLE);
    ap_hook_check_config(apikey_check_hook_order, NULL, NULL, APR_HOOK_LAST);
    ap_hook_check_config(apikey_check_queries, NULL, NULL, APR_HOOK_LAST);
    ap_hook_check_config(apikey_check_pools, NULL, NULL, APR_HOOK_LAST);
    apikey_connections_hooks();
    apikey_status_register(pool);
    apikey_cache_setup_hooks();
    ap_hook_post_config(apikey_log_init, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_post_config(apikey_connections_init, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_post_config(apikey_usage_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(apikey_prune_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(apikey_connections_child_init, NULL, NULL,
                       APR_HOOK_FIRST);
    ap_hook_child_init(apikey_usage_child_init, NULL, NULL, APR_HOOK_FIRST + 2);
}

/* Who the client is, and what it may. */
static void hooks_of_access(apr_pool_t *pool)
{
    ap_hook_post_perdir_config(apikey_reauthorize, NULL, NULL,
                               APIKEY_HOOK_LAST);
    ap_hook_check_access(apikey_require_reset, NULL, NULL,
                         APIKEY_HOOK_FIRST, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_force_authn(apikey_force_authn, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_authn(apikey_check_authn, NULL, NULL, APR_HOOK_MIDDLE,
                        AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_note_auth_failure(apikey_note_auth_failure, NULL, NULL,
                              APR_HOOK_MIDDLE);
    ap_hook_check_authz(apikey_check_authz, NULL, NULL,
                        APIKEY_HOOK_FIRST, AP_AUTH_INTERNAL_PER_CONF);
    apikey_require_register(pool);
    apikey_require_none_register(pool);
}

static void hooks(apr_pool_t *pool)
{
    hooks_of_start(pool);

    ap_hook_create_request(apikey_restore_in_subrequest, NULL, NULL,
                           APIKEY_HOOK_FIRST);
    ap_hook_post_read_request(apikey_find_credentials, NULL, NULL,
                              APIKEY_HOOK_FIRST);
    ap_hook_post_read_request(apikey_remove_reserved, NULL, NULL,
                              APIKEY_HOOK_FIRST);
    ap_hook_post_read_request(apikey_evaluate_tenant, NULL, NULL,
                              APIKEY_HOOK_LAST);
    ap_hook_post_read_request(apikey_refuse_exposed, NULL, NULL,
                              APIKEY_HOOK_LAST + 1);

    ap_hook_header_parser(apikey_restrict_caching_in_area, NULL, NULL,
                          APIKEY_HOOK_FIRST);

    hooks_of_access(pool);

    ap_hook_fixups(apikey_check_presented_key, NULL, NULL, APIKEY_HOOK_FIRST);
    ap_hook_fixups(apikey_export_authorized, NULL, NULL, APIKEY_HOOK_FIRST + 1);
    ap_hook_fixups(apikey_export, NULL, NULL, APIKEY_HOOK_LAST);

    ap_hook_log_transaction(apikey_mask_for_log, NULL, NULL,
                            APIKEY_HOOK_FIRST);
    ap_hook_log_transaction(apikey_export_to_log, NULL, NULL,
                            APIKEY_HOOK_FIRST + 1);
    ap_hook_log_transaction(apikey_record_exposed_keys, NULL, NULL,
                            APR_HOOK_FIRST);
    ap_hook_log_transaction(apikey_log_decision, NULL, NULL,
                            APR_HOOK_MIDDLE);

    apikey_reserved_register();
    apikey_caching_register();
    apikey_error_body_register(pool);
    ap_hook_insert_filter(apikey_insert_private, NULL, NULL,
                          APR_HOOK_MIDDLE);
    ap_hook_insert_filter(apikey_hide_masked_headers, NULL, NULL,
                          APIKEY_HOOK_LAST);
    ap_hook_insert_error_filter(apikey_find_credentials_unparsed, NULL, NULL,
                                APIKEY_HOOK_FIRST);
    ap_hook_insert_error_filter(apikey_export_to_error, NULL, NULL,
                                APIKEY_HOOK_FIRST + 1);
    ap_hook_insert_error_filter(apikey_insert_error_body, NULL, NULL,
                                APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA apikey_module = {
    STANDARD20_MODULE_STUFF,
    apikey_dir_create,
    apikey_dir_merge,
    apikey_server_create,
    apikey_server_merge,
    directives,
    hooks,
#ifdef AP_MODULE_FLAG_NONE      /* since httpd 2.4.42 */
    /* A virtual host without a line of ours has the main server's structure.
     * AP_MODULE_FLAG_ALWAYS_MERGE would give it one of its own, but not on
     * 2.4.41: apikey_server_own() does on all of them, where one is needed. */
    AP_MODULE_FLAG_NONE
#endif
};
