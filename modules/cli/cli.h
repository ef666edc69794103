/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file cli.h
 * @brief What the commands of htapikey share.
 *
 * htapikey runs one command in one thread and ends.  What lasts as long as the
 * command is allocated from cli_t's pool.  A function that returns cli_exit_e
 * has written the sentence to standard error when that is not CLI_DONE, so its
 * caller only passes it on.
 */
#ifndef APIKEY_CLI_H
#define APIKEY_CLI_H

#include "../store/keys.h"
#include "../store/lookup.h"
#include "../store/scopes.h"
#include "../store/tenants.h"
#include "conf.h"
#include "options.h"
#include "output.h"

/** The program's exit status. */
typedef enum {
    CLI_DONE = 0,
    CLI_REFUSED = 1,            /**< refused or not found */
    CLI_USAGE = 2,              /**< wrong usage, or a wrong CONF */
    CLI_DATABASE = 3
} cli_exit_e;

typedef struct cli_t {
    apr_pool_t *pool;
    const struct cli_command_t *commands;       /**< all; see commands.h */
    const struct cli_command_t *command;        /**< the one that runs; NULL
                                                 * for a further CONF of
                                                 * doctor's */
    const char *conf_path;      /**< -f or $APIKEY_CONF; NULL: neither */
    int json;
    /** Of each option that may be given once: its argument, "" for one that
     * takes none, NULL where it was not given. */
    const char *value[CLI_OPTIONS];
    /** Of each option that may be given several times: const char *, in the
     * order given. */
    apr_array_header_t *list[CLI_OPTIONS];
    const char *const *words;   /**< arguments that are no options */
    int word_count;
    cli_conf_t conf;
    apikey_secrets_t *secrets;
    apikey_store_t *store;
    apikey_actor_t actor;
} cli_t;

/* ---- errors.c ---- */

/** Writes an error of the store or of a command, and returns the exit status
 * for it.
 * @param status APR_NOTFOUND and APIKEY_EREFUSED: CLI_REFUSED; APR_EINVAL:
 *        CLI_USAGE; any other: CLI_DATABASE
 * @param error the sentence; NULL: none is known */
cli_exit_e cli_fail(cli_t *cli, apr_status_t status, const char *error);

/** CLI_DONE for APR_SUCCESS, else cli_fail(). */
cli_exit_e cli_done(cli_t *cli, apr_status_t status, const char *error);

