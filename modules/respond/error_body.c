/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* The body of a refusal. httpd writes its page, as for every error, and an
 * output filter puts another body in its place: HEAD, HTTP/2 and everything
 * else that httpd does for an error works as always. */

#include <http_core.h>
#include <http_protocol.h>
#include <mod_core.h>
#include <util_filter.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "caching.h"
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

/* The identifier of mod_unique_id. "" if there is none, or if it is not of its
 * form: SetEnv may have replaced it, and the body is not escaped. */
static const char *unique_id(request_rec *r)
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

static const char *template_variable(request_rec *r,
                                     const apikey_result_t *result,
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
    return unique_id(r);
}

/* Replaces %{NAME}. ApiKeyErrorBody has checked the names. */
static const char *fill_template(request_rec *r, const apikey_result_t *result,
                                 const char *text)
{
    const char *out = "", *from;

    for (from = strstr(text, "%{"); from; from = strstr(text, "%{")) {
        apr_size_t len = strcspn(from + 2, "}");

        out = apr_pstrcat(r->pool, out,
                          apr_pstrmemdup(r->pool, text, from - text),
                          template_variable(r, result, from + 2, len), NULL);
        text = from + 2 + len + 1;
    }
    return apr_pstrcat(r->pool, out, text, NULL);
}

/* RFC 9457, one body per result. They are made at start-up, because a flood of
 * bad keys needs one each. All text is from the table of results, so that
 * nothing needs escaping. */
static const char *problem_bodies[APIKEY_RESULTS];
static const char *problem_bodies_407[APIKEY_RESULTS];  /* of a forward proxy;
                                                         * NULL: not a 401 */

static const char *format_problem(apr_pool_t *pconf,
                                  const apikey_result_t *result, int status,
                                  const char *title)
{
    return apr_psprintf(pconf, "{\"type\":\"about:blank\",\"title\":\"%s\","
                        "\"status\":%d,\"detail\":\"%s\",\"code\":\"%s\"}\n",
                        title, status, result->message, result->code);
}

static void format_problems(apr_pool_t *pconf)
{
    int i;

    for (i = 0; i < APIKEY_RESULTS; i++) {
        const apikey_result_t *result = apikey_result(i);

        problem_bodies[i] = format_problem(pconf, result, result->status,
                                           result->title);
        problem_bodies_407[i] = result->status == HTTP_UNAUTHORIZED
                         ? format_problem(pconf, result,
                                          HTTP_PROXY_AUTHENTICATION_REQUIRED,
                                          "Proxy Authentication Required")
                         : NULL;
    }
}

static body_t *choose_body(request_rec *r, apikey_result_e which)
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
            body->text = fill_template(r, result, own->text);
            return body;
        }
    }
    if (dir->errors == APIKEY_ERRORS_NONE) {
        return NULL;
    }
    body->type = PROBLEM_TYPE;
    body->text = problem_bodies_407[which] && apikey_is_forward_proxy(r)
                 ? problem_bodies_407[which] : problem_bodies[which];
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
            /* The page of httpd; and a FLUSH, which would send the headers
             * before Content-Type and Content-Length are set. */
            apr_bucket_delete(bucket);
        }
        bucket = next;
    }
    return APR_BRIGADE_EMPTY(in) ? APR_SUCCESS
                                 : ap_pass_brigade(f->next, in);
}

void apikey_error_body_register(apr_pool_t *pconf)
{
    format_problems(pconf);
    body_filter = ap_register_output_filter("APIKEY_BODY", write_body, NULL,
                                            AP_FTYPE_RESOURCE);
}

/* The newest decision about the client's request. */
static const apikey_decision_t *last_decision(const apikey_request_t *state)
{
    int count = state->decisions->nelts;

    return count ? APR_ARRAY_IDX(state->decisions, count - 1,
                                 apikey_decision_t *) : NULL;
}

static int is_answer_of(request_rec *r, const apikey_decision_t *decision)
{
    return decision && decision->result != APIKEY_GRANTED
           && !decision->let_through
           && apikey_refuse_status(r, apikey_result(decision->result))
                  == r->status;
}

/* The refusal that this response is for; NULL: it is none. It may be the
 * refusal of @a r; that of a sub-request, whose status modules such as mod_dir
 * return; or a 403 by mod_authz_core in an area before a key was asked for. */
static const apikey_decision_t *find_refusal(request_rec *r,
                                             const apikey_request_t *state)
{
    const apikey_decision_t *own = apikey_decision_own(r);
    const apikey_decision_t *found = NULL;

    if (is_answer_of(r, own)) {
        return own;
    }
    if (is_answer_of(r, last_decision(state))) {
        found = last_decision(state);
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
    decision = find_refusal(r, state);
    if (!decision) {
        /* A refusal has Cache-Control: no-store. */
        apikey_insert_private(r);
        return;
    }
    document = ap_response_code_string(r, ap_index_of_response(r->status));
    body = choose_body(r, decision->result);
    if (body && (!document || *document != '"')) {
        /* Spares httpd the page that the filter would delete. */
        ap_custom_response(r, r->status, "");
        ap_add_output_filter_handle(body_filter, body, r, r->connection);
    }
}
