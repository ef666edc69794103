/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * help: for people, for programs (--json) and for the shells, which complete
 * what --words says.
 */

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "commands.h"

#define WIDTH 79                /* columns of what is written */

/* Writes text behind what stands in `at` columns already, broken at blanks;
 * lines but the first begin at `indent`. */
static void fill(const char *text, int at, int indent)
{
    int first = 1;

    while (*text) {
        int len = (int)strcspn(text, " ");
        int bracket = 0;

        /* What stands in brackets stays together. */
        if (*text == '[' && strchr(text, ']')) {
            bracket = (int)(strchr(text, ']') - text);
            len = bracket + (int)strcspn(text + bracket, " ");
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

/* "-q, --quiet", "--tenant T". */
static const char *spelled(const cli_option_t *option, apr_pool_t *pool)
{
    const char *letter = option->letter
                         ? apr_psprintf(pool, "-%c", option->letter) : "";

    return apr_pstrcat(pool, letter, *letter && option->name ? ", " : "",
                       option->name ? "--" : "",
                       option->name ? option->name : "",
                       option->argument ? " " : "",
                       option->argument ? option->argument : "", NULL);
}

static void write_option(const cli_option_t *option, int indent,
                         apr_pool_t *pool)
{
    const char *name = spelled(option, pool);
    int at = (int)strlen(name) + 2;

    cli_out("  %s", name);
    if (at + 2 > indent) {
        cli_out("\n");
        at = 0;
    }
    cli_out("%*s", indent - at, "");
    fill(option->many ? apr_pstrcat(pool, option->does,
                                    "; may be repeated", NULL)
                      : option->does, indent, indent);
}

/* Whether a command has that option. */
static int has(const cli_command_t *command, int option)
{
    return ((command->needs | command->takes) & CLI_BIT(option)) != 0;
}

static void help_one(const cli_command_t *command, apr_pool_t *pool)
{
    static const char begin[] = "Usage: htapikey [-f CONF] [--json] ";
    const cli_option_t *option;
    int i;

    cli_out("%s", begin);
    fill(cli_command_usage(command, pool), (int)strlen(begin), 7);
    cli_out("\n%c", apr_toupper(*command->does));
    fill(apr_pstrcat(pool, command->does + 1, ".", NULL), 1, 0);
    cli_out("\n");
    for (i = 0; i < CLI_OPTIONS; i++) {
        if (has(command, i)) {
            write_option(&cli_options[i], 20, pool);
        }
    }
    for (option = cli_global_options; option->does; option++) {
        write_option(option, 20, pool);
    }
}

static void help_all(apr_pool_t *pool)
{
    const cli_command_t *command;
    const cli_option_t *option;

    cli_out("Usage: htapikey [-f CONF] [--json] COMMAND [OPTION]... "
            "[ARGUMENT]...\n\n");
    for (command = cli_commands; command->name; command++) {
        cli_out("  %-16s  ", cli_command_name(command, pool));
        fill(command->does, 20, 20);
    }
    cli_out("\n");
    for (option = cli_global_options; option->does; option++) {
        write_option(option, 20, pool);
    }
    cli_out("\n`htapikey help COMMAND` tells all about one.  Keys are read "
            "from standard input,\nnever from arguments.\n");
}

static void json_option(cli_json_t *json, const cli_option_t *option,
                        int needed)
{
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "option", option->name
                  ? apr_pstrcat(json->pool, "--", option->name, NULL)
                  : apr_psprintf(json->pool, "-%c", option->letter));
    cli_json_text(json, "short", option->letter
                  ? apr_psprintf(json->pool, "-%c", option->letter) : "");
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
    cli_json_text(json, "command", cli_command_name(command, json->pool));
    cli_json_text(json, "usage", cli_command_usage(command, json->pool));
    cli_json_text(json, "arguments", command->words);
    cli_json_text(json, "does", command->does);
    cli_json_open(json, "options", '[');
    for (i = 0; i < CLI_OPTIONS; i++) {
        if (has(command, i)) {
            json_option(json, &cli_options[i],
                        (command->needs & CLI_BIT(i)) != 0);
        }
    }
    cli_json_close(json, ']');
    cli_json_close(json, '}');
}

/* A line a word: the word, what its argument is called, what it does. */
static void word(const char *text, const char *argument, const char *does)
{
    cli_out("%s\t%s\t%s\n", text, argument ? argument : "", does);
}

static void option_words(const cli_option_t *option, apr_pool_t *pool)
{
    if (option->letter) {
        word(apr_psprintf(pool, "-%c", option->letter), option->argument,
             option->does);
    }
    if (option->name) {
        word(apr_pstrcat(pool, "--", option->name, NULL), option->argument,
             option->does);
    }
}

/* Whether a command begins with the words given. */
static int begins(const cli_command_t *command, const cli_t *cli)
{
    return cli->word_count < 1
           || (strcmp(command->name, cli->words[0]) == 0
               && (cli->word_count < 2
                   || (command->sub
                       && strcmp(command->sub, cli->words[1]) == 0)));
}

/* What may stand behind the words given.  A line without a word is what a
 * command's own words are. */
static void write_words(cli_t *cli)
{
    const cli_command_t *command;
    const cli_option_t *option;
    const char *last = "";
    int i;

    for (command = cli_commands; command->name; command++) {
        const char *next = cli->word_count < 1 ? command->name
                         : cli->word_count < 2 ? command->sub : NULL;

        if (!begins(command, cli)) {
            continue;
        }
        if (next && strcmp(next, last) != 0) {
            word(next, NULL, command->sub && cli->word_count < 1
                             ? "" : command->does);
            last = next;
        }
        for (i = 0; !next && i < CLI_OPTIONS; i++) {
            if (has(command, i)) {
                option_words(&cli_options[i], cli->pool);
            }
        }
        if (!next && *command->words) {
            word("", command->words, "");
        }
    }
    for (option = cli_global_options; option->does; option++) {
        option_words(option, cli->pool);
    }
}

void cli_help(cli_t *cli, const cli_command_t *only)
{
    const cli_command_t *command;
    cli_json_t json = { cli->pool, 0 };

    if (!cli->json) {
        if (only) {
            help_one(only, cli->pool);
        }
        else {
            help_all(cli->pool);
        }
        return;
    }
    cli_json_open(&json, NULL, '[');
    for (command = cli_commands; command->name; command++) {
        if (only ? only == command : begins(command, cli)) {
            json_command(&json, command);
        }
    }
    cli_json_close(&json, ']');
    cli_out("\n");
}

cli_exit_e cli_cmd_help(cli_t *cli)
{
    const cli_command_t *command, *one = NULL;
    int count = 0;

    for (command = cli_commands; command->name; command++) {
        if (begins(command, cli)) {
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
        /* "scope" alone: all that begin with it, one after the other. */
        for (command = cli_commands; command->name; command++) {
            if (begins(command, cli)) {
                cli_help(cli, command);
                cli_out("%s", --count > 0 ? "\n" : "");
            }
        }
    }
    return CLI_DONE;
}
