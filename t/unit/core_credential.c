/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Credentials in an Authorization header, core/credential.h: the scheme, the
 * token, the password, and whether the field held more than one. */

#include <stdlib.h>

#include <apr_general.h>

#include "../../modules/core/credential.h"
#include "tap.h"

#define OTHER 7                 /* neither of them */
#define BEARER APIKEY_SCHEME_BEARER
#define BASIC APIKEY_SCHEME_BASIC

static const struct {
    const char *promise;
    const char *value;
    int scheme;
    const char *token;
    const char *password;
    int repeated;
} cases[] = {
    { "a Bearer token", "Bearer ak_1", BEARER, "ak_1", NULL, 0 },
    { "the scheme is compared without case", "bEARER ak_1", BEARER, "ak_1",
      NULL, 0 },
    { "tabs and many blanks around and between", " \t Bearer \t  \t ak_1 \t  ",
      BEARER, "ak_1", NULL, 0 },
    { "Bearer alone has an empty token", "Bearer", BEARER, "", NULL, 0 },
    { "Bearer and blanks have an empty token", "Bearer  \t ", BEARER, "", NULL,
      0 },
    { "a token with a blank within stays one", "Bearer a b", BEARER, "a b",
      NULL, 0 },
    { "a token may begin with the scheme's name", "Bearer Bearer x", BEARER,
      "Bearer x", NULL, 0 },
    { "Bearer without a blank is another scheme", "Bearerak_1", OTHER, "", NULL,
      0 },
    { "Bearer: is another scheme", "Bearer:x", OTHER, "", NULL, 0 },
    { "Beare is another scheme", "Beare x", OTHER, "", NULL, 0 },
    { "an empty value is none of ours", "", OTHER, "", NULL, 0 },
    { "blanks are none of ours", " \t ", OTHER, "", NULL, 0 },
    { "a key without a scheme is none of ours", "ak_1", OTHER, "", NULL, 0 },
    { "Negotiate is left alone", "Negotiate YII=", OTHER, "", NULL, 0 },
    { "format characters and quotes are kept in the token", "Bearer %s%n'\"\\",
      BEARER, "%s%n'\"\\", NULL, 0 },
    { "UTF-8 is kept as it is in the token", "Bearer \xf0\x9f\x94\x91", BEARER,
      "\xf0\x9f\x94\x91", NULL, 0 },
    { "control bytes are kept as they are in the token", "Bearer \x01\x7f",
      BEARER, "\x01\x7f", NULL, 0 },

    { "a comma within the token is marked as repeated", "Bearer a,b", BEARER,
      "a,b", NULL, 1 },
    { "two joined Bearer fields are marked as repeated", "Bearer a, Bearer b",
      BEARER, "a, Bearer b", NULL, 1 },
    { "a comma right after the scheme is marked as repeated",
      "Bearer, Bearer b", BEARER, ", Bearer b", NULL, 1 },
    { "Bearer after another scheme is found", "Negotiate YII=, Bearer k",
      BEARER, "k", NULL, 1 },
    { "Bearer after empty fields is found", ",, ,Bearer k", BEARER, "k", NULL,
      1 },
    { "Digest's parameters are neither Bearer nor Basic",
      "Digest username=\"bearer\", realm=\"basic\", nonce=\"x\"", OTHER, "",
      NULL, 1 },

    { "Basic gives user-id and password", "Basic YWtfMTpwdw==", BASIC, "ak_1",
      "pw", 0 },
    { "Basic with an empty password has an empty password",
      "basic \t YWtfMTo= ", BASIC, "ak_1", "", 0 },
    { "Basic without a colon has an empty password", "Basic YWtfMQ==", BASIC,
      "ak_1", "", 0 },
    { "the first colon divides user-id and password", "Basic YTpiOmM=", BASIC,
      "a", "b:c", 0 },
    { "Basic with an empty user-id has an empty token", "Basic OnB3", BASIC, "",
      "pw", 0 },
    { "Basic alone has an empty token", "Basic", BASIC, "", "", 0 },
    { "Basic that is no base64 has an empty token", "Basic ak_1", BASIC, "", "",
      0 },
    { "Basic without its padding has an empty token", "Basic YWtfMQ", BASIC, "",
      "", 0 },
    { "Basic with a blank within has an empty token", "Basic YWtf MTo=", BASIC,
      "", "", 0 },
    { "Basic with a NUL decoded has an empty token", "Basic YWtfMQA6", BASIC,
      "", "", 0 },
    { "Basic with a NUL in its password has an empty token",
      "Basic YTpiAGM=", BASIC, "", "", 0 },
    { "a repeated Basic has an empty token", "Basic YTpi, Basic YTpi", BASIC,
      "", "", 1 }
};

/* A field that holds both schemes: each is found. */
static void test_both(apr_pool_t *pool)
{
    apikey_credential_t credential;

    ok(apikey_credential_parse(&credential, BEARER, NULL,
                               "Basic YTpi, Bearer k", pool)
       && credential.repeated && strcmp(credential.token, "k") == 0,
       "Bearer after Basic is found");
    ok(apikey_credential_parse(&credential, BASIC, NULL,
                               "Bearer k, Basic YTpi", pool)
       && credential.repeated && strcmp(credential.token, "a") == 0,
       "Basic after Bearer is found");
}

/* Schemes that ApiKeyCredential names, in the forms NAME KEY, NAME token=KEY
 * and NAME token="KEY"; and the key without a scheme. */
