/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Databases that are a file, and queries of the administrator's own, are tried
 * out in a process of their own, one a database, which is killed when it does
 * not answer in time.
 *
 * A thread that hangs in the database could not be ended, and would be left
 * in the process that all children are forked from, with its locks; and what
 * a client library makes (sockets, threads, OpenSSL's state) would be theirs,
 * too.  The process gives up root's rights as httpd's children do, so that
 * the database lets in, and the file system shows, what they will see. */

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

#include "../config/check_database.h"
#include "../core/mutex.h"
#include "../store/database_file.h"
#include "../store/custom_query.h"
#include "../store/schema.h"
#include "query_check.h"

APLOG_USE_MODULE(apikey);

#define DEADLINE_SECONDS 3      /* for all queries of one database */
#define SILENT_MAX 2            /* databases that may let it pass */
#define WARNINGS "mod_apikey: warnings of the first pass"

/* A query, and the first server that has it. */
typedef struct item_t {
    server_rec *server;
    const char *directive;
    const char *sql;
} item_t;

typedef struct trial_t {
    server_rec *server;         /* the first that has it */
    const char *directive;      /* what names its parameters */
    const char *driver;
    const char *params;
    const char *file;           /* of SQLite's; NULL: none */
    int is_file;                /* it is SQLite's */
    int ours;                   /* a server wants the shipped tables in it */
    int needed;                 /* AuthType ApiKey leads to it */
    apr_array_header_t *items;
    apr_hash_t *seen;           /* directive and text of these */
} trial_t;

#define AT_DATABASE (-1)       /* it is not about a query */

/* What the process says, in its answer's first byte. */
typedef enum { GOOD = 'g', WRONG = 'w', AWAY = 'a', SILENT = 's' } answer_e;

static void add(trial_t *trial, server_rec *s, const char *directive,
                const char *sql, apr_pool_t *pool)
{
    const char *key = sql ? apr_pstrcat(pool, directive, " ", sql, NULL)
                          : NULL;

    if (key && !apr_hash_get(trial->seen, key, APR_HASH_KEY_STRING)) {
        item_t *item = &APR_ARRAY_PUSH(trial->items, item_t);

        item->server = s;
        item->directive = directive;
        item->sql = sql;
        apr_hash_set(trial->seen, key, APR_HASH_KEY_STRING, key);
    }
}

static trial_t *trial_of(apr_array_header_t *trials, apr_hash_t *known,
                         server_rec *s, const apikey_db_t *db,
                         apr_pool_t *pool)
{
    trial_t *trial = apr_hash_get(known, db->name, APR_HASH_KEY_STRING);

    if (!trial) {
        trial = apr_pcalloc(pool, sizeof(*trial));
        trial->server = s;
        trial->directive = apikey_server_conf(s)->db_driver
                           ? "ApiKeyDBDParams" : "DBDParams";
        trial->driver = db->driver;
        trial->params = db->params;
        trial->is_file = apikey_database_is_file(&trial->file, db->driver,
                                                 db->params, pool);
        trial->items = apr_array_make(pool, 2, sizeof(item_t));
        trial->seen = apr_hash_make(pool);
        apr_hash_set(known, db->name, APR_HASH_KEY_STRING, trial);
        APR_ARRAY_PUSH(trials, trial_t *) = trial;
    }
    return trial;
}

static void collect(apr_array_header_t *trials, apr_hash_t *known,
                    server_rec *s, apr_pool_t *pool)
{
    const apikey_server_t *conf = apikey_server_conf(s);
    trial_t *trial;

    if (!conf->policy.secrets || !apikey_has_database(conf)) {
        return;
    }
    trial = trial_of(trials, known, s, &conf->db, pool);
    trial->needed |= conf->needs != APIKEY_NEEDS_NONE;
    trial->ours |= !conf->query;
    if (conf->query) {
        add(trial, s, "ApiKeyQuery", conf->query, pool);
        add(trial, s, "ApiKeyChangesQuery", conf->changes, pool);
    }
}

/* In the process: a SQLite database that is there and has our tables.  A lock
 * goes, and so does a full disk. */
static answer_e try_file(const trial_t *trial, apikey_store_t **store,
                         apr_pool_t *pool, const char **error)
{
    apr_status_t status;

    *error = apikey_database_file_fault(trial->file, trial->params,
                                        trial->ours, pool);
    if (*error) {
        return WRONG;
    }
    status = apikey_store_open(store, trial->driver, trial->params, pool,
                               error);
    if (status == APR_SUCCESS && trial->ours) {
        status = apikey_schema_check(*store, pool, error);
    }
    return status == APR_SUCCESS || status == APIKEY_ELOCKED ? GOOD
         : strstr(*error, "disk is full") || strstr(*error, "disk I/O")
           ? AWAY : WRONG;
}

/* In the process: the answer, and in at the query that it is about. */
static answer_e try_out(const trial_t *trial, int *at, apr_pool_t *pool,
                        const char **error)
{
    apikey_store_t *store;
    apr_status_t status = APR_SUCCESS;
    answer_e answer;

    *at = AT_DATABASE;
    apr_dbd_init(pool);
    if (trial->is_file) {
        answer = try_file(trial, &store, pool, error);
        if (answer != GOOD) {
            return answer;
        }
    }
    else {
        status = apikey_store_open(&store, trial->driver, trial->params,
                                   pool, error);
    }
    for (*at = 0; status == APR_SUCCESS && *at < trial->items->nelts; ++*at) {
        const item_t *item = &APR_ARRAY_IDX(trial->items, *at, item_t);

        status = strcmp(item->directive, "ApiKeyQuery") == 0
                   ? apikey_custom_query_check(store, item->sql, pool, error)
                   : apikey_custom_query_check_changes(store, item->sql, pool,
                                                       error);
        if (status != APR_SUCCESS) {
            break;
        }
    }
    return status == APR_SUCCESS ? GOOD
         : status == APIKEY_EANSWER ? WRONG : AWAY;
}

/* 0: it cannot be.  mod_unixd answers -1 where it fails, which httpd takes for
 * DECLINED, and OK for the whole. */
static int become_user(server_rec *s, apr_pool_t *pool)
{
    return geteuid() != 0
           || (ap_run_drop_privileges(pool, s) == OK
               && (geteuid() != 0 || ap_unixd_config.user_id == 0));
}

/* What the process does; it closes its connection, and ends without any other
 * cleanup, since all else that it has is its parent's as well. */
static void child(const trial_t *trial, apr_file_t *out, server_rec *s,
                  apr_pool_t *pool)
{
    const char *error = "httpd's user cannot be taken on";
    answer_e answer = AWAY;
    const char *line;
    apr_pool_t *own;
    int at = AT_DATABASE;

    /* Should our parent die first. */
    signal(SIGALRM, SIG_DFL);
    alarm(DEADLINE_SECONDS + 1);
    apr_pool_create(&own, pool);
    if (become_user(s, pool)) {
        answer = try_out(trial, &at, own, &error);
    }
    line = apr_psprintf(pool, "%c%d %s", answer, at,
                        answer == GOOD ? "" : error);
    apr_file_write_full(out, line, strlen(line), NULL);
    apr_pool_destroy(own);
    _exit(0);
}

/* Until the end of the answer, or of the time; SILENT: there is none. */
static answer_e listen_to(apr_file_t *in, int *at, const char **error,
                          apr_pool_t *pool)
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
        return WRONG;
    }
    if (have == 0) {
        *error = "the database has not answered within "
                 APR_STRINGIFY(DEADLINE_SECONDS) " seconds";
        return SILENT;
    }
    *at = (int)strtol(buffer + 1, &rest, 10);
    *error = apr_pstrdup(pool, *rest ? rest + 1 : rest);
    return (answer_e)buffer[0];
}

