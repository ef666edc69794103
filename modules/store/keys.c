/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "../core/scope.h"
#include "../core/text.h"
#include "../core/time_text.h"
#include "../core/result.h"
#include "json.h"
#include "keys_private.h"
#include "lookup.h"

/* Sets the expiry, and the lifetime that a key rotated from this one gets. */
static void set_expiry(apikey_key_row_t *key, apr_int64_t expires)
{
    key->record.expires = expires;
    key->lifetime = expires == APIKEY_NEVER ? -1
                  : key->record.created > 0 ? expires - key->record.created
                  : 0;
}

void apikey_key_row_fill(apikey_key_row_t *key, const apikey_fresh_t *fresh,
                         const apikey_actor_t *actor)
{
    apikey_record_t *record = &key->record;

    record->id = fresh->id;
    record->digest = fresh->digest;
    record->secret_id = fresh->secret_id;
    record->hint = fresh->hint;
    record->creator = actor->who;
    record->created = actor->now;
    set_expiry(key, record->expires);
    record->revoked = record->disabled = 0;
    record->last_used = record->use_count = 0;
    key->reason = "";
    key->root = record->id;
    key->rotated_from = "";
    key->exposed = 0;
}

static const char *owner_fault(const char *owner)
{
    return *owner ? apikey_name_fault(owner) : NULL;
}

static const char *networks_fault(const char *text, apr_pool_t *pool)
{
    const apikey_network_t *networks;
    int count;

    return strlen(text) > APIKEY_NETWORKS_MAX
           ? "are longer than 2000 bytes together"
           : apikey_networks_parse(&networks, &count, text, pool);
}

static const char *scope_list_fault(const char *scopes, apr_pool_t *pool)
{
    char *rest = apr_pstrdup(pool, scopes);
    char *state = NULL;
    char *scope;

    if (strlen(scopes) > APIKEY_SCOPES_MAX) {
        return "the scopes are too long together";
    }
    for (scope = apr_strtok(rest, " ", &state); scope;
         scope = apr_strtok(NULL, " ", &state)) {
        const char *fault = apikey_scope_grant_fault(scope);

        if (fault) {
            return apr_psprintf(pool, "a scope %s", fault);
        }
    }
    return NULL;
}

apr_status_t apikey_check_all(const apikey_check_t *checks, apr_size_t count,
                              apr_pool_t *pool, const char **error)
{
    apr_size_t i;

    for (i = 0; i < count; i++) {
        if (checks[i].fault) {
            return apikey_reject(pool, error, "%s%s", checks[i].what,
                                 checks[i].fault);
        }
    }
    return APR_SUCCESS;
}

apr_status_t apikey_key_row_check(const apikey_key_row_t *key,
                                  apr_pool_t *pool, const char **error)
{
    const apikey_record_t *record = &key->record;
    const apikey_check_t checks[] = {
        { "the tenant ", apikey_text_fault(record->tenant) },
        { "the name ", apikey_text_fault(record->name) },
        { "the env ", apikey_word_fault(record->env) },
        { "the keyspace ", apikey_word_fault(record->keyspace) },
        { "", scope_list_fault(record->scopes, pool) },
        { "the owner ", owner_fault(key->owner) },
        { "the networks: the list ", networks_fault(key->networks, pool) },
        { "the meta ", apikey_meta_text_fault(key->meta, pool) },
        { "as it is, a header could not carry the key: ",
          apikey_record_fault(record, pool) }
    };

    return apikey_check_all(checks, sizeof(checks) / sizeof(*checks), pool,
                            error);
}

apr_status_t apikey_key_row_audit(apikey_store_t *store,
                                  const apikey_key_row_t *key,
                                  const apikey_actor_t *actor,
                                  const char *action, const char *reason,
                                  const char *was, apr_pool_t *pool,
                                  const char **error)
{
    const apikey_audit_t entry = {
        0, actor->now, actor->who, action, key->record.id,
        key->record.tenant, reason, was, NULL
    };

    return apikey_audit_write(store, &entry, pool, error);
}

static void add_member(const char **members, const char *name,
                       const char *json, apr_pool_t *pool)
{
    *members = apr_pstrcat(pool, *members, **members ? "," : "", "\"", name,
                           "\":", json, NULL);
}

/* The values that a key is made with, as JSON for the audit; "" where they are
 * too long. */
