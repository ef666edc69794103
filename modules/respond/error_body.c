/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* What a refused client reads. httpd writes its own page, as for every
 * error; a filter puts our body in its place, so that HEAD, HTTP/2 and
 * whatever else httpd does with an error stays as it is. */

#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <mod_core.h>
#include <util_filter.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "error_body.h"
#include "export.h"
#include "refuse.h"

#define PROBLEM_TYPE "application/problem+json"
#define UNIQUE_ID_MAX 64

typedef struct {
    const char *type;
    const char *text;
} body_t;

static ap_filter_rec_t *body_filter;
static ap_filter_rec_t *private_filter;

/* mod_unique_id's, if nobody put something else in its place. */
static const char *request_id(request_rec *r)
{
    const char *id = apr_table_get(r->subprocess_env, "UNIQUE_ID");
    int i;

    for (i = 0; id && id[i]; i++) {
        if ((!apr_isalnum(id[i]) && !strchr("@_-", id[i]))
            || i == UNIQUE_ID_MAX) {
            return "";
        }
    }
    return id ? id : "";
}

static const char *variable(request_rec *r, const apikey_result_t *result,
                            const char *name, apr_size_t len)
{
    if (!strncmp(name, "reason", len)) {
        return result->code;
    }
    if (!strncmp(name, "message", len)) {
        return result->message;
    }
    if (!strncmp(name, "status", len)) {
        return apr_itoa(r->pool, apikey_refuse_status(r, result));
    }
    return request_id(r);
}

/* The four variables were checked when the directive was read. */
static const char *fill_in(request_rec *r, const apikey_result_t *result,
                           const char *text)
{
    const char *out = "", *from;

    for (from = strstr(text, "%{"); from; from = strstr(text, "%{")) {
        apr_size_t len = strcspn(from + 2, "}");

        out = apr_pstrcat(r->pool, out,
                          apr_pstrmemdup(r->pool, text, from - text),
                          variable(r, result, from + 2, len), NULL);
        text = from + 2 + len + 1;
    }
    return apr_pstrcat(r->pool, out, text, NULL);
}

/* Made at start-up: whoever floods us with bad keys gets one for each. All of
 * it comes from the table of reasons: nothing needs escaping. */
static const char *problems[APIKEY_RESULTS];
static const char *proxied[APIKEY_RESULTS];     /* NULL: no other */

static const char *make_problem(apr_pool_t *pconf,
                                const apikey_result_t *result, int status,
                                const char *title)
{
    return apr_psprintf(pconf, "{\"type\":\"about:blank\",\"title\":\"%s\","
                        "\"status\":%d,\"detail\":\"%s\",\"code\":\"%s\"}\n",
                        title, status, result->message, result->code);
}

static void make_problems(apr_pool_t *pconf)
{
    int i;

    for (i = 0; i < APIKEY_RESULTS; i++) {
        const apikey_result_t *result = apikey_result(i);

        problems[i] = make_problem(pconf, result, result->status,
                                   result->title);
        proxied[i] = result->status == HTTP_UNAUTHORIZED
                         ? make_problem(pconf, result,
                                        HTTP_PROXY_AUTHENTICATION_REQUIRED,
                                        "Proxy Authentication Required")
                         : NULL;
    }
}

static body_t *choose(request_rec *r, apikey_result_e which)
{
    const apikey_result_t *result = apikey_result(which);
    const apikey_dir_t *dir = apikey_dir_conf(r);
    body_t *body = apr_pcalloc(r->pool, sizeof(*body));
    int i;

    for (i = 0; dir->bodies && i < dir->bodies->nelts; i++) {
        const apikey_body_t *own =
            &APR_ARRAY_IDX(dir->bodies, i, apikey_body_t);

        if (own->status == result->status) {
            body->type = own->type;
            body->text = fill_in(r, result, own->text);
            return body;
        }
    }
    if (dir->errors == APIKEY_ERRORS_NONE) {
        return NULL;
    }
    body->type = PROBLEM_TYPE;
    body->text = proxied[which] && apikey_is_forward_proxy(r) ? proxied[which]
                                                     : problems[which];
    return body;
}

