/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <apr_general.h>
#include <apr_getopt.h>
#include <apr_signal.h>
#include <apr_strings.h>

#include "cli.h"

#ifndef APIKEY_VERSION
#define APIKEY_VERSION "0.1.0"
#endif

typedef cli_exit_e (*command_fn)(cli_t *cli);

typedef struct command_t {
    const char *name;
    const char *sub;            /**< its second word; NULL: it has none */
    command_fn run;
    unsigned int options;       /**< CLI_BIT()s */
    int words_min;
    int words_max;
    const char *usage;
    const char *does;
} command_t;

#define NEW_KEY (CLI_BIT(CLI_TENANT) | CLI_BIT(CLI_NAME) | CLI_BIT(CLI_SCOPE) \
    | CLI_BIT(CLI_EXPIRES) | CLI_BIT(CLI_ENV) | CLI_BIT(CLI_PREFIX)         \
    | CLI_BIT(CLI_FORMAT) | CLI_BIT(CLI_KEYSPACE) | CLI_BIT(CLI_QUIET))
/* Beyond every option: a command that changes rows. */
#define CHANGES (1u << 31)
#define SET_KEY (CLI_BIT(CLI_NAME) | CLI_BIT(CLI_SCOPE)                     \
    | CLI_BIT(CLI_EXPIRES) | CLI_BIT(CLI_ENV) | CLI_BIT(CLI_KEYSPACE))

/* As many words as the system takes. */
#define WORDS_ANY INT_MAX

static const command_t commands[] = {
    { "secret", NULL, cli_cmd_secret, 0, 0, 0, "",
      "print a fresh line for ApiKeySecretFile" },
    { "init", NULL, cli_cmd_init, CLI_BIT(CLI_NEW_IDENTITY), 0, 0,
      "[--new-identity]", "make or upgrade the tables; --new-identity: tell "
      "a copy of a database\n      from its original" },
    { "create", NULL, cli_cmd_create, NEW_KEY | CHANGES, 0, 0,
      "--tenant T --name N [--scope S]... [--expires 90d|DATE|never] "
      "[--env E] [--prefix P] [--format F] [--keyspace K] [-q]",
      "make a key and show it once" },
    { "list", NULL, cli_cmd_list, CLI_BIT(CLI_TENANT) | CLI_BIT(CLI_KEYSPACE)
      | CLI_BIT(CLI_ALL), 0, 0, "[--tenant T] [--keyspace K] [--all]",
      "list the keys; --all: revoked and expired ones, too" },
    { "show", NULL, cli_cmd_show, CLI_BIT(CLI_KEYSPACE), 1, 1,
      "ID [--keyspace K]", "tell all about a key" },
    { "set", NULL, cli_cmd_set, SET_KEY | CHANGES, 1, 1,
      "ID [--name N] [--scope S]... [--expires 90d|DATE|never] [--env E] "
      "[--keyspace K]",
      "change a key; the scopes given replace all it had" },
    { "revoke", NULL, cli_cmd_revoke, CLI_BIT(CLI_REASON)
      | CLI_BIT(CLI_KEYSPACE) | CHANGES, 1, 1,
      "ID [--reason R] [--keyspace K]", "end a key for good" },
    { "disable", NULL, cli_cmd_disable, CLI_BIT(CLI_KEYSPACE) | CHANGES, 1, 1,
      "ID [--keyspace K]",
      "stop a key for a while" },
    { "enable", NULL, cli_cmd_enable, CLI_BIT(CLI_KEYSPACE) | CHANGES, 1, 1,
      "ID [--keyspace K]",
      "let a disabled key work again" },
    { "rotate", NULL, cli_cmd_rotate, CLI_BIT(CLI_OVERLAP)
      | CLI_BIT(CLI_QUIET) | CLI_BIT(CLI_KEYSPACE) | CHANGES, 1, 1,
      "ID [--overlap 24h] [--keyspace K] [-q]",
      "make a new key like the old one, which ends soon" },
    { "verify", NULL, cli_cmd_verify, CLI_BIT(CLI_SCOPE)
      | CLI_BIT(CLI_TENANT), 0, 0, "[--scope S] [--tenant T]",
      "read a key and say what the server would say" },
    { "scope", "add", cli_cmd_scope_add, CHANGES, 1, 2, "NAME [DESCRIPTION]",
      "put a scope into the catalogue" },
    { "scope", "list", cli_cmd_scope_list, 0, 0, 0, "",
      "list the catalogue" },
    { "scope", "remove", cli_cmd_scope_remove, CHANGES, 1, 1, "NAME",
      "take a scope out of the catalogue" },
    { "tenant", "list", cli_cmd_tenant_list, 0, 0, 0, "",
      "list the tenants" },
    { "tenant", "suspend", cli_cmd_tenant_suspend, CLI_BIT(CLI_REASON)
      | CHANGES, 1, 1,
      "TENANT [--reason R]", "take API access from a tenant" },
    { "tenant", "resume", cli_cmd_tenant_resume, CLI_BIT(CLI_REASON)
      | CHANGES, 1, 1,
      "TENANT [--reason R]", "give it back" },
    { "audit", NULL, cli_cmd_audit, CLI_BIT(CLI_KEY) | CLI_BIT(CLI_TENANT)
      | CLI_BIT(CLI_KEYSPACE), 0, 0, "[--key ID] [--tenant T] [--keyspace K]",
      "tell who did what and when" },
    { "import", NULL, cli_cmd_import, CLI_BIT(CLI_DIGEST) | CLI_BIT(CLI_WEAK)
      | CHANGES, 1, 1, "[--digest sha256|hmac-sha256|none] [--weak] FILE|-",
      "store the keys of a CSV file, all or none; --weak: those that can be "
      "guessed, too" },
    { "doctor", NULL, cli_cmd_doctor, CLI_BIT(CLI_USER), 0, WORDS_ANY,
      "[--user NAME] [CONF]...", "look for what is or may go wrong; further "
      "CONFs: are their databases others?" },
    { "explain", NULL, cli_cmd_explain, CLI_BIT(CLI_KEYSPACE), 1, 1,
      "ID|- [--keyspace K]",
      "say what the key itself is good for, and why not" },
    { NULL, NULL, NULL, 0, 0, 0, NULL, NULL }
};

