/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Checks SQLite files, ApiKeyQuery and ApiKeyChangesQuery at start-up: each
 * database in a process of its own, which writes its result to a pipe and is
 * killed when that takes too long.
 *
 * httpd's parent process cannot do this itself.  A thread that is blocked in
 * the database cannot be ended, and all children would be forked with its
 * locks; they would also inherit what a client library makes (sockets,
 * threads, OpenSSL's state).  The process drops root's privileges as httpd's
 * children do, so that it meets the same access rights as they will. */

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <mpm_common.h>
#include <unixd.h>
#include <apr_dbd.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

#include "../config/config_check.h"
#include "../core/mutex.h"
#include "../store/database_file.h"
#include "../store/custom_query.h"
#include "../store/schema.h"
#include "query_check.h"

APLOG_USE_MODULE(apikey);

#define DEADLINE_SECONDS 3      /* for all queries of one database */
#define TIMEOUTS_MAX 2          /* then no further database is checked */
#define WARNINGS "mod_apikey: warnings of the first pass"

/* A query, and the first server with it. */
typedef struct tried_query_t {
    server_rec *server;
    const char *directive;
    const char *sql;
} tried_query_t;

typedef struct database_check_t {
    server_rec *server; /* the first one with this database */
    const char *directive;      /* ApiKeyDBDParams or DBDParams */
    const char *driver;
    const char *params;
    const char *file;           /* SQLite's; NULL: the parameters name none */
    int is_file;                /* the driver is SQLite */
    int own_tables;             /* a server has no ApiKeyQuery */
    int needed; /* a server uses AuthType ApiKey */
    apr_array_header_t *queries;
    apr_hash_t *seen;           /* their directives and texts */
} database_check_t;

#define NO_QUERY (-1)           /* the result is about the database */

/* The result: the first byte that the process writes.  After it come the index
 * of the query or NO_QUERY, a blank and the error. */
typedef enum {
    CHECK_GOOD = 'g',
    CHECK_WRONG = 'w',
    CHECK_AWAY = 'a',
    CHECK_TIMEOUT = 's'
} check_result_e;

static void add_query(database_check_t *check, server_rec *s,
                      const char *directive, const char *sql, apr_pool_t *pool)
{
    const char *key = sql ? apr_pstrcat(pool, directive, " ", sql, NULL)
                          : NULL;

    if (key && !apr_hash_get(check->seen, key, APR_HASH_KEY_STRING)) {
        tried_query_t *query = &APR_ARRAY_PUSH(check->queries, tried_query_t);

        query->server = s;
        query->directive = directive;
        query->sql = sql;
        apr_hash_set(check->seen, key, APR_HASH_KEY_STRING, key);
    }
}

static database_check_t *database_check_of(apr_array_header_t *checks,
                                           apr_hash_t *known, server_rec *s,
                                           const apikey_db_t *db,
                                           apr_pool_t *pool)
{
    database_check_t *check =
        apr_hash_get(known, db->name, APR_HASH_KEY_STRING);

    if (!check) {
        check = apr_pcalloc(pool, sizeof(*check));
        check->server = s;
        check->directive = apikey_server_conf(s)->db_driver ? "ApiKeyDBDParams"
                                                            : "DBDParams";
        check->driver = db->driver;
        check->params = db->params;
        check->is_file =
            apikey_database_is_file(&check->file, db->driver, db->params, pool);
        check->queries = apr_array_make(pool, 2, sizeof(tried_query_t));
        check->seen = apr_hash_make(pool);
        apr_hash_set(known, db->name, APR_HASH_KEY_STRING, check);
        APR_ARRAY_PUSH(checks, database_check_t *) = check;
    }
    return check;
}

static void add_server_queries(apr_array_header_t *checks, apr_hash_t *known,
                               server_rec *s, apr_pool_t *pool)
{
    const apikey_server_t *conf = apikey_server_conf(s);
    database_check_t *check;

    if (!conf->policy.secrets || !apikey_has_database(conf)) {
        return;
    }
    check = database_check_of(checks, known, s, &conf->db, pool);
    check->needed |= conf->needs != APIKEY_NEEDS_NONE;
    check->own_tables |= !conf->query;
    if (conf->query) {
        add_query(check, s, "ApiKeyQuery", conf->query, pool);
        add_query(check, s, "ApiKeyChangesQuery", conf->changes, pool);
    }
}

/* In the process: checks that a SQLite file exists and has our tables.  A
 * locked file is good, and a full disk is no reason not to start. */
static check_result_e check_sqlite_file(const database_check_t *check,
                                 apikey_store_t **store, apr_pool_t *pool,
                                        const char **error)
{
    apr_status_t status;

    *error = apikey_database_file_fault(check->file, check->params,
                                        check->own_tables, pool);
    if (*error) {
        return CHECK_WRONG;
    }
    status =
        apikey_store_open(store, check->driver, check->params, pool, error);
    if (status == APR_SUCCESS && check->own_tables) {
        status = apikey_schema_check(*store, pool, error);
    }
    return status == APR_SUCCESS || status == APIKEY_ELOCKED ? CHECK_GOOD
         : strstr(*error, "disk is full") || strstr(*error, "disk I/O")
             ? CHECK_AWAY
             : CHECK_WRONG;
}

/* In the process: checks the database, then each query.
 * @param at out: the query that the result is about, or NO_QUERY */
static check_result_e check_database(const database_check_t *check, int *at,
                                     apr_pool_t *pool, const char **error)
{
    apikey_store_t *store;
    apr_status_t status = APR_SUCCESS;
    check_result_e result;

    *at = NO_QUERY;
    apr_dbd_init(pool);
    if (check->is_file) {
        result = check_sqlite_file(check, &store, pool, error);
        if (result != CHECK_GOOD) {
            return result;
        }
    }
    else {
        status = apikey_store_open(&store, check->driver, check->params, pool,
                                   error);
    }
    for (*at = 0; status == APR_SUCCESS && *at < check->queries->nelts; ++*at) {
        const tried_query_t *query =
            &APR_ARRAY_IDX(check->queries, *at, tried_query_t);

        status = strcmp(query->directive, "ApiKeyQuery") == 0
                   ? apikey_custom_query_check(store, query->sql, pool, error)
                   : apikey_custom_query_check_changes(store, query->sql, pool,
                                                       error);
        if (status != APR_SUCCESS) {
            break;
        }
    }
    return status == APR_SUCCESS    ? CHECK_GOOD
         : status == APIKEY_EANSWER ? CHECK_WRONG
                                    : CHECK_AWAY;
}

/* Drops root's privileges; 0: that failed.  mod_unixd returns -1 when it fails,
 * which the hook takes for DECLINED and reports as OK, so the user is
 * compared. */
static int become_user(server_rec *s, apr_pool_t *pool)
{
    return geteuid() != 0
           || (ap_run_drop_privileges(pool, s) == OK
               && (geteuid() != 0 || ap_unixd_config.user_id == 0));
}

/* The process.  It closes its connection and then ends without other cleanups,
 * which would act on what it shares with its parent. */
static void run_check_process(const database_check_t *check, apr_file_t *out,
                              server_rec *s, apr_pool_t *pool)
{
    const char *error = "httpd's user cannot be taken on";
    check_result_e result = CHECK_AWAY;
    const char *line;
    apr_pool_t *own;
    int at = NO_QUERY;

    /* In case the parent dies first. */
    signal(SIGALRM, SIG_DFL);
    alarm(DEADLINE_SECONDS + 1);
    apr_pool_create(&own, pool);
    if (become_user(s, pool)) {
        result = check_database(check, &at, own, &error);
    }
    line = apr_psprintf(pool, "%c%d %s", result, at,
                        result == CHECK_GOOD ? "" : error);
    apr_file_write_full(out, line, strlen(line), NULL);
    apr_pool_destroy(own);
    _exit(0);
}

/* Reads the result until its end, for DEADLINE_SECONDS at most. */
static check_result_e read_check_result(apr_file_t *in, int *at,
                                        const char **error, apr_pool_t *pool)
{
    apr_time_t end = apikey_clock() + apr_time_from_sec(DEADLINE_SECONDS);
    apr_time_t left = end - apikey_clock();
    char buffer[4096];
    apr_size_t have = 0, len;
    apr_status_t status = APR_SUCCESS;
    char *rest;

    while (status == APR_SUCCESS && left > 0 && have < sizeof(buffer) - 1) {
        len = sizeof(buffer) - 1 - have;
        apr_file_pipe_timeout_set(in, left);
        status = apr_file_read(in, buffer + have, &len);
        have += status == APR_SUCCESS ? len : 0;
        left = end - apikey_clock();
    }
    buffer[have] = '\0';
    if (have == 0 && APR_STATUS_IS_EOF(status)) {
        *error = "the database's driver has crashed, as httpd would; is it a "
                 "plain SELECT?";
        return CHECK_WRONG;
    }
    if (have == 0) {
        *error = "the database has not answered within "
                 APR_STRINGIFY(DEADLINE_SECONDS) " seconds";
        return CHECK_TIMEOUT;
    }
    *at = (int)strtol(buffer + 1, &rest, 10);
    *error = apr_pstrdup(pool, *rest ? rest + 1 : rest);
    return (check_result_e)buffer[0];
}

static check_result_e run_check(const database_check_t *check, int *at,
                                const char **error, server_rec *s,
                                apr_pool_t *pool)
{
    apr_file_t *in, *out;
    apr_proc_t process;
    check_result_e result;
    apr_status_t status = apr_file_pipe_create(&in, &out, pool);

    *error = "no process can be made for it";
    *at = 0;
    if (status == APR_SUCCESS) {
        status = apr_proc_fork(&process, pool);
    }
    if (status == APR_INCHILD) {
        run_check_process(check, out, s, pool);
    }
    if (status != APR_INPARENT) {
        return CHECK_TIMEOUT;
    }
    apr_file_close(out);
    result = read_check_result(in, at, error, pool);
    apr_file_close(in);
    apr_proc_kill(&process, SIGKILL);
    apr_proc_wait(&process, NULL, NULL, APR_WAIT);
    return result;
}

/* httpd reads its configuration twice when it starts; its standard error is the
 * terminal in the first pass, and the log in the second.  Databases are checked
 * in the first pass, and a warning is logged in both. */
static void log_check_warning(server_rec *s, const char *text)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, s, "%s", text);
}

