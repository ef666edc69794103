/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Work with a connection.
 *
 * A database may hang: it is asked by the database threads (threads.h), which
 * the databases of a child process share; each has a queue of its own, with
 * connections of its own or borrowed from mod_dbd.  A SQLite file in which no
 * writer can hold up a reader answers at once: it is read on the request's own
 * thread, as soon as a connection has found that out. */

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

/* No label of DBDPrepareSQL can be this: it has a blank. */
#define STORE_LABEL "mod_apikey store"
#define TRYING apr_time_from_msec(1000)     /* one connection after another */

#define DEADLINE apr_time_from_msec(1500)   /* a 503 within two seconds */
#define THREADS 32              /* of a child process, that do not hang */
#define PATIENCE apr_time_from_msec(200)    /* for the lock, at the end */

/* A connection of our own. */
typedef struct connection_t {
    apr_pool_t *pool;           /* what it lives in */
    apikey_store_t *store;
} connection_t;

struct apikey_connections_t {
    const char *driver;
    const char *params;
    int own;                    /* not through mod_dbd's pool */
    apikey_queue_t *queue;      /* NULL: none could be made */
    volatile apr_uint32_t at_once;      /* no writer can hold up a reader */
};

static apikey_threads_t *threads; /* of this child process; NULL: none */
static server_rec *main_server; /* for messages of this child process */
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

void apikey_connections_hooks(void)
{
    APR_OPTIONAL_HOOK(dbd, post_connect, count_at_end, NULL, NULL,
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

/* AP_WATCHDOG's callback: what hangs is given up, idle connections close; what
 * requests have left to be said is said. */
static apr_status_t on_watch(int state, void *data APIKEY_UNUSED,
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
    /* Without mod_watchdog, the askers' own deadlines are what there is. */
    if (apr_hash_count(databases)
        && ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG) {
        apikey_database_watch(on_watch, NULL, pconf);
    }
    return OK;
}

/* Our side of a connection is kept beside mod_dbd's prepared statements, and
 * dies with them. Whoever holds the connection is alone with it. */
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

/* What a connection has shown of the next one. */
static void note(apikey_connections_t *database, apikey_store_t *store,
                 apr_status_t status, apr_pool_t *pool)
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

/* Whether to ask mod_dbd for a connection once more, and why. */
typedef enum {
    ENOUGH,
    HEALED,                     /* it had died, and is connected anew */
    DEAD                        /* it has died, or was thrown out for that */
} again_e;

/* With a connection of mod_dbd's, held for this alone. */
static apr_status_t borrow_once(const apikey_connections_t *database,
                                server_rec *server, apikey_task_fn work,
                                void *task, again_e *again, apr_pool_t *pool,
                                const char **error)
{
    apr_uint32_t ended = apr_atomic_read32(&dbd_ended);
    ap_dbd_t *dbd = dbd_open(pool, server);
    apikey_store_t *store;
    apr_status_t status;

    if (!dbd) {
        *again = apr_atomic_read32(&dbd_ended) != ended ? DEAD : ENOUGH;
        *error = "mod_dbd gave no connection (its own message says why)";
        return APIKEY_EDATABASE;
    }
    status = store_of(&store, database, dbd, error);
    if (status == APR_SUCCESS) {
        status = work(store, task, pool, error);
    }
    *again = ENOUGH;
    if (status == APIKEY_EDATABASE) {
        apr_status_t alive = apr_dbd_check_conn(dbd->driver, pool,
                                                dbd->handle);

        *again = alive == APR_SUCCESS || APR_STATUS_IS_ENOTIMPL(alive)
                 ? HEALED : DEAD;
    }
    dbd_close(server, dbd);
    return status;
}

/* apikey_run_fn: through mod_dbd, which throws a dead connection out when
 * it is asked for one, and answers that it has none. As many as have died since
 * the last time can stand in the way; they end before our patience, or mod_dbd
 * fails to connect, and that is the answer.  What fails on a connection that
 * works, or works again, is tried once more. */
static apr_status_t borrow(void *baton, void *who, void **held APIKEY_UNUSED,
                           apikey_task_fn work, void *task,
                           apr_pool_t *pool, const char **error)
{
    apr_time_t began = apikey_clock();
    apr_interval_time_t took;
    apr_status_t status;
    again_e again;
    int healed = 0;

    do {
        status = borrow_once(baton, who, work, task, &again, pool, error);
        took = apikey_clock() - began;
        healed += again == HEALED;
    } while (again != ENOUGH && healed < 2 && took < TRYING
             && !apikey_threads_are_ending(threads));
    return status;
}

/* A connection of our own. Its pool is nobody's child: the threads that make
 * such connections share no pool. */
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

/* apikey_run_fn: with a connection that its caller keeps in @a held. */
static apr_status_t use_own(void *baton, void *who APIKEY_UNUSED, void **held,
                            apikey_task_fn work, void *task,
                            apr_pool_t *pool, const char **error)
{
    apikey_connections_t *database = baton;
    connection_t *connection = *held;
    apr_status_t status = APR_SUCCESS;

    if (!connection) {
        status = connect_own(&connection, database, pool, error);
        if (status != APR_SUCCESS) {
            return status;
        }
        *held = connection;
    }
    status = work(connection->store, task, pool, error);
    note(database, connection->store, status, pool);
    if (status == APIKEY_EDATABASE) {
        apr_pool_destroy(connection->pool);
        *held = NULL;
    }
    return status;
}

/* apikey_disconnect_fn */
static void close_own(void *held)
{
    apr_pool_destroy(((connection_t *)held)->pool);
}

/* apikey_blocked_fn. The pools of this process are destroyed next, mod_dbd's
 * with them, and its list of connections asserts that none is in use: where a
 * thread hangs in one, the process would crash. All that it had to write is
 * written; other modules' cleanups are lost in either case. */
static void end_process(void *baton APIKEY_UNUSED, int threads)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, main_server,
                 "APIKEY0260: this process ends at once, because %d look-ups "
                 "still wait for a database that does not answer, with "
                 "connections of mod_dbd; with ApiKeyDBDriver and "
                 "ApiKeyDBDParams it would end in order", threads);
    _exit(0);
}

