/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* What cannot work stops httpd before it starts, and `httpd -t` says why. */

#include <http_core.h>
#include <http_log.h>
#include <util_cfgtree.h>
#include <apr_strings.h>

#include "../core/digest_kinds.h"
#include "config_check.h"
#include "check_database.h"
#include "required_tenant.h"
#include "hook_order.h"

APLOG_USE_MODULE(apikey);

#define REFUSE(s, ...) \
    ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0, s, __VA_ARGS__)

/* An ApiKeyFrom in a section of the configuration files. */
typedef struct {
    server_rec *server;
    const apr_array_header_t *from;
    const char *file;
    int line;
} pending_from_t;

/* What the configuration tree says of one server, beyond our directives. */
typedef struct {
    server_rec *server;
    int found;                  /* its section has been seen */
    int guarded;                /* AuthType ApiKey stands in it */
    int renamed;                /* a section's UseCanonicalName is not On */
    int caches;                 /* CacheEnable stands in it */
    const char *quick;          /* CacheQuickHandler's argument in it */
} seen_t;

/* Filled and read by the one thread that starts httpd. */
static apr_array_header_t *pending;

int apikey_pre_config(apr_pool_t *pconf, apr_pool_t *plog APIKEY_UNUSED,
                      apr_pool_t *ptemp APIKEY_UNUSED)
{
    pending = apr_array_make(pconf, 4, sizeof(pending_from_t));
    return OK;
}

void apikey_check_from_later(cmd_parms *cmd, const apr_array_header_t *from)
{
    pending_from_t *note = &APR_ARRAY_PUSH(pending, pending_from_t);

    note->server = cmd->server;
    note->from = from;
    note->file = cmd->directive->filename;
    note->line = cmd->directive->line_num;
}

static const apr_array_header_t *sources_default(apr_pool_t *pool)
{
    static const apikey_source_t usual[] = {
        { APIKEY_FROM_HEADER, "X-API-Key", "" },
        { APIKEY_FROM_BEARER, "Authorization", "" },
        { APIKEY_FROM_SCHEME, "Authorization", "ApiKey" }
    };
    apr_array_header_t *from = apr_array_make(pool, 3,
                                              sizeof(apikey_source_t));
    apr_size_t i;

    for (i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        APR_ARRAY_PUSH(from, apikey_source_t) = usual[i];
    }
    return from;
}

const char *apikey_from_fault(apr_pool_t *pool, server_rec *s,
                              const apr_array_header_t *from)
{
    const apr_array_header_t *all = apikey_server_conf(s)->from;
    int i;

    if (!all) {
        all = sources_default(pool);
    }
    for (i = 0; i < from->nelts; i++) {
        const apikey_source_t *source =
            &APR_ARRAY_IDX(from, i, apikey_source_t);

        if (!apikey_source_allowed(all, source)) {
            return apr_psprintf(pool, "ApiKeyFrom in a section can only drop "
                                "what the server accepts, and the server "
                                "does not accept '%s': add it to the "
                                "server's ApiKeyFrom",
                                apikey_source_name(source, pool));
        }
    }
    return NULL;
}

/* A section of the main server holds for virtual hosts, too: it is enough
 * that one of them accepts what the section names. */
static int check_pending(apr_pool_t *ptemp, server_rec *main_server)
{
    int i;

    for (i = 0; i < pending->nelts; i++) {
        pending_from_t *note = &APR_ARRAY_IDX(pending, i, pending_from_t);
        server_rec *s = note->server;
        const char *fault = apikey_from_fault(ptemp, s, note->from);

        if (fault && s == main_server) {
            for (s = s->next; s; s = s->next) {
                if (!apikey_from_fault(ptemp, s, note->from)) {
                    fault = NULL;
                    break;
                }
            }
        }
        if (fault) {
            REFUSE(main_server, "APIKEY0001: %s:%d: %s", note->file,
                   note->line, fault);
            return !OK;
        }
    }
    return OK;
}

/* httpd puts each new server before the others: the last of the list is the
 * first of the files. A file that is included several times has several
 * servers with one line, in the order in which it was included. */
static seen_t *seen_server(apr_array_header_t *seen, const char *file,
                           int line)
{
    int i;

    for (i = seen->nelts - 1; i > 0; i--) {
        seen_t *one = &APR_ARRAY_IDX(seen, i, seen_t);

        if (!one->found
            && one->server->defn_line_number == (unsigned int)line
            && one->server->defn_name
            && !strcmp(one->server->defn_name, file)) {
            one->found = 1;
            return one;
        }
    }
    return &APR_ARRAY_IDX(seen, 0, seen_t);
}

