/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* From a key to its record.
 *
 * A database may hang: it is asked by a crew of threads (workers.h). They have
 * connections of their own, or borrow mod_dbd's. */

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_atomic.h>
#include <apr_dbd.h>
#include <apr_hash.h>
#include <apr_optional.h>
#include <apr_optional_hooks.h>
#include <apr_strings.h>
#include <mod_dbd.h>

#include "../store/query.h"
#include "lookup.h"
#include "workers.h"

APLOG_USE_MODULE(apikey);

/* No label of DBDPrepareSQL can be this: it has a blank. */
#define STORE_LABEL "mod_apikey store"
#define THREADS 8               /* connections of our own a child, at most */
#define TRYING apr_time_from_msec(1000)     /* one connection after another */

typedef struct apikey_database_t {
    const char *driver;
    const char *params;
    int own;                    /* not through mod_dbd's pool */
    apikey_crew_t *crew;        /* NULL: none could be made */
    apr_uint32_t at_once;       /* no writer can hold up a look-up */
} apikey_database_t;

static APR_OPTIONAL_FN_TYPE(ap_dbd_open) *dbd_open;
static APR_OPTIONAL_FN_TYPE(ap_dbd_close) *dbd_close;
static apr_hash_t *databases;   /* filled at start-up, then read only */
static volatile apr_uint32_t dbd_ended;     /* mod_dbd's connections */

static apr_status_t count_ended(void *data APIKEY_UNUSED)
{
    apr_atomic_inc32(&dbd_ended);
    return APR_SUCCESS;
}

/* mod_dbd's post_connect: how ap_dbd_open() can be told to have thrown a
 * connection out, where it gives none. */
static apr_status_t count_at_end(apr_pool_t *pool,
                                 dbd_cfg_t *cfg APIKEY_UNUSED,
                                 ap_dbd_t *dbd APIKEY_UNUSED)
{
    apr_pool_cleanup_register(pool, NULL, count_ended,
                              apr_pool_cleanup_null);
    return APR_SUCCESS;
}

void apikey_lookup_hooks(void)
{
    APR_OPTIONAL_HOOK(dbd, post_connect, count_at_end, NULL, NULL,
                      APR_HOOK_MIDDLE);
}

static apikey_database_t *database_of(apr_pool_t *pconf,
                                      const apikey_server_t *conf)
{
    int said = conf->db_driver != NULL;
    const char *driver = said ? conf->db_driver : conf->dbd_driver;
    const char *params = said ? conf->db_params : conf->dbd_params;
    const char *key;
    int own;
    apikey_database_t *database;

    if (!driver) {
        driver = "";
    }
    if (!params) {
        params = "";
    }
    /* A connection of mod_dbd's to SQLite goes on to read a file that was
     * moved away or replaced, and cannot be told to open again; and another
     * module may hold all that there are. One more to a file costs little. */
    own = said || !strcmp(driver, "sqlite3");
    key = apr_pstrcat(pconf, own ? "own " : "dbd ", driver, " ", params,
                      NULL);
    database = apr_hash_get(databases, key, APR_HASH_KEY_STRING);
    if (!database) {
        database = apr_pcalloc(pconf, sizeof(*database));
        database->driver = driver;
        database->params = params;
        database->own = own;
        apr_hash_set(databases, key, APR_HASH_KEY_STRING, database);
    }
    return database;
}

int apikey_lookup_init(apr_pool_t *pconf, apr_pool_t *plog APIKEY_UNUSED,
                       apr_pool_t *ptemp APIKEY_UNUSED, server_rec *s)
{
    dbd_open = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open);
    dbd_close = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_close);
    databases = apr_hash_make(pconf);
    for (; s; s = s->next) {
        apikey_server_t *conf = apikey_server_conf(s);

        if (conf->policy.ring) {
            conf->database = database_of(pconf, conf);
        }
    }
    return OK;
}

