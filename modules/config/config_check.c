/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* What cannot work stops httpd before it starts, and `httpd -t` says why. */

#include <http_core.h>
#include <http_log.h>
#include <apr_dbd.h>
#include <apr_optional.h>
#include <apr_strings.h>
#include <mod_dbd.h>

#include "../core/digest_kinds.h"
#include "config_check.h"
#include "config_tree.h"
#include "hook_order.h"
#include "required_tenant.h"
#include "section_sources.h"

APLOG_USE_MODULE(apikey);

#define REFUSE(s, ...) \
    ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0, s, __VA_ARGS__)

/* Adds a header that keys may stand in, once. */
static void add_key_header(apikey_server_t *conf, const char *name)
{
    int i;

    for (i = 0; i < conf->key_headers->nelts; i++) {
        if (!ap_cstr_casecmp(APR_ARRAY_IDX(conf->key_headers, i, const char *),
                             name)) {
            return;
        }
    }
    APR_ARRAY_PUSH(conf->key_headers, const char *) = name;
}

/* Collects the headers that keys may stand in: those that are accepted, named
 * in Vary, and those that a key is masked in although it is not accepted there.
 * None may be one that ApiKeyHeaders removes. */
static int collect_key_headers(apr_pool_t *pconf, server_rec *s,
                         apikey_server_t *conf)
{
    int i;

    conf->vary = "";
    conf->key_headers = apr_array_make(pconf, 4, sizeof(const char *));
    for (i = 0; i < conf->from->nelts; i++) {
        const char *name =
            APR_ARRAY_IDX(conf->from, i, apikey_source_t).header;

        if (apikey_reserved_header(name, conf->headers)) {
            REFUSE(s, "APIKEY0004: ApiKeyHeaders %s would remove the header "
                   "%s that ApiKeyFrom accepts keys in: choose another "
                   "prefix", conf->headers, name);
            return !OK;
        }
        if (!ap_find_token(pconf, conf->vary, name)) {
            conf->vary = apr_pstrcat(pconf, conf->vary,
                                     *conf->vary ? ", " : "", name, NULL);
        }
        add_key_header(conf, name);
    }
    add_key_header(conf, "X-API-Key");
    add_key_header(conf, "Authorization");
    add_key_header(conf, "Proxy-Authorization");
    return OK;
}

/* A file is read once per start, however many virtual hosts name it. */
static int load_secrets(const apikey_secrets_t **found, apr_hash_t *loaded,
                        const char *path, server_rec *s)
{
    apikey_secrets_t *secrets = apr_hash_get(loaded, path, APR_HASH_KEY_STRING);
    const char *error = NULL;

    if (!secrets) {
        if (apikey_secrets_load(&secrets, path, apr_hash_pool_get(loaded),
                                &error)
            != APR_SUCCESS) {
            REFUSE(s, "APIKEY0005: ApiKeySecretFile: %s", error);
            return !OK;
        }
        apr_hash_set(loaded, path, APR_HASH_KEY_STRING, secrets);
    }
    *found = secrets;
    return OK;
}

static void set_exported_names(apr_pool_t *pconf, apikey_server_t *conf)
{
    static const char *const names[APIKEY_EXPORTED_COUNT] = {
        [APIKEY_EXPORTED_TENANT] = "Tenant", [APIKEY_EXPORTED_ID] = "Id",
        [APIKEY_EXPORTED_SCOPES] = "Scopes", [APIKEY_EXPORTED_ENV] = "Env"
    };
    int i;

    for (i = 0; i < APIKEY_EXPORTED_COUNT; i++) {
        conf->exported_names[i] = *conf->headers
                                  ? apr_pstrcat(pconf, conf->headers,
                                                names[i], NULL) : NULL;
    }
}

static const char *or_none(const char *text)
{
    return text ? text : "";
}