static void log_and_keep_warning(server_rec *s, const char *text)
{
    apr_pool_t *pool = s->process->pool;
    apr_array_header_t *kept;
    void *data;

    log_check_warning(s, text);
    if (ap_state_query(AP_SQ_CONFIG_GEN) > 0) {
        return;
    }
    apr_pool_userdata_get(&data, WARNINGS, pool);
    kept = data ? data : apr_array_make(pool, 1, sizeof(char *));
    /* The pool copies the name: the module is unloaded between the passes. */
    apr_pool_userdata_set(kept, WARNINGS, NULL, pool);
    APR_ARRAY_PUSH(kept, const char *) = apr_pstrdup(pool, text);
}

static void log_kept_warnings(server_rec *s)
{
    apr_array_header_t *kept;
    void *data;
    int i;

    apr_pool_userdata_get(&data, WARNINGS, s->process->pool);
    kept = data;
    for (i = 0; kept && i < kept->nelts; i++) {
        log_check_warning(s, APR_ARRAY_IDX(kept, i, const char *));
    }
}

/* A database that cannot be used stops httpd.  It is only a warning if no
 * AuthType ApiKey needs it; and a restart goes on, so that other sites keep
 * running. */
static int refuse_database(const database_check_t *check, const char *error,
                           server_rec *s, apr_pool_t *pool)
{
    const char *text = apr_psprintf(
        pool,
        "APIKEY0193: the database %s (%s) cannot be used: "
        "%s",
        apikey_server_name(pool, check->server), check->directive, error);

    if (!check->needed) {
        log_and_keep_warning(s, text);
        return OK;
    }
    ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0, s, "%s", text);
    return ap_state_query(AP_SQ_CONFIG_GEN) > 1 ? OK : !OK;
}