/* Tries the digests in their order. */
static apr_status_t look(apikey_store_t *store, server_rec *s,
                         const apikey_candidates_t *candidates,
                         apikey_record_t **record, apr_pool_t *pool,
                         const char **error)
{
    const apikey_server_t *conf = apikey_server_conf(s);
    const apikey_query_t query = { conf->query, conf->keyspace };
    apr_status_t status = APR_NOTFOUND;
    int i;

    for (i = 0; status == APR_NOTFOUND && i < candidates->count; i++) {
        const char *digest = candidates->at[i].hex;

        status = query.sql
                 ? apikey_query_lookup(store, &query, digest, record, pool,
                                       error)
                 : apikey_store_lookup(store, digest, record, pool, error);
    }
    return status;
}

/* Our side of a connection is kept beside mod_dbd's prepared statements, and
 * dies with them. Whoever holds the connection is alone with it. */
static apr_status_t store_of(apikey_store_t **store,
                             const apikey_database_t *database,
                             ap_dbd_t *dbd, const char **error)
{
    apr_status_t status;
    apr_pool_t *pool;

    *store = apr_hash_get(dbd->prepared, STORE_LABEL,
                          sizeof(STORE_LABEL) - 1);
    if (*store) {
        return APR_SUCCESS;
    }
    pool = apr_hash_pool_get(dbd->prepared);
    status = apikey_store_adopt(store, *database->driver ? database->driver
                                                         : NULL,
                                dbd->driver, dbd->handle, pool, error);
    if (status == APR_SUCCESS) {
        apr_hash_set(dbd->prepared, STORE_LABEL, sizeof(STORE_LABEL) - 1,
                     *store);
    }
    return status;
}

/* What a look-up has shown of the next one. */
static void note(apikey_database_t *database, apikey_store_t *store,
                 apr_status_t status, apr_pool_t *pool)
{
    int answered = status == APR_SUCCESS || status == APR_NOTFOUND;
    apr_uint32_t before = apr_atomic_read32(&database->at_once);

    if (answered && !before) {
        apr_atomic_set32(&database->at_once,
                         apikey_store_never_waits(store, pool));
    }
    else if (!answered && before) {
        apr_atomic_set32(&database->at_once, 0);
    }
}

/* With a connection of mod_dbd's, held for this alone. `again`: it was a dead
 * one, or there was none because a dead one was thrown out. */
static apr_status_t look_once(apikey_database_t *database,
                              server_rec *server,
                              const apikey_candidates_t *candidates,
                              apikey_record_t **record, int *again,
                              apr_pool_t *pool, const char **error)
{
    apr_uint32_t ended = apr_atomic_read32(&dbd_ended);
    ap_dbd_t *dbd = dbd_open(pool, server);
    apikey_store_t *store;
    apr_status_t status;

    if (!dbd) {
        *again = apr_atomic_read32(&dbd_ended) != ended;
        *error = "mod_dbd gave no connection (its own message says why)";
        return APIKEY_EDATABASE;
    }
    status = store_of(&store, database, dbd, error);
    if (status == APR_SUCCESS) {
        status = look(store, server, candidates, record, pool, error);
        note(database, store, status, pool);
    }
    *again = 0;
    if (status == APIKEY_EDATABASE) {
        apr_status_t alive = apr_dbd_check_conn(dbd->driver, pool,
                                                dbd->handle);

        *again = alive != APR_SUCCESS && !APR_STATUS_IS_ENOTIMPL(alive);
    }
    dbd_close(server, dbd);
    return status;
}

/* apikey_look_fn: through mod_dbd, which throws a dead connection out when it
 * is asked for one, and answers that it has none. As many as have died since
 * the last look-up can stand in the way; they end before our patience, or
 * mod_dbd fails to connect, and that is the answer. */
static apr_status_t look_borrowed(void *baton, void *who,
                                  void **held APIKEY_UNUSED,
                                  const apikey_candidates_t *candidates,
                                  apikey_record_t **record,
                                  apr_pool_t *thread_pool APIKEY_UNUSED,
                                  apr_pool_t *pool, const char **error)
{
    apr_time_t began = apr_time_now();
    apr_interval_time_t took = 0;
    apr_status_t status;
    int again;

    do {
        status = look_once(baton, who, candidates, record, &again, pool,
                           error);
        took = apr_time_now() - began;
    } while (again && took >= 0 && took < TRYING);
    return status;
}

