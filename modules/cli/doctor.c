/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * doctor: checks that httpd and htapikey can do their work here.  Each check
 * reports one finding or more; a fail makes the exit status 1.
 */

#include <unistd.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "../store/inspect.h"
#include "../store/custom_query.h"
#include "../store/schema.h"
#include "commands.h"
#include "doctor.h"

static void check_secret_file(doctor_t *doctor)
{
    cli_t *cli = doctor->cli;
    const char *error = NULL;
    apr_status_t status = APR_SUCCESS;

    if (cli->conf.secret_file) {
        status = apikey_secrets_load(&cli->secrets, cli->conf.secret_file,
                                     cli->pool, &error);
    }
    if (!cli->conf.secret_file) {
        doctor_find(doctor, DOCTOR_FAIL, "secrets", "%s has no "
                    "ApiKeySecretFile, so no key can be verified; make one "
                    "with `htapikey secret`", cli->conf_path);
    }
    else if (APR_STATUS_IS_EACCES(status) && geteuid() != 0) {
        doctor_find(doctor, DOCTOR_WARN, "secrets", "The secret file %s cannot "
                    "be read by this user, which is as it should be where "
                    "root keeps it: httpd reads it as root. Run doctor as root "
                    "to have it judged.", cli->conf.secret_file);
    }
    else if (status != APR_SUCCESS) {
        doctor_find(doctor, DOCTOR_FAIL, "secrets", "%s", error);
    }
    else {
        doctor_find(doctor, DOCTOR_OK, "secrets", "The secret file %s can be "
                    "used: %d in it.", cli->conf.secret_file,
                    apikey_secrets_count(cli->secrets));
    }
}

/* Programs that look for leaked keys in published text find them by their
 * prefix, if that is long enough. */
static void check_prefix(doctor_t *doctor)
{
    const cli_conf_t *conf = &doctor->cli->conf;
    const apikey_prefix_t *prefix;
    const char *brief = "";

    if (!conf->prefixes) {
        doctor_find(doctor, DOCTOR_OK, "prefix", "No ApiKeyPrefix: new keys "
                    "begin with " APIKEY_PREFIX_DEFAULT "_. Secret scanners "
                    "find keys by a prefix of %d characters or more.",
                    APIKEY_PREFIX_DISTINCT);
        return;
    }
    for (prefix = conf->prefixes; prefix->text; prefix++) {
        if (apikey_prefix_word_len(prefix->text, prefix->len)
            < APIKEY_PREFIX_DISTINCT) {
            brief = apr_pstrcat(doctor->cli->pool, brief, *brief ? ", " : "",
                                prefix->text, NULL);
        }
    }
    if (*brief) {
        doctor_find(doctor, DOCTOR_WARN, "prefix", "Secret scanners cannot "
                    "distinguish keys that begin with %s from other text: put "
                    "a prefix of %d characters or more before it in "
                    "ApiKeyPrefix, which new keys will have.", brief,
                    APIKEY_PREFIX_DISTINCT);
    }
    else {
        doctor_find(doctor, DOCTOR_OK, "prefix", "Keys can be distinguished "
                    "from other text by what they begin with: %s.",
                    conf->prefix_words);
    }
}

static void check_schema(doctor_t *doctor)
{
    cli_t *cli = doctor->cli;
    const char *error = NULL;
    apr_status_t status;

    if (doctor->unread) {
        return;
    }
    status = apikey_store_open(&cli->store, cli->conf.driver,
                               cli->conf.params, cli->pool, &error);
    if (status == APR_SUCCESS) {
        status = apikey_schema_check(cli->store, cli->pool, &error);
    }
    if (status == APIKEY_ESCHEMA && cli->store && cli->conf.query) {
        doctor_find(doctor, DOCTOR_WARN, "schema", "httpd has an ApiKeyQuery "
                    "and needs no other tables, htapikey's commands do: %s",
                    error);
        return;
    }
    if (status != APR_SUCCESS) {
        doctor_find(doctor, DOCTOR_FAIL, "schema", "%s", error);
        return;
    }
    doctor->tables = 1;
    doctor_find(doctor, DOCTOR_OK, "schema", "The tables are of version %d.",
                APIKEY_SCHEMA_VERSION);
}

