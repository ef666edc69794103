/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <limits.h>

#include <apr_strings.h>

#include "commands.h"

const cli_option_t cli_options[CLI_OPTIONS] = {
    [CLI_TENANT] = { "tenant", 0, "T", 0, "the tenant: whom a key belongs "
                     "to" },
    [CLI_NAME] = { "name", 0, "N", 0, "what the key is for" },
    [CLI_SCOPE] = { "scope", 0, "S", 1, "what the key may do; of set: all "
                    "that it may do from now on" },
    [CLI_ADD_SCOPE] = { "add-scope", 0, "S", 1, "give it this scope, too" },
    [CLI_REMOVE_SCOPE] = { "remove-scope", 0, "S", 1, "take this scope from "
                           "it" },
    [CLI_EXPIRES] = { "expires", 0, "WHEN", 0, "90d, 3mo, tomorrow, "
                      "2030-12-31, 2030-12-31T12:00:00+01:00 or never" },
    [CLI_ENV] = { "env", 0, "E", 0, "live (create's default), test or any "
                  "word" },
    [CLI_OWNER] = { "owner", 0, "O", 0, "who answers for the key: a person, "
                    "a team" },
    [CLI_NETWORK] = { "network", 0, "CIDR", 1, "from where alone it may be "
                      "used: 192.0.2.0/24, 2001:db8::1; of set: all of them "
                      "from now on, '' for anywhere" },
    [CLI_META] = { "meta", 0, "N=V", 1, "what the application is told as "
                   "APIKEY_META_N; of set: all of it from now on, '' for "
                   "nothing" },
    [CLI_PREFIX] = { "prefix", 0, "P", 0, "what the key begins with" },
    [CLI_FORMAT] = { "format", 0, "base62|hex64", 0, "its shape" },
    [CLI_KEYSPACE] = { "keyspace", 0, "K", 0, "its keyspace, where that is "
                       "not CONF's" },
    [CLI_REASON] = { "reason", 0, "R", 0, "why; stands in the audit" },
    [CLI_OVERLAP] = { "overlap", 0, "D", 0, "how long the old key still "
                      "works: 24h, if nothing is said" },
    [CLI_STATE] = { "state", 0, "active|disabled|suspended|expired|revoked|"
                    "faulty", 0, "only keys of that state" },
    [CLI_EXPIRING] = { "expiring", 0, "WHEN", 0, "only those that end until "
                       "then: 14d, 3mo, a date" },
    [CLI_UNUSED] = { "unused", 0, "WHEN", 0, "only those not used since: "
                     "90d, 3mo, a date" },
    [CLI_SORT] = { "sort", 0, "C", 0, "by that column; with a - before it, "
                   "the other way round" },
    [CLI_COLUMNS] = { "columns", 0, "C,...", 0, "these columns, whole: "
                      CLI_COLUMN_NAMES },
    [CLI_ALL] = { "all", 0, NULL, 0, "revoked and expired keys, too" },
    [CLI_KEY] = { "key", 0, "ID", 0, "only what was done to that key" },
    [CLI_SINCE] = { "since", 0, "WHEN", 0, "only since then: 7d, a date, "
                    "yesterday" },
    [CLI_QUIET] = { "quiet", 'q', NULL, 0, "the key and nothing else on "
                    "standard output" },
    [CLI_DIGEST] = { "digest", 0, "sha256|sha512|hmac-sha256|none", 0, "of "
                     "which kind the digests in FILE are; or KIND:after=C, as "
                     "ApiKeyDigest has it" },
    [CLI_MAP] = { "map", 0, "COLUMN=NAME", 1, "a column of FILE is what import "
                  "calls NAME; -: it is not read" },
    [CLI_DRY_RUN] = { "dry-run", 0, NULL, 0, "store nothing; show the first "
                      "keys and all that is wrong, with its line" },
    [CLI_WEAK] = { "weak", 0, NULL, 0, "keys that can be guessed, too" },
    [CLI_NEW_IDENTITY] = { "new-identity", 0, NULL, 0, "tell a copy of a "
                           "database from its original" },
    [CLI_USER] = { "user", 0, "NAME", 0, "as whom httpd serves requests" },
    [CLI_WORDS] = { "words", 0, NULL, 0, "a line a word, for a shell that "
                    "completes them" }
};

