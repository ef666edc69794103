/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * mod_apikey: API keys for Apache httpd. Directive table and hook order.
 *
 * The way of a request. Hooks are in the order in which they run; "first" and
 * "last" are before and after all other modules.
 *
 *   create_request            sub-requests get masked headers back
 *                             request/masked_headers.c
 *   post_read_request, first  finds credentials, masks keys in headers and URL
 *                             request/credentials.c, mask.c
 *                             removes reserved headers
 *                             request/reserved.c
 *   post_read_request, last   evaluates ApiKeyTenant; refuses a key in a query
 *                             auth/authz.c, respond/refuse.c
 *   post_perdir_config, last  redirects are authorized again if need be
 *                             auth/reauthorize.c
 *   header_parser, first      Vary and no-cache, in an area
 *                             respond/caching.c
 *   check_access, first       forgets the Require lines of other requests
 *                             auth/require.c
 *   check_authn               whose key is it, and is it good
 *                             auth/authn.c, verify/find.c
 *   check_authz, first        may the key do that; counts its use
 *                             auth/authz.c, require.c, usage/usage.c
 *   fixups, first             checks keys where none is needed
 *                             auth/authz.c
 *   fixups, first and last    exports the key to the application
 *                             respond/export.c
 *   insert_filter             Cache-Control: private
 *                             respond/caching.c
 *   insert_filter, last       hides masked headers from the application
 *                             request/masked_headers.c
 *   insert_error_filter       the body of a refusal
 *                             respond/error_body.c
 *   log_transaction, first    masks what the application needed; corrects
 *                             variables: request/credentials.c,
 *                             respond/export.c
 *   log_transaction           records exposed keys; logs the decision
 *                             auth/exposed_keys.c, decision_log.c
 *
 * Refusals are answered by respond/refuse.c, with respond/challenge.c.
 */

#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>

#include "modules/admin/server_status.h"
#include "modules/auth/authn.h"
#include "modules/auth/authz.h"
#include "modules/auth/decision_log.h"
#include "modules/auth/exposed_keys.h"
#include "modules/auth/reauthorize.h"
#include "modules/auth/require.h"
#include "modules/config/config_check.h"
#include "modules/config/directives.h"
#include "modules/config/hook_order.h"
#include "modules/config/limited_log.h"
#include "modules/config/required_tenant.h"
#include "modules/config/section_sources.h"
#include "modules/config/spelling_check.h"
#include "modules/db/connections.h"
#include "modules/db/pool_check.h"
#include "modules/db/prune.h"
#include "modules/db/query_check.h"
#include "modules/request/credentials.h"
#include "modules/request/masked_headers.h"
#include "modules/request/reserved.h"
#include "modules/respond/caching.h"
#include "modules/respond/error_body.h"
#include "modules/respond/export.h"
#include "modules/respond/refuse.h"
#include "modules/usage/usage.h"
#include "modules/verify/cache_setup.h"

