/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * How a command ends that did not do what it was asked to: a sentence on
 * standard error, and an exit status.
 */

#include <stdarg.h>

#include <apr_strings.h>

#include "cli.h"

cli_exit_e cli_fail(cli_t *cli, apr_status_t status, const char *error)
{
    const char *owner = status == APIKEY_ELOCKED ? cli_sqlite_lock_owner(cli)
                                                 : NULL;

    cli_say(cli->pool, "%s%s%s", error ? error : "it failed for no reason "
            "known", owner ? "; now it is held by " : "", owner ? owner : "");
    if (status == APR_NOTFOUND || status == APIKEY_EREFUSED) {
        return CLI_REFUSED;
    }
    return status == APR_EINVAL ? CLI_USAGE : CLI_DATABASE;
}

cli_exit_e cli_done(cli_t *cli, apr_status_t status, const char *error)
{
    return status == APR_SUCCESS ? CLI_DONE : cli_fail(cli, status, error);
}

cli_exit_e cli_usage(cli_t *cli, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    cli_say(cli->pool, "%s; see `htapikey help`",
            apr_pvsprintf(cli->pool, format, args));
    va_end(args);
    return CLI_USAGE;
}
