/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Keys in URLs, masked. */

#include <apr_strings.h>

#include "mask.h"

#define TRIES 8                 /* candidates in a text */

/* One text that is searched. */
typedef struct search_t {
    request_rec *r;
    int tries;
    int notes;                  /* what is found is to be recorded */
    int places;                 /* where it stood: apikey_place_e, or-ed */
} search_t;

/* Says where the byte @a at of a text is, or what a whole text is. */
typedef apikey_place_e (place_fn)(const char *text, apr_size_t at);

static void note_exposure(request_rec *r, const apikey_candidates_t *digests,
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

/* The bytes of @a text from @a from to @a end, with *** for each value that
 * holds a key; NULL if there is none. */
static char *mask(search_t *search, const char *text, apr_size_t from,
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
                           search->notes ? &digests : NULL)) {
        apikey_place_e where = place(text, start);

        search->places |= where;
        if (search->notes) {
            note_exposure(search->r, &digests, where);
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

/* A request line or a URL. What stands behind '?' is looked at first: it
 * decides the answer, and candidates elsewhere shall not use its tries up. */
static char *mask_url(search_t *search, const char *text, place_fn *place)
{
    apr_size_t len = strlen(text), query = strcspn(text, "?");
    char *tail = mask(search, text, query, len, APIKEY_DIVIDE_QUERY, place);
    char *head = mask(search, text, 0, query, APIKEY_DIVIDE_URL, place);

    if (!head && !tail) {
        return NULL;
    }
    return apr_pstrcat(search->r->pool,
                       head ? head : apr_pstrmemdup(search->r->pool, text,
                                                    query),
                       tail ? tail : text + query, NULL);
}

static apikey_place_e in_referer(const char *text APIKEY_UNUSED,
                                 apr_size_t at APIKEY_UNUSED)
{
    return APIKEY_IN_REFERER;
}

/* "METHOD TARGET PROTOCOL"; a target is a path with a query, or has a scheme
 * and a host before that, or is none of both (CONNECT, garbage). */
static apikey_place_e in_line(const char *line, apr_size_t at)
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

/* Found again in a part of what it was found in, or made of it: it has been
 * noted, and where it stands is known. */
static apikey_place_e anywhere(const char *text APIKEY_UNUSED,
                               apr_size_t at APIKEY_UNUSED)
{
    return 0;
}

/* @a text, masked if it holds a key: a URL, or a part of one. */
static char *hidden(request_rec *r, char *text)
{
    search_t search = { r, TRIES, 0, 0 };
    char *masked = text ? mask_url(&search, text, anywhere) : NULL;

    return masked ? masked : text;
}

/* A query string likewise. */
static char *hidden_query(request_rec *r, char *text)
{
    search_t search = { r, TRIES, 0, 0 };
    char *masked = text ? mask(&search, text, 0, strlen(text),
                               APIKEY_DIVIDE_QUERY, anywhere) : NULL;

    return masked ? masked : text;
}

static void hide_table(request_rec *r, apr_table_t *table)
{
    const apr_array_header_t *elts = apr_table_elts(table);
    int i;

    for (i = 0; i < elts->nelts; i++) {
        apr_table_entry_t *entry = &APR_ARRAY_IDX(elts, i, apr_table_entry_t);

        entry->val = hidden(r, entry->val);
    }
}

/* All of a URI but its path. */
static void hide_around(request_rec *r)
{
    apr_uri_t *uri = &r->parsed_uri;

    r->method = hidden(r, (char *)r->method);
    r->args = hidden_query(r, r->args);
    r->unparsed_uri = hidden(r, r->unparsed_uri);
    uri->query = hidden_query(r, uri->query);
    uri->fragment = hidden(r, uri->fragment);
    uri->user = hidden(r, uri->user);
    uri->password = hidden(r, uri->password);
    uri->hostinfo = hidden(r, uri->hostinfo);
    uri->hostname = hidden(r, uri->hostname);
    r->hostname = hidden(r, (char *)r->hostname);
}

/* Its path, and the file that httpd has found for it. */
static void hide_path(request_rec *r)
{
    r->uri = hidden(r, r->uri);
    r->parsed_uri.path = hidden(r, r->parsed_uri.path);
    r->filename = hidden(r, r->filename);
    r->canonical_filename = hidden(r, r->canonical_filename);
    r->path_info = hidden(r, r->path_info);
}

void apikey_mask_referer(request_rec *r, apikey_request_t *state,
                         const char *value)
{
    search_t search = { r, TRIES, 1, 0 };
    char *masked = value ? mask(&search, value, 0, strlen(value),
                                APIKEY_DIVIDE_QUERY, in_referer) : NULL;

    if (masked) {
        apr_table_setn(r->headers_in, "Referer", masked);
        state->exposed_places |= APIKEY_IN_REFERER;
    }
}

void apikey_mask_request_line(request_rec *r, apikey_request_t *state)
{
    search_t search = { r, TRIES, 1, 0 };
    char *masked = r->the_request ? mask_url(&search, r->the_request, in_line)
                                  : NULL;

    if (!masked) {
        return;
    }
    state->exposed_places |= search.places;
    r->the_request = masked;
    /* A key in the path refuses nothing: what finds the application, or is
     * what the application is asked, stays as it is until the log. */
    if (search.places & ~APIKEY_IN_PATH) {
        hide_around(r);
    }
}

/* httpd has read no more of @a line, which was too long: its end may be that
 * of a key that was cut, which nothing tells. */
static char *without_end(request_rec *r, const char *line)
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
    masked = mask_url(&search, line, in_line);
    if (!r->method) {
        masked = without_end(r, masked ? masked : line);
    }

    state->exposed_places |= search.places & APIKEY_IN_PATH;
    for (; masked && r; r = r->prev) {
        r->the_request = masked;
        if (!r->prev) {
            hide_around(r);
            hide_path(r);
        }
    }
}

void apikey_mask_path(request_rec *r, const apikey_request_t *state)
{
    if (!(state->exposed_places & APIKEY_IN_PATH)) {
        return;
    }
    for (; r; r = r->next) {
        hide_around(r);
        hide_path(r);
        hide_table(r, r->headers_in);
        hide_table(r, r->headers_out);
        hide_table(r, r->err_headers_out);
        hide_table(r, r->subprocess_env);
        hide_table(r, r->notes);
    }
}
