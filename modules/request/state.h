/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file state.h
 * @brief What we know of a request: the credentials in it, and what was
 *        decided.
 *
 * A client's request may become many request_recs: internal redirects
 * (r->prev), sub-requests (r->main), fast redirects (a sub-request's
 * configuration put into its parent).  All of them share one
 * apikey_request_t, which lives in the first one's pool and belongs, like
 * request_recs do, to one thread at a time.
 */
#ifndef APIKEY_STATE_H
#define APIKEY_STATE_H

#include "../config/config.h"
#include "../core/record.h"
#include "../core/result.h"

/** A header that holds a key of ours, or a near miss (core/key_class.h). */
typedef struct apikey_masked_t {
    const char *header;         /**< its name, as configured */
    const char *value;          /**< as the client sent it */
    const char *shown;          /**< what stands there instead */
    const char *hint;           /**< the end of that: what tells of the key */
    int accepted;               /**< it is the key that was accepted */
    apr_array_header_t *hidden; /**< const request_rec *: those whose
                                 * applications do not get it; see masked.h */
} apikey_masked_t;

/** A credential found where a key may stand. */
typedef struct apikey_presented_t {
    const apikey_source_t *source;
    apikey_masked_t *masked;    /**< its header; NULL: it is foreign, and has
                                 * no shape */
    const char *key;            /**< of a header's value, or in the pool */
    apr_size_t key_len;
    int repeated;               /**< a comma: the header came twice */
    int half;                   /**< 1, and 2 of the next one: user and password
                                 * of a Basic credential, of which the database
                                 * knows one at most; else 0 */
    int to_proxy;               /**< it came in Proxy-Authorization */
    apikey_format_e shape;      /**< this server's, prefix too; NONE: no key
                                 * of ours */
} apikey_presented_t;

/** How the lines of Require are asked. */
typedef enum {
    APIKEY_REQUIRE_IDLE,        /**< they are not */
    APIKEY_REQUIRE_ALL,
    APIKEY_REQUIRE_OTHERS,      /**< whether those that are not ours are met:
                                 * ours give way */
    APIKEY_REQUIRE_SCOPE        /**< ours alone, by nobody: which scopes a key
                                 * needs that meets all else */
} apikey_require_mode_e;

/** What was decided for one request_rec under one configuration. */
typedef struct apikey_decision_t {
    const request_rec *r;
    const ap_conf_vector_t *per_dir_config;
    apikey_result_e result;
    apikey_record_t *record;    /**< NULL where no key was found */
    const char *wanted_scope;   /**< for the challenge: what a good key lacks,
                                 * or one that is missing needs; or NULL */
    apikey_require_mode_e require_mode; /**< check_authz runs httpd's own
                                         * chain */
    int let_through;            /**< ApiKeyEnforce Log: let through, though it
                                 * should be refused */
    int expression_failed;      /**< an expression could not be evaluated */
    /* A Require, for the log; NULL: none of ours, or of an .htaccess that a
     * sub-request read which is over. */
    const struct ap_directive_t *granted_by;    /**< the last one met */
    const struct ap_directive_t *refused_by;
    int in_htaccess;            /**< one of the two stands there */
} apikey_decision_t;

typedef struct apikey_request_t {
    apr_array_header_t *masked;     /**< apikey_masked_t *; NULL: none */
    apr_array_header_t *presented;  /**< apikey_presented_t; NULL: none */
    apr_array_header_t *decisions;  /**< apikey_decision_t *, oldest first */
    const apikey_presented_t *looked_up;    /**< whose record follows */
    apikey_record_t *record;        /**< NULL: unknown */
    apr_array_header_t *require_lines;  /**< auth/require.c's; NULL: none */
    const char *required_tenant; /**< ApiKeyTenant's; NULL: not evaluated */
    apr_table_t *tenant_headers;    /**< as they were then */
    const request_rec *authorized;  /**< the last to pass authorization */
    const apikey_record_t *exported;    /**< whose variables were set; NULL:
                                         * nobody's */
    const apr_table_entry_t *exported_entries;  /**< as they stood in the
                                                 * table */
    int exported_count;
    int in_area;                /**< one of its areas is ours: see
                                 * apikey_restrict_caching() */
    int counted;                /**< as a use of its key */
    int let_through;            /**< that it was let through has been logged */
    int exposed_places;         /**< where a key stood that must not stand
                                 * there: apikey_place_e, or-ed */
    apr_array_header_t *exposures;  /**< apikey_exposure_t, not yet counted;
                                     * NULL: none */
} apikey_request_t;

/** The request that @a r was redirected from, or is a sub-request of. NULL: it
 * is the client's own. */
request_rec *apikey_request_before(const request_rec *r);

/** The state that @a r shares with its ancestors, or NULL. */
apikey_request_t *apikey_request_get(request_rec *r);

/** As apikey_request_get(), made where there is none. */
apikey_request_t *apikey_request_make(request_rec *r);

/** Whether @a r is in an area of AuthType ApiKey. */
int apikey_in_area(request_rec *r);

/** Whether the client asks a forward proxy (ProxyRequests): not known in
 * post_read_request. */
int apikey_is_forward_proxy(const request_rec *r);

/** Whether one of the requests before @a r (r->prev) was refused. */
int apikey_refused_before(request_rec *r);

/** Whether @a r is let through although it should be refused. */
int apikey_was_let_through(request_rec *r);

/** Notes what was decided for @a r; lives as long as the request. */
apikey_decision_t *apikey_decision_make(request_rec *r, apikey_result_e result,
                                        apikey_record_t *record);

/** The decision for @a r itself under its present configuration: its own, or
 * the one that httpd's skipping of equal configurations and its fast
 * redirects make its own. NULL: none. */
apikey_decision_t *apikey_decision_own(request_rec *r);

/** The decision that says who the client is here: @a r's own, else the
 * nearest of its ancestors'. NULL: nobody was asked. Once one of the
 * ancestors refused, nothing later grants: the decision is that refusal. */
apikey_decision_t *apikey_decision(request_rec *r);

#endif