static const char *created_json(const apikey_key_row_t *key, apr_pool_t *pool)
{
    const apikey_record_t *record = &key->record;

    const struct { const char *name, *text; } members[] = {
        { "name", record->name }, { "env", record->env },
        { "keyspace", record->keyspace }, { "scopes", record->scopes },
        { "owner", key->owner }, { "networks", key->networks },
        { "meta", key->meta }
    };
    const char *now = "";
    apr_size_t i;

    for (i = 0; i < sizeof(members) / sizeof(*members); i++) {
        if (*members[i].text) {
            add_member(&now, members[i].name,
                       apikey_json_string(members[i].text, pool), pool);
        }
    }
    add_member(&now, "expires", apikey_number_arg(pool, record->expires),
               pool);
    now = apr_psprintf(pool, "{\"now\":{%s}}", now);
    return strlen(now) <= APIKEY_AUDIT_MAX ? now : "";
}

apr_status_t apikey_key_row_insert(apikey_store_t *store,
                                   const apikey_key_row_t *key,
                                   const apikey_actor_t *actor,
                                   const char *reason, apr_pool_t *pool,
                                   const char **error)
{
    const apikey_record_t *record = &key->record;
    const char *args[] = {
        record->digest, record->id, record->keyspace, record->tenant,
        record->name, record->env, record->scopes, record->secret_id,
        record->format, key->prefix, record->hint, record->creator,
        key->root, key->rotated_from, key->owner, key->networks, key->meta,
        apikey_number_arg(pool, record->created),
        apikey_number_arg(pool, record->expires),
        apikey_number_arg(pool, key->lifetime)
    };
    apr_status_t status = apikey_tenant_ensure(store, record->tenant, actor,
                                               pool, error);

    if (status == APR_SUCCESS) {
        status = apikey_statement_query(store, APIKEY_SQL_KEY_INSERT, args,
                                        pool, error);
    }
    return status == APR_SUCCESS
           ? apikey_key_row_audit(store, key, actor, "create", reason,
                                  created_json(key, pool), pool, error)
           : status;
}

/* What a transaction of this file works on. */
typedef struct key_job_t {
    const char *id;
    const char *reason;
    const apikey_actor_t *actor;
    apikey_key_row_t *key;
    const apikey_change_t *change;
    int on;
    int *changed;               /* out: whether a value differs now */
} key_job_t;

static apr_status_t create_in_transaction(apikey_store_t *store, void *baton,
                                          apr_pool_t *pool, const char **error)
{
    const key_job_t *job = baton;
    apr_status_t status = apikey_scopes_check(store, job->key->record.scopes,
                                              pool, error);

    return status == APR_SUCCESS
           ? apikey_key_row_insert(store, job->key, job->actor, "", pool,
                                   error)
           : status;
}

apr_status_t apikey_keys_create(apikey_store_t *store,
                                apikey_key_row_t *key,
                                const apikey_fresh_t *fresh,
                                const apikey_actor_t *actor,
                                apr_pool_t *pool, const char **error)
{
    key_job_t job = { .key = key, .actor = actor };
    const char *fault = apikey_name_fault(key->record.name);
    apr_status_t status;

    if (fault) {
        return apikey_reject(pool, error, "the name %s", fault);
    }
    apikey_key_row_fill(key, fresh, actor);
    apikey_key_row_details(key, pool);
    status = apikey_key_row_check(key, pool, error);
    return status == APR_SUCCESS
             ? apikey_transact(store, create_in_transaction, &job, pool, error)
             : status;
}

/* Finds the key that a job is about, and locks its row; refuses a revoked key,
 * which cannot be changed. */
static apr_status_t find_unrevoked(apikey_store_t *store, const key_job_t *job,
                                   apikey_key_row_t **key, apr_pool_t *pool,
                                   const char **error)
{
    apr_status_t status = apikey_keys_show(store, job->id, job->actor->keyspace,
                                           key, pool, error);

    if (status == APR_SUCCESS && (*key)->record.revoked) {
        return apikey_reject(pool, error, "the key %s is revoked, and that "
                             "is final; make a new one", job->id);
    }
    return status;
}

apr_status_t apikey_key_row_update(apikey_store_t *store,
                                   const apikey_key_row_t *key,
                                   apr_pool_t *pool, const char **error)
{
    const apikey_record_t *record = &key->record;
    const char *args[] = {
        record->name, record->env, record->scopes, key->owner, key->networks,
        key->meta, apikey_number_arg(pool, record->expires),
        apikey_number_arg(pool, key->lifetime), record->id
    };

    return apikey_statement_query(store, APIKEY_SQL_KEY_SET, args, pool, error);
}

