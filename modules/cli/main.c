/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * Start, command line and end of htapikey.  apr_getopt_long() reads it twice:
 * up to the command the options of every command, after it also those of the
 * command.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <apr_general.h>
#include <apr_getopt.h>
#include <apr_signal.h>
#include <apr_strings.h>

#include "commands.h"

#ifndef APIKEY_VERSION
#define APIKEY_VERSION "0.1.0"
#endif

/* An option without a letter has a number beyond any character. */
#define LONG_ONLY 256
#define JSON (LONG_ONLY + CLI_OPTIONS)
#define GLOBALS 4               /* options of every command */

/* Follows an option of every command: an exit status, or -1 to go on. */
static int follow_global(cli_t *cli, int code, const char *arg,
                         const cli_command_t *command)
{
    switch (code) {
    case 'f':
        cli->conf_path = arg;
        return -1;
    case JSON:
        cli->json = 1;
        return -1;
    case 'h':
        cli_help(cli, command);
        return CLI_DONE;
    default:
        cli_out("htapikey " APIKEY_VERSION "\n");
        return CLI_DONE;
    }
}

/* Stores the argument of a command's option: an exit status, or -1 to go
 * on. */
static int store_option(cli_t *cli, int i, const char *arg)
{
    if (cli_options[i].many) {
        APR_ARRAY_PUSH(cli->list[i], const char *) = arg;
        return -1;
    }
    if (cli->value[i] && cli_options[i].argument) {
        return cli_usage(cli, "--%s is given twice", cli_options[i].name);
    }
    cli->value[i] = arg ? arg : "";
    return -1;
}

static void add_option(apr_getopt_option_t **list, const cli_option_t *option,
                       int code)
{
    (*list)->name = option->name;
    (*list)->optch = option->letter ? option->letter : code;
    (*list)->has_arg = option->argument != NULL;
    ++*list;
}

/* The options of every command, and those of @a command unless that is
 * NULL. */
static const apr_getopt_option_t *option_list(const cli_command_t *command,
                                              apr_pool_t *pool)
{
    apr_getopt_option_t *list = apr_pcalloc(pool, sizeof(*list)
                                            * (GLOBALS + CLI_OPTIONS + 1));
    apr_getopt_option_t *end = list;
    const cli_option_t *option;
    int i;

    for (option = cli_global_options; option->does; option++) {
        add_option(&end, option, JSON);
    }
    for (i = 0; command && i < CLI_OPTIONS; i++) {
        if ((command->needs | command->takes) & CLI_BIT(i)) {
            add_option(&end, &cli_options[i], LONG_ONLY + i);
        }
    }
    return list;
}

/* Writes an error of apr_getopt_long(), without a second "htapikey: ". */
static void write_getopt_error(void *cli, const char *format, ...)
{
    apr_pool_t *pool = ((cli_t *)cli)->pool;
    static const char prefix[] = "htapikey: ";
    char *text;
    va_list args;

    va_start(args, format);
    text = apr_pvsprintf(pool, format, args);
    va_end(args);
    text[strcspn(text, "\n")] = '\0';
    cli_say(pool, "%s", strncmp(text, prefix, strlen(prefix)) == 0
                        ? text + strlen(prefix) : text);
}

static apr_getopt_t *begin_options(cli_t *cli, int argc,
                                   const char *const *argv)
{
    apr_getopt_t *os;

    apr_getopt_init(&os, cli->pool, argc, argv);
    os->argv[0] = "htapikey";
    os->errfn = write_getopt_error;
    os->errarg = cli;
    return os;
}

/* The command that the words name; NULL: none, which has been written. */
static const cli_command_t *find_command(cli_t *cli, int argc,
                                         const char *const *argv)
{
    const cli_command_t *command;
    const char *subs = "";

    if (argc == 0) {
        cli_usage(cli, "there is no command");
        return NULL;
    }
    for (command = cli->commands; command->name; command++) {
        if (strcmp(command->name, argv[0]) != 0) {
            continue;
        }
        if (!command->sub || (argc > 1
                              && strcmp(command->sub, argv[1]) == 0)) {
            return command;
        }
        subs = apr_pstrcat(cli->pool, subs, *subs ? ", " : "", command->sub,
                           NULL);
    }
    if (*subs) {
        cli_usage(cli, "%s wants one of: %s", argv[0], subs);
    }
    else {
        cli_usage(cli, "there is no command \"%s\"", argv[0]);
    }
    return NULL;
}

/* "-" is an argument, but apr_getopt_long() takes it for an option without a
 * letter, so a placeholder stands for it while options are read. */
static const char dash[] = "-";
static const char placeholder[] = "standard input";

static const char **hide_dashes(int argc, const char *const *argv,
                                apr_pool_t *pool)
{
    const char **copy = apr_pmemdup(pool, argv, (argc + 1) * sizeof(*argv));
    int i;

    for (i = 0; i < argc; i++) {
        if (strcmp(copy[i], dash) == 0) {
            copy[i] = placeholder;
        }
    }
    return copy;
}

