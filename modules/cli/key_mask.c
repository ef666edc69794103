/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * Keys in text that is about to be written to standard error.  They are found
 * by their looks alone: neither secrets nor database are asked.
 */

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "../core/key.h"
#include "output.h"

#define MASK "...***"           /* replaces the secret part of a key */

const char *cli_secret_part(const char *text, apr_size_t *len)
{
    const char *at;

    for (at = text; *at; at++) {
        *len = 0;
        while (apr_isalnum(at[*len])) {
            ++*len;
        }
        if (*len >= APIKEY_RANDOM_LEN && at - text >= 2
            && strchr("_-.", at[-1]) && apr_isalnum(at[-2])) {
            return at;
        }
        at += *len > 0 ? *len - 1 : 0;
    }
    return NULL;
}

const char *cli_masked(const char *text, apr_pool_t *pool)
{
    const char *masked = "";
    const char *secret;
    apr_size_t len;

    while ((secret = cli_secret_part(text, &len)) != NULL) {
        masked = apr_pstrcat(pool, masked,
                             apr_pstrmemdup(pool, text, secret - text), MASK,
                             NULL);
        text = secret + len;
    }
    return apr_pstrcat(pool, masked, text, NULL);
}
