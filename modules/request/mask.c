/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Masks keys in the request line, in what httpd has made of it, and in the
 * Referer. */

#include <apr_strings.h>

#include "mask.h"

#define TRIES 8                 /* words of a text that may cost a digest */

/* The search of one text. */
typedef struct search_t {
    request_rec *r;
    int tries;                  /* left */
    int recorded;               /* whether keys become exposures */
    int places;                 /* where keys were: apikey_place_e, or-ed */
} search_t;

/* The place of the byte @a at of a text. */
typedef apikey_place_e (place_fn)(const char *text, apr_size_t at);

static void add_exposure(request_rec *r, const apikey_candidates_t *digests,
                         apikey_place_e place)
{
    apikey_request_t *state = apikey_request_make(r);
    apikey_exposure_t *exposure;

    if (!state->exposures) {
        state->exposures = apr_array_make(state->decisions->pool, 1,
                                          sizeof(apikey_exposure_t));
    }
    if (digests->count) {
        exposure = &APR_ARRAY_PUSH(state->exposures, apikey_exposure_t);
        exposure->digests = *digests;
        exposure->places = place;
        exposure->when = apr_time_sec(r->request_time);
    }
}

/* A copy of @a text from @a from to @a end, with *** in the place of each value
 * that holds a key; NULL if none does. */
static char *mask_keys(search_t *search, const char *text, apr_size_t from,
                       apr_size_t end, apikey_divide_e divide, place_fn *place)
{
    const apikey_policy_t *policy =
        &apikey_server_conf(search->r->server)->policy;
    apr_pool_t *pool = search->r->pool;
    apikey_candidates_t digests;
    apr_size_t start, stop;
    char *masked = NULL;

    while (apikey_key_scan(&start, &stop, policy, divide, text, end, from,
                           &search->tries,
                           search->recorded ? &digests : NULL)) {
        apikey_place_e where = place(text, start);

        search->places |= where;
        if (search->recorded) {
            add_exposure(search->r, &digests, where);
        }
        masked = apr_pstrcat(pool, masked ? masked : "",
                             apr_pstrmemdup(pool, text + from, start - from),
                             APIKEY_MASK, NULL);
        from = stop;
    }
    return masked ? apr_pstrcat(pool, masked,
                                apr_pstrmemdup(pool, text + from, end - from),
                                NULL) : NULL;
}

/* Likewise of a request line or a URL. The query is searched first: a key in it
 * refuses the request, so words of the path must not use up its tries. */
static char *mask_keys_in_url(search_t *search, const char *text,
                              place_fn *place)
{
    apr_size_t len = strlen(text), query = strcspn(text, "?");
    char *tail = mask_keys(search, text, query, len, APIKEY_DIVIDE_QUERY,
                           place);
    char *head = mask_keys(search, text, 0, query, APIKEY_DIVIDE_URL, place);

    if (!head && !tail) {
        return NULL;
    }
    return apr_pstrcat(search->r->pool,
                       head ? head : apr_pstrmemdup(search->r->pool, text,
                                                    query),
                       tail ? tail : text + query, NULL);
}

static apikey_place_e place_in_referer(const char *text APIKEY_UNUSED,
                                       apr_size_t at APIKEY_UNUSED)
{
    return APIKEY_IN_REFERER;
}

/* "METHOD TARGET PROTOCOL". The target is a path with a query, a URL with a
 * scheme and a host before that path, or neither (CONNECT, garbage). */
static apikey_place_e place_in_line(const char *line, apr_size_t at)
{
    const char *target = line + strcspn(line, " ");
    const char *path, *end;

    target += strspn(target, " ");
    end = target + strcspn(target, " ");
    path = target;
    if (*target != '/') {
        path = strstr(target, "://");
        path = path ? path + 3 + strcspn(path + 3, "/? ") : end;
    }
    if (at < (apr_size_t)(path - line) || at > (apr_size_t)(end - line)) {
        return APIKEY_IN_LINE;
    }
    return memchr(path, '?', at - (path - line)) ? APIKEY_IN_QUERY
                                                 : APIKEY_IN_PATH;
}

/* For fields made of a text that has been searched: the key in it has been
 * recorded with its place already. */
static apikey_place_e place_unknown(const char *text APIKEY_UNUSED,
                                    apr_size_t at APIKEY_UNUSED)
{
    return 0;
}

/* A URL or a part of one: @a text itself, or a masked copy if a key is in it.
 */
static char *masked_url(request_rec *r, char *text)
{
    search_t search = { r, TRIES, 0, 0 };
    char *masked = text ? mask_keys_in_url(&search, text, place_unknown) : NULL;

    return masked ? masked : text;
}

