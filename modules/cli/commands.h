/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file commands.h
 * @brief The table of commands and options: what is read from the command
 *        line, what `help` says and what the shells complete come from it.
 */
#ifndef APIKEY_CLI_COMMANDS_H
#define APIKEY_CLI_COMMANDS_H

#include "cli.h"

/** An option of some command; -f and those of every command among them. */
typedef struct cli_option_t {
    const char *name;           /**< without its dashes; NULL: a letter only */
    char letter;                /**< 0: none */
    /** What its argument is called; "a|b": one of these, "a,b,...": some of
     * them, FILE and CONF: a file.  NULL: it takes none. */
    const char *argument;
    int many;                   /**< may be given again and again */
    const char *does;
} cli_option_t;

/** Those of one command or several, by cli_option_e. */
extern const cli_option_t cli_options[CLI_OPTIONS];

/** Those of every command; ends with one that has neither name nor letter. */
extern const cli_option_t cli_global_options[];

typedef struct cli_command_t {
    const char *name;
    const char *sub;            /**< its second word; NULL: it has none */
    cli_exit_e (*run)(cli_t *cli);
    apr_uint64_t needs;         /**< CLI_BIT()s of what must be given */
    apr_uint64_t takes;         /**< of what may be */
    int words_min, words_max;
    const char *words;          /**< what they are, as usage shows it; or "" */
    int changes;                /**< it changes rows */
    const char *does;
} cli_command_t;

/** Ends with one that has no name. */
extern const cli_command_t cli_commands[];

/** A command's name and its second word, as they are typed. */
const char *cli_command_name(const cli_command_t *command, apr_pool_t *pool);

/** How a command is called, in one line, without "htapikey". */
const char *cli_command_usage(const cli_command_t *command, apr_pool_t *pool);

/** Writes what `help` says: of @a only, or of all commands where it is
 * NULL. */
void cli_help(cli_t *cli, const cli_command_t *only);

#endif
