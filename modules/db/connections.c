/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Normally a task runs on a database thread (threads.h), because the database
 * may not answer.  The databases of a child process share these threads; each
 * has a queue of its own, with connections of our own or of mod_dbd.
 *
 * A SQLite file in which no writer can block a reader (WAL) cannot block: as
 * soon as a connection has found that out, tasks run on the request's own
 * thread. */

#include <stdlib.h>
#include <unistd.h>

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <ap_mpm.h>
#include <apr_atomic.h>
#include <apr_dbd.h>
#include <apr_hash.h>
#include <apr_optional.h>
#include <apr_optional_hooks.h>
#include <apr_strings.h>
#include <mod_dbd.h>
#include <mod_watchdog.h>

#include "../config/config.h"
#include "../config/limited_log.h"
#include "../core/mutex.h"
#include "../store/lookup.h"
#include "connections.h"
#include "threads.h"

APLOG_USE_MODULE(apikey);

/* A key in mod_dbd's hash of prepared statements.  No label of DBDPrepareSQL
 * can be equal: this one has a blank. */
#define STORE_LABEL "mod_apikey store"
#define RETRY_TIME apr_time_from_msec(1000)     /* for one task */

#define DEADLINE apr_time_from_msec(1500)   /* a 503 within two seconds */
#define THREADS_MAX 32          /* of a child process, at once */
#define LOCK_TIMEOUT apr_time_from_msec(200)    /* in a cleanup */

/* A connection of our own; a queue keeps it as void *. */
typedef struct connection_t {
    apr_pool_t *pool;           /* its own; destroyed to close it */
    apikey_store_t *store;
} connection_t;

struct apikey_connections_t {
    const char *driver;
    const char *params;
    int own;                    /* connections of our own, not mod_dbd's */
    apikey_queue_t *queue;      /* of this process; NULL: no memory for it */
    volatile apr_uint32_t at_once;      /* 1: it cannot block; run inline */
};

static apikey_threads_t *threads; /* of this child process; NULL: none */
static server_rec *main_server; /* for messages of this child process */
static APR_OPTIONAL_FN_TYPE(ap_dbd_open) *dbd_open;
static APR_OPTIONAL_FN_TYPE(ap_dbd_close) *dbd_close;
static apr_hash_t *databases; /* apikey_connections_t, by driver and
                                 * parameters; read-only after start-up */
static volatile apr_uint32_t dbd_ended; /* closed ones of mod_dbd */

static apr_status_t count_dbd_end(void *data APIKEY_UNUSED)
{
    apr_atomic_inc32(&dbd_ended);
    return APR_SUCCESS;
}

/* mod_dbd's post_connect hook: counts the connections that mod_dbd closes.  If
 * ap_dbd_open() returns none, the count shows whether it has closed a dead one
 * (a retry may help) or could not connect. */
static apr_status_t on_dbd_connect(apr_pool_t *pool,
                                   dbd_cfg_t *cfg APIKEY_UNUSED,
                                   ap_dbd_t *dbd APIKEY_UNUSED)
{
    apr_pool_cleanup_register(pool, NULL, count_dbd_end, apr_pool_cleanup_null);
    return APR_SUCCESS;
}

void apikey_connections_hooks(void)
{
    APR_OPTIONAL_HOOK(dbd, post_connect, on_dbd_connect, NULL, NULL,
                      APR_HOOK_MIDDLE);
}

static apikey_connections_t *database_of(apr_pool_t *pconf,
                                         const apikey_db_t *db)
{
    const char *key = apr_pstrcat(pconf, db->own ? "own " : "dbd ", db->name,
                                  NULL);
    apikey_connections_t *database = apr_hash_get(databases, key,
                                                  APR_HASH_KEY_STRING);

    if (!database) {
        database = apr_pcalloc(pconf, sizeof(*database));
        database->driver = db->driver;
        database->params = db->params;
        database->own = db->own;
        apr_hash_set(databases, key, APR_HASH_KEY_STRING, database);
    }
    return database;
}

/* mod_watchdog's callback: abandons blocked tasks, closes idle connections, and
 * writes limited messages that have become due. */
static apr_status_t watch_threads(int state, void *data APIKEY_UNUSED,
                                  apr_pool_t *pool APIKEY_UNUSED)
{
    if (state == AP_WATCHDOG_STATE_RUNNING && threads) {
        apikey_threads_tick(threads);
    }
    if (state == AP_WATCHDOG_STATE_RUNNING) {
        apikey_log_sweep();
    }
    return APR_SUCCESS;
}

apr_status_t apikey_database_watch(apikey_watch_fn watch, void *baton,
                                   apr_pool_t *pconf)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get_watchdog =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *add =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    ap_watchdog_t *watchdog;
    apr_status_t status = APR_ENOTIMPL;

    if (get_watchdog && add) {
        status = get_watchdog(&watchdog, "apikey", 0, 0, pconf);
    }
    return status == APR_SUCCESS
           ? add(watchdog, AP_WD_TM_SLICE, baton, watch) : status;
}