static const struct {
    const char *name;           /* NULL: APIKEY_SCHEME_NONE */
    const char *value;
    const char *token;          /* NULL: there is none of this scheme */
    int repeated;
} others[] = {
    { "Token", "Token ak_1", "ak_1", 0 },
    { "token", "TOKEN \t ak_1 ", "ak_1", 0 },
    { "Api-Key", "api-key ak_1", "ak_1", 0 },
    { "Token", "Token token=ak_1", "ak_1", 0 },
    { "Token", "Token token=\"ak_1\"", "ak_1", 0 },
    { "Token", "token TOKEN = \t\"ak_1\" ", "ak_1", 0 },
    { "Token", "Token token=\"a\\\"b\\\\c\"", "a\"b\\c", 0 },
    { "Token", "Token token=\"\"", "", 0 },
    { "Token", "Token token=", "", 0 },
    { "Token", "Token token= ", "", 0 },
    { "Token", "Token token=\"", "", 0 },
    { "Token", "Token token=\"ak_1", "", 0 },
    { "Token", "Token token=\"ak_1\\\"", "", 0 },
    { "Token", "Token token=\"ak_1\"x", "", 0 },
    { "Token", "Token token=\"a\" b=\"c\"", "", 0 },
    { "Token", "Token token", "token", 0 },
    { "Token", "Token tokens=x", "tokens=x", 0 },
    { "Token", "Token key=x", "key=x", 0 },
    { "Token", "Token", "", 0 },
    { "Token", "Tokenx y", NULL, 0 },
    { "Token", "Bearer Token", NULL, 0 },
    { "Token", "Token token=\"a\", nonce=\"b\"", "", 1 },
    { "Token", "Bearer x, Token k", "k", 1 },
    { NULL, "ak_1", "ak_1", 0 },
    { NULL, " \t ak_1 ", "ak_1", 0 },
    { NULL, "", NULL, 0 },
    { NULL, " ", NULL, 0 },
    { NULL, "Bearer ak_1", NULL, 0 },
    { NULL, "ak_1 x", NULL, 0 },
    { NULL, "ak_1, ak_2", "ak_1, ak_2", 1 },
    { NULL, "ak_1,ak_2", "ak_1,ak_2", 1 },
    { NULL, "Digest username=\"a, b\", realm=\"c\"", NULL, 1 }
};

static void test_others(apr_pool_t *pool)
{
    apikey_credential_t credential;
    apr_size_t i;

    for (i = 0; i < sizeof(others) / sizeof(*others); i++) {
        const char *name = others[i].name, *token = others[i].token;
        int there = apikey_credential_parse(
            &credential, name ? APIKEY_SCHEME_NAMED : APIKEY_SCHEME_NONE,
            name, others[i].value, pool);

        is_int(there, token != NULL, "%s: '%s'", name ? name : "no scheme",
               others[i].value);
        is_str(credential.token, token ? token : "", "'%s': the token",
               others[i].value);
        is_int(credential.token_len, strlen(credential.token),
               "'%s': the token's length", others[i].value);
        is_str(credential.password, NULL, "'%s': no password", others[i].value);
        is_int(credential.repeated, others[i].repeated, "'%s': repeated",
               others[i].value);
    }
}

static void test_long(apr_pool_t *pool)
{
    apikey_credential_t credential;
    apr_size_t len = 8192;
    char *value = apr_pcalloc(pool, len + 1);

    memset(value, 'A', len);
    memcpy(value, "Bearer ", 7);
    apikey_credential_parse(&credential, BEARER, NULL, value, pool);
    is_int(credential.token_len, len - 7,
           "the length of a token of 8 KiB is right");
    memcpy(value, "Basic  \t", 8);
    apikey_credential_parse(&credential, BASIC, NULL, value, pool);
    is_int(credential.token_len, 0,
           "8 KiB of Basic that decode to NULs have an empty token");
    memset(value + 8, 'Q', len - 8);
    apikey_credential_parse(&credential, BASIC, NULL, value, pool);
    is_int(credential.token_len, (len - 8) / 4 * 3,
           "8 KiB of Basic are decoded to the end");
}

int main(void)
{
    apr_pool_t *pool;
    apr_size_t i;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        apikey_credential_t credential;

        memset(&credential, 0x55, sizeof(credential));
        is_int(apikey_credential_parse(&credential, cases[i].scheme == BEARER
                                       ? BASIC : BEARER, NULL, cases[i].value,
                                       pool),
               0, "%s: nothing found for the other scheme", cases[i].promise);
        is_str(credential.token, "", "%s: no token for the other scheme",
               cases[i].promise);
        is_int(apikey_credential_parse(
                   &credential, cases[i].scheme == BEARER ? BEARER : BASIC,
                   NULL, cases[i].value, pool),
               cases[i].scheme != OTHER, "%s: whether its scheme is found",
               cases[i].promise);
        is_str(credential.token, cases[i].token, "%s: token",
               cases[i].promise);
        is_int(credential.token_len, strlen(cases[i].token), "%s: length",
               cases[i].promise);
        is_str(credential.password, cases[i].password, "%s: password",
               cases[i].promise);
        is_int(credential.repeated, cases[i].repeated, "%s: repeated",
               cases[i].promise);
    }
    test_both(pool);
    test_others(pool);
    test_long(pool);
    return done();
}
