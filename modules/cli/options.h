/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file options.h
 * @brief The options of all commands, as data: reading the command line, usage
 *        and help are made from it.
 */
#ifndef APIKEY_CLI_OPTIONS_H
#define APIKEY_CLI_OPTIONS_H

/** Options of single commands; usage and help name them in this order. */
typedef enum {
    CLI_TENANT, CLI_NAME, CLI_SCOPE, CLI_ADD_SCOPE, CLI_REMOVE_SCOPE,
    CLI_EXPIRES, CLI_ENV, CLI_OWNER, CLI_NETWORK, CLI_META, CLI_PREFIX,
    CLI_FORMAT, CLI_KEYSPACE, CLI_STATE, CLI_EXPIRING, CLI_UNUSED, CLI_SORT,
    CLI_COLUMNS, CLI_ALL, CLI_REASON, CLI_OVERLAP, CLI_KEY, CLI_SINCE,
    CLI_QUIET, CLI_DIGEST, CLI_WEAK, CLI_MAP, CLI_DRY_RUN,
    CLI_NEW_IDENTITY, CLI_USER, CLI_WORDS, CLI_OPTIONS
} cli_option_e;

#define CLI_BIT(option) ((apr_uint64_t)1 << (option))

/** The columns that `list` can show and sort by. */
#define CLI_COLUMN_NAMES                                                    \
    "id, tenant, name, hint, scopes, created, expires, last_used, state, "  \
    "env, keyspace, uses, created_by, format, prefix, secret, exposed, "    \
    "revoked, reason, disabled, rotated_from, root, owner, networks, meta"

typedef struct cli_option_t {
    const char *name;           /**< without its dashes; NULL: a letter only */
    char letter;                /**< 0: none */
    /** What its argument is called; "a|b": one of these, "a,b,...": some of
     * them, FILE and CONF: a file.  NULL: it takes none. */
    const char *argument;
    int many;                   /**< may be given several times */
    const char *does;
} cli_option_t;

/** Options of single commands, by cli_option_e. */
extern const cli_option_t cli_options[CLI_OPTIONS];

/** Options of every command; the last one has neither name nor letter. */
extern const cli_option_t cli_global_options[];

#endif