static const command_rec directives[] = {
    /* Which keys a server accepts, and where they are stored. */
    AP_INIT_TAKE1("ApiKeySecretFile", apikey_set_secret_file, NULL, RSRC_CONF,
                  "file of the secrets that keys are signed with"),
    AP_INIT_TAKE1("ApiKeyDBDriver", apikey_set_db_driver, NULL, RSRC_CONF,
                  "APR DBD driver of the database of keys"),
    AP_INIT_TAKE1("ApiKeyDBDParams", apikey_set_db_params, NULL, RSRC_CONF,
                  "parameters of ApiKeyDBDriver, as for DBDParams"),
    /* Directives of mod_dbd, which httpd passes to both modules. */
    AP_INIT_TAKE1("DBDriver", apikey_set_dbd_driver, NULL, RSRC_CONF,
                  "see mod_dbd"),
    AP_INIT_TAKE1("DBDParams", apikey_set_dbd_params, NULL, RSRC_CONF,
                  "see mod_dbd"),
    AP_INIT_TAKE1("DBDInitSQL", apikey_set_dbd_init, NULL, RSRC_CONF,
                  "see mod_dbd"),
    AP_INIT_TAKE1("DBDMax", apikey_set_dbd_max, NULL, RSRC_CONF,
                  "see mod_dbd"),
    AP_INIT_FLAG("DBDPersist", apikey_set_dbd_persist, NULL, RSRC_CONF,
                 "see mod_dbd"),
    AP_INIT_TAKE1("ApiKeyQuery", apikey_set_query, NULL, RSRC_CONF,
                  "query of a key in your own table; %s is its digest"),
    AP_INIT_TAKE1("ApiKeyChangesQuery", apikey_set_changes_query, NULL,
                  RSRC_CONF, "query of changes in your own table after "
                  "the number %s"),
    AP_INIT_TAKE1("ApiKeyKeyspace", apikey_set_keyspace, NULL, RSRC_CONF,
                  "name of the set of keys that this server accepts"),
    AP_INIT_TAKE1("ApiKeyTenant", apikey_set_tenant, NULL, RSRC_CONF,
                  "expression: the only tenant whose keys are accepted"),
    AP_INIT_TAKE_ARGV("ApiKeyPrefix", apikey_set_prefix, NULL, RSRC_CONF,
                      "prefixes of keys; other keys are not looked up"),
    AP_INIT_ITERATE("ApiKeyFormat", apikey_set_format, NULL, RSRC_CONF,
                    "forms of keys: base62, hex64, opaque"),
    AP_INIT_TAKE_ARGV("ApiKeyDigest", apikey_set_digest, NULL, RSRC_CONF,
                      "digests that keys are stored under: "
                      "hmac-sha256, sha256"),
    AP_INIT_TAKE_ARGV("ApiKeyLifetime", apikey_set_lifetime, NULL, RSRC_CONF,
                      "for htapikey: lifetime of new keys, min=, max="),
    AP_INIT_TAKE1("ApiKeyRetention", apikey_set_retention, NULL, RSRC_CONF,
                  "for htapikey: days to keep changes and audit records"),

    /* Where clients send keys, and what applications get. */
    AP_INIT_TAKE_ARGV("ApiKeyFrom", apikey_set_from, NULL,
                      RSRC_CONF | OR_AUTHCFG,
                      "where keys are accepted: header[:NAME], bearer, "
                      "scheme:NAME, authorization, basic"),
    AP_INIT_TAKE_ARGV("ApiKeyChallenge", apikey_set_challenge, NULL,
                      RSRC_CONF | ACCESS_CONF,
                      "SCHEME NAME=VALUE...: parameters of the challenge"),
    AP_INIT_TAKE1("ApiKeyUser", apikey_set_user, NULL,
                  RSRC_CONF | OR_AUTHCFG, "value of REMOTE_USER: tenant or id"),
    AP_INIT_TAKE1("ApiKeyHeaders", apikey_set_headers, NULL, RSRC_CONF,
                  "request headers for applications: On, Off, or a prefix"),
    AP_INIT_FLAG("ApiKeyPassKey", apikey_set_pass_key, NULL, RSRC_CONF,
                 "On: pass the key to the application"),

    /* The response to a refused request. */
    AP_INIT_TAKE1("ApiKeyErrorFormat", apikey_set_error_format, NULL,
                  RSRC_CONF | OR_AUTHCFG,
                  "body of a refusal: problem (RFC 9457) or none"),
    AP_INIT_TAKE3("ApiKeyErrorBody", apikey_set_error_body, NULL,
                  RSRC_CONF | OR_AUTHCFG,
                  "body of a refusal: STATUS CONTENT-TYPE \"TEMPLATE\""),

    /* The cache, the poll of changes, the counting of uses. */
    AP_INIT_TAKE1("ApiKeyCache", apikey_set_cache, NULL, RSRC_CONF,
                  "PROVIDER[:ARGUMENTS] of ap_socache, or off"),
    AP_INIT_TAKE12("ApiKeyCacheTTL", apikey_set_cache_ttl, NULL, RSRC_CONF,
                   "seconds to cache keys, and unknown keys"),
    AP_INIT_TAKE1("ApiKeyRevocationPoll", apikey_set_revocation_poll, NULL,
                  RSRC_CONF, "milliseconds between two polls of changes"),
    AP_INIT_TAKE1("ApiKeyStaleLimit", apikey_set_stale_limit, NULL,
                  RSRC_CONF, "seconds to use the cache while the database "
                  "is not available"),

    AP_INIT_TAKE1("ApiKeyUsageFlush", apikey_set_usage_flush, NULL, RSRC_CONF,
                  "seconds between two batches of uses written to the "
                  "database, or off"),

    AP_INIT_TAKE1("ApiKeyEnforce", apikey_set_enforce, NULL, RSRC_CONF,
                  "On, or Log: log refusals and let requests through"),

    /* Directives of mod_authz_core, which httpd passes to both modules. */
    AP_INIT_RAW_ARGS("<AuthzProviderAlias", apikey_read_alias, NULL, RSRC_CONF,
                     "see mod_authz_core"),
    AP_INIT_RAW_ARGS("Require", apikey_read_require, NULL, OR_AUTHCFG,
                     "see mod_authz_core"),
    { 0 }
};

/* Warn of an AuthType or a Require that looks like a misspelt one of ours. */
static void register_spelling_hooks(void)
{
    /* mod_authn_core answers 500 to an AuthType that no module handles. */
    static const char *const last[] = { "mod_authn_core.c", NULL };

    ap_hook_pre_config(apikey_check_spelling, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_check_authn(apikey_log_misspelt_type, NULL, last, APR_HOOK_LAST,
                        AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_error_log(apikey_log_misspelt_require, NULL, NULL, APR_HOOK_MIDDLE);
}

/* The start of httpd and of its child processes. */
static void register_startup_hooks(apr_pool_t *pool)
{
    ap_hook_pre_config(apikey_section_sources_reset, NULL, NULL,
                       APR_HOOK_MIDDLE);
    ap_hook_pre_config(apikey_require_pre_config, NULL, NULL,
                       APR_HOOK_MIDDLE);
    register_spelling_hooks();
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

/* Authentication and authorization. */
static void register_auth_hooks(apr_pool_t *pool)
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

static void register_hooks(apr_pool_t *pool)
{
    register_startup_hooks(pool);

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

    register_auth_hooks(pool);

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
    register_hooks,
#ifdef AP_MODULE_FLAG_NONE      /* since httpd 2.4.42 */
    /* A virtual host without any of these directives shares the structure of
     * the main server. AP_MODULE_FLAG_ALWAYS_MERGE would give it one of its
     * own, but not with httpd 2.4.41. Where one is needed, apikey_server_own()
     * makes it, with every version. */
    AP_MODULE_FLAG_NONE
#endif
};