/* Beyond any character: an option is short only where it says so. */
#define LONG_ONLY 256

static const struct { const char *name; int code; int has_arg; } options[] = {
    [CLI_TENANT] = { "tenant", LONG_ONLY + CLI_TENANT, 1 },
    [CLI_NAME] = { "name", LONG_ONLY + CLI_NAME, 1 },
    [CLI_SCOPE] = { "scope", LONG_ONLY + CLI_SCOPE, 1 },
    [CLI_EXPIRES] = { "expires", LONG_ONLY + CLI_EXPIRES, 1 },
    [CLI_ENV] = { "env", LONG_ONLY + CLI_ENV, 1 },
    [CLI_PREFIX] = { "prefix", LONG_ONLY + CLI_PREFIX, 1 },
    [CLI_FORMAT] = { "format", LONG_ONLY + CLI_FORMAT, 1 },
    [CLI_KEYSPACE] = { "keyspace", LONG_ONLY + CLI_KEYSPACE, 1 },
    [CLI_REASON] = { "reason", LONG_ONLY + CLI_REASON, 1 },
    [CLI_OVERLAP] = { "overlap", LONG_ONLY + CLI_OVERLAP, 1 },
    [CLI_KEY] = { "key", LONG_ONLY + CLI_KEY, 1 },
    [CLI_ALL] = { "all", LONG_ONLY + CLI_ALL, 0 },
    [CLI_QUIET] = { "quiet", 'q', 0 },
    [CLI_DIGEST] = { "digest", LONG_ONLY + CLI_DIGEST, 1 },
    [CLI_WEAK] = { "weak", LONG_ONLY + CLI_WEAK, 0 },
    [CLI_NEW_IDENTITY] = { "new-identity", LONG_ONLY + CLI_NEW_IDENTITY, 0 },
    [CLI_USER] = { "user", LONG_ONLY + CLI_USER, 1 }
};

#define JSON (LONG_ONLY + CLI_OPTIONS)

static const apr_getopt_option_t global_options[] = {
    { NULL, 'f', 1, NULL },
    { "json", JSON, 0, NULL },
    { "help", 'h', 0, NULL },
    { "version", 'V', 0, NULL },
    { NULL, 0, 0, NULL }
};

#define GLOBALS 4

static void print_usage(const command_t *only)
{
    const command_t *command;

    cli_out("Usage: htapikey [-f CONF] [--json] COMMAND\n");
    for (command = commands; command->name; command++) {
        if (!only || only == command) {
            cli_out("  %s%s%s %s\n      %s\n", command->name,
                    command->sub ? " " : "",
                    command->sub ? command->sub : "", command->usage,
                    command->does);
        }
    }
    cli_out("CONF holds DBDriver, DBDParams and ApiKey... directives, the "
            "file that httpd includes;\nwithout -f it is $APIKEY_CONF. Keys "
            "are read from standard input, never from\narguments.\n");
}

/* What the global options ask for; -1: go on. */
static int take_global(cli_t *cli, int code, const char *arg,
                       const command_t *command)
{
    switch (code) {
    case 'f':
        cli->conf_path = arg;
        return -1;
    case JSON:
        cli->json = 1;
        return -1;
    case 'h':
        print_usage(command);
        return CLI_DONE;
    default:
        cli_out("htapikey " APIKEY_VERSION "\n");
        return CLI_DONE;
    }
}

/* Keeps an option's argument; -1: go on. */
static int take_option(cli_t *cli, int code, const char *arg)
{
    int i = code == 'q' ? CLI_QUIET : code - LONG_ONLY;

    if (i == CLI_SCOPE) {
        APR_ARRAY_PUSH(cli->scopes, const char *) = arg;
        return -1;
    }
    if (cli->value[i] && options[i].has_arg) {
        return cli_usage(cli, "--%s is given twice", options[i].name);
    }
    cli->value[i] = arg ? arg : "";
    return -1;
}

