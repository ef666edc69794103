/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * A whole key on the command line, in place of an ID or within a reason or a
 * name, is refused before anything is written, and no message repeats it.
 */

#include <apr_strings.h>

#include "commands.h"

/* Characters that end a key within a sentence.  '=' may be a part of a key, so
 * text that has one is split at it in a second try. */
#define SEPARATORS " \t\r\n\"'`,;:()<>"

/* The record whose key is a word of the text; NULL: none, or the secrets
 * cannot be read. */
static apikey_record_t *find_key_in(cli_t *cli, const char *text,
                                    const char *separators)
{
    apikey_record_t *record = NULL;
    apikey_policy_t any;
    cli_presented_t given;
    const char *error;

    for (; *text && !record; text += given.len) {
        text += strspn(text, separators);
        given.len = strcspn(text, separators);
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
        any = cli_policy_any(cli);
        memcpy(given.text, text, given.len);
        if (cli_lookup_presented(cli, &given, &any, &record, &error)
            != APR_SUCCESS) {
            record = NULL;
        }
        apikey_wipe(given.text, given.len);
    }
    return record;
}

/* Refuses text that is a key or has one in it.
 * @param where "--reason", or "an argument" */
static cli_exit_e refuse_key_in(cli_t *cli, const char *where,
                                const char *text)
{
    const apikey_record_t *record = find_key_in(cli, text, SEPARATORS);
    apr_size_t len;

    if (!record && strchr(text, '=')) {
        record = find_key_in(cli, text, SEPARATORS "=");
    }
    if (record) {
        cli_say(cli->pool, "%s has a whole key, whose ID is %s; it is not "
                "repeated here, but the list of processes and the shell's "
                "history have it: rotate or revoke %s, and name keys by "
                "their IDs", where, record->id, record->id);
        return CLI_REFUSED;
    }
    if (cli_secret_part(text, &len)) {
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

    if (!cli->command) {
        return CLI_DONE;
    }
    for (i = 0; i < cli->word_count && code == CLI_DONE
                && !strstr(cli->command->words, "FILE"); i++) {
        code = refuse_key_in(cli, "an argument", cli->words[i]);
    }
    for (i = 0; i < CLI_OPTIONS && code == CLI_DONE; i++) {
        const char *where = apr_pstrcat(cli->pool, "--",
                                        cli_options[i].name, NULL);

        if (cli->value[i]) {
            code = refuse_key_in(cli, where, cli->value[i]);
        }
        for (k = 0; k < cli->list[i]->nelts && code == CLI_DONE; k++) {
            code = refuse_key_in(cli, where, APR_ARRAY_IDX(cli->list[i], k,
                                                           const char *));
        }
    }
    return code;
}