/* The name has all that decides which rows a look-up finds: servers with equal
 * names share connections and caches.  DBDInitSQL may choose among the schemas
 * of a database and is run by mod_dbd, on its connections alone.
 *
 * SQLite always gets connections of our own, one more per file: mod_dbd's
 * cannot be made to open a file again that was moved away or replaced, and
 * another module may hold all that there are. */
static void set_database(apr_pool_t *pconf, apikey_server_t *conf)
{
    int has_own = conf->db_driver || conf->db_params;
    apikey_db_t *db = &conf->db;

    db->driver = or_none(has_own ? conf->db_driver : conf->dbd_driver);
    db->params = or_none(has_own ? conf->db_params : conf->dbd_params);
    db->own = has_own || !strcmp(db->driver, "sqlite3");
    db->name = apr_pstrcat(pconf, db->driver, "\n", db->params, "\n",
                           db->own ? "" : or_none(conf->dbd_init), NULL);
}

/* Fills what is not written with defaults, and the derived fields. */
static int derive_fields(apr_pool_t *pconf, apr_hash_t *loaded, server_rec *s,
                         apikey_server_t *conf)
{
    set_database(pconf, conf);
    if (!conf->from) {
        conf->from = apikey_sources_default(pconf);
    }
    if (!conf->headers) {
        conf->headers = APIKEY_HEADERS_DEFAULT;
    }
    set_exported_names(pconf, conf);
    if (!conf->keyspace) {
        conf->keyspace = "default";
    }
    conf->policy.secrets = NULL;
    if (conf->secret_file
        && load_secrets(&conf->policy.secrets, loaded, conf->secret_file, s)
               != OK) {
        return !OK;
    }
    conf->policy.formats = conf->formats == APIKEY_UNSET
                               ? APIKEY_FORMAT_BASE62 : conf->formats;
    conf->policy.digests = conf->digests ? conf->digests->digests
                                         : APIKEY_DIGEST_HMAC;
    conf->policy.parts = conf->digests ? conf->digests->parts : NULL;
    conf->policy.prefixes = conf->prefixes;
    return collect_key_headers(pconf, s, conf);
}

/* What a key has opened is not stored by mod_cache, since its responses are
 * private.  What was stored before the area was guarded is answered by the
 * quick handler, which runs before httpd knows the area. */
static void warn_of_quick_handler(server_rec *s,
                                  const apikey_tree_server_t *tree,
                                  const apikey_tree_server_t *main)
{
    const char *quick = tree->quick ? tree->quick : main->quick;

    if ((tree->caches || main->caches) && (tree->guarded || main->guarded)
        && (!quick || ap_cstr_casecmp(quick, "Off"))) {
        ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, s,
                     "APIKEY0130: CacheQuickHandler is on: what mod_cache "
                     "stored before AuthType ApiKey guarded it is answered "
                     "without a key; empty the cache, or write "
                     "CacheQuickHandler Off");
    }
}

int apikey_has_database(const apikey_server_t *conf)
{
    if (conf->db_driver || conf->db_params) {
        return conf->db_driver && conf->db_params;
    }
    return conf->dbd_driver
           && (conf->dbd_params || strcmp(conf->dbd_driver, "sqlite3") != 0)
           && APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open) != NULL;
}

/* What is missing where no database is named, and what to write. */
static const char *no_database_text(const apikey_server_t *conf)
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

/* A server with secrets and no database.  It is refused where it needs one,
 * and where no server has both (any); what stands outside of virtual hosts may
 * be meant for one that has, and is a warning. */
static int check_has_database(server_rec *s, const apikey_server_t *conf,
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
                     | APLOG_STARTUP, 0, s, "%s", no_database_text(conf));
    }
    return refused ? !OK : OK;
}

/* A server with a guarded place of its own needs secrets and a database.  A
 * place outside of virtual hosts may be meant for any of them: it is enough if
 * one server has both. */