/* An UPDATE writes all of these columns, changed or not.  So the new values
 * must be valid, and so must the old ones: a value that could not be read would
 * be overwritten by what was read instead of it. */
static apr_status_t check_change(const apikey_key_row_t *key,
                                 const apikey_change_t *change,
                                 apr_pool_t *pool, const char **error)
{
    const apikey_record_t *record = &key->record;
    const struct { const char *column, *fault; int set; } checks[] = {
        { "name", change->name ? apikey_name_fault(change->name)
                               : apikey_text_fault(record->name),
          change->name != NULL },
        { "env", apikey_word_fault(change->env ? change->env : record->env),
          change->env != NULL },
        { "scopes", scope_list_fault(change->scopes ? change->scopes
                                                    : record->scopes, pool),
          change->scopes != NULL },
        { "owner", owner_fault(change->owner ? change->owner : key->owner),
          change->owner != NULL },
        { "networks", networks_fault(change->networks ? change->networks
                                                      : key->networks, pool),
          change->networks != NULL },
        { "meta", apikey_meta_text_fault(change->meta ? change->meta
                                                      : key->meta, pool),
          change->meta != NULL },
        { "expires", change->expires ? apikey_time_fault(*change->expires)
                                     : NULL, change->expires != NULL }
    };
    apr_size_t i;

    for (i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
        const char *raw = apikey_key_row_raw(key, checks[i].column);

        if (!checks[i].set && (raw || checks[i].fault)) {
            return apikey_reject(pool, error, "the key's %s is not as it "
                                 "should be and would be written again: set "
                                 "it, too (%s)", checks[i].column,
                                 raw ? record->fault : checks[i].fault);
        }
        if (checks[i].fault) {
            return apikey_reject(pool, error, "the %s: %s", checks[i].column,
                                 checks[i].fault);
        }
    }
    return APR_SUCCESS;
}

/* Old and new values of what a change replaces, as members of JSON; "" while it
 * replaces nothing. */
typedef struct difference_t {
    const char *was;
    const char *now;
    apr_pool_t *pool;
} difference_t;

/* Replaces a value by another one; NULL and an equal one change nothing. */
static void replace_text(const char **value, const char *wanted,
                         const char *name, difference_t *difference)
{
    if (wanted && strcmp(wanted, *value) != 0) {
        add_member(&difference->was, name,
                   apikey_json_string(*value, difference->pool),
                   difference->pool);
        add_member(&difference->now, name,
                   apikey_json_string(wanted, difference->pool),
                   difference->pool);
        *value = wanted;
    }
}

static void replace_expiry(apikey_key_row_t *key, const apr_int64_t *wanted,
                           difference_t *difference)
{
    const char *raw = apikey_key_row_raw(key, "expires");
    apr_pool_t *pool = difference->pool;

    if (wanted && (raw || *wanted != key->record.expires)) {
        add_member(&difference->was, "expires",
                   raw ? apikey_json_string(raw, pool)
                       : apikey_number_arg(pool, key->record.expires), pool);
        add_member(&difference->now, "expires",
                   apikey_number_arg(pool, *wanted), pool);
        set_expiry(key, *wanted);
    }
}

/* The scopes that a key has after the change.  Those to be removed must be
 * among them before. */
static apr_status_t change_scopes(const char **scopes,
                                  const apikey_change_t *change,
                                  const apikey_key_row_t *key,
                                  apr_pool_t *pool, const char **error)
{
    const char *had = change->scopes ? change->scopes : key->record.scopes;
    const char *scope;
    char *rest, *state;

    *scopes = change->scopes;
    if (!change->add_scopes && !change->remove_scopes) {
        return APR_SUCCESS;
    }
    rest = apr_pstrdup(pool, change->remove_scopes ? change->remove_scopes
                                                   : "");
    for (; (scope = apr_strtok(rest, " ", &state)) != NULL; rest = NULL) {
        if (!apikey_scope_listed(had, scope)) {
            return apikey_reject(pool, error, "the key has no scope \"%s\"; "
                                 "it has: %s", scope, *had ? had : "none");
        }
    }
    *scopes = "";
    rest = apr_pstrcat(pool, had, " ", change->add_scopes, NULL);
    for (; (scope = apr_strtok(rest, " ", &state)) != NULL; rest = NULL) {
        if (!apikey_scope_listed(*scopes, scope)
            && !(change->remove_scopes
                 && apikey_scope_listed(change->remove_scopes, scope))) {
            *scopes = apr_pstrcat(pool, *scopes, **scopes ? " " : "", scope,
                                  NULL);
        }
    }
    return APR_SUCCESS;
}

