/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "meta.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "text.h"

static int is_name_character(char c)
{
    return apr_isascii(c) && (apr_isalnum(c) || c == '_');
}

const char *apikey_meta_fault(const char *name, const char *value)
{
    const char *c = name;
    const char *fault;

    while (is_name_character(*c)) {
        c++;
    }
    if (!*name || *c) {
        return "the name is not letters, digits and '_'";
    }
    if (c - name > APIKEY_META_NAME_MAX) {
        return "the name is longer than 64 characters";
    }
    fault = *value ? apikey_text_fault(value) : NULL;
    return !fault ? NULL
         : strstr(fault, "UTF-8") ? "the value is not UTF-8"
         : strstr(fault, "control") ? "the value has a control character"
         : strstr(fault, "blank") ? "the value begins or ends with a blank"
         : "the value is longer than 255 bytes";
}

/* Decodes %3B and %25, in place; any other '%' stands for itself. */
static void decode_value(char *value)
{
    char *to = value;

    for (; *value; value++) {
        if (strncasecmp(value, "%3B", 3) == 0) {
            *to++ = ';';
            value += 2;
        }
        else {
            *to++ = *value;
            value += strncmp(value, "%25", 3) == 0 ? 2 : 0;
        }
    }
    *to = '\0';
}

/* Removes blanks at both ends, in place. */
static char *trim_pair(char *pair)
{
    char *end;

    pair += strspn(pair, " ");
    end = pair + strlen(pair);
    while (end > pair && end[-1] == ' ') {
        end--;
    }
    *end = '\0';
    return pair;
}

/* Adds a pair; an empty one is ignored.  NULL, or what is wrong. */
static const char *read_pair(apr_table_t *meta, char *pair)
{
    char *value;
    const char *fault;

    pair = trim_pair(pair);
    if (!*pair) {
        return NULL;
    }
    value = strchr(pair, '=');
    if (!value) {
        return "there is no '='";
    }
    *value++ = '\0';
    decode_value(value);
    fault = apikey_meta_fault(pair, value);
    if (!fault && apr_table_get(meta, pair)) {
        fault = "the name stands there already";
    }
    if (!fault) {
        apr_table_addn(meta, pair, value);
    }
    return fault;
}

const char *apikey_meta_parse(apr_table_t **meta, const char *text,
                              apr_pool_t *pool)
{
    char *rest = apr_pstrdup(pool, text);
    char *pair, *end;
    int number = 0;

    *meta = apr_table_make(pool, 4);
    for (pair = rest; pair; pair = end) {
        const char *fault;

        end = strchr(pair, ';');
        if (end) {
            *end++ = '\0';
        }
        number++;
        fault = read_pair(*meta, pair);
        if (fault) {
            apr_table_clear(*meta);
            return apr_psprintf(pool, "is not NAME=VALUE; NAME=VALUE: in pair "
                                "%d %s", number, fault);
        }
    }
    return NULL;
}

/* The reverse of decode_value(). */
static const char *encode_value(const char *value, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, strlen(value) * 3 + 1);
    char *to = text;

    for (; *value; value++) {
        if (*value == ';' || (*value == '%'
                              && (strncasecmp(value, "%3B", 3) == 0
                                  || strncmp(value, "%25", 3) == 0))) {
            memcpy(to, *value == ';' ? "%3B" : "%25", 3);
            to += 3;
        }
        else {
            *to++ = *value;
        }
    }
    *to = '\0';
    return text;
}

const char *apikey_meta_format(const apr_table_t *meta, apr_pool_t *pool)
{
    const apr_array_header_t *pairs = apr_table_elts(meta);
    const char *text = "";
    int i;

    for (i = 0; i < pairs->nelts; i++) {
        const apr_table_entry_t *pair = &APR_ARRAY_IDX(pairs, i,
                                                       apr_table_entry_t);

        text = apr_pstrcat(pool, text, *text ? "; " : "", pair->key, "=",
                           encode_value(pair->val, pool), NULL);
    }
    return text;
}

/* Sets pairs, names in upper case; an empty value unsets. */
static void merge_pairs(apr_table_t *meta, const apr_table_t *pairs,
                        apr_pool_t *pool)
{
    const apr_array_header_t *list = apr_table_elts(pairs);
    int i;

    for (i = 0; i < list->nelts; i++) {
        const apr_table_entry_t *pair = &APR_ARRAY_IDX(list, i,
                                                       apr_table_entry_t);
        char *name = apr_pstrdup(pool, pair->key);
        char *c;

        for (c = name; *c; c++) {
            *c = apr_toupper(*c);
        }
        if (*pair->val) {
            apr_table_setn(meta, name, pair->val);
        }
        else {
            apr_table_unset(meta, name);
        }
    }
}

const char *apikey_meta_merge(apr_table_t **meta, const char *key,
                              const char *tenant, apr_pool_t *pool)
{
    const char *texts[2];
    apr_table_t *joined = NULL;
    int i;

    texts[0] = tenant;
    texts[1] = key;
    *meta = NULL;
    for (i = 0; i < 2; i++) {
        apr_table_t *pairs;
        const char *fault;

        if (!*texts[i]) {
            continue;
        }
        fault = apikey_meta_parse(&pairs, texts[i], pool);
        if (fault) {
            return apr_pstrcat(pool, i ? "meta " : "tenant's meta ", fault,
                               NULL);
        }
        if (!joined) {
            joined = apr_table_make(pool, 4);
        }
        merge_pairs(joined, pairs, pool);
    }
    *meta = joined && !apr_is_empty_table(joined) ? joined : NULL;
    return NULL;
}
