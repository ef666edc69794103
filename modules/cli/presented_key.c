/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * A key on standard input, and the record of a key.  Keys are looked up as the
 * server does it: its policy gives the digests that a key may be stored under,
 * and each is asked for in turn.
 */

#include <unistd.h>

#include <apr_file_io.h>
#include <apr_lib.h>

#include "cli.h"

#define INPUT_SIZE (sizeof(((cli_presented_t *)NULL)->text))

/* Reads one line, which may lack its end; at a terminal without echo.
 * @param line of INPUT_SIZE bytes, zeroed */
static apr_status_t read_key_line(cli_t *cli, char *line, apr_size_t *len)
{
    apr_file_t *in;
    apr_size_t got;
    apr_status_t status;

    *len = 0;
    if (isatty(STDIN_FILENO)) {
        got = INPUT_SIZE;
        status = apr_password_get("API key: ", line, &got);
        *len = status == APR_SUCCESS ? strlen(line) : 0;
        return status;
    }
    status = apr_file_open_stdin(&in, cli->pool);
    while (status == APR_SUCCESS && *len < INPUT_SIZE - 1
           && !memchr(line, '\n', *len)) {
        got = INPUT_SIZE - 1 - *len;
        status = apr_file_read(in, line + *len, &got);
        *len += status == APR_SUCCESS ? got : 0;
    }
    if (memchr(line, '\n', *len)) {
        *len = (char *)memchr(line, '\n', *len) - line;
        *len -= *len > 0 && line[*len - 1] == '\r';
    }
    return APR_STATUS_IS_EOF(status) ? APR_SUCCESS : status;
}

cli_exit_e cli_read_presented(cli_t *cli, cli_presented_t *given)
{
    memset(given, 0, sizeof(*given));
    if (read_key_line(cli, given->text, &given->len) == APR_SUCCESS) {
        return CLI_DONE;
    }
    return cli_fail(cli, APIKEY_EREFUSED, "no key could be read from "
                    "standard input");
}

apikey_policy_t cli_policy(const cli_t *cli)
{
    const apikey_policy_t policy = {
        cli->conf.formats, cli->conf.digests.digests, cli->conf.prefixes,
        cli->secrets, cli->conf.digests.parts
    };

    return policy;
}

apikey_policy_t cli_policy_any(const cli_t *cli)
{
    const apikey_policy_t any = {
        APIKEY_FORMAT_BASE62 | APIKEY_FORMAT_HEX64 | APIKEY_FORMAT_OPAQUE,
        APIKEY_DIGEST_HMAC | APIKEY_DIGEST_SHA256 | APIKEY_DIGEST_SHA512,
        NULL, cli->secrets, cli->conf.digests.parts
    };

    return any;
}

apr_status_t cli_lookup_presented(cli_t *cli, const cli_presented_t *given,
                                  const apikey_policy_t *policy,
                                  apikey_record_t **record,
                                  const char **error)
{
    apikey_candidates_t candidates;
    apr_status_t status = apikey_key_candidates(&candidates, policy,
                                                given->text, given->len);
    int i;

    if (status != APR_SUCCESS) {
        *error = "OpenSSL failed, the key could not be checked";
        return status;
    }
    status = APR_NOTFOUND;
    for (i = 0; i < candidates.count && status == APR_NOTFOUND; i++) {
        status = apikey_store_lookup(cli->store, candidates.at[i].hex, record,
                                     NULL, cli->pool, error);
    }
    return status;
}

cli_exit_e cli_find_presented(cli_t *cli, const cli_presented_t *given,
                              const apikey_policy_t *policy,
                              apikey_record_t **record)
{
    const char *error = NULL;
    apr_status_t status;

    *record = NULL;
    status = cli_lookup_presented(cli, given, policy, record, &error);
    return status == APR_NOTFOUND ? CLI_DONE : cli_done(cli, status, error);
}

int cli_has_secret(const apikey_secrets_t *secrets, const char *id)
{
    int i;

    for (i = 0; secrets && i < apikey_secrets_count(secrets); i++) {
        if (strcmp(apikey_secrets_id(secrets, i), id) == 0) {
            return 1;
        }
    }
    return 0;
}