int apikey_connections_init(apr_pool_t *pconf, apr_pool_t *plog APIKEY_UNUSED,
                            apr_pool_t *ptemp APIKEY_UNUSED, server_rec *s)
{
    dbd_open = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open);
    dbd_close = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_close);
    databases = apr_hash_make(pconf);
    for (; s; s = s->next) {
        apikey_server_t *conf = apikey_server_own(s, pconf);

        if (conf->policy.secrets) {
            conf->database = database_of(pconf, &conf->db);
        }
    }
    /* Without mod_watchdog, callers still have their deadlines. */
    if (apr_hash_count(databases)
        && ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG) {
        apikey_database_watch(watch_threads, NULL, pconf);
    }
    return OK;
}

/* The store of a connection of mod_dbd: kept among its prepared statements, and
 * destroyed with them.  A connection is used by one thread at a time. */
static apr_status_t store_of(apikey_store_t **store,
                             const apikey_connections_t *database,
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

/* Whether the next task may run inline: yes after a result from a SQLite file
 * in which readers are never blocked, no after an error. */
static void update_at_once(apikey_connections_t *database,
                           apikey_store_t *store, apr_status_t status,
                           apr_pool_t *pool)
{
    int answered = status == APR_SUCCESS || status == APR_NOTFOUND;
    apr_uint32_t before = apr_atomic_read32(&database->at_once);

    if (!database->own || strcmp(database->driver, "sqlite3") != 0) {
        return;
    }
    if (answered && !before) {
        apr_atomic_set32(&database->at_once,
                         apikey_store_never_waits(store, pool));
    }
    else if (!answered && before) {
        apr_atomic_set32(&database->at_once, 0);
    }
}

/* Whether to run the task once more, with another connection of mod_dbd. */
typedef enum {
    NO_RETRY,
    RETRY_RECONNECTED,          /* the connection was dead, and works again */
    RETRY_DEAD                  /* it is dead, or mod_dbd has closed it */
} retry_e;

/* With a connection of mod_dbd, taken for this task alone. */
static apr_status_t run_with_dbd_once(const apikey_connections_t *database,
                                      server_rec *server, apikey_task_fn work,
                                      void *task, retry_e *retry,
                                      apr_pool_t *pool, const char **error)
{
    apr_uint32_t ended = apr_atomic_read32(&dbd_ended);
    ap_dbd_t *dbd = dbd_open(pool, server);
    apikey_store_t *store;
    apr_status_t status;

    if (!dbd) {
        *retry = apr_atomic_read32(&dbd_ended) != ended ? RETRY_DEAD : NO_RETRY;
        *error = "mod_dbd gave no connection (its own message says why)";
        return APIKEY_EDATABASE;
    }
    status = store_of(&store, database, dbd, error);
    if (status == APR_SUCCESS) {
        status = work(store, task, pool, error);
    }
    *retry = NO_RETRY;
    if (status == APIKEY_EDATABASE) {
        apr_status_t alive = apr_dbd_check_conn(dbd->driver, pool,
                                                dbd->handle);

        *retry = alive == APR_SUCCESS || APR_STATUS_IS_ENOTIMPL(alive)
                   ? RETRY_RECONNECTED
                   : RETRY_DEAD;
    }
    dbd_close(server, dbd);
    return status;
}

/* apikey_run_fn, with a connection of mod_dbd.  When mod_dbd meets a dead
 * connection in its pool, it closes that one and returns none.  Several may be
 * dead, so it is asked again, until it fails to connect or RETRY_TIME is over.
 * A task that failed although its connection works is run once more. */
static apr_status_t run_with_dbd(void *baton, void *server,
                                 void **connection APIKEY_UNUSED,
                                 apikey_task_fn work, void *task,
                                 apr_pool_t *pool, const char **error)
{
    apr_time_t began = apikey_clock();
    apr_interval_time_t took;
    apr_status_t status;
    retry_e retry;
    int reconnected = 0;

    do {
        status =
            run_with_dbd_once(baton, server, work, task, &retry, pool, error);
        took = apikey_clock() - began;
        reconnected += retry == RETRY_RECONNECTED;
    } while (retry != NO_RETRY && reconnected < 2 && took < RETRY_TIME
             && !apikey_threads_are_ending(threads));
    return status;
}

/* Makes a connection of our own, in a pool without a parent: several threads do
 * this at once, and a pool is for one thread. */
static apr_status_t connect_own(connection_t **connection,
                                const apikey_connections_t *database,
                                apr_pool_t *pool, const char **error)
{
    apr_pool_t *own;
    apr_status_t status = apr_pool_create(&own, NULL);
    apikey_store_t *store;

    if (status != APR_SUCCESS) {
        return status;
    }
    status = apikey_store_open(&store, database->driver, database->params,
                               own, error);
    if (status != APR_SUCCESS) {
        *error = apr_pstrdup(pool, *error);
        apr_pool_destroy(own);
        return status;
    }
    *connection = apr_palloc(own, sizeof(**connection));
    (*connection)->pool = own;
    (*connection)->store = store;
    return APR_SUCCESS;
}

/* apikey_run_fn, with a connection of our own: the queue's idle one, or a new
 * one.  After an error it is closed. */
static apr_status_t run_with_own(void *baton, void *server APIKEY_UNUSED,
                                 void **kept, apikey_task_fn work, void *task,
                                 apr_pool_t *pool, const char **error)
{
    apikey_connections_t *database = baton;
    connection_t *connection = *kept;
    apr_status_t status = APR_SUCCESS;

    if (!connection) {
        status = connect_own(&connection, database, pool, error);
        if (status != APR_SUCCESS) {
            return status;
        }
        *kept = connection;
    }
    status = work(connection->store, task, pool, error);
    update_at_once(database, connection->store, status, pool);
    if (status == APIKEY_EDATABASE) {
        apr_pool_destroy(connection->pool);
        *kept = NULL;
    }
    return status;
}

/* apikey_disconnect_fn */
static void disconnect_own(void *connection)
{
    apr_pool_destroy(((connection_t *)connection)->pool);
}

/* apikey_blocked_fn, for mod_dbd.  The pools of this process are destroyed
 * next, and mod_dbd's asserts that no connection is in use: with a thread
 * blocked in one, the process would crash, so it exits here.  Uses of keys are
 * written already; other modules' cleanups are lost in either case. */
static void exit_blocked(void *baton APIKEY_UNUSED, int threads)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, main_server,
                 "APIKEY0260: this process ends at once, because %d look-ups "
                 "still wait for a database that does not answer, with "
                 "connections of mod_dbd; with ApiKeyDBDriver and "
                 "ApiKeyDBDParams it would end in order", threads);
    _exit(0);
}

