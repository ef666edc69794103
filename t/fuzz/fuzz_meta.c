/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Meta: the first line is a key's, the rest its tenant's. */

#include "../../modules/core/meta.h"
#include "fuzz.h"

static int same(const apr_table_t *a, const apr_table_t *b)
{
    const apr_array_header_t *one = apr_table_elts(a);
    const apr_array_header_t *other = apr_table_elts(b);
    int i;

    for (i = 0; i < one->nelts && i < other->nelts; i++) {
        const apr_table_entry_t *x = &APR_ARRAY_IDX(one, i, apr_table_entry_t);
        const apr_table_entry_t *y = &APR_ARRAY_IDX(other, i,
                                                    apr_table_entry_t);

        if (strcmp(x->key, y->key) != 0 || strcmp(x->val, y->val) != 0) {
            return 0;
        }
    }
    return one->nelts == other->nelts;
}

/* What is read has no fault, and is written so that it is read again. */
static int check_text(const char *text, apr_pool_t *pool)
{
    apr_table_t *meta, *again;
    int i;

    if (apikey_meta_parse(&meta, text, pool)) {
        must(apr_is_empty_table(meta));
        return 0;
    }
    for (i = 0; i < apr_table_elts(meta)->nelts; i++) {
        const apr_table_entry_t *pair = &APR_ARRAY_IDX(apr_table_elts(meta), i,
                                                       apr_table_entry_t);

        must(!apikey_meta_fault(pair->key, pair->val));
    }
    must(!apikey_meta_parse(&again, apikey_meta_format(meta, pool), pool));
    must(same(meta, again));
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    size_t len = line ? (size_t)(line - data) : size;
    char *key = fuzz_copy(data, len, 1);
    char *tenant = line ? fuzz_copy(line + 1, size - len - 1, 1)
                        : fuzz_copy(NULL, 0, 1);
    apr_table_t *joined;
    apr_pool_t *pool;
    int good, i;

    must(apr_pool_create(&pool, fuzz_pool()) == APR_SUCCESS);
    good = check_text(key, pool);
    good &= check_text(tenant, pool);
    must((apikey_meta_merge(&joined, key, tenant, pool) == NULL) == good);
    for (i = 0; joined && i < apr_table_elts(joined)->nelts; i++) {
        must(*APR_ARRAY_IDX(apr_table_elts(joined), i,
                            apr_table_entry_t).val);
    }
    apr_pool_destroy(pool);
    free(key);
    free(tenant);
    return 0;
}
