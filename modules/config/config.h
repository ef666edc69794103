/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file config.h
 * @brief What the administrator wrote: server and directory configuration.
 *
 * Each setting stands once in a list of fields below, with the value that
 * means "not written" and the rule by which a section inherits it; structure,
 * creation and merging are made from the list, so that none can be forgotten.
 * All of it is filled while httpd starts (or an .htaccess is read) and is
 * read-only afterwards: any thread may read.
 */
#ifndef APIKEY_CONFIG_H
#define APIKEY_CONFIG_H

#include <httpd.h>
#include <http_config.h>
#include <ap_expr.h>
#include <apr_hash.h>

#include "../core/reserved_names.h"
#include "../core/key.h"

extern module AP_MODULE_DECLARE_DATA apikey_module;

/** A parameter that httpd's signature has and a function has no use for. */
#define APIKEY_UNUSED __attribute__((unused))

#define APIKEY_UNSET (-1)
#define APIKEY_AUTH_TYPE "ApiKey"
#define APIKEY_REALM_DEFAULT "API"

/** The request headers that tell an application whose key it was. */
typedef enum {
    APIKEY_EXPORTED_TENANT,
    APIKEY_EXPORTED_ID,
    APIKEY_EXPORTED_SCOPES,
    APIKEY_EXPORTED_ENV,
    APIKEY_EXPORTED_COUNT
} apikey_exported_e;

/** Where a key may stand in a request. */
typedef enum {
    APIKEY_FROM_HEADER,         /**< a header of its own */
    APIKEY_FROM_BEARER,         /**< Authorization: Bearer KEY */
    APIKEY_FROM_SCHEME,         /**< Authorization: NAME KEY */
    APIKEY_FROM_AUTHORIZATION,  /**< Authorization: KEY */
    APIKEY_FROM_BASIC           /**< Authorization: Basic, user or password */
} apikey_from_e;

typedef struct apikey_source_t {
    apikey_from_e from;
    const char *header;         /**< the header's name; never NULL */
    const char *scheme;         /**< its name, of APIKEY_FROM_SCHEME; else "" */
} apikey_source_t;

typedef enum { APIKEY_USER_TENANT, APIKEY_USER_ID } apikey_user_e;
typedef enum { APIKEY_ERRORS_PROBLEM, APIKEY_ERRORS_NONE } apikey_errors_e;

/** A body of ApiKeyErrorBody. */
typedef struct apikey_body_t {
    int status;
    const char *type;           /**< Content-Type */
    const char *text;           /**< with %{…}, checked at start-up */
} apikey_body_t;

/** A parameter of ApiKeyChallenge. */
typedef struct apikey_parameter_t {
    const char *scheme;
    const char *name;
    const char *value;          /**< as it stands between the quotes of a
                                 * quoted-string (RFC 9110, 5.6.4) */
} apikey_parameter_t;

/** How far a server is known to need a database. */
typedef enum {
    APIKEY_NEEDS_NONE,          /**< no AuthType ApiKey holds for it */
    APIKEY_NEEDS_PERHAPS,       /**< one outside of all virtual hosts does */
    APIKEY_NEEDS                /**< one of its own does */
} apikey_needs_e;

/*
 * F(type, field, unset, rule): "last" takes the inner section's value where
 * one is written; "narrow" keeps of the outer's what the inner has too (no
 * .htaccess can widen); "overlay" takes both, the inner's first; "beside" is
 * "last", but what belongs to an outer ApiKeyQuery goes with it; "all" keeps
 * what both have said; "either" is set where one of the two is.
 */
#define APIKEY_SERVER_FIELDS(F) \
    F(const char *, secret_file, NULL, last) /* ApiKeySecretFile */ \
    F(const char *, keyspace, NULL, last) /* ApiKeyKeyspace */ \
    F(ap_expr_info_t *, required_tenant, NULL, last) /* ApiKeyTenant */ \
    F(const char *, required_tenant_text, NULL, last) /* as written */ \
    F(struct apikey_expr_reads_t *, required_tenant_reads, NULL, \
      last) /* what it reads */ \
    F(const apikey_prefix_t *, prefixes, NULL, last) /* ApiKeyPrefix */ \
    F(int, formats, APIKEY_UNSET, last) /* ApiKeyFormat */ \
    F(const struct apikey_digest_kinds_t *, digests, NULL, \
      last) /* ApiKeyDigest */ \
    F(apr_array_header_t *, from, NULL, last) /* ApiKeyFrom */ \
    F(const char *, headers, NULL, last) /* ApiKeyHeaders; "": Off */ \
    F(int, pass_key, APIKEY_UNSET, last) /* ApiKeyPassKey */ \
    F(const char *, db_driver, NULL, last) /* ApiKeyDBDriver */ \
    F(const char *, db_params, NULL, last) /* ApiKeyDBDParams */ \
    F(const char *, dbd_driver, NULL, last) /* DBDriver */ \
    F(const char *, dbd_params, NULL, last) /* DBDParams; never "" */ \
    F(const char *, dbd_init, NULL, all) /* DBDInitSQL, a line each */ \
    F(int, dbd_max, APIKEY_UNSET, last) /* DBDMax */ \
    F(int, dbd_persist, APIKEY_UNSET, last) /* DBDPersist */ \
    F(const char *, query, NULL, last) /* ApiKeyQuery */ \
    F(const char *, changes, NULL, beside) /* ApiKeyChangesQuery */ \
    F(const char *, cache, NULL, last) /* ApiKeyCache; "": off */ \
    F(int, ttl, APIKEY_UNSET, last) /* ApiKeyCacheTTL */ \
    F(int, ttl_negative, APIKEY_UNSET, last) /* ApiKeyCacheTTL, 2nd */ \
    F(int, poll, APIKEY_UNSET, last) /* ApiKeyRevocationPoll */ \
    F(int, stale, APIKEY_UNSET, last) /* ApiKeyStaleLimit */ \
    F(int, flush, APIKEY_UNSET, last) /* ApiKeyUsageFlush; 0: off */ \
    F(apr_int64_t, retention, APIKEY_UNSET, last) /* ApiKeyRetention */ \
    F(int, enforce, APIKEY_UNSET, last) /* ApiKeyEnforce; 0: Log */ \
    F(int, used, APIKEY_UNSET, last) /* any ApiKey… at all */

