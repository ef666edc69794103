/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Keeps caches from mixing the responses of different clients. */

#include <http_protocol.h>
#include <util_filter.h>

#include "caching.h"

static ap_filter_rec_t *private_filter;

void apikey_restrict_caching(request_rec *r)
{
    apikey_request_t *state = apikey_request_make(r);

    /* mod_cache compares request headers by Vary, and would find the same
     * masked key or none in all of them. */
    if (!apr_table_get(r->subprocess_env, "no-cache")) {
        apr_table_addn(r->subprocess_env, "no-cache", "1");
    }
    while (r->main) {
        r = r->main;
        /* The parent's response may have begun. mod_cache reads this field at
         * the end of it. */
        r->no_cache = 1;
    }
    if (!state->in_area) {
        /* err_headers_out is sent with errors and redirects, too. */
        apr_table_mergen(r->err_headers_out, "Vary",
                         apikey_server_conf(r->server)->vary);
        state->in_area = 1;
    }
}

int apikey_restrict_caching_in_area(request_rec *r)
{
    if (apikey_in_area(r)) {
        apikey_restrict_caching(r);
    }
    return DECLINED;
}

static apr_status_t set_private(ap_filter_t *f, apr_bucket_brigade *in)
{
    request_rec *r = f->r;

    if (!apr_table_get(r->headers_out, "Cache-Control")
        && !apr_table_get(r->err_headers_out, "Cache-Control")) {
        apr_table_setn(r->headers_out, "Cache-Control", "private");
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, in);
}

void apikey_caching_register(void)
{
    /* After mod_headers and mod_expires, before the headers are sent. */
    private_filter = ap_register_output_filter("APIKEY_PRIVATE", set_private,
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