static const char *restore_dash(const char *word)
{
    return word == placeholder ? dash : word;
}

/* Whether all options that the command needs were given, and as many arguments
 * as it takes. */
static int has_all_needed(const cli_t *cli, const cli_command_t *command)
{
    int i;

    for (i = 0; i < CLI_OPTIONS; i++) {
        if ((command->needs & CLI_BIT(i)) && !cli->value[i]
            && apr_is_empty_array(cli->list[i])) {
            return 0;
        }
    }
    return cli->word_count >= command->words_min
           && cli->word_count <= command->words_max;
}

/* Reads the options and arguments of a command: an exit status, or -1 to run
 * it. */
static int read_command(cli_t *cli, const cli_command_t *command, int argc,
                        const char *const *argv)
{
    const apr_getopt_option_t *list = option_list(command, cli->pool);
    int skip = command->sub ? 1 : 0;
    const char **words = hide_dashes(argc - skip, argv + skip, cli->pool);
    apr_getopt_t *os = begin_options(cli, argc - skip, words);
    const char *arg;
    apr_status_t status;
    int code, i;

    os->interleave = 1;
    while ((status = apr_getopt_long(os, list, &code, &arg)) == APR_SUCCESS) {
        int own = code == 'q' ? CLI_QUIET
                : code >= LONG_ONLY && code != JSON ? code - LONG_ONLY : -1;
        int answer;

        arg = restore_dash(arg);
        answer = own >= 0 ? store_option(cli, own, arg)
                          : follow_global(cli, code, arg, command);

        if (answer >= 0) {
            return answer;
        }
    }
    cli->words = words = (const char **)os->argv + os->ind;
    cli->word_count = argc - skip - os->ind;
    for (i = 0; i < cli->word_count; i++) {
        words[i] = restore_dash(words[i]);
    }
    if (!APR_STATUS_IS_EOF(status) || !has_all_needed(cli, command)) {
        return cli_usage(cli, "it is: htapikey %s",
                         cli_command_usage(command, cli->pool));
    }
    return -1;
}

static int run_command_line(cli_t *cli, int argc, const char *const *argv)
{
    const apr_getopt_option_t *list = option_list(NULL, cli->pool);
    apr_getopt_t *os = begin_options(cli, argc, argv);
    const cli_command_t *command;
    const char *arg;
    apr_status_t status;
    int code, answer;

    while ((status = apr_getopt_long(os, list, &code, &arg)) == APR_SUCCESS) {
        answer = follow_global(cli, code, arg, NULL);
        if (answer >= 0) {
            return answer;
        }
    }
    if (!APR_STATUS_IS_EOF(status)) {
        return CLI_USAGE;
    }
    argc -= os->ind;
    argv += os->ind;
    command = find_command(cli, argc, argv);
    if (!command) {
        return CLI_USAGE;
    }
    cli->command = command;
    answer = read_command(cli, command, argc, argv);
    if (answer >= 0) {
        return answer;
    }
    answer = command->opens
             ? cli_open(cli, command->opens == CLI_OPENS_SECRETS) : CLI_DONE;
    return answer == CLI_DONE ? (int)command->run(cli) : answer;
}

/* Opens those of descriptors 0 to 2 that are closed.  A database's socket could
 * get their numbers, and what is written to standard output would reach it. */
static void open_standard_files(void)
{
    int fd;

    for (fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDONLY) != fd) {
            exit(CLI_REFUSED);
        }
    }
}

int main(int argc, const char *const *argv)
{
    cli_t cli = { .commands = cli_commands };
    int code, i;

    open_standard_files();
    if (apr_app_initialize(&argc, &argv, NULL) != APR_SUCCESS
        || apr_pool_create(&cli.pool, NULL) != APR_SUCCESS
        || apr_dbd_init(cli.pool) != APR_SUCCESS) {
        fprintf(stderr, "htapikey: APR cannot be initialized\n");
        return CLI_REFUSED;
    }
    /* Where the reader of a pipe has ended, writing fails and does not kill:
     * create then revokes the key that could not be shown. */
    apr_signal(SIGPIPE, SIG_IGN);
    cli_out_begin();
    for (i = 0; i < CLI_OPTIONS; i++) {
        cli.list[i] = apr_array_make(cli.pool, 1, sizeof(char *));
    }
    cli.conf_path = getenv("APIKEY_CONF");
    cli_set_actor(&cli);
    code = run_command_line(&cli, argc, argv);
    if (cli_out_end() && code == CLI_DONE) {
        cli_say(cli.pool, "standard output could not be written");
        code = CLI_REFUSED;
    }
    if (code == CLI_DONE) {
        cli_prune(&cli);
    }
    apr_pool_destroy(cli.pool);
    apr_terminate();
    return code;
}