static answer_e ask(const trial_t *trial, int *at, const char **error,
                    server_rec *s, apr_pool_t *pool)
{
    apr_file_t *in, *out;
    apr_proc_t process;
    answer_e answer;
    apr_status_t status = apr_file_pipe_create(&in, &out, pool);

    *error = "no process can be made for it";
    *at = 0;
    if (status == APR_SUCCESS) {
        status = apr_proc_fork(&process, pool);
    }
    if (status == APR_INCHILD) {
        child(trial, out, s, pool);
    }
    if (status != APR_INPARENT) {
        return SILENT;
    }
    apr_file_close(out);
    answer = listen_to(in, at, error, pool);
    apr_file_close(in);
    apr_proc_kill(&process, SIGKILL);
    apr_proc_wait(&process, NULL, NULL, APR_WAIT);
    return answer;
}

/* httpd reads its configuration twice when it starts, and its standard error
 * is the terminal the first time, the log the second time: the query is tried
 * the first time, and a warning given both times. */
static void warn(server_rec *s, const char *text)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, s, "%s", text);
}

static void warn_twice(server_rec *s, const char *text)
{
    apr_pool_t *pool = s->process->pool;
    apr_array_header_t *kept;
    void *data;

    warn(s, text);
    if (ap_state_query(AP_SQ_CONFIG_GEN) > 0) {
        return;
    }
    apr_pool_userdata_get(&data, WARNINGS, pool);
    kept = data ? data : apr_array_make(pool, 1, sizeof(char *));
    /* With a copy of the name: the module is unloaded between the passes. */
    apr_pool_userdata_set(kept, WARNINGS, NULL, pool);
    APR_ARRAY_PUSH(kept, const char *) = apr_pstrdup(pool, text);
}

