/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Removes reserved headers, trailers and variables, which a client or an
 * .htaccess may have forged. */

#include <http_core.h>
#include <http_log.h>
#include <http_request.h>
#include <util_filter.h>
#include <apr_strings.h>

#include "../config/limited_log.h"
#include "reserved.h"

APLOG_USE_MODULE(apikey);

static ap_filter_rec_t *trailer_filter;

/* RFC 9110, 5.1: the name of a header is a token. */
static int is_header_name(const char *name)
{
    return *name && !*ap_scan_http_token(name);
}

/* RFC 9110, 5.5: no CR, LF or NUL. After a line break, a back end would read
 * another header. A C string has no NUL. */
static int is_header_value(const char *value)
{
    for (; value && *value; value++) {
        if (*value == '\r' || *value == '\n') {
            return 0;
        }
    }
    return 1;
}

/* APIKEY0210, limited per header and server.
 * @param name NULL: it is malformed. The line that sums up a minute leaves it
 *             out, because a client may have chosen it */
static void log_removed_header(request_rec *r, const char *name)
{
    apikey_event_t event = { APIKEY_LOG_HEADER, r->server, r, r->server, name,
                             NULL, NULL };

    if (apikey_log_is_due(&event)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "APIKEY0210: %s is removed: it would be read as another "
                      "one; look for what sets it (RequestHeader, an "
                      ".htaccess, mod_lua)",
                      name ? apr_psprintf(r->pool, "the request header '%s' "
                                          "with a line break in its value",
                                          name)
                           : "a request header with a name that none can "
                             "have");
    }
}

/* Whether a back end reads this as one header; else logs it. */
static int is_header_field(request_rec *r, const apr_table_entry_t *field)
{
    int named = is_header_name(field->key);

    if (named && is_header_value(field->val)) {
        return 1;
    }
    log_removed_header(r, named ? field->key : NULL);
    return 0;
}

/* Reserved and malformed headers. */
static void remove_fields(request_rec *r, apr_table_t *table,
                          apikey_reserved_fn is_reserved)
{
    const char *own = apikey_server_conf(r->server)->headers;
    const apr_array_header_t *elts = apr_table_elts(table);
    int i;

    for (i = 0; i < elts->nelts; i++) {
        const apr_table_entry_t *field =
            &APR_ARRAY_IDX(elts, i, apr_table_entry_t);

        if (field->key
            && (is_reserved(field->key, own) || !is_header_field(r, field))) {
            int before = elts->nelts;

            apr_table_unset(table, field->key);
            /* All entries of that name are gone, perhaps some before this one:
             * go back by as many. */
            i -= before - elts->nelts;
            i = i < -1 ? -1 : i;
        }
    }
}

void apikey_remove_reserved_headers(request_rec *r)
{
    const char *own = apikey_server_conf(r->server)->headers;
    const char *value;

    remove_fields(r, r->headers_in, apikey_reserved_header);
    value = apr_table_get(r->headers_in, "Connection");
    if (!value) {
        return;
    }
    value = apr_table_getm(r->pool, r->headers_in, "Connection");
    value = apikey_reserved_connection(r->pool, value, own);
    if (value && *value) {
        apr_table_setn(r->headers_in, "Connection", value);
    }
    else if (value) {
        apr_table_unset(r->headers_in, "Connection");
    }
}

void apikey_remove_reserved_env(request_rec *r)
{
    apikey_reserved_remove(r->subprocess_env,
                           apikey_server_conf(r->server)->headers,
                           apikey_reserved_variable);
}

static int same_entries(const apr_table_entry_t *entries,
                        const apr_table_entry_t *exported, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        if (entries[i].key != exported[i].key
            || entries[i].val != exported[i].val) {
            return 0;
        }
    }
    return 1;
}