/* Checks one database and logs what is wrong.  OK: httpd may start. */
static int apply_check_result(const database_check_t *check, server_rec *s,
                              int *timeouts, apr_pool_t *pool)
{
    const char *error = "other databases have taken too long";
    const char *what = "the database", *whose;
    check_result_e result = CHECK_TIMEOUT;
    int at = NO_QUERY;

    if (*timeouts < TIMEOUTS_MAX) {
        result = run_check(check, &at, &error, s, pool);
        *timeouts += result == CHECK_TIMEOUT;
    }
    if (result == CHECK_GOOD) {
        return OK;
    }
    if (result == CHECK_WRONG && at == NO_QUERY && check->is_file) {
        return refuse_database(check, error, s, pool);
    }
    whose = apikey_server_name(pool, check->server);
    if (check->queries->nelts > 0) {
        const tried_query_t *query =
            &APR_ARRAY_IDX(check->queries, at > 0 ? at : 0, tried_query_t);

        what = query->directive;
        whose = apikey_server_name(pool, query->server);
    }
    if (result == CHECK_WRONG) {
        ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0, s,
                     "APIKEY0121: %s %s cannot be used: %s; correct it, or "
                     "the tables that it reads", what, whose, error);
        return !OK;
    }
    log_and_keep_warning(
        s, apr_psprintf(pool,
                        "APIKEY0122: %s %s could not be tried "
                        "out: %s; keys are refused until the database "
                        "answers, and it is tried then",
                        what, whose, error));
    return OK;
}

int apikey_check_queries(apr_pool_t *pconf APIKEY_UNUSED,
                         apr_pool_t *plog APIKEY_UNUSED, apr_pool_t *ptemp,
                         server_rec *main_server)
{
    apr_array_header_t *checks =
        apr_array_make(ptemp, 2, sizeof(database_check_t *));
    apr_hash_t *known = apr_hash_make(ptemp);
    int timeouts = 0, any = 0, i;
    server_rec *s;

    for (s = main_server; s; s = s->next) {
        const apikey_server_t *conf = apikey_server_conf(s);

        if (conf->changes && !conf->query) {
            ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0,
                         main_server, "APIKEY0123: ApiKeyChangesQuery %s "
                         "stands without an ApiKeyQuery, and our own tables "
                         "need none: write both, or neither",
                         apikey_server_name(ptemp, s));
            return !OK;
        }
        add_server_queries(checks, known, s, ptemp);
        any |= conf->needs != APIKEY_NEEDS_NONE;
    }
    if (ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_DUMP) {
        return OK;
    }
    if (ap_state_query(AP_SQ_CONFIG_GEN) == 1) {
        log_kept_warnings(main_server);
        return OK;
    }
    for (i = 0; i < checks->nelts; i++) {
        database_check_t *check = APR_ARRAY_IDX(checks, i, database_check_t *);

        /* With no AuthType ApiKey anywhere, an .htaccess may have it. */
        check->needed |= !any;
        if ((check->is_file || check->queries->nelts > 0)
            && apply_check_result(check, main_server, &timeouts, ptemp) != OK) {
            return !OK;
        }
    }
    return OK;
}