/** Writes what is wrong with how a command was called: CLI_USAGE. */
cli_exit_e cli_usage(cli_t *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- sqlite_lock_owner.c ---- */

/** The process that holds the write lock of an SQLite database, for people;
 * NULL where that cannot be known.  It leaves files open, so it is called last
 * before the program ends. */
const char *cli_sqlite_lock_owner(cli_t *cli);

/* ---- open.c ---- */

/** Sets the actor: the user's name, for the audit, and the time.  Under sudo
 * the name is that of the person who called it. */
void cli_set_actor(cli_t *cli);

/** Reads CONF, which must name a database, and sets the keyspace. */
cli_exit_e cli_read_conf(cli_t *cli);

/** Reads CONF, opens the database, whose tables must be there, and refuses
 * whole keys on the command line.
 * @param secrets whether to load the secret file, too */
cli_exit_e cli_open(cli_t *cli, int secrets);

/** Removes rows that are older than ApiKeyRetention, after a command that has
 * changed something: at most once a day and for one second; the next command
 * goes on.  A failure is written, and changes no exit status. */
void cli_prune(cli_t *cli);

/* ---- presented_key.c ---- */

/** A key as a client presents it: room for one byte more than any key has, so
 * that a longer one is seen to be too long, for a line end, and for a NUL. */
typedef struct cli_presented_t {
    char text[APIKEY_KEY_MAX + 4];
    apr_size_t len;
} cli_presented_t;

/** Reads a key from standard input, at a terminal without echo.  The caller
 * wipes @a given in any case. */
cli_exit_e cli_read_presented(cli_t *cli, cli_presented_t *given);

/** What a server with the same CONF accepts. */
apikey_policy_t cli_policy(const cli_t *cli);

/** Any key: all formats, digests and prefixes. */
apikey_policy_t cli_policy_any(const cli_t *cli);

/** The record of a key, for which the secrets must be loaded.  APR_NOTFOUND:
 * there is none, or a server with that policy refuses the key before it asks
 * the database. */
apr_status_t cli_lookup_presented(cli_t *cli, const cli_presented_t *given,
                                  const apikey_policy_t *policy,
                                  apikey_record_t **record,
                                  const char **error);

/** The same; CLI_DONE with a NULL record stands for APR_NOTFOUND. */
cli_exit_e cli_find_presented(cli_t *cli, const cli_presented_t *given,
                              const apikey_policy_t *policy,
                              apikey_record_t **record);

/** Whether there are secrets, and one of that id. */
int cli_has_secret(const apikey_secrets_t *secrets, const char *id);

/* ---- refuse_keys.c ---- */

/** Refuses a command that has a whole key in its arguments; cli_open() calls
 * it when the database is open. */
cli_exit_e cli_refuse_keys(cli_t *cli);

/* ---- key_output.c ---- */

/** Finds a key of the keyspace by its id; one that is not there is refused. */
cli_exit_e cli_get_key(cli_t *cli, const char *id, apikey_key_row_t **key);

/** The state of a key in one word: active, disabled, suspended, expired,
 * revoked; or "faulty", where a server refuses the row for what is in it. */
const char *cli_state(cli_t *cli, const apikey_key_row_t *key);

/** A time of a key: RFC 3339; what the column holds where that is no time; or
 * @a none. */
const char *cli_key_time(const apikey_key_row_t *key, const char *column,
                         apr_int64_t epoch, const char *none,
                         apr_pool_t *pool);

/** What is wrong with the row of a key: as apikey_record_fault() says it, or
 * what is odd, though no server asks for it; or NULL. */
const char *cli_key_fault(const apikey_key_row_t *key, apr_pool_t *pool);

/** Writes the members of a key's JSON object: KEY, as the manager has it, and
 * more. */
void cli_key_json(cli_t *cli, cli_json_t *json, const apikey_key_row_t *key);

/** Writes the state of a key after a command: a JSON object with "changed", or
 * a sentence.
 * @param done "revoked", "changed", ...; NULL: nothing was changed */
void cli_report_key(cli_t *cli, cli_json_t *json, const apikey_key_row_t *key,
                    const char *done);

/** Networks as a JSON array, meta as an object; text that is neither, as a
 * string. */
void cli_json_networks(cli_json_t *json, const char *name, const char *text);
void cli_json_meta(cli_json_t *json, const char *name, const char *text);

/** Pairs as a JSON object; NULL: an empty one. */
void cli_json_pairs(cli_json_t *json, const char *name,
                    const apr_table_t *pairs);

/* ---- option_values.c ---- */

/** Refuses a scope that cannot be granted.
 * @param option begins the right spelling of one that has commas:
 *        "--scope" */
cli_exit_e cli_scope(cli_t *cli, const char *scope, const char *option);

/** The scopes of an option, each once, one blank between; NULL where it was
 * not given.  Refuses a scope that cannot be granted. */
cli_exit_e cli_scopes(cli_t *cli, cli_option_e option, const char **scopes);

/** The values of --owner, --network and --meta as the store has them; NULL for
 * one that was not given. */
cli_exit_e cli_details(cli_t *cli, const char **owner, const char **networks,
                       const char **meta);

/** The value of --meta as the store has it; NULL where it was not given. */
cli_exit_e cli_meta(cli_t *cli, const char **meta);

/** The time in the past that an option names; unchanged where it was not
 * given. */
cli_exit_e cli_since(cli_t *cli, cli_option_e option, apr_int64_t *since);

/* ---- doctor_rows.c ---- */

/** Writes to standard error which rows of keys and tenants are faulty, and
 * why: init calls it after an upgrade, which leaves rows as they are. */
void cli_report_rows(cli_t *cli);

#endif