/* AuthType and CacheEnable belong to other modules, which keep what was
 * written to themselves; httpd's tree of directives has it. */
static void look_through(apr_array_header_t *seen, seen_t *current,
                         int depth, const ap_directive_t *node,
                         apr_pool_t *pool)
{
    for (; node; node = node->next) {
        seen_t *inner = current;
        int deeper = depth + 1;

        if (!ap_cstr_casecmp(node->directive, "<VirtualHost")) {
            inner = seen_server(seen, node->filename, node->line_num);
            deeper = 0;
        }
        else if (!ap_cstr_casecmp(node->directive, "AuthType")) {
            const char *args = node->args;

            if (!ap_cstr_casecmp(ap_getword_conf(pool, &args),
                                 APIKEY_AUTH_TYPE)) {
                current->guarded = 1;
            }
        }
        else if (!ap_cstr_casecmp(node->directive, "CacheEnable")) {
            current->caches = 1;
        }
        else if (!ap_cstr_casecmp(node->directive, "CacheQuickHandler")) {
            current->quick = node->args;
        }
        else if (!ap_cstr_casecmp(node->directive, "UseCanonicalName")
                 && depth && ap_cstr_casecmp(node->args, "On")) {
            current->renamed = 1;
        }
        look_through(seen, inner, deeper, node->first_child, pool);
    }
}

static apr_array_header_t *see_servers(server_rec *s, apr_pool_t *pool)
{
    apr_array_header_t *seen = apr_array_make(pool, 8, sizeof(seen_t));

    for (; s; s = s->next) {
        seen_t *one = &APR_ARRAY_PUSH(seen, seen_t);

        memset(one, 0, sizeof(*one));
        one->server = s;
    }
    look_through(seen, &APR_ARRAY_IDX(seen, 0, seen_t), 0, ap_conftree,
                 pool);
    return seen;
}

/* A header that keys stand in, accepted or not. */
static void look_at(apikey_server_t *conf, const char *name)
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

/* The names for Vary; and none of them may be one that we remove. */
static int check_sources(apr_pool_t *pconf, server_rec *s,
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
        look_at(conf, name);
    }
    look_at(conf, "X-API-Key");
    look_at(conf, "Authorization");
    look_at(conf, "Proxy-Authorization");
    return OK;
}

/* Ten thousand virtual hosts may name one file: it is read once a start. */
static int load_ring(const apikey_secrets_t **found, apr_hash_t *rings,
                     const char *path, server_rec *s)
{
    apikey_secrets_t *secrets = apr_hash_get(rings, path, APR_HASH_KEY_STRING);
    const char *error = NULL;

    if (!secrets) {
        if (apikey_secrets_load(&secrets, path, apr_hash_pool_get(rings),
                                &error)
            != APR_SUCCESS) {
            REFUSE(s, "APIKEY0005: ApiKeySecretFile: %s", error);
            return !OK;
        }
        apr_hash_set(rings, path, APR_HASH_KEY_STRING, secrets);
    }
    *found = secrets;
    return OK;
}

static void name_headers(apr_pool_t *pconf, apikey_server_t *conf)
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

/* A name holds all that decides which rows a look-up finds. DBDInitSQL may
 * choose among the schemas of one database, on mod_dbd's connections alone.
 *
 * A connection of mod_dbd's to SQLite goes on to read a file that was moved
 * away or replaced, and cannot be told to open again; and another
 * module may hold all that there are. One more to a file costs little. */
static void name_database(apr_pool_t *pconf, apikey_server_t *conf)
{
    int said = conf->db_driver || conf->db_params;
    apikey_db_t *db = &conf->db;

    db->driver = or_none(said ? conf->db_driver : conf->dbd_driver);
    db->params = or_none(said ? conf->db_params : conf->dbd_params);
    db->own = said || !strcmp(db->driver, "sqlite3");
    db->name = apr_pstrcat(pconf, db->driver, "\n", db->params, "\n",
                           db->own ? "" : or_none(conf->dbd_init), NULL);
}

static int derive(apr_pool_t *pconf, apr_hash_t *rings, server_rec *s,
                  apikey_server_t *conf)
{
    name_database(pconf, conf);
    if (!conf->from) {
        conf->from = (apr_array_header_t *)sources_default(pconf);
    }
    if (!conf->headers) {
        conf->headers = APIKEY_HEADERS_DEFAULT;
    }
    name_headers(pconf, conf);
    if (!conf->keyspace) {
        conf->keyspace = "default";
    }
    conf->policy.secrets = NULL;
    if (conf->secret_file
        && load_ring(&conf->policy.secrets, rings, conf->secret_file, s)
               != OK) {
        return !OK;
    }
    conf->policy.formats = conf->formats == APIKEY_UNSET
                               ? APIKEY_FORMAT_BASE62 : conf->formats;
    conf->policy.digests = conf->digests ? conf->digests->digests
                                         : APIKEY_DIGEST_HMAC;
    conf->policy.parts = conf->digests ? conf->digests->parts : NULL;
    conf->policy.prefixes = conf->prefixes;
    return check_sources(pconf, s, conf);
}