static apr_status_t write_body(ap_filter_t *f, apr_bucket_brigade *in)
{
    const body_t *body = f->ctx;
    request_rec *r = f->r;
    apr_bucket *bucket = APR_BRIGADE_FIRST(in);

    while (bucket != APR_BRIGADE_SENTINEL(in)) {
        apr_bucket *next = APR_BUCKET_NEXT(bucket);

        if (APR_BUCKET_IS_EOS(bucket)) {
            APR_BUCKET_INSERT_BEFORE(
                bucket, apr_bucket_pool_create(body->text,
                                               strlen(body->text), r->pool,
                                               in->bucket_alloc));
            ap_set_content_type(r, body->type);
            ap_set_content_length(r, strlen(body->text));
            ap_remove_output_filter(f);
            return ap_pass_brigade(f->next, in);
        }
        if (!APR_BUCKET_IS_METADATA(bucket) || APR_BUCKET_IS_FLUSH(bucket)) {
            /* httpd's page, and what would send headers before ours. */
            apr_bucket_delete(bucket);
        }
        bucket = next;
    }
    return APR_BRIGADE_EMPTY(in) ? APR_SUCCESS
                                 : ap_pass_brigade(f->next, in);
}

static apr_status_t say_private(ap_filter_t *f, apr_bucket_brigade *in)
{
    request_rec *r = f->r;

    if (!apr_table_get(r->headers_out, "Cache-Control")
        && !apr_table_get(r->err_headers_out, "Cache-Control")) {
        apr_table_setn(r->headers_out, "Cache-Control", "private");
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, in);
}

void apikey_error_body_register(apr_pool_t *pconf)
{
    make_problems(pconf);
    body_filter = ap_register_output_filter("APIKEY_BODY", write_body, NULL,
                                            AP_FTYPE_RESOURCE);
    /* Behind mod_headers and mod_expires, before the headers are sent. */
    private_filter = ap_register_output_filter("APIKEY_PRIVATE", say_private,
                                               NULL,
                                               AP_FTYPE_CONTENT_SET + 5);
}

void apikey_insert_private(request_rec *r)
{
    const apikey_request_t *state = apikey_request_get(r);

    if (state && state->in_area && !r->main) {
        ap_add_output_filter_handle(private_filter, NULL, r, r->connection);
    }
}

/* The newest decision, whoever's. */
static const apikey_decision_t *last(const apikey_request_t *state)
{
    int count = state->decisions->nelts;

    return count ? APR_ARRAY_IDX(state->decisions, count - 1,
                                 apikey_decision_t *) : NULL;
}

static int answers(request_rec *r, const apikey_decision_t *decision)
{
    return decision && decision->result != APIKEY_GRANTED
           && !decision->let_through
           && apikey_refuse_status(r, apikey_result(decision->result))
                  == r->status;
}

/* The refusal that this very answer tells of: our own; a sub-request's that
 * mod_dir and its like make the request's; or a 403 that authorization gave
 * in an area of ours before anybody asked for a key. */
static const apikey_decision_t *refused(request_rec *r,
                                        const apikey_request_t *state)
{
    const apikey_decision_t *own = apikey_decision_own(r);
    const apikey_decision_t *found = NULL;

    if (answers(r, own)) {
        return own;
    }
    if (answers(r, last(state))) {
        found = last(state);
    }
    else if (!own && state->in_area && state->authorized != r
             && r->status == HTTP_FORBIDDEN && apikey_in_area(r)) {
        found = apikey_decision_make(r, APIKEY_DENIED, NULL);
    }
    if (found) {
        apikey_refuse_headers(r, found);
        apikey_export_result(r, found->result);
    }
    return found;
}

void apikey_insert_error_body(request_rec *r)
{
    const apikey_request_t *state = apikey_request_get(r);
    const apikey_decision_t *decision;
    const char *document;
    body_t *body;

    if (!state || r->main) {
        return;
    }
    decision = refused(r, state);
    if (!decision) {
        /* A refusal's headers say no-store. */
        apikey_insert_private(r);
        return;
    }
    document = ap_response_code_string(r, ap_index_of_response(r->status));
    body = choose(r, decision->result);
    if (body && (!document || *document != '"')) {
        /* httpd need not write a page that nobody is going to read. */
        ap_custom_response(r, r->status, "");
        ap_add_output_filter_handle(body_filter, body, r, r->connection);
    }
}