/* apikey_look_fn: with a connection of the thread's own. */
static apr_status_t look_own(void *baton, void *who, void **held,
                             const apikey_candidates_t *candidates,
                             apikey_record_t **record,
                             apr_pool_t *thread_pool, apr_pool_t *pool,
                             const char **error)
{
    const apikey_database_t *database = baton;
    apr_pool_t *connection_pool = *held;
    apikey_store_t *store = NULL;
    apr_status_t status;

    if (connection_pool) {
        void *data;

        apr_pool_userdata_get(&data, STORE_LABEL, connection_pool);
        store = data;
    }
    else {
        apr_pool_create(&connection_pool, thread_pool);
        status = apikey_store_open(&store, database->driver, database->params,
                                   connection_pool, error);
        if (status != APR_SUCCESS) {
            *error = apr_pstrdup(pool, *error);
            apr_pool_destroy(connection_pool);
            return status;
        }
        apr_pool_userdata_setn(store, STORE_LABEL, NULL, connection_pool);
        *held = connection_pool;
    }
    status = look(store, who, candidates, record, pool, error);
    if (status == APIKEY_EDATABASE) {
        apr_pool_destroy(connection_pool);
        *held = NULL;
    }
    return status;
}

void apikey_lookup_child(apr_pool_t *pchild, server_rec *s)
{
    apr_hash_index_t *index;

    for (index = apr_hash_first(pchild, databases); index;
         index = apr_hash_next(index)) {
        apikey_database_t *database;
        void *value;
        apr_status_t status;

        apr_hash_this(index, NULL, NULL, &value);
        database = value;
        status = apikey_crew_make(&database->crew, THREADS,
                                  database->own ? look_own : look_borrowed,
                                  database, pchild);
        if (status != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                         "APIKEY0109: no threads for look-ups can be made; "
                         "is memory or a limit on threads in the way?");
        }
    }
}

static apr_status_t ask(request_rec *r, const apikey_candidates_t *candidates,
                        apikey_record_t **record, apr_pool_t *pool,
                        const char **error)
{
    apikey_database_t *database = apikey_server_conf(r->server)->database;

    if (!database->crew) {
        *error = "there are no threads for look-ups; a message of this child "
                 "process, when it began, says why";
        return APIKEY_EDATABASE;
    }
    return apikey_crew_ask(database->crew, r->server, candidates, record,
                           pool, error);
}

apikey_reason_e apikey_lookup(request_rec *r, const char *key,
                              apr_size_t key_len, apikey_record_t **record,
                              apr_pool_t *pool)
{
    apikey_candidates_t candidates;
    const char *error = "";
    apr_status_t rv;

    *record = NULL;
    rv = apikey_key_candidates(&candidates,
                               &apikey_server_conf(r->server)->policy,
                               key, key_len);
    if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, r,
                      "APIKEY0104: OpenSSL cannot make a digest; is a FIPS "
                      "policy or a lack of memory in the way?");
        return APIKEY_UNAVAILABLE;
    }
    if (!candidates.count) {
        return APIKEY_INVALID;
    }
    rv = ask(r, &candidates, record, pool, &error);
    if (rv == APR_NOTFOUND) {
        return APIKEY_INVALID;
    }
    if (rv == APIKEY_ESCHEMA) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "APIKEY0105: the database has no tables for keys (or "
                      "those of another version): run `htapikey init`: %s",
                      error);
    }
    else if (rv == APIKEY_EANSWER) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "APIKEY0120: the database's answer cannot be used: %s",
                      error);
    }
    else if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "APIKEY0106: the database does not answer: %s", error);
    }
    return rv == APR_SUCCESS ? APIKEY_GRANTED : APIKEY_UNAVAILABLE;
}