const cli_option_t cli_global_options[] = {
    { NULL, 'f', "CONF", 0, "the file with DBDriver, DBDParams and ApiKey "
      "directives; else $APIKEY_CONF" },
    { "json", 0, NULL, 0, "JSON on standard output" },
    { "help", 'h', NULL, 0, "this text" },
    { "version", 'V', NULL, 0, "the version" },
    { NULL, 0, NULL, 0, NULL }
};

#define IN_KEYSPACE CLI_BIT(CLI_KEYSPACE)
#define DETAILS (CLI_BIT(CLI_OWNER) | CLI_BIT(CLI_NETWORK) | CLI_BIT(CLI_META))
/* As many words as the system takes. */
#define WORDS_ANY INT_MAX

const cli_command_t cli_commands[] = {
    { "secret", NULL, cli_cmd_secret, 0, 0, 0, 0, "", 0,
      "print a fresh line for ApiKeySecretFile" },
    { "init", NULL, cli_cmd_init, 0, CLI_BIT(CLI_NEW_IDENTITY), 0, 0, "", 0,
      "make or upgrade the tables" },
    { "create", NULL, cli_cmd_create, CLI_BIT(CLI_TENANT) | CLI_BIT(CLI_NAME),
      CLI_BIT(CLI_SCOPE) | CLI_BIT(CLI_EXPIRES) | CLI_BIT(CLI_ENV)
      | DETAILS | CLI_BIT(CLI_PREFIX) | CLI_BIT(CLI_FORMAT) | IN_KEYSPACE
      | CLI_BIT(CLI_QUIET), 0, 0, "", 1,
      "make a key and show it once" },
    { "list", NULL, cli_cmd_list, 0, CLI_BIT(CLI_TENANT) | IN_KEYSPACE
      | CLI_BIT(CLI_ENV) | CLI_BIT(CLI_OWNER) | CLI_BIT(CLI_STATE)
      | CLI_BIT(CLI_EXPIRING) | CLI_BIT(CLI_UNUSED) | CLI_BIT(CLI_SORT)
      | CLI_BIT(CLI_COLUMNS) | CLI_BIT(CLI_ALL), 0, 0, "", 0,
      "list the keys" },
    { "show", NULL, cli_cmd_show, 0, IN_KEYSPACE, 1, 1, "ID", 0,
      "tell all about a key" },
    { "set", NULL, cli_cmd_set, 0, CLI_BIT(CLI_NAME) | CLI_BIT(CLI_SCOPE)
      | CLI_BIT(CLI_ADD_SCOPE) | CLI_BIT(CLI_REMOVE_SCOPE)
      | CLI_BIT(CLI_EXPIRES) | CLI_BIT(CLI_ENV) | DETAILS | IN_KEYSPACE, 1, 1,
      "ID", 1, "change a key" },
    { "revoke", NULL, cli_cmd_revoke, 0, CLI_BIT(CLI_TENANT)
      | CLI_BIT(CLI_OWNER) | CLI_BIT(CLI_REASON) | IN_KEYSPACE, 0,
      WORDS_ANY, "[ID]...|-", 1,
      "end keys for good, all of those named or none; -: the key itself on "
      "standard input" },
    { "disable", NULL, cli_cmd_disable, 0, IN_KEYSPACE, 1, 1, "ID", 1,
      "stop a key for a while" },
    { "enable", NULL, cli_cmd_enable, 0, IN_KEYSPACE, 1, 1, "ID", 1,
      "let a disabled key work again" },
    { "rotate", NULL, cli_cmd_rotate, 0, CLI_BIT(CLI_OVERLAP) | IN_KEYSPACE
      | CLI_BIT(CLI_QUIET), 1, 1, "ID", 1,
      "make a new key like the old one, which ends soon" },
    { "verify", NULL, cli_cmd_verify, 0, CLI_BIT(CLI_SCOPE)
      | CLI_BIT(CLI_TENANT), 0, 0, "", 0,
      "read a key from standard input and say what the server would say" },
    { "scope", "add", cli_cmd_scope_add, 0, 0, 1, 2, "NAME [DESCRIPTION]", 1,
      "put a scope into the catalogue" },
    { "scope", "list", cli_cmd_scope_list, 0, 0, 0, 0, "", 0,
      "list the catalogue" },
    { "scope", "remove", cli_cmd_scope_remove, 0, 0, 1, 1, "NAME", 1,
      "take a scope out of the catalogue" },
    { "tenant", "list", cli_cmd_tenant_list, 0, 0, 0, 0, "", 0,
      "list the tenants" },
    { "tenant", "suspend", cli_cmd_tenant_suspend, 0, CLI_BIT(CLI_REASON),
      1, 1, "TENANT", 1, "take API access from a tenant" },
    { "tenant", "resume", cli_cmd_tenant_resume, 0, CLI_BIT(CLI_REASON),
      1, 1, "TENANT", 1, "give it back" },
    { "tenant", "set", cli_cmd_tenant_set, CLI_BIT(CLI_META), 0, 1, 1,
      "TENANT", 1, "say what applications are told of all keys of a tenant" },
    { "audit", NULL, cli_cmd_audit, 0, CLI_BIT(CLI_KEY) | CLI_BIT(CLI_TENANT)
      | CLI_BIT(CLI_SINCE) | IN_KEYSPACE, 0, 0, "", 0,
      "tell who did what and when" },
    { "import", NULL, cli_cmd_import, 0, CLI_BIT(CLI_DIGEST)
      | CLI_BIT(CLI_WEAK) | CLI_BIT(CLI_MAP) | CLI_BIT(CLI_DRY_RUN), 1, 1,
      "FILE|-", 1, "store the keys of a CSV file, all or none" },
    { "export", NULL, cli_cmd_export, 0, CLI_BIT(CLI_TENANT), 0, 0, "", 0,
      "write all keys as a CSV file that import reads: digests, no key" },
    { "doctor", NULL, cli_cmd_doctor, 0, CLI_BIT(CLI_USER), 0, WORDS_ANY,
      "[CONF]...", 0,
      "look for what is or may go wrong; further CONFs: are their databases "
      "others?" },
    { "explain", NULL, cli_cmd_explain, 0, IN_KEYSPACE, 1, 1, "ID|-", 0,
      "say what the key itself is good for, and why not" },
    { "help", NULL, cli_cmd_help, 0, CLI_BIT(CLI_WORDS), 0, 2, "[COMMAND]", 0,
      "tell what there is, or all about a command" },
    { NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, NULL }
};

