/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file cli.h
 * @brief What the commands of htapikey share.
 */
#ifndef APIKEY_CLI_H
#define APIKEY_CLI_H

#include "../store/keys.h"
#include "../store/lookup.h"
#include "../store/scopes.h"
#include "../store/tenants.h"
#include "conf.h"
#include "output.h"

/** The program's exit status. */
typedef enum {
    CLI_DONE = 0,
    CLI_REFUSED = 1,            /**< refused or not found */
    CLI_USAGE = 2,              /**< wrong usage, or a wrong CONF */
    CLI_DATABASE = 3
} cli_exit_e;

/** The options of all commands. */
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

typedef struct cli_t {
    apr_pool_t *pool;
    const struct cli_command_t *command;
    const char *conf_path;      /**< -f or $APIKEY_CONF; NULL: neither */
    int json;
    /** Of each option that can be given once: its argument, "" for one that
     * takes none, NULL where it was not given. */
    const char *value[CLI_OPTIONS];
    /** Of each that can be given again: const char *, in their order. */
    apr_array_header_t *list[CLI_OPTIONS];
    const char *const *words;   /**< what is no option */
    int word_count;
    cli_conf_t conf;
    apikey_secrets_t *secrets;
    apikey_store_t *store;
    apikey_actor_t actor;
} cli_t;

/**
 * Reads CONF and opens the database, whose tables must be there.  What fails
 * has been said when this returns anything but CLI_DONE.
 * @param secrets whether the secrets are needed, too
 */
cli_exit_e cli_open(cli_t *cli, int secrets);

/** Finds out who works here, and when. */
void cli_actor(cli_t *cli);

/** Reads CONF alone, which must name a database. */
cli_exit_e cli_read_conf(cli_t *cli);

/** Says why, and which exit status it is. */
cli_exit_e cli_fail(cli_t *cli, apr_status_t status, const char *error);

/** The process that holds the database's write lock, NULL where that cannot
 * be known.  Only on the way out: it leaves files open. */
const char *cli_sqlite_lock_owner(cli_t *cli);

/** CLI_DONE, or as cli_fail(). */
cli_exit_e cli_done(cli_t *cli, apr_status_t status, const char *error);

/** Says what is wrong with how a command was called. */
cli_exit_e cli_usage(cli_t *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** A key as it is presented: one byte more than any has, so that a longer one
 * is seen to be; then a line end and a NUL. */
typedef struct cli_presented_t {
    char text[APIKEY_KEY_MAX + 4];
    apr_size_t len;
} cli_presented_t;

/** Reads a key from standard input, or unseen from the terminal; whatever the
 * answer, the caller wipes @a given. */
cli_exit_e cli_read_presented(cli_t *cli, cli_presented_t *given);

/** What the server accepts that has the same CONF. */
apikey_policy_t cli_policy(const cli_t *cli);

/** Whatever may be a key, as far as the secrets can tell. */
apikey_policy_t cli_policy_any(const cli_t *cli);

/** The record of what is any key of the database's; NULL: there is none, or
 * it could not be looked up.  The secrets must be there. */
apikey_record_t *cli_look_up(cli_t *cli, const cli_presented_t *given);

/** Text in which nothing looks like a whole key any more. */
const char *cli_masked(const char *text, apr_pool_t *pool);

/** Refuses a command with a whole key in its arguments; the database must be
 * open.  cli_open() does it. */
cli_exit_e cli_refuse_keys(cli_t *cli);

/** The record of a key.  CLI_DONE with a NULL record: there is none, or the
 * key is refused unseen, as by a server with that policy. */
cli_exit_e cli_find_presented(cli_t *cli, const cli_presented_t *given,
                              const apikey_policy_t *policy,
                              apikey_record_t **record);

/** A key's state in one word: active, or why not; a row that a server refuses
 * for what stands in it is "faulty", unless it is revoked. */
const char *cli_state(cli_t *cli, const apikey_key_row_t *key);

/** A time of a key, what stands in its place where that is none, or @a none. */
const char *cli_key_time(const apikey_key_row_t *key, const char *column,
                         apr_int64_t epoch, const char *none,
                         apr_pool_t *pool);

/** What is wrong with a key's row, as apikey_record_fault() says it, or what no
 * server asks for; or NULL. */
const char *cli_key_fault(const apikey_key_row_t *key, apr_pool_t *pool);

/** A list of networks as an array, a key's meta as an object; where it is none,
 * as the text that it is. */
void cli_json_networks(cli_json_t *json, const char *name, const char *text);
void cli_json_meta(cli_json_t *json, const char *name, const char *text);

/** Pairs as an object; NULL: none. */
void cli_json_pairs(cli_json_t *json, const char *name,
                    const apr_table_t *pairs);

/** Whether there are secrets, and one of that id. */
int cli_has_secret(const apikey_secrets_t *secrets, const char *id);

/** Says what has been done to a key ("revoked"), and what it is now.
 * @param done NULL: nothing */
void cli_tell_key(cli_t *cli, const apikey_key_row_t *key, const char *done);

/** The members of a key's JSON object: KEY, as the manager has it, and more. */
void cli_key_json(cli_t *cli, cli_json_t *json, const apikey_key_row_t *key);

/** Refuses a scope that cannot be granted; one with a comma with the right
 * spelling, which begins with @a option. */
cli_exit_e cli_scope(cli_t *cli, const char *scope, const char *option);

/** The scopes given by an option, each once, separated by one blank; NULL
 * where none was.  Refuses one that cannot be granted. */
cli_exit_e cli_scopes(cli_t *cli, cli_option_e option, const char **scopes);

/** What --owner, --network and --meta say, as the store has it; NULL where
 * nothing does. */
cli_exit_e cli_details(cli_t *cli, const char **owner, const char **networks,
                       const char **meta);

/** What --meta says, as the store has it; NULL where nothing does. */
cli_exit_e cli_meta(cli_t *cli, const char **meta);

/** The time that an option names, which has been; unchanged where it was not
 * given. */
cli_exit_e cli_since(cli_t *cli, cli_option_e option, apr_int64_t *since);

/** Says on standard error which rows of keys and tenants are faulty, and why:
 * after an upgrade, whose new rules do not touch what is there. */
void cli_tell_rows(cli_t *cli);

/** Lets what ApiKeyRetention does not keep go, at most once a day and for a
 * second, which the next command continues; after a command has changed
 * something.  Where that fails it is said, no more. */
void cli_prune(cli_t *cli);

/* The commands. */
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

#endif