/* The last of a process, ahead of what the libraries have registered: a thread
 * that was left behind would find them taken down. */
#ifdef __GLIBC__
static void leave_threads(int code, void *data APIKEY_UNUSED)
{
    if (threads && apikey_threads_exist(threads)) {
        _exit(code);
    }
}
#else
static void leave_threads(void)
{
    if (threads && apikey_threads_exist(threads)) {
        _exit(0);
    }
}
#endif

static void prepare_end(void)
{
    int threaded = 0;

    ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded);
    apikey_signals_are_handled(!threaded);
#ifdef __GLIBC__
    on_exit(leave_threads, NULL);
#else
    atexit(leave_threads);
#endif
}

void apikey_connections_child_init(apr_pool_t *pchild, server_rec *s)
{
    apr_hash_index_t *index;
    apr_status_t status = APR_SUCCESS;

    main_server = s;
    threads = NULL;
    if (apr_hash_count(databases)) {
        prepare_end();
        status = apikey_threads_create(&threads, THREADS, pchild);
    }
    for (index = apr_hash_first(pchild, databases);
         index && status == APR_SUCCESS; index = apr_hash_next(index)) {
        apikey_connections_t *database = apr_hash_this_val(index);

        status = apikey_queue_create(&database->queue, threads, APIKEY_STORES,
                                     DEADLINE,
                                     database->own ? use_own : borrow,
                                     database->own ? close_own : NULL,
                                     database->own ? NULL : end_process,
                                     database);
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
    return !threads || apikey_threads_are_usable(threads, PATIENCE);
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