#define APIKEY_DIR_FIELDS(F)                                                \
    F(apr_array_header_t *, from, NULL, narrow)     /* ApiKeyFrom */        \
    F(apr_array_header_t *, challenge, NULL, overlay) /* ApiKeyChallenge */ \
    F(int, user, APIKEY_UNSET, last)                /* ApiKeyUser */        \
    F(int, errors, APIKEY_UNSET, last)              /* ApiKeyErrorFormat */ \
    F(apr_array_header_t *, bodies, NULL, overlay)  /* ApiKeyErrorBody */ \
    F(int, varies, 0, either)   /* a Require's answer may differ from URI   \
                                 * to URI */                                \
    F(int, users, 0, either)    /* an .htaccess has a Require of another    \
                                 * module's that a user may meet */

#define APIKEY_FIELD(type, field, unset, rule) type field;

/** Which database a server's keys are in, as its configuration says it. */
typedef struct apikey_db_t {
    int own;                    /**< connections of our own, not mod_dbd's */
    const char *driver;         /**< of APR DBD; "": none is named */
    const char *params;         /**< of APR DBD; "": none */
    const char *name;           /**< equal for equal databases; with the
                                 * password that may stand in params: it is
                                 * for comparing, not for logs */
} apikey_db_t;

/**
 * A server's configuration.  What is derived from the fields is written
 * through apikey_server_own() alone: httpd gives all virtual hosts without a
 * line of ours the main server's structure, and what is right for one of them
 * (its database, its cache) is wrong for the next.
 */
typedef struct apikey_server_t {
    const server_rec *owner;    /**< the server that this was made for */
    APIKEY_SERVER_FIELDS(APIKEY_FIELD)
    /* What config_check.c makes of the fields above, once they are merged. */
    apikey_policy_t policy;     /**< secrets NULL: this server checks no keys */
    const char *vary;           /**< the accepted headers' names */
    apr_array_header_t *key_headers;    /**< const char *: the names of the
                                 * headers that a key may stand in, accepted or
                                 * not */
    const char *exported_names[APIKEY_EXPORTED_COUNT];  /**< ApiKeyHeaders', by
                                             * apikey_exported_e; NULL: Off */
    apikey_db_t db;
    apikey_needs_e needs;       /**< a database */
    struct apikey_connections_t *database;      /**< modules/db's */
    struct apikey_cache_t *server_cache;/**< modules/verify's; NULL: none */
    struct apikey_usage_t *usage;       /**< modules/usage's; NULL: none */
} apikey_server_t;

typedef struct apikey_dir_t {
    APIKEY_DIR_FIELDS(APIKEY_FIELD)
} apikey_dir_t;

/** To be read: it may be another server's as well. */
#define apikey_server_conf(s) \
    ((const apikey_server_t *)ap_get_module_config((s)->module_config, \
                                                   &apikey_module))
/** ApiKeyEnforce Log: what should be refused is let through. */
#define apikey_only_logs(s) (apikey_server_conf(s)->enforce == 0)

#define apikey_dir_conf(r) \
    ((apikey_dir_t *)ap_get_module_config((r)->per_dir_config, \
                                          &apikey_module))

void *apikey_server_create(apr_pool_t *pool, server_rec *s);
void *apikey_server_merge(apr_pool_t *pool, void *base, void *add);
void *apikey_dir_create(apr_pool_t *pool, char *path);
void *apikey_dir_merge(apr_pool_t *pool, void *base, void *add);

/**
 * The configuration of @a s, to be written: a structure that no other server
 * has.  Where httpd has given it another server's, it gets one of its own
 * first, with the same fields and nothing derived.  Start-up only.
 */
apikey_server_t *apikey_server_own(server_rec *s, apr_pool_t *pool);

/** "of the server at FILE:LINE", for messages about @a s. */
const char *apikey_server_name(apr_pool_t *pool, const server_rec *s);

/** Whether both name the same place in a request. */
int apikey_source_is_same(const apikey_source_t *a, const apikey_source_t *b);

/** A source as ApiKeyFrom names it: "header:X-API-Key", "bearer". */
const char *apikey_source_name(const apikey_source_t *source,
                               apr_pool_t *pool);

/** Whether a directory's ApiKeyFrom (NULL: not written) leaves @a source. */
int apikey_source_allowed(const apr_array_header_t *from,
                          const apikey_source_t *source);

/**
 * Hooks of check.c.  pre_config forgets the last start's notes; check_config
 * (which `httpd -t` runs, too) loads the secret rings, fills the derived
 * fields and refuses what cannot work, each with a sentence.
 */
int apikey_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp);
int apikey_check_config(apr_pool_t *pconf, apr_pool_t *plog,
                        apr_pool_t *ptemp, server_rec *s);

#endif