/* Likewise of a query string. */
static char *masked_query(request_rec *r, char *text)
{
    search_t search = { r, TRIES, 0, 0 };
    char *masked = text ? mask_keys(&search, text, 0, strlen(text),
                                    APIKEY_DIVIDE_QUERY, place_unknown) : NULL;

    return masked ? masked : text;
}

static void mask_table(request_rec *r, apr_table_t *table)
{
    const apr_array_header_t *elts = apr_table_elts(table);
    int i;

    for (i = 0; i < elts->nelts; i++) {
        apr_table_entry_t *entry = &APR_ARRAY_IDX(elts, i, apr_table_entry_t);

        entry->val = masked_url(r, entry->val);
    }
}

/* The method and all parts of the URI except the path. */
static void mask_uri_parts(request_rec *r)
{
    apr_uri_t *uri = &r->parsed_uri;

    r->method = masked_url(r, (char *)r->method);
    r->args = masked_query(r, r->args);
    r->unparsed_uri = masked_url(r, r->unparsed_uri);
    uri->query = masked_query(r, uri->query);
    uri->fragment = masked_url(r, uri->fragment);
    uri->user = masked_url(r, uri->user);
    uri->password = masked_url(r, uri->password);
    uri->hostinfo = masked_url(r, uri->hostinfo);
    uri->hostname = masked_url(r, uri->hostname);
    r->hostname = masked_url(r, (char *)r->hostname);
}

/* The path, and the file that it is mapped to. */
static void mask_path_fields(request_rec *r)
{
    r->uri = masked_url(r, r->uri);
    r->parsed_uri.path = masked_url(r, r->parsed_uri.path);
    r->filename = masked_url(r, r->filename);
    r->canonical_filename = masked_url(r, r->canonical_filename);
    r->path_info = masked_url(r, r->path_info);
}

void apikey_mask_referer(request_rec *r, apikey_request_t *state,
                         const char *value)
{
    search_t search = { r, TRIES, 1, 0 };
    char *masked = value ? mask_keys(&search, value, 0, strlen(value),
                                     APIKEY_DIVIDE_QUERY, place_in_referer)
                         : NULL;

    if (masked) {
        apr_table_setn(r->headers_in, "Referer", masked);
        state->exposed_places |= APIKEY_IN_REFERER;
    }
}

void apikey_mask_request_line(request_rec *r, apikey_request_t *state)
{
    search_t search = { r, TRIES, 1, 0 };
    char *masked = r->the_request
                   ? mask_keys_in_url(&search, r->the_request, place_in_line)
                   : NULL;

    if (!masked) {
        return;
    }
    state->exposed_places |= search.places;
    r->the_request = masked;
    /* A key in the path does not refuse the request, which httpd still has to
     * map: the path is masked by apikey_mask_path(). */
    if (search.places & ~APIKEY_IN_PATH) {
        mask_uri_parts(r);
    }
}

/* The line was too long, and httpd has cut it: its last value may be the
 * beginning of a key, so that is masked whatever it is. */
static char *line_without_end(request_rec *r, const char *line)
{
    apr_size_t len = strlen(line), end = len;
    const char *dividers = strchr(line, '?') ? "=&;?# " : "=&;?# /:@";

    while (end > 0 && !strchr(dividers, line[end - 1])) {
        end--;
    }
    return apr_pstrcat(r->pool, apr_pstrmemdup(r->pool, line, end), APIKEY_MASK,
                       NULL);
}

void apikey_mask_unparsed_line(request_rec *r, apikey_request_t *state)
{
    search_t search = { r, TRIES, 1, 0 };
    char *line = r->the_request, *masked;

    if (!line) {
        return;
    }
    masked = mask_keys_in_url(&search, line, place_in_line);
    if (!r->method) {
        masked = line_without_end(r, masked ? masked : line);
    }
    state->exposed_places |= search.places & APIKEY_IN_PATH;
    for (; masked && r; r = r->prev) {
        r->the_request = masked;
        if (!r->prev) {
            mask_uri_parts(r);
            mask_path_fields(r);
        }
    }
}

void apikey_mask_path(request_rec *r, const apikey_request_t *state)
{
    if (!(state->exposed_places & APIKEY_IN_PATH)) {
        return;
    }
    for (; r; r = r->next) {
        mask_uri_parts(r);
        mask_path_fields(r);
        mask_table(r, r->headers_in);
        mask_table(r, r->headers_out);
        mask_table(r, r->err_headers_out);
        mask_table(r, r->subprocess_env);
        mask_table(r, r->notes);
    }
}