/* Reports triggers that have the same fault. */
static int report_trigger_fault(void *baton, const char *fault,
                                const char *names)
{
    int ours = strcmp(fault, "not the schema's") != 0;

    doctor_find(baton, ours ? DOCTOR_FAIL : DOCTOR_WARN, "triggers",
                ours ? "These are %s: %s; so changes pass unnoticed or the "
                "audit can be changed: take them from the schema's files."
                : "These are %s: %s; they may keep changes from being "
                "recorded.", fault, names);
    return 1;
}

static void check_triggers(doctor_t *doctor)
{
    cli_t *cli = doctor->cli;
    const char *error = NULL;
    apr_table_t *faults;
    int count;

    if (apikey_inspect_triggers(cli->store, &faults, &count, cli->pool,
                                &error) != APR_SUCCESS) {
        doctor_find(doctor, DOCTOR_FAIL, "triggers", "%s", error);
    }
    else if (apr_is_empty_table(faults)) {
        doctor_find(doctor, DOCTOR_OK, "triggers", "All %d are there, at work "
                    "and as the schema has them.", count);
    }
    else {
        apr_table_do(report_trigger_fault, doctor, faults, NULL);
    }
}

/* Checks ApiKeyQuery and ApiKeyChangesQuery as httpd does when it starts. */
static void check_queries(doctor_t *doctor)
{
    cli_t *cli = doctor->cli;
    const struct {
        const char *name, *sql;
        apr_status_t (*check)(apikey_store_t *, const char *, apr_pool_t *,
                              const char **);
    } queries[] = {
        { "ApiKeyQuery", cli->conf.query, apikey_custom_query_check },
        { "ApiKeyChangesQuery", cli->conf.changes,
          apikey_custom_query_check_changes }
    };
    const char *error = NULL;
    apr_size_t i;

    for (i = 0; i < sizeof(queries) / sizeof(*queries); i++) {
        if (queries[i].sql && cli->store) {
            int good = queries[i].check(cli->store, queries[i].sql, cli->pool,
                                        &error) == APR_SUCCESS;

            doctor_find(doctor, good ? DOCTOR_OK : DOCTOR_FAIL, "query",
                        good ? "%s can be used.%s" : "%s cannot be used: %s",
                        queries[i].name, good ? "" : error);
        }
    }
}

static void report_setting(void *baton, const char *check, int level,
                           const char *text)
{
    doctor_find(baton, (doctor_level_e)level, check, "%s", text);
}

static void check_statements(doctor_t *doctor)
{
    cli_t *cli = doctor->cli;
    const char *error = NULL;

    if (apikey_inspect_statements(cli->store, cli->pool, &error)
        == APR_SUCCESS) {
        doctor_find(doctor, DOCTOR_OK, "statements", "All can be prepared.");
    }
    else {
        doctor_find(doctor, DOCTOR_FAIL, "statements", "%s", error);
    }
    if (apikey_inspect_settings(cli->store, report_setting, doctor, cli->pool,
                                &error)
        != APR_SUCCESS) {
        doctor_find(doctor, DOCTOR_FAIL, "settings", "%s", error);
    }
}

/* Keys of one secret that the server looks for, or refuses with one reason. */
typedef struct signed_t {
    const char *id;             /* of the secret; "": none */
    const char *fault;          /* why they are refused; NULL: they are not */
    apr_int64_t keys, live;
} signed_t;

typedef struct secrets_t {
    const cli_t *cli;
    apr_array_header_t *list;   /* signed_t */
    apr_hash_t *seen;           /* ids of secrets with live keys */
} secrets_t;

