/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * help: for people, for programs (--json) and for the shells (--words), whose
 * completion is made from it.
 */

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "commands.h"

#define WIDTH 79                /* columns of what is written */
#define INDENT 20               /* the column in which descriptions begin */

/* A command's name and its second word, as they are typed. */
static const char *command_name(const cli_command_t *command, apr_pool_t *pool)
{
    return command->sub ? apr_pstrcat(pool, command->name, " ", command->sub,
                                      NULL) : command->name;
}

/* "-q", or NULL. */
static const char *option_letter(const cli_option_t *option, apr_pool_t *pool)
{
    return option->letter ? apr_psprintf(pool, "-%c", option->letter) : NULL;
}

/* "--quiet", or NULL. */
static const char *option_name(const cli_option_t *option, apr_pool_t *pool)
{
    return option->name ? apr_pstrcat(pool, "--", option->name, NULL) : NULL;
}

/* An option as it is typed, with what its argument is called. */
static const char *with_argument(const char *spelled,
                                 const cli_option_t *option, apr_pool_t *pool)
{
    return option->argument ? apr_pstrcat(pool, spelled, " ",
                                          option->argument, NULL) : spelled;
}

static int has_option(const cli_command_t *command, int option)
{
    return ((command->needs | command->takes) & CLI_BIT(option)) != 0;
}

const char *cli_command_usage(const cli_command_t *command, apr_pool_t *pool)
{
    const char *usage = command_name(command, pool);
    int i;

    if (*command->words) {
        usage = apr_pstrcat(pool, usage, " ", command->words, NULL);
    }
    for (i = 0; i < CLI_OPTIONS; i++) {
        const cli_option_t *option = &cli_options[i];
        int needed = (command->needs & CLI_BIT(i)) != 0;
        const char *letter = option_letter(option, pool);

        if (has_option(command, i)) {
            usage = apr_pstrcat(pool, usage, needed ? " " : " [",
                                with_argument(letter ? letter
                                              : option_name(option, pool),
                                              option, pool),
                                needed ? "" : "]", option->many ? "..." : "",
                                NULL);
        }
    }
    return usage;
}

/* Writes text that begins in column `at`, broken at blanks to WIDTH; its other
 * lines begin in column `indent`. */
static void write_filled(const char *text, int at, int indent)
{
    int first = 1;

    while (*text) {
        int len = (int)strcspn(text, " ");

        /* "[--scope S]" stays on one line. */
        if (*text == '[' && strchr(text, ']')) {
            len = (int)strcspn(text, "]");
            len += (int)strcspn(text + len, " ");
        }
        if (!first && at + 1 + len > WIDTH) {
            cli_out("\n%*s", indent, "");
            at = indent;
        }
        else if (!first) {
            cli_out(" ");
            at++;
        }
        cli_out("%.*s", len, text);
        at += len;
        text += len;
        text += strspn(text, " ");
        first = 0;
    }
    cli_out("\n");
}

static void write_option(const cli_option_t *option, apr_pool_t *pool)
{
    const char *letter = option_letter(option, pool);
    const char *name = option_name(option, pool);
    int at;

    name = with_argument(letter && name
                         ? apr_pstrcat(pool, letter, ", ", name, NULL)
                         : letter ? letter : name, option, pool);
    cli_out("  %s", name);
    at = (int)strlen(name) + 2;
    if (at + 2 > INDENT) {
        cli_out("\n");
        at = 0;
    }
    cli_out("%*s", INDENT - at, "");
    write_filled(option->many
                 ? apr_pstrcat(pool, option->does, "; may be repeated", NULL)
                 : option->does, INDENT, INDENT);
}

/* The options of every command. */
static void write_globals(apr_pool_t *pool)
{
    const cli_option_t *option;

    for (option = cli_global_options; option->does; option++) {
        write_option(option, pool);
    }
}

static void help_one(const cli_command_t *command, apr_pool_t *pool)
{
    static const char usage[] = "Usage: htapikey [-f CONF] [--json] ";
    int i;

    cli_out("%s", usage);
    write_filled(cli_command_usage(command, pool), (int)strlen(usage), 7);
    cli_out("\n%c", apr_toupper(*command->does));
    write_filled(apr_pstrcat(pool, command->does + 1, ".", NULL), 1, 0);
    cli_out("\n");
    for (i = 0; i < CLI_OPTIONS; i++) {
        if (has_option(command, i)) {
            write_option(&cli_options[i], pool);
        }
    }
    write_globals(pool);
}

static void help_all(const cli_t *cli)
{
    const cli_command_t *command;

    cli_out("Usage: htapikey [-f CONF] [--json] COMMAND [OPTION]... "
            "[ARGUMENT]...\n\n");
    for (command = cli->commands; command->name; command++) {
        cli_out("  %-16s  ", command_name(command, cli->pool));
        write_filled(command->does, INDENT, INDENT);
    }
    cli_out("\n");
    write_globals(cli->pool);
    cli_out("\n`htapikey help COMMAND` explains one.  Keys are read "
            "from standard input,\nnever from arguments.\n");
}

