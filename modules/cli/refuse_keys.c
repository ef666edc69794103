/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * Whole keys where none belongs: in place of an ID, in a reason or a name.
 * They are refused before anything is written, and no message repeats one.
 */

#include <apr_lib.h>
#include <apr_strings.h>

#include "commands.h"

#define ALL_FORMATS (APIKEY_FORMAT_BASE62 | APIKEY_FORMAT_HEX64 \
                     | APIKEY_FORMAT_OPAQUE)
#define ALL_DIGESTS \
    (APIKEY_DIGEST_HMAC | APIKEY_DIGEST_SHA256 | APIKEY_DIGEST_SHA512)

/* What may stand around a key in a sentence; a '=' may be part of one. */
#define AROUND " \t\r\n\"'`,;:()<>"

/* The part of a key that is secret, by its looks: at least as many letters and
 * digits as are drawn for one, behind the '_', '-' or '.' that ends a prefix.
 * NULL: there is none. */
static char *secret_part(char *text, apr_size_t *len)
{
    char *at;

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
    char *masked = apr_pstrdup(pool, text);
    char *at = masked;
    apr_size_t len;

    while ((at = secret_part(at, &len)) != NULL) {
        memmove(at + 6, at + len, strlen(at + len) + 1);
        memcpy(at, "...***", 6);
        at += 6;
    }
    return masked;
}

apikey_policy_t cli_policy_any(const cli_t *cli)
{
    const apikey_policy_t any = { ALL_FORMATS, ALL_DIGESTS, NULL, cli->secrets,
                                  cli->conf.digests.parts };

    return any;
}

/* The record whose key is a word of text; NULL: none that can be found. */
static apikey_record_t *find_key(cli_t *cli, const char *text,
                                 const char *around)
{
    apikey_record_t *record = NULL;
    cli_presented_t given;
    const char *error;

    for (; *text && !record; text += given.len) {
        text += strspn(text, around);
        given.len = strcspn(text, around);
        if (given.len < APIKEY_WORD_MIN || given.len > APIKEY_KEY_MAX) {
            continue;
        }
        if (!cli->secrets && (!cli->conf.secret_file
                              || apikey_secrets_load(&cli->secrets,
                                                     cli->conf.secret_file,
                                                     cli->pool, &error)
                                 != APR_SUCCESS)) {
            cli->secrets = NULL;
            return NULL;
        }
        memcpy(given.text, text, given.len);
        record = cli_look_up(cli, &given);
        apikey_wipe(given.text, given.len);
    }
    return record;
}

/* Refuses one that is a key or has one in it.
 * @param where "--reason", or "an argument" */
static cli_exit_e refuse(cli_t *cli, const char *where, const char *text)
{
    const apikey_record_t *record = find_key(cli, text, AROUND);
    apr_size_t len;

    if (!record && strchr(text, '=')) {
        record = find_key(cli, text, AROUND "=");
    }
    if (record) {
        cli_say(cli->pool, "%s has a whole key, whose ID is %s; it is not "
                "repeated here, but the list of processes and the shell's "
                "history have it: rotate or revoke %s, and name keys by "
                "their IDs", where, record->id, record->id);
        return CLI_REFUSED;
    }
    if (secret_part(apr_pstrdup(cli->pool, text), &len)) {
        cli_say(cli->pool, "%s has what looks like a whole key, which this "
                "database has not; it is not repeated here, but the list of "
                "processes and the shell's history have it.  Name keys by "
                "their IDs (`htapikey explain -` reads a key from standard "
                "input)", where);
        return CLI_REFUSED;
    }
    return CLI_DONE;
}

cli_exit_e cli_refuse_keys(cli_t *cli)
{
    cli_exit_e code = CLI_DONE;
    int i, k;

    /* Another CONF of doctor's has no arguments. */
    for (i = 0; i < cli->word_count && code == CLI_DONE
                && !strstr(cli->command->words, "FILE"); i++) {
        code = refuse(cli, "an argument", cli->words[i]);
    }
    for (i = 0; cli->command && i < CLI_OPTIONS && code == CLI_DONE; i++) {
        const char *where = apr_pstrcat(cli->pool, "--",
                                        cli_options[i].name, NULL);

        if (cli->value[i]) {
            code = refuse(cli, where, cli->value[i]);
        }
        for (k = 0; k < cli->list[i]->nelts && code == CLI_DONE; k++) {
            code = refuse(cli, where, APR_ARRAY_IDX(cli->list[i], k,
                                                    const char *));
        }
    }
    return code;
}
