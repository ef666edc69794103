/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * The identity of the database, beside those of the CONFs that were named.  A
 * copy of a database has the identity of its original until it is given one of
 * its own.
 */

#include "../store/schema.h"
#include "doctor.h"

/* A CONF and the database that it names. */
typedef struct identified_t {
    const char *conf;
    const char *driver;
    const char *params;
    const char *uuid;
} identified_t;

/* Reports a database whose identity one of those before has, too. */
static void compare_identities(doctor_t *doctor,
                               const apr_array_header_t *known,
                               const identified_t *database)
{
    int i;

    for (i = 0; i < known->nelts; i++) {
        const identified_t *other = &APR_ARRAY_IDX(known, i, identified_t);

        if (strcmp(other->uuid, database->uuid) != 0) {
            continue;
        }
        if (strcmp(other->driver, database->driver) == 0
            && strcmp(other->params, database->params) == 0) {
            doctor_find(doctor, DOCTOR_OK, "identity", "%s and %s name one "
                        "database.", database->conf, other->conf);
        }
        else {
            doctor_find(doctor, DOCTOR_WARN, "identity", "The databases of %s "
                        "and %s have one identity: if one is a copy of the "
                        "other, run `htapikey init --new-identity` with the "
                        "copy's CONF; if the two are one database, write its "
                        "parameters in the same words in both.", database->conf,
                        other->conf);
        }
        return;
    }
}

static void report_identity(doctor_t *doctor, apr_array_header_t *known,
                            cli_t *cli)
{
    const char *error = NULL;
    apikey_identity_t identity = { 0 };
    apr_status_t status = apikey_schema_identity(cli->store, &identity,
                                                 cli->pool, &error);
    identified_t database = { cli->conf_path, cli->conf.driver,
                              cli->conf.params, identity.uuid };

    if (status != APR_SUCCESS) {
        doctor_find(doctor, DOCTOR_FAIL, "identity", "%s: %s", cli->conf_path,
                    error);
        return;
    }
    doctor_find(doctor, DOCTOR_OK, "identity", "The database of %s is %s, "
                "epoch %" APR_INT64_T_FMT ".", database.conf, database.uuid,
                identity.epoch);
    compare_identities(doctor, known, &database);
    APR_ARRAY_PUSH(known, identified_t) = database;
}

void doctor_check_identity(doctor_t *doctor)
{
    cli_t *cli = doctor->cli;
    apr_array_header_t *known = apr_array_make(cli->pool, 4,
                                               sizeof(identified_t));
    int i;

    report_identity(doctor, known, cli);
    for (i = 0; i < cli->word_count; i++) {
        cli_t other = { .pool = cli->pool, .conf_path = cli->words[i] };

        if (cli_open(&other, 0) == CLI_DONE) {
            report_identity(doctor, known, &other);
        }
        else {
            doctor_find(doctor, DOCTOR_FAIL, "identity", "The database of %s "
                        "could not be asked; standard error says why.",
                        cli->words[i]);
        }
    }
}
