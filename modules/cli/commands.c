/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <limits.h>

#include "commands.h"

#define OPTION(name) CLI_BIT(CLI_##name)
#define DETAILS (OPTION(OWNER) | OPTION(NETWORK) | OPTION(META))
#define WORDS_ANY INT_MAX
#define ONE_ARGUMENT(what) .words = what, .words_min = 1, .words_max = 1

const cli_command_t cli_commands[] = {
    { .name = "secret", .run = cli_cmd_secret, .words = "",
      .does = "print a fresh line for ApiKeySecretFile" },
    { .name = "init", .run = cli_cmd_init, .words = "",
      .takes = OPTION(NEW_IDENTITY),
      .does = "make or upgrade the tables" },
    { .name = "create", .run = cli_cmd_create, .words = "", .changes = 1,
      .opens = CLI_OPENS_SECRETS,
      .needs = OPTION(TENANT) | OPTION(NAME),
      .takes = OPTION(SCOPE) | OPTION(EXPIRES) | OPTION(ENV) | DETAILS
               | OPTION(PREFIX) | OPTION(FORMAT) | OPTION(KEYSPACE)
               | OPTION(QUIET),
      .does = "make a key and show it once" },
    { .name = "list", .run = cli_cmd_list, .words = "",
      .takes = OPTION(TENANT) | OPTION(KEYSPACE) | OPTION(ENV) | OPTION(OWNER)
               | OPTION(STATE) | OPTION(EXPIRING) | OPTION(UNUSED)
               | OPTION(SORT) | OPTION(COLUMNS) | OPTION(ALL),
      .does = "list the keys" },
    { .name = "show", .run = cli_cmd_show,
      ONE_ARGUMENT("ID"), .opens = CLI_OPENS_DATABASE,
      .takes = OPTION(KEYSPACE),
      .does = "show all about a key" },
    { .name = "set", .run = cli_cmd_set, .changes = 1,
      ONE_ARGUMENT("ID"),
      .takes = OPTION(NAME) | OPTION(SCOPE) | OPTION(ADD_SCOPE)
               | OPTION(REMOVE_SCOPE) | OPTION(EXPIRES) | OPTION(ENV) | DETAILS
               | OPTION(KEYSPACE),
      .does = "change a key" },
    { .name = "revoke", .run = cli_cmd_revoke, .changes = 1,
      .words = "[ID]...|-", .words_max = WORDS_ANY,
      .takes = OPTION(TENANT) | OPTION(OWNER) | OPTION(REASON)
               | OPTION(KEYSPACE),
      .does = "end keys for good, all of those named or none; -: the key "
              "itself on standard input" },
    { .name = "disable", .run = cli_cmd_disable, .changes = 1,
      ONE_ARGUMENT("ID"), .opens = CLI_OPENS_DATABASE,
      .takes = OPTION(KEYSPACE),
      .does = "stop a key for a while" },
    { .name = "enable", .run = cli_cmd_enable, .changes = 1,
      ONE_ARGUMENT("ID"), .opens = CLI_OPENS_DATABASE,
      .takes = OPTION(KEYSPACE),
      .does = "let a disabled key work again" },
    { .name = "rotate", .run = cli_cmd_rotate, .changes = 1,
      ONE_ARGUMENT("ID"),
      .takes = OPTION(OVERLAP) | OPTION(KEYSPACE) | OPTION(QUIET),
      .does = "make a new key like the old one, which ends soon" },
    { .name = "verify", .run = cli_cmd_verify, .words = "",
      .takes = OPTION(SCOPE) | OPTION(TENANT),
      .does = "read a key from standard input and say what the server would "
              "say" },
    { .name = "scope", .sub = "add", .run = cli_cmd_scope_add, .changes = 1,
      .words = "NAME [DESCRIPTION]", .words_min = 1, .words_max = 2,
      .does = "put a scope into the catalogue" },
    { .name = "scope", .sub = "list", .run = cli_cmd_scope_list, .words = "",
      .opens = CLI_OPENS_DATABASE,
      .does = "list the catalogue" },
    { .name = "scope", .sub = "remove", .run = cli_cmd_scope_remove,
      .changes = 1, ONE_ARGUMENT("NAME"), .opens = CLI_OPENS_DATABASE,
      .does = "take a scope out of the catalogue" },
    { .name = "tenant", .sub = "list", .run = cli_cmd_tenant_list, .words = "",
      .opens = CLI_OPENS_DATABASE,
      .does = "list the tenants" },
    { .name = "tenant", .sub = "suspend", .run = cli_cmd_tenant_suspend,
      .changes = 1, ONE_ARGUMENT("TENANT"), .opens = CLI_OPENS_DATABASE,
      .takes = OPTION(REASON),
      .does = "take API access from a tenant" },
    { .name = "tenant", .sub = "resume", .run = cli_cmd_tenant_resume,
      .changes = 1, ONE_ARGUMENT("TENANT"), .opens = CLI_OPENS_DATABASE,
      .takes = OPTION(REASON),
      .does = "give it back" },
    { .name = "tenant", .sub = "set", .run = cli_cmd_tenant_set,
      .changes = 1, ONE_ARGUMENT("TENANT"),
      .needs = OPTION(META),
      .does = "set variables that applications get with all keys of a tenant" },
    { .name = "audit", .run = cli_cmd_audit, .words = "",
      .takes = OPTION(KEY) | OPTION(TENANT) | OPTION(SINCE) | OPTION(KEYSPACE),
      .does = "show who did what and when" },
    { .name = "import", .run = cli_cmd_import, .changes = 1,
      ONE_ARGUMENT("FILE|-"),
      .takes = OPTION(DIGEST) | OPTION(WEAK) | OPTION(MAP) | OPTION(DRY_RUN),
      .does = "store the keys of a CSV file, all or none" },
    { .name = "export", .run = cli_cmd_export, .words = "",
      .takes = OPTION(TENANT),
      .does = "write all keys as a CSV file that import reads: digests, no "
              "key" },
    { .name = "doctor", .run = cli_cmd_doctor,
      .words = "[CONF]...", .words_max = WORDS_ANY,
      .takes = OPTION(USER),
      .does = "look for what is or may go wrong; further CONFs: are their "
              "databases others?" },
    { .name = "explain", .run = cli_cmd_explain,
      ONE_ARGUMENT("ID|-"), .opens = CLI_OPENS_SECRETS,
      .takes = OPTION(KEYSPACE),
      .does = "say what the key itself is good for, and why not" },
    { .name = "help", .run = cli_cmd_help,
      .words = "[COMMAND]", .words_max = 2,
      .takes = OPTION(WORDS),
      .does = "list the commands, or explain one" },
    { .name = NULL }
};
