/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Creation and merging of both configurations, from their lists of fields. */

#include <apr_strings.h>

#include "config.h"

#define CREATE(type, field, unset, rule) conf->field = unset;
#define MERGE(type, field, unset, rule) \
    conf->field = MERGE_##rule(field, unset);
#define MERGE_last(field, unset) \
    (add->field != unset ? add->field : base->field)
#define MERGE_beside(field, unset) \
    (add->field != unset || add->query ? add->field : base->field)
#define MERGE_all(field, unset) \
    (add->field == unset ? base->field : base->field == unset ? add->field \
     : apr_pstrcat(pool, add->field, "\n", base->field, NULL))
#define MERGE_narrow(field, unset) narrow_sources(pool, base->field, add->field)
#define MERGE_overlay(field, unset) overlay_lists(pool, base->field, add->field)
#define MERGE_either(field, unset) (base->field || add->field)

const char *apikey_source_name(const apikey_source_t *source,
                               apr_pool_t *pool)
{
    switch (source->from) {
    case APIKEY_FROM_HEADER:
        return apr_pstrcat(pool, "header:", source->header, NULL);
    case APIKEY_FROM_SCHEME:
        return apr_pstrcat(pool, "scheme:", source->scheme, NULL);
    case APIKEY_FROM_BEARER:
        return "bearer";
    case APIKEY_FROM_BASIC:
        return "basic";
    default:
        return "authorization";
    }
}

int apikey_source_allowed(const apr_array_header_t *from,
                          const apikey_source_t *source)
{
    int i;

    if (!from) {
        return 1;
    }
    for (i = 0; i < from->nelts; i++) {
        const apikey_source_t *one = &APR_ARRAY_IDX(from, i, apikey_source_t);

        if (one->from == source->from
            && !ap_cstr_casecmp(one->header, source->header)
            && !ap_cstr_casecmp(one->scheme, source->scheme)) {
            return 1;
        }
    }
    return 0;
}

/* The sources of the inner section that the outer one has, too. */
static apr_array_header_t *narrow_sources(apr_pool_t *pool,
                                          apr_array_header_t *outer,
                                          apr_array_header_t *inner)
{
    apr_array_header_t *both;
    int i;

    if (!outer || !inner) {
        return inner ? inner : outer;
    }
    both = apr_array_make(pool, inner->nelts, sizeof(apikey_source_t));
    for (i = 0; i < inner->nelts; i++) {
        const apikey_source_t *source =
            &APR_ARRAY_IDX(inner, i, apikey_source_t);

        if (apikey_source_allowed(outer, source)) {
            APR_ARRAY_PUSH(both, apikey_source_t) = *source;
        }
    }
    return both;
}

/* Both lists, the inner section's first: readers take the first that fits. */
static apr_array_header_t *overlay_lists(apr_pool_t *pool,
                                         apr_array_header_t *outer,
                                         apr_array_header_t *inner)
{
    if (!outer || !inner) {
        return inner ? inner : outer;
    }
    return apr_array_append(pool, inner, outer);
}

void *apikey_server_create(apr_pool_t *pool, server_rec *s)
{
    apikey_server_t *conf = apr_pcalloc(pool, sizeof(*conf));

    conf->owner = s;
    APIKEY_SERVER_FIELDS(CREATE)
    return conf;
}

void *apikey_server_merge(apr_pool_t *pool, void *basev, void *addv)
{
    apikey_server_t *base = basev, *add = addv;
    apikey_server_t *conf = apr_pcalloc(pool, sizeof(*conf));

    conf->owner = add->owner;
    APIKEY_SERVER_FIELDS(MERGE)
    return conf;
}

const char *apikey_server_name(apr_pool_t *pool, const server_rec *s)
{
    return s->defn_name
           ? apr_psprintf(pool, "of the server at %s:%u", s->defn_name,
                          s->defn_line_number)
           : "of the main server";
}

apikey_server_t *apikey_server_own(server_rec *s, apr_pool_t *pool)
{
    apikey_server_t *conf = ap_get_module_config(s->module_config,
                                                 &apikey_module);

    if (conf->owner != s) {
        conf = apikey_server_merge(pool, conf, apikey_server_create(pool, s));
        ap_set_module_config(s->module_config, &apikey_module, conf);
    }
    return conf;
}

void *apikey_dir_create(apr_pool_t *pool, char *path APIKEY_UNUSED)
{
    apikey_dir_t *conf = apr_pcalloc(pool, sizeof(*conf));

    APIKEY_DIR_FIELDS(CREATE)
    return conf;
}

void *apikey_dir_merge(apr_pool_t *pool, void *basev, void *addv)
{
    apikey_dir_t *base = basev, *add = addv;
    apikey_dir_t *conf = apr_pcalloc(pool, sizeof(*conf));

    APIKEY_DIR_FIELDS(MERGE)
    return conf;
}
