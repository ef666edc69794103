/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "prefix.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

static int is_alnum(char c)
{
    return apr_isascii(c) && apr_isalnum(c);
}

static const char *word_fault(const char *word, apr_size_t len)
{
    apr_size_t i;

    if (len == 0) {
        return "is empty";
    }
    if (len > APIKEY_PREFIX_MAX) {
        return "is longer than 32 characters";
    }
    for (i = 0; i < len; i++) {
        if (!is_alnum(word[i]) && word[i] != '_' && word[i] != '-'
            && (word[i] != '.' || i + 1 < len)) {
            return "has a character other than letters, digits, '_', '-' and "
                   "a '.' at its end";
        }
    }
    return is_alnum(word[0]) ? NULL
                             : "does not begin with a letter or digit";
}

const char *apikey_prefix_fault(const char *word)
{
    return word_fault(word, strlen(word));
}

apikey_prefix_t apikey_prefix_from_word(const char *word, apr_pool_t *pool)
{
    apikey_prefix_t prefix = { word, strlen(word) };

    if (prefix.len == 0 || is_alnum(word[prefix.len - 1])) {
        prefix.text = apr_pstrcat(pool, word, "_", NULL);
        prefix.len++;
    }
    return prefix;
}

apr_size_t apikey_prefix_word_len(const char *prefix, apr_size_t len)
{
    return len >= 2 && prefix[len - 1] == '_' && is_alnum(prefix[len - 2])
           ? len - 1 : len;
}

int apikey_is_prefix(const char *text, apr_size_t len)
{
    return len > 0 && !is_alnum(text[len - 1])
           && !word_fault(text, apikey_prefix_word_len(text, len));
}

const apikey_prefix_t *apikey_prefixes_parse(int argc, const char *const *argv,
                                             apr_pool_t *pool,
                                             const char **fault)
{
    apikey_prefix_t *prefixes = apr_pcalloc(pool, (APIKEY_PREFIXES_MAX + 1)
                                                  * sizeof(*prefixes));
    int i;

    *fault = argc < 1 ? "wants one or more prefixes, such as ak"
             : argc > APIKEY_PREFIXES_MAX ? "wants 16 prefixes at most" : NULL;
    for (i = 0; !*fault && i < argc; i++) {
        const char *wrong = apikey_prefix_fault(argv[i]);

        if (wrong) {
            *fault = apr_psprintf(pool, "'%s' %s", argv[i], wrong);
        }
        else {
            prefixes[i] = apikey_prefix_from_word(argv[i], pool);
        }
    }
    return *fault ? NULL : prefixes;
}

int apikey_prefixes_have(const apikey_prefix_t *prefixes, const char *word)
{
    apr_size_t len = apikey_prefix_word_len(word, strlen(word));

    for (; prefixes->text; prefixes++) {
        if (apikey_prefix_word_len(prefixes->text, prefixes->len) == len
            && strncmp(prefixes->text, word, len) == 0) {
            return 1;
        }
    }
    return 0;
}

const apikey_prefix_t *apikey_prefixes_find(const apikey_prefix_t *prefixes,
                                            const char *text, apr_size_t len)
{
    for (; prefixes->text; prefixes++) {
        if (len > prefixes->len
            && memcmp(text, prefixes->text, prefixes->len) == 0) {
            return prefixes;
        }
    }
    return NULL;
}