static void json_option(cli_json_t *json, const cli_option_t *option,
                        int needed)
{
    const char *letter = option_letter(option, json->pool);
    const char *name = option_name(option, json->pool);

    cli_json_open(json, NULL, '{');
    cli_json_text(json, "option", name ? name : letter);
    cli_json_text(json, "short", letter ? letter : "");
    cli_json_text(json, "argument", option->argument ? option->argument : "");
    cli_json_flag(json, "repeated", option->many);
    cli_json_flag(json, "needed", needed);
    cli_json_text(json, "does", option->does);
    cli_json_close(json, '}');
}

static void json_command(cli_json_t *json, const cli_command_t *command)
{
    int i;

    cli_json_open(json, NULL, '{');
    cli_json_text(json, "command", command_name(command, json->pool));
    cli_json_text(json, "usage", cli_command_usage(command, json->pool));
    cli_json_text(json, "arguments", command->words);
    cli_json_text(json, "does", command->does);
    cli_json_open(json, "options", '[');
    for (i = 0; i < CLI_OPTIONS; i++) {
        if (has_option(command, i)) {
            json_option(json, &cli_options[i],
                        (command->needs & CLI_BIT(i)) != 0);
        }
    }
    cli_json_close(json, ']');
    cli_json_close(json, '}');
}

/* A line of --words: the word, what its argument is called, what it does;
 * nothing for a word that is NULL. */
static void write_word(const char *word, const char *argument,
                       const char *does)
{
    if (word) {
        cli_out("%s\t%s\t%s\n", word, argument ? argument : "", does);
    }
}

static void write_option_words(const cli_option_t *option, apr_pool_t *pool)
{
    write_word(option_letter(option, pool), option->argument, option->does);
    write_word(option_name(option, pool), option->argument, option->does);
}

/* Whether a command begins with the words that were given to help. */
static int begins_with_words(const cli_command_t *command, const cli_t *cli)
{
    return cli->word_count < 1
           || (strcmp(command->name, cli->words[0]) == 0
               && (cli->word_count < 2
                   || (command->sub
                       && strcmp(command->sub, cli->words[1]) == 0)));
}

/* --words: what may follow the words that were given.  A line whose word is
 * empty says what a command's other arguments are. */
static void write_words(cli_t *cli)
{
    const cli_command_t *command;
    const cli_option_t *option;
    const char *last = "";
    int i;

    for (command = cli->commands; command->name; command++) {
        const char *next = cli->word_count < 1 ? command->name
                         : cli->word_count < 2 ? command->sub : NULL;

        if (!begins_with_words(command, cli)) {
            continue;
        }
        if (next && strcmp(next, last) != 0) {
            write_word(next, NULL, command->sub && cli->word_count < 1
                                   ? "" : command->does);
            last = next;
        }
        for (i = 0; !next && i < CLI_OPTIONS; i++) {
            if (has_option(command, i)) {
                write_option_words(&cli_options[i], cli->pool);
            }
        }
        if (!next && *command->words) {
            write_word("", command->words, "");
        }
    }
    for (option = cli_global_options; option->does; option++) {
        write_option_words(option, cli->pool);
    }
}

void cli_help(cli_t *cli, const cli_command_t *only)
{
    const cli_command_t *command;
    cli_json_t json = { .pool = cli->pool };

    if (!cli->json) {
        if (only) {
            help_one(only, cli->pool);
        }
        else {
            help_all(cli);
        }
        return;
    }
    cli_json_open(&json, NULL, '[');
    for (command = cli->commands; command->name; command++) {
        if (only ? only == command : begins_with_words(command, cli)) {
            json_command(&json, command);
        }
    }
    cli_json_close(&json, ']');
}

cli_exit_e cli_cmd_help(cli_t *cli)
{
    const cli_command_t *command, *one = NULL;
    int count = 0;

    for (command = cli->commands; command->name; command++) {
        if (begins_with_words(command, cli)) {
            one = command;
            count++;
        }
    }
    if (count == 0) {
        return cli_usage(cli, "there is no command \"%s%s%s\"",
                         cli->words[0], cli->word_count > 1 ? " " : "",
                         cli->word_count > 1 ? cli->words[1] : "");
    }
    if (cli->value[CLI_WORDS]) {
        write_words(cli);
    }
    else if (cli->json || cli->word_count < 1 || count == 1) {
        cli_help(cli, count == 1 ? one : NULL);
    }
    else {
        /* "help scope": all commands that begin with it. */
        for (command = cli->commands; command->name; command++) {
            if (begins_with_words(command, cli)) {
                cli_help(cli, command);
                cli_out("%s", --count > 0 ? "\n" : "");
            }
        }
    }
    return CLI_DONE;
}