static void warn_again(server_rec *s)
{
    apr_array_header_t *kept;
    void *data;
    int i;

    apr_pool_userdata_get(&data, WARNINGS, s->process->pool);
    kept = data;
    for (i = 0; kept && i < kept->nelts; i++) {
        warn(s, APR_ARRAY_IDX(kept, i, const char *));
    }
}

/* A database that cannot be used.  A server that nothing leads to is only
 * warned of; and a restart goes on, for other sites are there. */
static int refuse_database(const trial_t *trial, const char *error,
                           server_rec *s, apr_pool_t *pool)
{
    const char *text =
        apr_psprintf(pool, "APIKEY0193: the database %s (%s) cannot be used: "
                     "%s", apikey_server_name(pool, trial->server),
                     trial->directive, error);

    if (!trial->needed) {
        warn_twice(s, text);
        return OK;
    }
    ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0, s, "%s", text);
    return ap_state_query(AP_SQ_CONFIG_GEN) > 1 ? OK : !OK;
}

/* OK, unless a database or a query is wrong. */
static int judge(const trial_t *trial, server_rec *s, int *silent,
                 apr_pool_t *pool)
{
    const char *error = "other databases have taken too long";
    const char *what = "the database", *whose;
    answer_e answer = SILENT;
    int at = AT_DATABASE;

    if (*silent < SILENT_MAX) {
        answer = ask(trial, &at, &error, s, pool);
        *silent += answer == SILENT;
    }
    if (answer == GOOD) {
        return OK;
    }
    if (answer == WRONG && at == AT_DATABASE && trial->is_file) {
        return refuse_database(trial, error, s, pool);
    }
    whose = apikey_server_name(pool, trial->server);
    if (trial->items->nelts > 0) {
        const item_t *item =
            &APR_ARRAY_IDX(trial->items, at > 0 ? at : 0, item_t);

        what = item->directive;
        whose = apikey_server_name(pool, item->server);
    }
    if (answer == WRONG) {
        ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0, s,
                     "APIKEY0121: %s %s cannot be used: %s; correct it, or "
                     "the tables that it reads", what, whose, error);
        return !OK;
    }
    warn_twice(s, apr_psprintf(pool, "APIKEY0122: %s %s could not be tried "
                               "out: %s; keys are refused until the database "
                               "answers, and it is tried then", what, whose,
                               error));
    return OK;
}

/* Whether there is anything to try. */
static int is_tried(const trial_t *trial)
{
    return trial->is_file || trial->items->nelts > 0;
}

int apikey_check_queries(apr_pool_t *pconf APIKEY_UNUSED,
                       apr_pool_t *plog APIKEY_UNUSED, apr_pool_t *ptemp,
                       server_rec *main_server)
{
    apr_array_header_t *trials = apr_array_make(ptemp, 2, sizeof(trial_t *));
    apr_hash_t *known = apr_hash_make(ptemp);
    int silent = 0, any = 0, i;
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
        collect(trials, known, s, ptemp);
        any |= conf->needs != APIKEY_NEEDS_NONE;
    }
    if (ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_DUMP) {
        return OK;
    }
    if (ap_state_query(AP_SQ_CONFIG_GEN) == 1) {
        warn_again(main_server);
        return OK;
    }
    for (i = 0; i < trials->nelts; i++) {
        trial_t *trial = APR_ARRAY_IDX(trials, i, trial_t *);

        /* AuthType ApiKey stands in an .htaccess, then. */
        trial->needed |= !any;
        if (is_tried(trial) && judge(trial, main_server, &silent, ptemp)
                               != OK) {
            return !OK;
        }
    }
    return OK;
}