static apr_status_t count_secret(void *baton, const apikey_digested_t *keys)
{
    static const char gone[] = "it is not in ApiKeySecretFile; put its line "
                               "back, or revoke them";
    secrets_t *count = baton;
    const cli_t *cli = count->cli;
    const char *id = keys->secret_id;
    const char *fault = *id && !cli_has_secret(cli->secrets, id) ? gone
        : apikey_digest_kinds_unsought(&cli->conf.digests, cli->conf.formats,
                                       apikey_format_from_name(keys->format),
                                       *id != '\0', (apr_size_t)keys->len);
    signed_t *with = (signed_t *)count->list->elts;
    signed_t *end = with + count->list->nelts;

    while (with < end && (with->fault != fault || strcmp(with->id, id) != 0)) {
        with++;
    }
    if (with == end) {
        with = apr_array_push(count->list);
        with->id = id;
        with->fault = fault;
    }
    with->keys += keys->keys;
    with->live += keys->live;
    if (keys->live > 0) {
        apr_hash_set(count->seen, id, APR_HASH_KEY_STRING, id);
    }
    return APR_SUCCESS;
}

static void report_secret(doctor_t *doctor, const signed_t *with)
{
    const cli_t *cli = doctor->cli;
    const char *whose = *with->id ? apr_pstrcat(cli->pool, "the secret \"",
                                                with->id, "\"", NULL)
                        : "no secret (SHA-256 or SHA-512 digests)";

    if (!with->fault || with->live == 0) {
        doctor_find(doctor, DOCTOR_OK, "keys", "%" APR_INT64_T_FMT
                    " live ones of %" APR_INT64_T_FMT " are signed by %s%s.",
                    with->live, with->keys, whose,
                    !with->fault || !cli->secrets ? ""
                    : ", which is not in use any more and need not be");
    }
    else if (*with->id && !cli->secrets) {
        doctor_find(doctor, DOCTOR_WARN, "keys", "%" APR_INT64_T_FMT
                    " live ones are signed by %s; whether that is in use "
                    "cannot be judged without the secret file.", with->live,
                    whose);
    }
    else {
        doctor_find(doctor, DOCTOR_FAIL, "keys", "%" APR_INT64_T_FMT
                    " live ones are signed by %s and are refused: %s.",
                    with->live, whose, with->fault);
    }
}

static void check_secrets(doctor_t *doctor)
{
    cli_t *cli = doctor->cli;
    secrets_t count = { cli, apr_array_make(cli->pool, 4, sizeof(signed_t)),
                        apr_hash_make(cli->pool) };
    const char *error = NULL;
    int i;

    if (apikey_inspect_secrets(cli->store, cli->actor.now, count_secret,
                               &count, cli->pool, &error) != APR_SUCCESS) {
        doctor_find(doctor, DOCTOR_FAIL, "keys", "%s", error);
        return;
    }
    for (i = 0; i < count.list->nelts; i++) {
        report_secret(doctor, &APR_ARRAY_IDX(count.list, i, signed_t));
    }
    for (i = 1; cli->secrets && i < apikey_secrets_count(cli->secrets); i++) {
        const char *id = apikey_secrets_id(cli->secrets, i);

        if (!apr_hash_get(count.seen, id, APR_HASH_KEY_STRING)) {
            doctor_find(doctor, DOCTOR_OK, "keys", "The secret \"%s\" signs "
                        "no live key: its line may be dropped.", id);
        }
    }
}

/* The checks, in the order of their findings. */
static const struct {
    void (*check)(doctor_t *doctor);
    int tables;                 /* it needs the tables */
} checks[] = {
    { check_secret_file, 0 },
    { check_prefix, 0 },
    { doctor_check_file, 0 },
    { check_schema, 0 },
    { check_triggers, 1 },
    { check_statements, 1 },
    { doctor_check_identity, 1 },
    { check_secrets, 1 },
    { doctor_check_rows, 1 },
    { check_queries, 0 }
};

cli_exit_e cli_cmd_doctor(cli_t *cli)
{
    doctor_t doctor = { .cli = cli, .json = { .pool = cli->pool } };
    cli_exit_e code = doctor_set_user(&doctor);
    apr_size_t i;

    if (code != CLI_DONE || (code = cli_read_conf(cli)) != CLI_DONE) {
        return code;
    }
    if (cli->json) {
        cli_json_open(&doctor.json, NULL, '[');
    }
    for (i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
        if (doctor.tables || !checks[i].tables) {
            checks[i].check(&doctor);
        }
    }
    if (cli->json) {
        cli_json_close(&doctor.json, ']');
    }
    return doctor.counts[DOCTOR_FAIL] ? CLI_REFUSED : CLI_DONE;
}