/* exit() handler, registered last and so called first: if a thread is halted,
 * skips the handlers of the libraries, which would destroy what the thread
 * uses. */
#ifdef __GLIBC__
static void skip_exit_handlers(int code, void *data APIKEY_UNUSED)
{
    if (threads && apikey_threads_exist(threads)) {
        _exit(code);
    }
}
#else
static void skip_exit_handlers(void)
{
    if (threads && apikey_threads_exist(threads)) {
        _exit(0);
    }
}
#endif

static void prepare_exit(void)
{
    int threaded = 0;

    ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded);
    apikey_signals_are_handled(!threaded);
#ifdef __GLIBC__
    on_exit(skip_exit_handlers, NULL);
#else
    atexit(skip_exit_handlers);
#endif
}

void apikey_connections_child_init(apr_pool_t *pchild, server_rec *s)
{
    apr_hash_index_t *index;
    apr_status_t status = APR_SUCCESS;

    main_server = s;
    threads = NULL;
    if (apr_hash_count(databases)) {
        prepare_exit();
        status = apikey_threads_create(&threads, THREADS_MAX, pchild);
    }
    for (index = apr_hash_first(pchild, databases);
         index && status == APR_SUCCESS; index = apr_hash_next(index)) {
        apikey_connections_t *database = apr_hash_this_val(index);

        status = apikey_queue_create(
            &database->queue, threads, APIKEY_STORES, DEADLINE,
            database->own ? run_with_own : run_with_dbd,
            database->own ? disconnect_own : NULL,
            database->own ? NULL : exit_blocked, database);
    }
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                     "APIKEY0109: no threads for look-ups can be made; is "
                     "memory or a limit on threads in the way?");
    }
}

apikey_threads_t *apikey_database_threads(void)
{
    return threads;
}

int apikey_database_is_ending(void)
{
    return threads && apikey_threads_are_ending(threads);
}

int apikey_database_is_usable(void)
{
    return !threads || apikey_threads_are_usable(threads, LOCK_TIMEOUT);
}

apr_status_t apikey_database_run(server_rec *s, apikey_task_fn work,
                                 void *task, apr_size_t size,
                                 apr_pool_t *pool, const char **error)
{
    apikey_connections_t *database = apikey_server_conf(s)->database;
    apr_status_t status;
    sigset_t signals;

    if (!database->queue) {
        *error = "there are no threads for look-ups; a message of this child "
                 "process, when it began, says why";
        return APIKEY_EDATABASE;
    }
    apikey_signals_hold(&signals);
    status = apr_atomic_read32(&database->at_once)
             ? apikey_queue_run_inline(database->queue, s, work, task, pool,
                                       error)
             : apikey_queue_run(database->queue, s, work, task, size, pool,
                                error);
    apikey_signals_release(&signals);
    return status;
}

apr_status_t apikey_database_post(server_rec *s, apikey_post_t *post)
{
    apikey_connections_t *database = apikey_server_conf(s)->database;

    post->server = s;
    return database->queue ? apikey_queue_post(database->queue, post)
                           : APIKEY_EDATABASE;
}

int apikey_database_breaker_is_open(server_rec *s)
{
    const apikey_connections_t *database = apikey_server_conf(s)->database;

    return database->queue && apikey_queue_breaker_is_open(database->queue);
}