/* We keep mod_cache from storing what a key has opened, and cannot keep its
 * quick handler from answering with what it has: it runs before the area is
 * known. */
static void warn_of_quick(server_rec *s, const seen_t *seen,
                          const seen_t *main)
{
    const char *quick = seen->quick ? seen->quick : main->quick;

    if ((seen->caches || main->caches) && (seen->guarded || main->guarded)
        && (!quick || ap_cstr_casecmp(quick, "Off"))) {
        ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, s,
                     "APIKEY0130: CacheQuickHandler is on: what mod_cache "
                     "has kept from before a place was put behind AuthType "
                     "ApiKey is answered without a key; empty the cache, or "
                     "write CacheQuickHandler Off");
    }
}

/* A server with a guarded place of its own needs secrets and a database.
 * What stands outside of virtual hosts may be meant for them: it is enough
 * if one of all has both. */
static int check_needs(server_rec *s, const seen_t *seen, const seen_t *main,
                       int any_secret, int any_database, apr_pool_t *ptemp)
{
    apikey_server_t *conf = apikey_server_own(s, s->process->pconf);
    int own = seen->guarded && (seen != main || !s->next);

    warn_of_quick(s, seen, main);
    if (apikey_check_required_tenant(s, conf, seen->renamed || main->renamed,
                                     ptemp)
        != OK) {
        return !OK;
    }
    if ((own && !conf->policy.secrets)
        || ((seen->guarded || conf->used == 1) && !any_secret)) {
        REFUSE(s, "APIKEY0006: AuthType ApiKey needs the secrets that keys "
               "are signed by: write `htapikey secret` to a file of mode "
               "0600 and name it with ApiKeySecretFile in this server");
        return !OK;
    }
    conf->needs = own ? APIKEY_NEEDS
                : seen->guarded || main->guarded ? APIKEY_NEEDS_PERHAPS
                : APIKEY_NEEDS_NONE;
    return apikey_check_database(s, conf, any_database);
}

/* Somebody may have forgotten it there. */
static int lets_through(const server_rec *s)
{
    return apikey_only_logs(s) && apikey_server_conf(s)->policy.secrets;
}

/* An opaque key without a prefix looks like any credential. */
static int takes_all(const server_rec *s)
{
    const apikey_policy_t *policy = &apikey_server_conf(s)->policy;

    return policy->secrets && !policy->prefixes
           && (policy->formats & APIKEY_FORMAT_OPAQUE);
}

/* @return the first server of which that is true; NULL: there is none */
static const server_rec *first_of(const server_rec *s,
                                  int (*is)(const server_rec *s), int *more)
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

/* Each in one line, however many virtual hosts there are. */
static void tell_of_servers(const server_rec *main_server, apr_pool_t *pool)
{
    const server_rec *first;
    int more;

    if (!apikey_config_is_final()) {
        return;
    }
    first = first_of(main_server, lets_through, &more);
    if (first) {
        ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, first,
                     "APIKEY0173: ApiKeyEnforce Log: requests that should be "
                     "refused are let through, in this server and %d more",
                     more);
    }
    first = first_of(main_server, takes_all, &more);
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
    apr_array_header_t *seen = see_servers(main_server, pconf);
    apr_hash_t *rings = apr_hash_make(pconf);
    const seen_t *main = &APR_ARRAY_IDX(seen, 0, seen_t);
    int any_secret = 0, any_database = 0, i;
    server_rec *s;

    for (s = main_server; s; s = s->next) {
        apikey_server_t *conf = apikey_server_own(s, pconf);

        if (derive(pconf, rings, s, conf) != OK) {
            return !OK;
        }
        any_secret |= conf->policy.secrets != NULL;
        any_database |= conf->policy.secrets && apikey_has_database(conf);
    }
    for (i = 0; i < seen->nelts; i++) {
        const seen_t *one = &APR_ARRAY_IDX(seen, i, seen_t);

        if (check_needs(one->server, one, main, any_secret, any_database,
                        ptemp) != OK) {
            return !OK;
        }
    }
    tell_of_servers(main_server, ptemp);
    return check_pending(ptemp, main_server);
}
