/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "credential.h"

#include <string.h>

#define APR_WANT_STRFUNC
#include <apr_strings.h>
#include <apr_want.h>

#include "base64.h"

#define BLANKS " \t"

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

/* What follows the name of the scheme. httpd joins repeated fields with commas,
 * so it may stand in a later one; parameters of other schemes (Digest) never
 * look like one. */
static const char *find(const char *scheme, const char *value)
{
    apr_size_t name_len = strlen(scheme);

    for (;;) {
        apr_size_t len;

        value += strspn(value, BLANKS);
        len = strcspn(value, BLANKS ",");
        if (len == name_len && strncasecmp(value, scheme, len) == 0) {
            return value + len;
        }
        value = strchr(value + len, ',');
        if (!value) {
            return NULL;
        }
        value++;
    }
}

int apikey_credential_parse(apikey_credential_t *credential,
                            apikey_scheme_e scheme, const char *value,
                            apr_pool_t *pool)
{
    int basic = scheme == APIKEY_SCHEME_BASIC;
    const char *rest = find(basic ? "Basic" : "Bearer", value);
    apr_size_t len;

    credential->token = "";
    credential->token_len = 0;
    credential->password = NULL;
    credential->repeated = strchr(value, ',') != NULL;
    if (!rest) {
        return 0;
    }
    rest += strspn(rest, BLANKS);
    len = strlen(rest);
    while (len > 0 && strchr(BLANKS, rest[len - 1])) {
        len--;
    }
    if (basic) {
        basic_decode(credential, rest, len, pool);
        return 1;
    }
    credential->token = rest[len] ? apr_pstrmemdup(pool, rest, len) : rest;
    credential->token_len = len;
    return 1;
}
