/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Which database this is, and whether others say that they are the same. */

#include "../store/schema.h"
#include "doctor.h"

/* A CONF that was read, and its database. */
typedef struct place_t {
    const char *conf;
    const char *driver;
    const char *params;
    const char *uuid;
} place_t;

static int is_same(const place_t *a, const place_t *b)
{
    return strcmp(a->driver, b->driver) == 0
           && strcmp(a->params, b->params) == 0;
}

/* Each that has the same identity as one before is told of with that one. */
static void compare(doctor_t *doctor, const apr_array_header_t *places,
                    const place_t *place)
{
    int i;

    for (i = 0; i < places->nelts; i++) {
        const place_t *other = &APR_ARRAY_IDX(places, i, place_t);

        if (strcmp(other->uuid, place->uuid) != 0) {
            continue;
        }
        if (is_same(other, place)) {
            doctor_find(doctor, DOCTOR_OK, "identity", "%s and %s name one "
                        "database.", place->conf, other->conf);
        }
        else {
            doctor_find(doctor, DOCTOR_WARN, "identity", "The databases of %s "
                        "and %s have one identity: if one is a copy of the "
                        "other, run `htapikey init --new-identity` with the "
                        "copy's CONF; if the two are one database, write its "
                        "parameters in the same words in both.", place->conf,
                        other->conf);
        }
        return;
    }
}

static void look_at(doctor_t *doctor, apr_array_header_t *places, cli_t *cli)
{
    const char *error = NULL;
    apikey_identity_t identity = { 0 };
    apr_status_t status = apikey_schema_identity(cli->store, &identity,
                                                 cli->pool, &error);
    place_t place = { cli->conf_path, cli->conf.driver, cli->conf.params,
                      identity.uuid };

    if (status != APR_SUCCESS) {
        doctor_find(doctor, DOCTOR_FAIL, "identity", "%s: %s", cli->conf_path,
                    error);
        return;
    }
    doctor_find(doctor, DOCTOR_OK, "identity", "The database of %s is %s, "
                "epoch %" APR_INT64_T_FMT ".", place.conf, place.uuid,
                identity.epoch);
    compare(doctor, places, &place);
    APR_ARRAY_PUSH(places, place_t) = place;
}

void doctor_identity(doctor_t *doctor)
{
    cli_t *cli = doctor->cli;
    apr_array_header_t *places = apr_array_make(cli->pool, 4,
                                                sizeof(place_t));
    int i;

    look_at(doctor, places, cli);
    for (i = 0; i < cli->word_count; i++) {
        cli_t other = { 0 };

        other.pool = cli->pool;
        other.conf_path = cli->words[i];
        if (cli_open(&other, 0) == CLI_DONE) {
            look_at(doctor, places, &other);
        }
        else {
            doctor_find(doctor, DOCTOR_FAIL, "identity", "The database of %s "
                        "could not be asked; standard error says why.",
                        cli->words[i]);
        }
    }
}
