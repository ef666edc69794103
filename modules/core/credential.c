/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "credential.h"

#include <string.h>

#define APR_WANT_STRFUNC
#include <apr_strings.h>
#include <apr_want.h>

#include "base64.h"

#define BLANKS " \t"

static apikey_scheme_e scheme_of(const char *value, apr_size_t len)
{
    if (len == 6 && strncasecmp(value, "Bearer", len) == 0) {
        return APIKEY_SCHEME_BEARER;
    }
    if (len == 5 && strncasecmp(value, "Basic", len) == 0) {
        return APIKEY_SCHEME_BASIC;
    }
    return APIKEY_SCHEME_OTHER;
}

static void basic_decode(apikey_credential_t *credential,
                         const char *text, apr_size_t len, apr_pool_t *pool)
{
    char *plain = apr_palloc(pool, APIKEY_BASE64_ROOM(len) + 1);
    char *colon;
    apr_size_t size;

    credential->password = "";
    if (apikey_base64_decode((unsigned char *)plain, &size, text, len)
        != APR_SUCCESS || memchr(plain, '\0', size)) {
        return;
    }
    plain[size] = '\0';
    colon = strchr(plain, ':');
    if (colon) {
        *colon = '\0';
        credential->password = colon + 1;
    }
    credential->token = plain;
    credential->token_len = strlen(plain);
}

/* httpd joins repeated fields with commas, so a scheme of ours may stand in
 * a later one; parameters of other schemes (Digest) never look like one. */
static const char *find_scheme(apikey_credential_t *credential,
                               const char *value)
{
    for (;;) {
        apr_size_t len;

        value += strspn(value, BLANKS);
        len = strcspn(value, BLANKS ",");
        credential->scheme = scheme_of(value, len);
        if (credential->scheme != APIKEY_SCHEME_OTHER) {
            return value + len;
        }
        value = strchr(value + len, ',');
        if (!value) {
            return NULL;
        }
        value++;
    }
}

void apikey_credential_parse(apikey_credential_t *credential,
                             const char *value, apr_pool_t *pool)
{
    const char *rest;
    apr_size_t len;

    credential->token = "";
    credential->token_len = 0;
    credential->password = NULL;
    credential->repeated = strchr(value, ',') != NULL;
    rest = find_scheme(credential, value);
    if (!rest) {
        return;
    }
    rest += strspn(rest, BLANKS);
    len = strlen(rest);
    while (len > 0 && strchr(BLANKS, rest[len - 1])) {
        len--;
    }
    if (credential->scheme == APIKEY_SCHEME_BASIC) {
        basic_decode(credential, rest, len, pool);
        return;
    }
    credential->token = rest[len] ? apr_pstrmemdup(pool, rest, len) : rest;
    credential->token_len = len;
}
