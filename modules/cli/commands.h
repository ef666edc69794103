/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file commands.h
 * @brief The commands: one function each, and the table of them.
 *
 * Only main.c refers to the table.  Other files get it by cli_t: it refers to
 * them.
 */
#ifndef APIKEY_CLI_COMMANDS_H
#define APIKEY_CLI_COMMANDS_H

#include "cli.h"

typedef struct cli_command_t {
    const char *name;
    const char *sub;            /**< its second word; NULL: it has none */
    cli_exit_e (*run)(cli_t *cli);
    apr_uint64_t needs;         /**< CLI_BIT()s of options that must be given */
    apr_uint64_t takes;         /**< of those that may be given */
    int words_min, words_max;   /**< how many other arguments */
    const char *words;          /**< what they are, as usage shows it; or "" */
    enum {
        CLI_OPENS_LATER,        /**< it calls cli_open() itself, if at all */
        CLI_OPENS_DATABASE,     /**< cli_open() is called before it runs */
        CLI_OPENS_SECRETS       /**< likewise, with the secrets */
    } opens;
    int changes;                /**< it changes rows */
    const char *does;
} cli_command_t;

/** In the order of help; the last one has no name. */
extern const cli_command_t cli_commands[];

cli_exit_e cli_cmd_secret(cli_t *cli);
cli_exit_e cli_cmd_init(cli_t *cli);
cli_exit_e cli_cmd_create(cli_t *cli);
cli_exit_e cli_cmd_rotate(cli_t *cli);
cli_exit_e cli_cmd_list(cli_t *cli);
cli_exit_e cli_cmd_show(cli_t *cli);
cli_exit_e cli_cmd_set(cli_t *cli);
cli_exit_e cli_cmd_revoke(cli_t *cli);
cli_exit_e cli_cmd_disable(cli_t *cli);
cli_exit_e cli_cmd_enable(cli_t *cli);
cli_exit_e cli_cmd_verify(cli_t *cli);
cli_exit_e cli_cmd_scope_add(cli_t *cli);
cli_exit_e cli_cmd_scope_list(cli_t *cli);
cli_exit_e cli_cmd_scope_remove(cli_t *cli);
cli_exit_e cli_cmd_tenant_list(cli_t *cli);
cli_exit_e cli_cmd_tenant_suspend(cli_t *cli);
cli_exit_e cli_cmd_tenant_resume(cli_t *cli);
cli_exit_e cli_cmd_tenant_set(cli_t *cli);
cli_exit_e cli_cmd_audit(cli_t *cli);
cli_exit_e cli_cmd_import(cli_t *cli);
cli_exit_e cli_cmd_export(cli_t *cli);
cli_exit_e cli_cmd_doctor(cli_t *cli);
cli_exit_e cli_cmd_explain(cli_t *cli);
cli_exit_e cli_cmd_help(cli_t *cli);

/** How a command is called, in one line, without "htapikey". */
const char *cli_command_usage(const cli_command_t *command, apr_pool_t *pool);

/** Writes what `help` says of a command; NULL: of all. */
void cli_help(cli_t *cli, const cli_command_t *only);

#endif
