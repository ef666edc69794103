/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file config.h
 * @brief Server and directory configuration.
 *
 * A field stands once in a list below, with the value that means "not written"
 * and the rule by which it is merged.  The structure, its creation and its
 * merging are made from the list, so no field can be left out of one of them.
 * A server's configuration is filled while httpd starts and is read-only
 * afterwards; a directory's may also come from an .htaccess, in the request's
 * pool.  Any thread may read.
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

/** A parameter that a hook's signature has and the function does not read. */
#define APIKEY_UNUSED __attribute__((unused))

#define APIKEY_UNSET (-1)
#define APIKEY_AUTH_TYPE "ApiKey"
#define APIKEY_REALM_DEFAULT "API"

/** The request headers that a key is exported in: the prefix of ApiKeyHeaders
 * and Tenant, Id, Scopes or Env. */
typedef enum {
    APIKEY_EXPORTED_TENANT,
    APIKEY_EXPORTED_ID,
    APIKEY_EXPORTED_SCOPES,
    APIKEY_EXPORTED_ENV,
    APIKEY_EXPORTED_COUNT
} apikey_exported_e;

/** Where a key may stand in a request (ApiKeyFrom). */
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
    const char *scheme;         /**< APIKEY_FROM_SCHEME: its name; else "" */
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

/** Whether a server needs a database. */
typedef enum {
    APIKEY_NEEDS_NONE,          /**< there is no AuthType ApiKey for it */
    APIKEY_NEEDS_PERHAPS,       /**< there is one outside of virtual hosts */
    APIKEY_NEEDS                /**< there is one of its own */
} apikey_needs_e;

/*
 * F(type, field, unset, rule).  How an inner section's value and an outer one's
 * are merged:
 *   last     the inner where it is written, else the outer
 *   narrow   what both have, so that no .htaccess accepts more
 *   overlay  both, the inner's first
 *   beside   as last, but nothing where the inner has an ApiKeyQuery and no
 *            ApiKeyChangesQuery: the outer's belongs to the outer's query
 *   all      both texts, a line each
 *   either   1 where one of the two is
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

/** The database that a server's keys are in. */
typedef struct apikey_db_t {
    int own;                    /**< connections of our own, not mod_dbd's */
    const char *driver;         /**< of APR DBD; "": none is named */
    const char *params;         /**< of APR DBD; "": none */
    const char *name;           /**< equal for equal databases; to be compared
                                 * and not logged, since params may hold a
                                 * password */
} apikey_db_t;

/**
 * A server's configuration.  Virtual hosts without an ApiKey directive share
 * the main server's structure; what is derived from it (database, cache) may
 * differ between them.  So it is written only through apikey_server_own(),
 * which gives each server a structure of its own.
 */
typedef struct apikey_server_t {
    const server_rec *owner;    /**< the server that this was made for */
    APIKEY_SERVER_FIELDS(APIKEY_FIELD)
    /* What config_check.c makes of the fields above, once they are merged. */
    apikey_policy_t policy;     /**< secrets NULL: this server checks no keys */
    const char *vary;           /**< for Vary: the accepted headers' names */
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

/** For reading: servers may share it. */
#define apikey_server_conf(s) \
    ((const apikey_server_t *)ap_get_module_config((s)->module_config, \
                                                   &apikey_module))
/** ApiKeyEnforce Log: a refusal is logged and the request let through. */
#define apikey_only_logs(s) (apikey_server_conf(s)->enforce == 0)

#define apikey_dir_conf(r) \
    ((apikey_dir_t *)ap_get_module_config((r)->per_dir_config, \
                                          &apikey_module))

void *apikey_server_create(apr_pool_t *pool, server_rec *s);
void *apikey_server_merge(apr_pool_t *pool, void *base, void *add);
void *apikey_dir_create(apr_pool_t *pool, char *path);
void *apikey_dir_merge(apr_pool_t *pool, void *base, void *add);

/**
 * The configuration of @a s for writing: a structure that no other server has.
 * Where the server shares another's, it gets one of its own first, with the
 * same fields and nothing derived.  Start-up only.
 * @param pool lives as long as the configuration
 */
apikey_server_t *apikey_server_own(server_rec *s, apr_pool_t *pool);

/** "of the server at FILE:LINE", for messages about @a s. */
const char *apikey_server_name(apr_pool_t *pool, const server_rec *s);

/** A source as ApiKeyFrom names it: "header:X-API-Key", "bearer". */
const char *apikey_source_name(const apikey_source_t *source,
                               apr_pool_t *pool);

/** Whether a directory's ApiKeyFrom (NULL: not written) leaves @a source. */
int apikey_source_allowed(const apr_array_header_t *from,
                          const apikey_source_t *source);

#endif
