/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* What is wrong with the rows themselves: for doctor, and for init where it
 * has upgraded tables that hold some already. */

#include <apr_hash.h>
#include <apr_strings.h>

#include "../core/strength.h"
#include "../core/text.h"
#include "../core/verdict.h"
#include "../store/inspect.h"
#include "doctor.h"

#define NAMED 20                /* ids of one fault; the rest is counted */

/* One kind of fault. */
typedef struct fault_t {
    const char *text;
    apr_int64_t count;
    const char *ids;            /* the first of them, "," between */
    int refused;                /* a server does not accept the key */
} fault_t;

typedef struct faults_t {
    apr_int64_t keys;
    apr_hash_t *by_text;
    apr_array_header_t *list;   /* of fault_t *, in the order found */
    apr_pool_t *pool;
    apr_pool_t *row;            /* cleared for each */
} faults_t;

static void note(faults_t *faults, const char *text, const char *id,
                 int refused)
{
    const char *key = apr_pstrcat(faults->row, refused ? "!" : "", text, NULL);
    fault_t *fault = apr_hash_get(faults->by_text, key, APR_HASH_KEY_STRING);

    if (!fault) {
        fault = apr_pcalloc(faults->pool, sizeof(*fault));
        fault->text = apr_pstrdup(faults->pool, text);
        fault->ids = "";
        fault->refused = refused;
        apr_hash_set(faults->by_text, apr_pstrdup(faults->pool, key),
                     APR_HASH_KEY_STRING, fault);
        APR_ARRAY_PUSH(faults->list, fault_t *) = fault;
    }
    if (fault->count < NAMED) {
        fault->ids = apr_pstrcat(faults->pool, fault->ids,
                                 *fault->ids ? ", " : "", id, NULL);
    }
    fault->count++;
}

/* What is revoked opens nothing, whatever else is in its row. */
static apr_status_t look_at_key(void *baton, const apikey_managed_t *key)
{
    faults_t *faults = baton;
    const apikey_record_t *record = &key->record;
    const char *fault;

    apr_pool_clear(faults->row);
    faults->keys++;
    if (record->revoked && !apikey_managed_raw(key, "revoked")) {
        return APR_SUCCESS;
    }
    fault = apikey_record_fault(record, faults->row);
    if (fault) {
        note(faults, fault, record->id, 1);
    }
    else if (key->odd) {
        note(faults, key->odd, record->id, 0);
    }
    return APR_SUCCESS;
}

static apr_status_t look_at_tenant(void *baton, const apikey_tenant_t *tenant)
{
    faults_t *faults = baton;
    const char *fault = tenant->fault ? tenant->fault
                                      : apikey_text_fault(tenant->tenant);

    if (fault) {
        note(faults, apr_pstrcat(faults->row, "of a tenant: ", fault, NULL),
             tenant->tenant, 0);
    }
    return APR_SUCCESS;
}

static apr_status_t look(faults_t *faults, cli_t *cli, const char **error)
{
    apr_status_t status;

    faults->pool = cli->pool;
    faults->by_text = apr_hash_make(cli->pool);
    faults->list = apr_array_make(cli->pool, 4, sizeof(fault_t *));
    faults->keys = 0;
    apr_pool_create(&faults->row, cli->pool);
    status = apikey_manage_list(cli->store, NULL, NULL, look_at_key, faults,
                                cli->pool, error);
    return status == APR_SUCCESS
           ? apikey_tenant_list(cli->store, look_at_tenant, faults, cli->pool,
                                error) : status;
}

/* "2 keys are never granted (id a, b): its name has a control character". */
static const char *sentence(const fault_t *fault, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%" APR_INT64_T_FMT " %s (id %s%s): %s",
                        fault->count, fault->refused
                        ? "keys are never granted"
                        : "rows have what is not used", fault->ids,
                        fault->count > NAMED ? ", ..." : "", fault->text);
}

static void count_weak(doctor_t *doctor)
{
    cli_t *cli = doctor->cli;
    apikey_strengths_t strengths;
    const char *error = NULL;

    if (apikey_inspect_strengths(cli->store, cli->actor.now, &strengths,
                                 cli->pool, &error) != APR_SUCCESS) {
        doctor_find(doctor, DOCTOR_FAIL, "strength", "%s", error);
        return;
    }
    if (strengths.weak > 0) {
        doctor_find(doctor, DOCTOR_WARN, "strength", "%" APR_INT64_T_FMT
                    " live keys were imported with --weak and can be guessed; "
                    "replace them.", strengths.weak);
    }
    else {
        doctor_find(doctor, DOCTOR_OK, "strength", "No live key is known to be "
                    "one that can be guessed.");
    }
    if (strengths.unknown > 0) {
        doctor_find(doctor, DOCTOR_OK, "strength", "%" APR_INT64_T_FMT
                    " opaque ones came as digests, or before this was looked "
                    "at: they cannot be judged.", strengths.unknown);
    }
}

void doctor_rows(doctor_t *doctor)
{
    cli_t *cli = doctor->cli;
    const char *error = NULL;
    faults_t faults;
    int i;

    if (look(&faults, cli, &error) != APR_SUCCESS) {
        doctor_find(doctor, DOCTOR_FAIL, "rows", "%s", error);
        return;
    }
    for (i = 0; i < faults.list->nelts; i++) {
        const fault_t *fault = APR_ARRAY_IDX(faults.list, i, fault_t *);

        doctor_find(doctor, fault->refused ? DOCTOR_FAIL : DOCTOR_WARN,
                    "rows", "%s.", sentence(fault, cli->pool));
    }
    if (faults.list->nelts == 0) {
        doctor_find(doctor, DOCTOR_OK, "rows", "None of %" APR_INT64_T_FMT
                    " keys is refused for what stands in its row.",
                    faults.keys);
    }
    count_weak(doctor);
}

void cli_tell_rows(cli_t *cli)
{
    const char *error = NULL;
    faults_t faults;
    int i;

    if (look(&faults, cli, &error) != APR_SUCCESS) {
        cli_say(cli->pool, "the rows could not be looked at: %s", error);
        return;
    }
    for (i = 0; i < faults.list->nelts; i++) {
        cli_say(cli->pool, "%s; correct or revoke them",
                sentence(APR_ARRAY_IDX(faults.list, i, fault_t *),
                         cli->pool));
    }
}