int apikey_reserved_env_is(request_rec *r, const apr_table_entry_t *exported,
                           int count)
{
    const char *own = apikey_server_conf(r->server)->headers;
    const apr_array_header_t *elts = apr_table_elts(r->subprocess_env);
    const apr_table_entry_t *entries =
        (const apr_table_entry_t *)elts->elts;
    int found = 0, i = 0;

    while (i < elts->nelts) {
        if (!found && entries[i].key == exported->key) {
            if (elts->nelts - i < count
                || !same_entries(entries + i, exported, count)) {
                return 0;
            }
            found = 1;
            i += count;
        }
        else if (apikey_reserved_variable(entries[i].key, own)) {
            return 0;
        }
        else {
            i++;
        }
    }
    return found;
}

void apikey_remove_redirect_users(request_rec *r)
{
    apikey_reserved_remove(r->subprocess_env, "", apikey_reserved_user);
}

/* RFC 9110, 6.5.1: credentials and connection options cannot be trailers. */
static int is_forbidden_trailer(const char *name, const char *own)
{
    return apikey_reserved_header(name, own)
           || !ap_cstr_casecmp(name, "Connection")
           || !ap_cstr_casecmp(name, "Authorization");
}

/* Whether an application may read this as a header that keys stand in. */
static int is_credential_header(const apikey_server_t *conf, const char *name)
{
    int i;

    for (i = 0; i < conf->key_headers->nelts; i++) {
        if (apikey_header_is_same(name, APR_ARRAY_IDX(conf->key_headers, i,
                                                      const char *))) {
            return 1;
        }
    }
    return 0;
}

static void clean_trailers(request_rec *r)
{
    const apikey_server_t *conf = apikey_server_conf(r->server);
    const apr_array_header_t *elts = apr_table_elts(r->trailers_in);
    int i;

    remove_fields(r, r->trailers_in, is_forbidden_trailer);
    for (i = elts->nelts - 1; i >= 0; i--) {
        const char *name = APR_ARRAY_IDX(elts, i, apr_table_entry_t).key;

        if (is_credential_header(conf, name)) {
            apr_table_unset(r->trailers_in, name);
            /* All entries of that name are gone: start again at the end. */
            i = elts->nelts;
        }
    }
}

/* httpd fills r->trailers_in when the handler has read the whole body, which is
 * after authorization, and with MergeTrailers makes headers of them. They are
 * cleaned here, and merged again. */
static apr_status_t read_trailers(ap_filter_t *f, apr_bucket_brigade *out,
                                  ap_input_mode_t mode, apr_read_type_e block,
                                  apr_off_t bytes)
{
    request_rec *r = f->r;
    apr_table_t *before = r->headers_in;
    apr_status_t status = ap_get_brigade(f->next, out, mode, block, bytes);

    if (!apr_is_empty_table(r->trailers_in)) {
        clean_trailers(r);
        if (r->headers_in != before) {
            r->headers_in = apr_table_overlay(r->pool, before,
                                              r->trailers_in);
        }
    }
    return status;
}

static void add_trailer_filter(request_rec *r)
{
    const ap_filter_t *f;

    /* HTTP/1.1 has trailers only after a chunked body, HTTP/2 after any. */
    if (r->proto_num < HTTP_VERSION(2, 0)
        && !apr_table_get(r->headers_in, "Transfer-Encoding")) {
        return;
    }
    for (f = r->input_filters; f; f = f->next) {
        if (f->frec == trailer_filter) {
            return;
        }
    }
    ap_add_input_filter_handle(trailer_filter, NULL, r, r->connection);
}

/* As AP_FTYPE_CONTENT_SET the filter is called before HTTP_IN and sees what
 * that has read: all trailers. As a filter of the protocol it would run below
 * HTTP_IN and miss the last one. */
void apikey_reserved_register(void)
{
    trailer_filter = ap_register_input_filter("APIKEY_TRAILERS",
                                              read_trailers, NULL,
                                              AP_FTYPE_CONTENT_SET);
    ap_hook_insert_filter(add_trailer_filter, NULL, NULL, APR_HOOK_MIDDLE);
}

int apikey_remove_reserved(request_rec *r)
{
    apikey_remove_reserved_headers(r);
    add_trailer_filter(r);
    return DECLINED;
}