const char *cli_command_name(const cli_command_t *command, apr_pool_t *pool)
{
    return command->sub ? apr_pstrcat(pool, command->name, " ", command->sub,
                                      NULL) : command->name;
}

/* An option as usage shows it, without brackets. */
static const char *called(const cli_option_t *option, apr_pool_t *pool)
{
    return apr_pstrcat(pool, option->letter
                       ? apr_psprintf(pool, "-%c", option->letter)
                       : apr_pstrcat(pool, "--", option->name, NULL),
                       option->argument ? " " : "",
                       option->argument ? option->argument : "", NULL);
}

const char *cli_command_usage(const cli_command_t *command, apr_pool_t *pool)
{
    const char *usage = cli_command_name(command, pool);
    int i;

    if (*command->words) {
        usage = apr_pstrcat(pool, usage, " ", command->words, NULL);
    }
    for (i = 0; i < CLI_OPTIONS; i++) {
        const cli_option_t *option = &cli_options[i];
        int needed = (command->needs & CLI_BIT(i)) != 0;

        if (needed || (command->takes & CLI_BIT(i))) {
            usage = apr_pstrcat(pool, usage, needed ? " " : " [",
                                called(option, pool), needed ? "" : "]",
                                option->many ? "..." : "", NULL);
        }
    }
    return usage;
}