static int check_needs(server_rec *s, const apikey_tree_server_t *tree,
                       const apikey_tree_server_t *main,
                       int any_secret, int any_database, apr_pool_t *ptemp)
{
    apikey_server_t *conf = apikey_server_own(s, s->process->pconf);
    int own = tree->guarded && (tree != main || !s->next);

    warn_of_quick_handler(s, tree, main);
    if (apikey_check_required_tenant(s, conf, tree->renamed || main->renamed,
                                     ptemp)
        != OK) {
        return !OK;
    }
    if ((own && !conf->policy.secrets)
        || ((tree->guarded || conf->used == 1) && !any_secret)) {
        REFUSE(s, "APIKEY0006: AuthType ApiKey needs the secrets that keys "
               "are signed by: write `htapikey secret` to a file of mode "
               "0600 and name it with ApiKeySecretFile in this server");
        return !OK;
    }
    conf->needs = own ? APIKEY_NEEDS
                : tree->guarded || main->guarded ? APIKEY_NEEDS_PERHAPS
                : APIKEY_NEEDS_NONE;
    return check_has_database(s, conf, any_database);
}

/* ApiKeyEnforce Log in a server that checks keys. */
static int only_logs(const server_rec *s)
{
    return apikey_only_logs(s) && apikey_server_conf(s)->policy.secrets;
}

/* An opaque key without a prefix looks like any credential. */
static int takes_any_credential(const server_rec *s)
{
    const apikey_policy_t *policy = &apikey_server_conf(s)->policy;

    return policy->secrets && !policy->prefixes
           && (policy->formats & APIKEY_FORMAT_OPAQUE);
}

/* The first server of which that is true, NULL where there is none; more: how
 * many others. */
static const server_rec *first_server(const server_rec *s,
                                      int (*is)(const server_rec *s),
                                      int *more)
{
    const server_rec *first = NULL;

    for (*more = 0; s; s = s->next) {
        if (is(s)) {
            *more += first != NULL;
            first = first ? first : s;
        }
    }
    return first;
}

/* One line per warning, however many virtual hosts it is about. */
static void warn_of_servers(const server_rec *main_server, apr_pool_t *pool)
{
    const server_rec *first;
    int more;

    if (!apikey_config_is_final()) {
        return;
    }
    first = first_server(main_server, only_logs, &more);
    if (first) {
        ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, first,
                     "APIKEY0173: ApiKeyEnforce Log: requests that should be "
                     "refused are let through, in this server and %d more",
                     more);
    }
    first = first_server(main_server, takes_any_credential, &more);
    if (first) {
        ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, first,
                     "APIKEY0330: ApiKeyFormat opaque without ApiKeyPrefix, "
                     "%s and %d more: all that stands where a key may stand "
                     "counts as one there, and no application gets it; add "
                     "ApiKeyPrefix, or give these keys a virtual host of "
                     "their own", apikey_server_name(pool, first), more);
    }
}

int apikey_check_config(apr_pool_t *pconf, apr_pool_t *plog APIKEY_UNUSED,
                        apr_pool_t *ptemp, server_rec *main_server)
{
    apr_array_header_t *servers = apikey_tree_servers(main_server, pconf);
    const apikey_tree_server_t *main =
        &APR_ARRAY_IDX(servers, 0, apikey_tree_server_t);
    apr_hash_t *loaded = apr_hash_make(pconf);
    int any_secret = 0, any_database = 0, i;
    server_rec *s;

    for (s = main_server; s; s = s->next) {
        apikey_server_t *conf = apikey_server_own(s, pconf);

        if (derive_fields(pconf, loaded, s, conf) != OK) {
            return !OK;
        }
        any_secret |= conf->policy.secrets != NULL;
        any_database |= conf->policy.secrets && apikey_has_database(conf);
    }
    for (i = 0; i < servers->nelts; i++) {
        const apikey_tree_server_t *one =
            &APR_ARRAY_IDX(servers, i, apikey_tree_server_t);

        if (check_needs(one->server, one, main, any_secret, any_database,
                        ptemp) != OK) {
            return !OK;
        }
    }
    warn_of_servers(main_server, ptemp);
    return apikey_check_section_sources(ptemp, main_server);
}
