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

/* What follows the name of the scheme, NULL where it is not there.  httpd joins
 * repeated fields with commas, so the scheme may stand after one.  No parameter
 * of another scheme (Digest) is taken for a scheme: it has a '=' in it. */
static const char *find_after_scheme(const char *scheme, const char *value)
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

/* The first word of a field without a scheme; NULL: it has a scheme, which is a
 * word and a blank before another. */
static const char *find_single_word(const char *value)
{
    const char *end;

    value += strspn(value, BLANKS);
    end = value + strcspn(value, BLANKS ",");
    end += strspn(end, BLANKS);
    return *value && (!*end || *end == ',') ? value : NULL;
}

/* The text of a quoted-string after its first quote, without the backslash of
 * each quoted-pair (RFC 9110, 5.6.4); "" if it does not end at end. */
static char *unquote(const char *text, const char *end, apr_pool_t *pool)
{
    char *plain = apr_palloc(pool, (apr_size_t)(end - text) + 1);
    char *to = plain;

    while (text < end && *text != '"') {
        if (*text == '\\' && text + 1 < end) {
            text++;
        }
        *to++ = *text++;
    }
    if (text + 1 != end) {
        to = plain;
    }
    *to = '\0';
    return plain;
}

/* The value where the text is a single parameter "token", else NULL. */
static const char *token_parameter(const char *text, apr_size_t len,
                                   apr_pool_t *pool)
{
    const char *end = text + len;

    if (len < 5 || strncasecmp(text, "token", 5) != 0) {
        return NULL;
    }
    text += 5;
    text += strspn(text, BLANKS);
    if (text >= end || *text != '=') {
        return NULL;
    }
    text++;
    text += strspn(text, BLANKS);
    return *text == '"' ? unquote(text + 1, end, pool)
                        : apr_pstrmemdup(pool, text, text < end
                                         ? (apr_size_t)(end - text) : 0);
}

static const char *find_scheme(apikey_scheme_e scheme, const char *name,
                               const char *value)
{
    switch (scheme) {
    case APIKEY_SCHEME_BASIC:
        return find_after_scheme("Basic", value);
    case APIKEY_SCHEME_BEARER:
        return find_after_scheme("Bearer", value);
    case APIKEY_SCHEME_NAMED:
        return find_after_scheme(name, value);
    default:
        return find_single_word(value);
    }
}

int apikey_credential_parse(apikey_credential_t *credential,
                            apikey_scheme_e scheme, const char *name,
                            const char *value, apr_pool_t *pool)
{
    const char *rest = find_scheme(scheme, name, value);
    const char *token = NULL;
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
    if (scheme == APIKEY_SCHEME_BASIC) {
        basic_decode(credential, rest, len, pool);
        return 1;
    }
    if (scheme == APIKEY_SCHEME_NAMED) {
        token = token_parameter(rest, len, pool);
    }
    if (!token) {
        token = rest[len] ? apr_pstrmemdup(pool, rest, len) : rest;
    }
    credential->token = token;
    credential->token_len = strlen(token);
    return 1;
}