/* New scopes must be in the catalogue; those that the key has already need not
 * be. */
static apr_status_t check_granted(apikey_store_t *store,
                                  const apikey_change_t *change,
                                  apr_pool_t *pool, const char **error)
{
    apr_status_t status = change->scopes
                          ? apikey_scopes_check(store, change->scopes, pool,
                                                error) : APR_SUCCESS;

    return status == APR_SUCCESS && change->add_scopes
           ? apikey_scopes_check(store, change->add_scopes, pool, error)
           : status;
}

static apr_status_t set_in_transaction(apikey_store_t *store, void *baton,
                                       apr_pool_t *pool, const char **error)
{
    const key_job_t *job = baton;
    apikey_change_t change = *job->change;
    difference_t difference = { "", "", pool };
    apikey_key_row_t *key;
    apr_status_t status = find_unrevoked(store, job, &key, pool, error);

    if (status == APR_SUCCESS) {
        status = change_scopes(&change.scopes, job->change, key, pool, error);
    }
    if (status == APR_SUCCESS) {
        status = check_change(key, &change, pool, error);
    }
    if (status != APR_SUCCESS) {
        return status;
    }
    replace_text(&key->record.name, change.name, "name", &difference);
    replace_text(&key->record.env, change.env, "env", &difference);
    replace_text(&key->record.scopes, change.scopes, "scopes", &difference);
    replace_text(&key->owner, change.owner, "owner", &difference);
    replace_text(&key->networks, change.networks, "networks", &difference);
    replace_text(&key->meta, change.meta, "meta", &difference);
    replace_expiry(key, change.expires, &difference);
    *job->changed = *difference.was != '\0';
    if (!*difference.was) {
        return APR_SUCCESS;
    }
    status = check_granted(store, job->change, pool, error);
    if (status == APR_SUCCESS) {
        status = apikey_key_row_update(store, key, pool, error);
    }
    return status == APR_SUCCESS ? apikey_key_row_audit(
               store, key, job->actor, "set", "",
               apikey_audit_change_json(difference.was, difference.now, pool),
               pool, error)
                                 : status;
}

apr_status_t apikey_keys_set(apikey_store_t *store, const char *id,
                             const apikey_change_t *change,
                             const apikey_actor_t *actor, int *changed,
                             apr_pool_t *pool, const char **error)
{
    int any;
    key_job_t job = { .id = id, .change = change, .actor = actor,
                      .changed = changed ? changed : &any };

    return apikey_transact(store, set_in_transaction, &job, pool, error);
}

static apr_status_t disable_in_transaction(apikey_store_t *store, void *baton,
                                           apr_pool_t *pool, const char **error)
{
    const key_job_t *job = baton;
    const char *args[] = { job->on ? apikey_number_arg(pool, job->actor->now)
                                   : "0", job->id };
    apikey_key_row_t *key;
    apr_status_t status = find_unrevoked(store, job, &key, pool, error);

    if (status != APR_SUCCESS || (!key->record.disabled == !job->on
                                  && !apikey_key_row_raw(key, "disabled"))) {
        return status;
    }
    *job->changed = 1;
    status = apikey_statement_query(store, APIKEY_SQL_KEY_DISABLE, args, pool,
                                    error);
    return status == APR_SUCCESS
           ? apikey_key_row_audit(store, key, job->actor,
                                  job->on ? "disable" : "enable", "", "",
                                  pool, error)
           : status;
}

apr_status_t apikey_keys_disable(apikey_store_t *store, const char *id,
                                 int on, const apikey_actor_t *actor,
                                 int *changed, apr_pool_t *pool,
                                 const char **error)
{
    int any;
    key_job_t job = { .id = id, .on = on, .actor = actor,
                      .changed = changed ? changed : &any };

    *job.changed = 0;
    return apikey_transact(store, disable_in_transaction, &job, pool, error);
}