/* The global options and those of a command. */
static const apr_getopt_option_t *option_list(const command_t *command,
                                              apr_pool_t *pool)
{
    apr_getopt_option_t *list = apr_pcalloc(pool, sizeof(*list)
                                            * (GLOBALS + CLI_OPTIONS + 1));
    int i, n = GLOBALS;

    memcpy(list, global_options, sizeof(*list) * GLOBALS);
    for (i = 0; i < CLI_OPTIONS; i++) {
        if (command->options & CLI_BIT(i)) {
            list[n].name = options[i].name;
            list[n].optch = options[i].code;
            list[n++].has_arg = options[i].has_arg;
        }
    }
    return list;
}

/* A command from its words; NULL after having said why. */
static const command_t *find_command(cli_t *cli, int argc,
                                     const char *const *argv)
{
    const command_t *command;
    const char *subs = "";

    if (argc == 0) {
        cli_usage(cli, "there is no command");
        return NULL;
    }
    for (command = commands; command->name; command++) {
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

/* Stands for "-" while options are read: apr_getopt takes a dash alone for an
 * option without a letter. */
static const char standard_input[] = "-";
static const char placeholder[] = "standard input";

static const char **hide_dashes(int argc, const char *const *argv,
                                apr_pool_t *pool)
{
    const char **copy = apr_pmemdup(pool, argv, (argc + 1) * sizeof(*argv));
    int i;

    for (i = 0; i < argc; i++) {
        if (strcmp(copy[i], standard_input) == 0) {
            copy[i] = placeholder;
        }
    }
    return copy;
}

/* What a word was before that. */
static const char *shown(const char *word)
{
    return word == placeholder ? standard_input : word;
}

/* Reads a command's options and words; -1: run it. */
static int read_command(cli_t *cli, const command_t *command, int argc,
                        const char *const *argv)
{
    const apr_getopt_option_t *list = option_list(command, cli->pool);
    int skip = command->sub ? 1 : 0;
    const char **words;
    apr_getopt_t *os;
    const char *arg;
    apr_status_t status;
    int code, answer, i;

    words = hide_dashes(argc - skip, argv + skip, cli->pool);
    apr_getopt_init(&os, cli->pool, argc - skip, words);
    os->argv[0] = "htapikey";
    os->interleave = 1;
    while ((status = apr_getopt_long(os, list, &code, &arg)) == APR_SUCCESS) {
        answer = code == 'q' || (code >= LONG_ONLY && code != JSON)
                 ? take_option(cli, code, shown(arg))
                 : take_global(cli, code, shown(arg), command);
        if (answer >= 0) {
            return answer;
        }
    }
    cli->words = words = (const char **)os->argv + os->ind;
    cli->word_count = argc - skip - os->ind;
    for (i = 0; i < cli->word_count; i++) {
        words[i] = shown(words[i]);
    }
    if (!APR_STATUS_IS_EOF(status) || cli->word_count < command->words_min
        || cli->word_count > command->words_max) {
        return cli_usage(cli, "it is: htapikey %s%s%s %s", command->name,
                         command->sub ? " " : "",
                         command->sub ? command->sub : "", command->usage);
    }
    return -1;
}

static int run(cli_t *cli, int argc, const char *const *argv)
{
    const command_t *command;
    apr_getopt_t *os;
    const char *arg;
    apr_status_t status;
    int code, answer;

    apr_getopt_init(&os, cli->pool, argc, argv);
    os->argv[0] = "htapikey";
    while ((status = apr_getopt_long(os, global_options, &code, &arg))
           == APR_SUCCESS) {
        answer = take_global(cli, code, arg, NULL);
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
    cli->changes = (command->options & CHANGES) != 0;
    answer = read_command(cli, command, argc, argv);
    return answer >= 0 ? answer : (int)command->run(cli);
}

/* A driver's socket must not become standard output because that was closed
 * when we began: what is written there shall fail, and not reach it. */
static void hold_standard_files(void)
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
    cli_t cli = { 0 };
    int code;

    hold_standard_files();
    if (apr_app_initialize(&argc, &argv, NULL) != APR_SUCCESS
        || apr_pool_create(&cli.pool, NULL) != APR_SUCCESS
        || apr_dbd_init(cli.pool) != APR_SUCCESS) {
        fprintf(stderr, "htapikey: APR cannot be initialized\n");
        return CLI_REFUSED;
    }
    /* A reader that has gone is an error like any other: a key that nobody
     * saw must not stay behind unnoticed. */
    apr_signal(SIGPIPE, SIG_IGN);
    cli_out_begin();
    cli.scopes = apr_array_make(cli.pool, 4, sizeof(char *));
    cli.conf_path = getenv("APIKEY_CONF");
    cli_actor(&cli);
    code = run(&cli, argc, argv);
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
