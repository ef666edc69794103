/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* core/meta.h: the meta data of keys and tenants, read, written, merged. */

#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "../../modules/core/meta.h"
#include "tap.h"

#define TEN "abcdefghij"
#define LONG TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN \
             TEN TEN TEN TEN TEN TEN TEN TEN TEN

static apr_pool_t *pool;

/* "NAME|VALUE " for each pair. */
static const char *shown(const apr_table_t *meta)
{
    const char *text = "";
    int i;

    for (i = 0; meta && i < apr_table_elts(meta)->nelts; i++) {
        const apr_table_entry_t *pair = &APR_ARRAY_IDX(apr_table_elts(meta), i,
                                                       apr_table_entry_t);

        text = apr_pstrcat(pool, text, pair->key, "|", pair->val, " ", NULL);
    }
    return text;
}

static const char *read_text(const char *text)
{
    apr_table_t *meta;
    const char *fault = apikey_meta_parse(&meta, text, pool);

    if (fault) {
        ok(apr_is_empty_table(meta),
           "no pair is left of the faulty '%s'", text);
    }
    return fault ? fault : shown(meta);
}

static void texts(void)
{
    static const struct { const char *text, *shown; } cases[] = {
        { "", "" }, { " ; ;", "" }, { "plan=gold", "plan|gold " },
        { "plan=gold; seats=25", "plan|gold seats|25 " },
        { ";;plan=gold ;  seats=25;", "plan|gold seats|25 " },
        { "Plan=Gold Star; _9=a=b", "Plan|Gold Star _9|a=b " },
        { "plan=", "plan| " }, { "a=x%3By", "a|x;y " },
        { "a=x%3by", "a|x;y " }, { "a=100%; b=%41%", "a|100% b|%41% " },
        { "a=%253B", "a|%3B " }, { "a=%25253B", "a|%253B " },
        { "a=\"x\"", "a|\"x\" " }, { "a=K\xc3\xb6ln", "a|K\xc3\xb6ln " },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        is_str(read_text(cases[i].text), cases[i].shown, "reading '%s'",
               cases[i].text);
    }
}

static void faults(void)
{
#define IN(n) "is not NAME=VALUE; NAME=VALUE: in pair " #n " "
    static const struct { const char *text, *fault; } cases[] = {
        { "gold", IN(1) "there is no '='" },
        { "a=1; gold", IN(2) "there is no '='" },
        { "=x", IN(1) "the name is not letters, digits and '_'" },
        { "a b=x", IN(1) "the name is not letters, digits and '_'" },
        { "a =x", IN(1) "the name is not letters, digits and '_'" },
        { "a-b=x", IN(1) "the name is not letters, digits and '_'" },
        { "gr\xc3\xbcn=x", IN(1) "the name is not letters, digits and '_'" },
        { "a=1;a=2", IN(2) "the name stands there already" },
        { "a=1; b=; A=2", IN(3) "the name stands there already" },
        { "a= x", IN(1) "the value begins or ends with a blank" },
        { "a=x\ny", IN(1) "the value has a control character" },
        { "a=\xff", IN(1) "the value is not UTF-8" },
        { "a=" LONG "123456", IN(1) "the value is longer than 255 bytes" },
        { LONG "=1", IN(1) "the name is longer than 64 characters" },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        is_str(read_text(cases[i].text), cases[i].fault, "the fault of '%s'",
               cases[i].text);
    }
}

/* What apikey_meta_format() writes, apikey_meta_parse() reads. */
static void written(void)
{
    static const char *const values[] = {
        "", "x", "a;b", "%", "%3B", "%25", "%253B", "%%3B;", "100%", "a=b; c=d",
        "%2", "%;", "%25;%3b"
    };
    apr_table_t *meta = apr_table_make(pool, 16), *again;
    apr_size_t i;

    for (i = 0; i < sizeof(values) / sizeof(*values); i++) {
        ok(!apikey_meta_fault("n", values[i]), "'%s' is a value", values[i]);
        apr_table_addn(meta, apr_psprintf(pool, "n%d", (int)i), values[i]);
    }
    is_str(apikey_meta_parse(&again, apikey_meta_format(meta, pool), pool),
           NULL, "what was written can be read");
    is_str(shown(again), shown(meta), "what was read is what was written");
    is_str(apikey_meta_format(apr_table_make(pool, 1), pool), "",
           "an empty table is written as the empty text");
}

static const char *joined(const char *key, const char *tenant)
{
    apr_table_t *meta;
    const char *fault = apikey_meta_merge(&meta, key, tenant, pool);

    return fault ? fault : meta ? shown(meta) : "none";
}

static void both(void)
{
    is_str(joined("", ""), "none",
           "neither the key nor the tenant has meta: none");
    is_str(joined("a=1", ""), "A|1 ", "the key's meta alone");
    is_str(joined("", "a=1"), "A|1 ", "the tenant's meta alone");
    is_str(joined("a=1; c=3", "A=0; b=2"), "A|1 B|2 C|3 ",
           "a key's value replaces its tenant's");
    is_str(joined("a=", "a=1"), "none",
           "a key's empty value removes its tenant's");
    is_str(joined("a=;b=2", "a=1"), "B|2 ",
           "a key's empty value is not there itself");
    is_str(joined("a", "b=1"), "meta " IN(1) "there is no '='",
           "a fault of a key's meta");
    is_str(joined("a=1", "b"), "tenant's meta " IN(1) "there is no '='",
           "a fault of a tenant's meta");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    texts();
    faults();
    written();
    both();
    return done();
}
