/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * Faults in rows that were written by hand or by other programs: for doctor,
 * and for init after an upgrade of tables that have rows.
 */

#include <apr_hash.h>
#include <apr_strings.h>

#include "../core/text.h"
#include "../core/time_text.h"
#include "../core/result.h"
#include "../store/inspect.h"
#include "doctor.h"

#define NAMED 20                /* ids per fault; the others are counted */

/* What follows from a fault. */
typedef enum { REFUSED, UNUSED, ENDING } effect_e;

static const char *const effects[] = {
    [REFUSED] = "keys are never granted",
    [UNUSED] = "rows have what is not used",
    [ENDING] = "keys do not end as they should"
};

/* One kind of fault. */
typedef struct fault_t {
    const char *text;
    apr_int64_t count;
    const char *ids;            /* the first NAMED, ", " between */
    effect_e effect;
} fault_t;

typedef struct faults_t {
    const cli_t *cli;
    apr_int64_t keys;
    apr_hash_t *by_text;
    apr_array_header_t *list;   /* of fault_t *, in the order found */
    apr_pool_t *pool;
    apr_pool_t *row;            /* cleared for each row */
} faults_t;

static void add_fault(faults_t *faults, const char *text, const char *id,
                      effect_e effect)
{
    const char *key = apr_pstrcat(faults->row, effects[effect], text, NULL);
    fault_t *fault = apr_hash_get(faults->by_text, key, APR_HASH_KEY_STRING);

    if (!fault) {
        fault = apr_pcalloc(faults->pool, sizeof(*fault));
        fault->text = apr_pstrdup(faults->pool, text);
        fault->ids = "";
        fault->effect = effect;
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

/* Times by which other programs mean "never"; here that is 0. */
static const char *meant_for_never(apr_int64_t expires)
{
    static const struct { apr_int64_t time; const char *what; } ends[] = {
        { APR_INT64_C(2147483647), "the last second of 31 bits, in 2038" },
        { APR_INT64_C(4102444800), "the beginning of 2100" },
        { APR_INT64_C(4294967295), "the last second of 32 bits, in 2106" },
        { APR_INT64_C(32503680000), "the beginning of the year 3000" },
        { APR_INT64_C(253370764800), "the beginning of the year 9999" },
        { APR_INT64_C(253402214400), "the last day of the year 9999" },
        { APIKEY_TIME_MAX, "the end of the year 9999" }
    };
    apr_size_t i;

    for (i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        if (expires == ends[i].time) {
            return ends[i].what;
        }
    }
    return NULL;
}

/* Whether a key lives longer than ApiKeyLifetime's max.  htapikey makes no such
 * key, but other programs may, and a key may be older than the directive. */
static int outlives_max(const cli_t *cli, const apikey_record_t *record)
{
    apr_int64_t max = cli->conf.lifetime.max;
    apr_int64_t since = record->created > 0
                        && record->created < cli->actor.now
                        ? record->created : cli->actor.now;

    return max > 0 && (record->expires == APIKEY_NEVER
                       || record->expires - since > max);
}

/* Many programs write -1 for "never" or "not"; for a server it is a time that
 * has passed. */
static int check_negative_times(faults_t *faults, const apikey_record_t *record)
{
    const struct { const char *column; apr_int64_t value; } times[] = {
        { "expires", record->expires }, { "revoked", record->revoked },
        { "disabled", record->disabled }, { "suspended", record->suspended }
    };
    apr_size_t i;

    for (i = 0; i < sizeof(times) / sizeof(*times); i++) {
        if (times[i].value < 0) {
            add_fault(faults,
                      apr_psprintf(faults->row, "its %s is %" APR_INT64_T_FMT
                                   ", before 1970, which has come; never and "
                                   "not are 0", times[i].column,
                                   times[i].value), record->id, REFUSED);
            return 1;
        }
    }
    return 0;
}

/* Checks the times of a key that has no other fault. */
static void check_expiry(faults_t *faults, const apikey_record_t *record)
{
    const char *end = meant_for_never(record->expires);

    if (check_negative_times(faults, record)) {
        return;
    }
    if (end) {
        add_fault(faults,
                  apr_psprintf(faults->row, "its expires is %" APR_INT64_T_FMT
                               ", %s; if never was meant, that is 0",
                               record->expires, end), record->id, ENDING);
    }
    if (outlives_max(faults->cli, record)) {
        add_fault(faults, "it lives longer than the max= of ApiKeyLifetime; "
                  "set an earlier end, or rotate it", record->id, ENDING);
    }
}

/* Checks a key's row; one that is revoked is refused in any case. */
static apr_status_t check_key_row(void *baton, const apikey_key_row_t *key)
{
    faults_t *faults = baton;
    const apikey_record_t *record = &key->record;
    const char *fault;

    apr_pool_clear(faults->row);
    faults->keys++;
    if (record->revoked > 0 && !apikey_key_row_raw(key, "revoked")) {
        return APR_SUCCESS;
    }
    fault = apikey_record_fault(record, faults->row);
    if (fault) {
        add_fault(faults, fault, record->id, REFUSED);
        return APR_SUCCESS;
    }
    if (key->odd) {
        add_fault(faults, key->odd, record->id, UNUSED);
    }
    check_expiry(faults, record);
    return APR_SUCCESS;
}

static apr_status_t check_tenant_row(void *baton, const apikey_tenant_t *tenant)
{
    faults_t *faults = baton;
    const char *fault = tenant->fault ? tenant->fault
                                      : apikey_text_fault(tenant->tenant);

    if (fault) {
        add_fault(faults, apr_pstrcat(faults->row, "of a tenant: ", fault,
                                      NULL), tenant->tenant, UNUSED);
    }
    return APR_SUCCESS;
}

static apr_status_t check_all_rows(faults_t *faults, cli_t *cli,
                                   const char **error)
{
    const apikey_filter_t all = { 0 };
    apr_status_t status;

    faults->cli = cli;
    faults->pool = cli->pool;
    faults->by_text = apr_hash_make(cli->pool);
    faults->list = apr_array_make(cli->pool, 4, sizeof(fault_t *));
    faults->keys = 0;
    apr_pool_create(&faults->row, cli->pool);
    status = apikey_keys_list(cli->store, &all, check_key_row, faults,
                              cli->pool, error);
    return status == APR_SUCCESS
           ? apikey_tenant_list(cli->store, check_tenant_row, faults, cli->pool,
                                error) : status;
}

/* "2 keys are never granted (id a, b): its name has a control character". */
static const char *describe_fault(const fault_t *fault, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%" APR_INT64_T_FMT " %s (id %s%s): %s",
                        fault->count, effects[fault->effect], fault->ids,
                        fault->count > NAMED ? ", ..." : "", fault->text);
}

static void report_weak_keys(doctor_t *doctor)
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

void doctor_check_rows(doctor_t *doctor)
{
    cli_t *cli = doctor->cli;
    const char *error = NULL;
    faults_t faults;
    int i;

    if (check_all_rows(&faults, cli, &error) != APR_SUCCESS) {
        doctor_find(doctor, DOCTOR_FAIL, "rows", "%s", error);
        return;
    }
    for (i = 0; i < faults.list->nelts; i++) {
        const fault_t *fault = APR_ARRAY_IDX(faults.list, i, fault_t *);

        doctor_find(doctor, fault->effect == REFUSED ? DOCTOR_FAIL
                                                     : DOCTOR_WARN,
                    "rows", "%s.", describe_fault(fault, cli->pool));
    }
    if (faults.list->nelts == 0) {
        doctor_find(doctor, DOCTOR_OK, "rows", "None of %" APR_INT64_T_FMT
                    " keys is refused for what stands in its row.",
                    faults.keys);
    }
    report_weak_keys(doctor);
}

void cli_report_rows(cli_t *cli)
{
    const char *error = NULL;
    faults_t faults;
    int i;

    if (check_all_rows(&faults, cli, &error) != APR_SUCCESS) {
        cli_say(cli->pool, "the rows could not be looked at: %s", error);
        return;
    }
    for (i = 0; i < faults.list->nelts; i++) {
        const fault_t *fault = APR_ARRAY_IDX(faults.list, i, fault_t *);

        if (fault->effect != ENDING) {
            cli_say(cli->pool, "%s; correct or revoke them",
                    describe_fault(fault, cli->pool));
        }
    }
}
