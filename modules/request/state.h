/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file state.h
 * @brief The state of a client's request: credentials, decisions, and what has
 *        been done with it.
 *
 * A client's request may become many request_recs: internal redirects
 * (r->prev), sub-requests (r->main), fast redirects (httpd puts the
 * configuration of a sub-request into its parent). All of them share one
 * apikey_request_t, in the pool of the first one. As with request_recs, one
 * thread at a time uses it.
 *
 * An "area" is the part of a server that AuthType ApiKey is in effect for.
 */
#ifndef APIKEY_STATE_H
#define APIKEY_STATE_H

#include "../config/config.h"
#include "../core/record.h"
#include "../core/result.h"

/** A header that held a key of this server or a near miss
 * (core/key_class.h), and holds its hint instead. */
typedef struct apikey_masked_t {
    const char *header;         /**< its name, as configured */
    const char *value;          /**< as the client sent it */
    const char *shown;          /**< what the header holds instead */
    const char *hint;           /**< the end of shown, after the scheme */
    int accepted;               /**< value holds the key that was accepted */
    apr_array_header_t *hidden; /**< const request_rec *: requests whose
                                 * handlers do not get the header; see
                                 * masked_headers.h */
} apikey_masked_t;

/** A credential where ApiKeyFrom allows one. */
typedef struct apikey_presented_t {
    const apikey_source_t *source;
    apikey_masked_t *masked;    /**< its header; NULL: it is foreign, and has
                                 * no shape */
    const char *key;            /**< in the header's value or the pool */
    apr_size_t key_len;
    int repeated;               /**< the value has a comma: the header came
                                 * more than once */
    int half;                   /**< 1, and 2 of the next one: user and password
                                 * of a Basic credential, either of which may
                                 * be the key; else 0 */
    int to_proxy;               /**< it came in Proxy-Authorization */
    apikey_format_e shape;      /**< of the keys that this server accepts,
                                 * prefix included; NONE: foreign */
} apikey_presented_t;

/** How Require apikey-... lines answer mod_authz_core. */
typedef enum {
    APIKEY_REQUIRE_IDLE,        /**< check_authz is not running */
    APIKEY_REQUIRE_ALL,         /**< as the key deserves */
    APIKEY_REQUIRE_OTHERS,      /**< granted: do other modules' lines grant? */
    APIKEY_REQUIRE_SCOPE        /**< granted, except apikey-scope: which scopes
                                 * does a key need that meets all else? */
} apikey_require_mode_e;

/** What was decided for one request_rec under one configuration. */
typedef struct apikey_decision_t {
    const request_rec *r;       /**< NULL: a sub-request that has ended */
    const ap_conf_vector_t *per_dir_config;     /**< NULL: likewise */
    apikey_result_e result;
    apikey_record_t *record;    /**< of the key; NULL: no key was found */
    const char *wanted_scope;   /**< for the challenge: the scopes that the key
                                 * lacks, or that a key needs; or NULL */
    apikey_require_mode_e require_mode;
    int let_through;            /**< by ApiKeyEnforce Log, instead of a
                                 * refusal */
    int expression_failed;      /**< in a Require: the answer is 500 */
    /* Require lines, for the log. NULL: no Require apikey-... line; or one of
     * an .htaccess that only a sub-request has read, and that has ended. */
    const struct ap_directive_t *granted_by;    /**< the last line met */
    const struct ap_directive_t *refused_by;
    int in_htaccess;            /**< one of these lines is in an .htaccess */
} apikey_decision_t;

/** The state that all request_recs of a client's request share. */
typedef struct apikey_request_t {
    apr_array_header_t *masked;     /**< apikey_masked_t *; NULL: none */
    apr_array_header_t *presented;  /**< apikey_presented_t; NULL: none */
    apr_array_header_t *decisions;  /**< apikey_decision_t *, oldest first */
    const apikey_presented_t *looked_up;    /**< the credential that has been
                                             * looked up; NULL: none */
    apikey_record_t *record;        /**< its record; NULL: unknown */
    apr_array_header_t *require_lines;  /**< of auth/require.c; NULL: none */
    const char *required_tenant;    /**< the value of ApiKeyTenant; "": no
                                     * tenant; NULL: not evaluated */
    apr_table_t *tenant_headers;    /**< the request headers at that time */
    const request_rec *authorized;  /**< the last to pass authorization */
    const apikey_record_t *exported;    /**< whose variables are set; NULL: none
                                         * have been set */
    const apr_table_entry_t *exported_entries;  /**< these variables, as they
                                                 * were in the table */
    int exported_count;
    int in_area;                /**< one of its request_recs was in an area; see
                                 * respond/caching.h */
    int counted;                /**< as a use of its key */
    int let_through;            /**< by ApiKeyEnforce Log; has been logged */
    int exposed_places;         /**< where keys were that must not be there:
                                 * apikey_place_e, or-ed */
    apr_array_header_t *exposures;  /**< apikey_exposure_t, to be written to the
                                     * database; NULL: none */
} apikey_request_t;

/** The request that @a r was redirected from, or is a sub-request of. NULL: it
 * is the client's own. */
request_rec *apikey_request_before(const request_rec *r);

/** The state that @a r shares with its ancestors; NULL: none has been made. */
apikey_request_t *apikey_request_get(request_rec *r);

/** As apikey_request_get(), but makes the state if there is none. */
apikey_request_t *apikey_request_make(request_rec *r);

/** Whether @a r is in an area. */
int apikey_in_area(request_rec *r);

/** Whether httpd is a forward proxy for the client's request (ProxyRequests).
 * Not known in post_read_request. */
int apikey_is_forward_proxy(const request_rec *r);

/** Whether a request before @a r was refused: @a r is an ErrorDocument. */
int apikey_refused_before(request_rec *r);

/** Adds a decision for @a r under its present configuration. It lives as long
 * as the client's request.
 * @param record NULL: no key was found */
apikey_decision_t *apikey_decision_make(request_rec *r, apikey_result_e result,
                                        apikey_record_t *record);

/** The decision for @a r under its present configuration: its own, or that of
 * another request with the same configuration, where httpd skips authorization
 * (ap_process_request_internal) or makes a fast redirect. NULL: none. */
apikey_decision_t *apikey_decision_own(request_rec *r);

/** The decision in effect for @a r: its own, else the nearest of its
 * ancestors'. NULL: none. If an ancestor was refused, it is that refusal,
 * whatever was granted later. */
apikey_decision_t *apikey_decision(request_rec *r);

#endif
